"""O que o banco recusaria, perguntado antes pela API: inserções que nunca ficam."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import msgspec

from cofre.base.erros import EscritaRecusada
from cofre.base.linha import abrir_linha
from cofre.base.modelo import Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.escritor import com_nulas
from cofre.plano.lotes import em_lotes
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros, citar
from cofre.via.api.filtros import BYTES_DE_FILTRO, bytes_da_chave, citar_sempre, por_chave
from cofre.via.api.formas import linha_a_gravar, omitindo
from cofre.via.api.guarda import CHAVES_POR_PEDIDO, vetor
from cofre.via.api.indizivel import dizivel

NULO_PROIBIDO, SEM_MAE = "23502", "23503"
UM_SO_OBJETO = "application/vnd.pgrst.object+json"


def existentes(conexao: Conexao, no_escopo: TabelaNoEscopo, chaves: Sequence[Chave]) -> list[bytes]:
    """As linhas com estas chaves, sejam de quem forem: a chave e as colunas de ligação."""
    tabela = no_escopo.tabela
    achadas: list[bytes] = []
    colunas = dict.fromkeys((*tabela.chave, *no_escopo.colunas_de_ligacao))
    selecao = ",".join(citar(c) for c in colunas)
    bytes_do_filtro = (lambda c: bytes_da_chave(tabela, c), BYTES_DE_FILTRO)
    for lote in em_lotes(chaves, CHAVES_POR_PEDIDO, bytes_do_filtro):
        pagina = conexao.ler(tabela.nome, selecao, por_chave(tabela, lote))
        achadas += [bytes(linha) for linha in pagina.linhas]
    return achadas


def provar_insercao(
    conexao: Conexao,
    tabela: Tabela,
    linhas: Sequence[bytes],
    colunas: Sequence[str],
    *,
    insistir: bool = True,
) -> EscritaRecusada | None:
    """O que o banco recusaria destas linhas, sem gravá-las; None se aceitaria todas. Sem
    `insistir`, levanta Disputa se o banco desfez a prova por causa de outra escrita.

    Pede-se a resposta como um só objeto: com duas linhas ou mais, o PostgREST responde PGRST116 e
    desfaz a transação, depois de o banco ter conferido tudo (gatilhos e chaves estrangeiras
    inclusive; com uma linha só, as chaves estrangeiras não se veem).
    """
    prefer = "return=representation"
    recusa = _provar(conexao, tabela, linhas, colunas, (), prefer, insistir)
    if recusa is None and len(linhas) == 1:
        return _sem_mae(conexao, tabela, linhas[0], colunas, insistir)
    return recusa


def _sem_mae(
    conexao: Conexao, tabela: Tabela, linha: bytes, colunas: Sequence[str], insistir: bool
) -> EscritaRecusada | None:
    """A chave estrangeira que uma linha sozinha não fecharia: vai com duas iguais a ela, de chaves
    inventadas, e só a recusa dela conta. None também se com outra chave a linha não entraria, como
    a de uma tabela em que a própria chave aponta para outra (a de um dono, para auth.users)."""
    campos = abrir_linha(linha)
    if len(tabela.chave) != 1 or not (novas := _inventadas(tabela.tipo_de(tabela.chave[0]))):
        return None
    iguais = [msgspec.json.encode({**campos, tabela.chave[0]: nova}) for nova in novas]
    prefer = "return=representation"
    recusa = _provar(conexao, tabela, [linha, *iguais], colunas, (), prefer, insistir)
    if recusa is None or recusa.codigo_sql != SEM_MAE:
        return None
    return None if any(str(nova) in recusa.detalhes for nova in novas) else recusa


def _inventadas(tipo: str) -> tuple[object, ...]:
    """Duas chaves deste tipo que ninguém terá; nenhuma, se não se sabe inventar."""
    maximo = {"smallint": 2**15, "integer": 2**31, "bigint": 2**53}.get(tipo)
    if maximo is not None:
        return maximo - 2, maximo - 3
    return (str(uuid4()), str(uuid4())) if tipo in ("uuid", "text") else ()


def provar_alteracao(
    conexao: Conexao,
    tabela: Tabela,
    linhas: Sequence[bytes],
    colunas: Sequence[str],
    *,
    insistir: bool = True,
) -> EscritaRecusada | None:
    """O que o banco recusaria se estas linhas, que existem, ficassem assim; None se nada.

    É um upsert pela chave, desfeito como em `provar_insercao`. Os gatilhos de inserção também
    rodam: quem chama só deve crer nas recusas que são do valor.
    """
    por_chave = ("on_conflict", ",".join(citar_sempre(c) for c in tabela.chave))
    prefer = "return=representation,resolution=merge-duplicates"
    return _provar(conexao, tabela, linhas, colunas, (por_chave,), prefer, insistir)


def _provar(
    conexao: Conexao,
    tabela: Tabela,
    linhas: Sequence[bytes],
    colunas: Sequence[str],
    parametros: Parametros,
    prefer: str,
    insistir: bool,
) -> EscritaRecusada | None:
    """A primeira recusa: as linhas que têm de omitir alguma coluna vão à parte."""
    for omitidas, quais in omitindo(tabela, linhas).items():
        suas = [linha_a_gravar(tabela, linhas[i]) for i in quais]
        nomes = [c for c in colunas if c not in omitidas]
        recusa = _provar_juntas(conexao, tabela, suas, nomes, parametros, prefer, insistir)
        if recusa is not None:
            return recusa
    return None


def _provar_juntas(
    conexao: Conexao,
    tabela: Tabela,
    linhas: Sequence[bytes],
    colunas: Sequence[str],
    parametros: Parametros,
    prefer: str,
    insistir: bool,
) -> EscritaRecusada | None:
    """Um POST que nunca fica: com duas linhas ou mais, a resposta de um só objeto o desfaz; uma
    linha sozinha vai com outra de chave nula, que o banco sempre recusa."""
    so_uma = len(linhas) == 1
    tem = abrir_linha(linhas[0])
    nomes = ("columns", ",".join(citar_sempre(c) for c in colunas if c in tem))
    so_a_chave = ("select", ",".join(citar(c) for c in tabela.chave))  # o resto ninguém lê
    ditas = [dizivel(linha) for linha in linhas]
    corpo = vetor([ditas[0], com_nulas(ditas[0], tabela.chave)] if so_uma else ditas)
    try:
        conexao.escrever(
            "POST",
            tabela.nome,
            (nomes, so_a_chave, *parametros),
            corpo,
            prefer,
            aceitar=UM_SO_OBJETO,
            insistir_em_disputa=insistir,
        )
    except EscritaRecusada as e:
        # Toda prova acaba em exceção: o rastro dela prenderia o corpo do pedido até a próxima
        # coleta de ciclos, e a memória cresceria com a tabela.
        e.__traceback__ = None
        return None if _so_nossa(e, tabela, so_uma) else e
    # Só se gatilhos descartaram todas as linhas menos uma: a que ficou é desta empresa, e a próxima
    # foto a verá.
    return None


def _so_nossa(erro: EscritaRecusada, tabela: Tabela, so_uma: bool) -> bool:
    """Se o que desfez o pedido fomos nós: mais de uma linha na resposta, ou a da chave nula."""
    if erro.codigo_sql == "PGRST116":
        return True
    da_chave = any(f'column "{c}"' in str(erro) for c in tabela.chave)
    return so_uma and erro.codigo_sql == NULO_PROIBIDO and da_chave
