"""O catálogo pela API: a descrição OpenAPI e o que só a sondagem mostra.

A descrição esconde as chaves estrangeiras um-para-um e compostas, as colunas que não podem ser
escritas e toda tabela sem permissão para a chave; e lista visões como se fossem tabelas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.erros import (
    ConsultaDemorada,
    EscritaRecusada,
    FalhaDoServidor,
    PedidoRecusado,
    PermissaoNegada,
    RespostaInvalida,
    TabelaDeOutroServidor,
    TabelaInexistente,
)
from cofre.base.linha import abrir_linha
from cofre.base.modelo import (
    DE_OUTRO_SERVIDOR,
    DE_UM_MUDO,
    TABELAS_CONHECIDAS,
    Catalogo,
    ChaveEstrangeira,
    Coluna,
    Tabela,
    chave_que_serve,
    nome_do_tipo,
)
from cofre.base.palavras import visivel
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import citar
from cofre.via.api.erros import SemDescricao
from cofre.via.api.filtros import citar_sempre
from cofre.via.api.tipos import com_formas, como_texto

COLUNAS_DE_LIGACAO = ("id", "user_id", "parent_user_id", "empresa_id", "venda_id")
"""O que se procura numa tabela vazia que a API não descreve."""

SEM_ENDERECO = frozenset({".", ".."})
"""Nomes de tabela que, numa URL, seriam a própria pasta ou a de cima."""

SEM_VERSAO = b'"0"'
"""O `xmin` de uma linha que não está neste banco."""

NAO_HA = "cofre_nao_ha"
"""Uma coluna que nenhuma tabela tem."""

_CHAVE = "<pk/>"
_ESTRANGEIRA = re.compile(r"<fk table='(.*?)' column='(.*?)'/>")


def descobrir(conexao: Conexao, equipe: Equipe) -> Catalogo:
    """O catálogo, menos as chaves escondidas (ver `escopo.completar_chaves`)."""
    try:
        descricao = conexao.descricao()
    except SemDescricao:
        descricao = b"{}"
    descritas = interpretar(descricao)
    if not descritas:
        return _pelo_nome(conexao, equipe)
    vistas = {t.nome for t, _ in descritas}
    visoes = {t.nome for t, gravavel in descritas if not gravavel}
    candidatas = [t for t, gravavel in descritas if gravavel and t.nome not in SEM_ENDERECO]
    tabelas: dict[str, Tabela] = {}
    ocultas = dict.fromkeys(vistas & SEM_ENDERECO, "o nome não cabe numa URL")
    sondadas = equipe.cada(lambda t: _sondar_versao(conexao, t), candidatas)
    for tabela, problema in zip(candidatas, sondadas, strict=True):
        if isinstance(problema, TabelaInexistente):
            visoes.add(tabela.nome)  # sem xmin: uma visão que aceita escrita
        elif isinstance(problema, TabelaDeOutroServidor):
            ocultas[tabela.nome] = str(problema)
        else:
            # Uma recusa (42501) aparece na leitura, com a sua cura.
            tabelas[tabela.nome] = tabela
    enums = como_texto(conexao, equipe, enums_de(descricao, tabelas))
    tabelas = com_formas(tabelas.values(), enums)
    ausentes = _procurar_escondidas(conexao, tabelas, vistas, ocultas, equipe)
    quem = _servidor(descricao)
    return Catalogo(tabelas, tuple(sorted(visoes)), ocultas, tuple(ausentes), servidor=quem)


def interpretar(descricao: bytes) -> list[tuple[Tabela, bool]]:
    """As tabelas e visões da descrição OpenAPI, e se cada uma aceita escrita (as visões que não
    se escrevem e as materializadas, não). Levanta RespostaInvalida."""
    try:
        documento = msgspec.json.decode(descricao)
        definicoes: Mapping[str, Any] = documento.get("definitions") or {}
        caminhos: Mapping[str, Any] = documento.get("paths") or {}
        return [
            (_tabela(nome, definicao), "post" in caminhos.get(f"/{nome}", {}))
            for nome, definicao in definicoes.items()
        ]
    except (msgspec.DecodeError, AttributeError, TypeError, UnicodeDecodeError) as e:
        raise RespostaInvalida(
            "A raiz da API não é a descrição que o Supabase dá.",
            "Confira SUPABASE_URL: deve ser a «Project URL» do painel.",
        ) from e


def enums_de(descricao: bytes, tabelas: Mapping[str, Tabela]) -> dict[str, tuple[str, str]]:
    """Os enums destas tabelas, pelo nome do tipo, e uma coluna (com a tabela) que o tem; de uma
    descrição que já se interpretou."""
    definicoes = msgspec.json.decode(descricao)["definitions"]
    return {
        coluna.tipo: (nome, coluna.nome)
        for nome, tabela in tabelas.items()
        for coluna in tabela.colunas
        if "enum" in definicoes[nome]["properties"][coluna.nome]
    }


def _servidor(descricao: bytes) -> str:
    """«PostgREST 14.5», se a descrição diz a versão: só ela conta depois que regras valiam."""
    informe = msgspec.json.decode(descricao).get("info")
    versao = informe.get("version") if isinstance(informe, dict) else None
    return f"PostgREST {visivel(str(versao))[:40]}" if versao else ""


def _tabela(nome: str, definicao: Mapping[str, Any]) -> Tabela:
    obrigatorias = set(definicao.get("required") or ())
    colunas, chave, estrangeiras = [], [], []
    for coluna, propriedade in (definicao.get("properties") or {}).items():
        nota = str(propriedade.get("description") or "")
        tipo = nome_do_tipo(str(propriedade.get("format") or ""))
        colunas.append(Coluna(coluna, tipo, coluna not in obrigatorias))
        if _CHAVE in nota:
            chave.append(coluna)
        aponta = _ESTRANGEIRA.search(nota)
        if aponta:
            estrangeiras.append(ChaveEstrangeira((coluna,), aponta[1], (aponta[2],)))
    serve = chave_que_serve(colunas, chave)
    return Tabela(nome, tuple(colunas), serve, tuple(estrangeiras))


def _sondar_versao(conexao: Conexao, tabela: Tabela) -> FalhaDoServidor | None:
    """None se a tabela guarda aqui as suas linhas, cada uma com uma versão (xmin); senão, por que
    não. A versão zero é a que o postgres_fdw dá às linhas de outro servidor (deparse.c: «All other
    system attributes are fetched as 0»)."""
    try:
        linhas = conexao.ler(tabela.nome, "xmin", limite=1).linhas
    except (TabelaInexistente, PermissaoNegada) as e:
        return e
    except TabelaDeOutroServidor:
        return TabelaDeOutroServidor(DE_OUTRO_SERVIDOR)
    except ConsultaDemorada:
        return TabelaDeOutroServidor(DE_UM_MUDO) if _e_de_um_mudo(conexao, tabela) else None
    except PedidoRecusado:
        return None  # se for defeito da tabela, a leitura dela dirá
    if any(bytes(abrir_linha(linha)["xmin"]) == SEM_VERSAO for linha in linhas):
        return TabelaDeOutroServidor(DE_OUTRO_SERVIDOR)
    return None


def _e_de_um_mudo(conexao: Conexao, tabela: Tabela) -> bool:
    """Se uma tabela que não deu uma linha a tempo é de um servidor que não responde. Numa nossa, o
    que está num endereço acha-se na hora, a não ser que alguém a tenha presa; e numa presa nem se
    chega a saber que falta uma coluna, o que o banco diz antes de falar com o outro servidor. Uma
    FOREIGN TABLE não tem chave primária."""
    if tabela.chave:
        return False
    try:
        conexao.ler(tabela.nome, "xmin", (("ctid", "eq.(0,1)"),), limite=1)
    except ConsultaDemorada:
        return isinstance(_sondar(conexao, tabela.nome, NAO_HA), TabelaInexistente)
    except FalhaDoServidor:
        return False
    return False


def _sondar(conexao: Conexao, tabela: str, coluna: str) -> FalhaDoServidor | None:
    """None se a coluna da tabela pode ser lida; senão, por que não."""
    try:
        conexao.ler(tabela, coluna, limite=0)
    except (TabelaInexistente, PermissaoNegada) as e:
        return e
    except (ConsultaDemorada, PedidoRecusado):
        return None  # se for defeito da tabela, a leitura dela dirá
    return None


def _procurar_escondidas(
    conexao: Conexao,
    tabelas: Mapping[str, Tabela],
    vistas: set[str],
    ocultas: dict[str, str],
    equipe: Equipe,
) -> list[str]:
    """As conhecidas e as citadas por chaves que não foram descritas: sem permissão ou ausentes."""
    citadas = {fk.tabela for t in tabelas.values() for fk in t.estrangeiras}
    procuradas = sorted((set(TABELAS_CONHECIDAS) | citadas) - vistas)
    ausentes = []
    sondadas = equipe.cada(lambda t: _sondar(conexao, t, "*"), procuradas)
    for nome, problema in zip(procuradas, sondadas, strict=True):
        if isinstance(problema, PermissaoNegada):
            ocultas[nome] = f"{problema}\n{problema.dica}"
        elif isinstance(problema, TabelaInexistente) and nome in TABELAS_CONHECIDAS:
            ausentes.append(nome)
    return [n for n in TABELAS_CONHECIDAS if n in ausentes]


def _pelo_nome(conexao: Conexao, equipe: Equipe) -> Catalogo:
    """Sem descrição: as treze conhecidas, pelo nome, com a chave `id`."""
    tabelas: dict[str, Tabela] = {}
    ocultas: dict[str, str] = {}
    ausentes = []

    def olhar(nome: str) -> Tabela | FalhaDoServidor:
        try:
            return _olhar(conexao, nome)
        except (TabelaInexistente, PermissaoNegada) as e:
            return e

    achadas = equipe.cada(olhar, TABELAS_CONHECIDAS)
    for nome, achada in zip(TABELAS_CONHECIDAS, achadas, strict=True):
        if isinstance(achada, Tabela):
            tabelas[nome] = achada
        elif isinstance(achada, PermissaoNegada):
            ocultas[nome] = f"{achada}\n{achada.dica}"
        else:
            ausentes.append(nome)
    com_o_que_se_sabe = com_formas(tabelas.values(), {})
    return Catalogo(com_o_que_se_sabe, (), ocultas, tuple(ausentes), completo=False)


def _olhar(conexao: Conexao, nome: str) -> Tabela:
    linhas = conexao.ler(nome, "*", limite=1).linhas
    if linhas:
        nomes: Iterable[str] = abrir_linha(linhas[0])
    else:
        nomes = [c for c in COLUNAS_DE_LIGACAO if _sondar(conexao, nome, citar(c)) is None]
    colunas = tuple(Coluna(c) for c in nomes)
    return Tabela(nome, colunas, ("id",) if "id" in nomes else ())


def nao_gravaveis(conexao: Conexao, tabela: Tabela) -> Tabela:
    """A tabela com as colunas que o banco não deixa escrever: pergunta até não sobrar nenhuma. A
    que não se pode escrever de modo algum fica como está. Levanta FalhaDoServidor quando a resposta
    não diz nem uma coisa nem outra: sem ela, uma coluna gerada passaria por gravável."""
    restantes = [c.nome for c in tabela.colunas]
    recusadas: list[str] = []
    while restantes:
        recusa = _insercao_impossivel(conexao, tabela.nome, restantes)
        if recusa is None:
            break
        coluna = _coluna_recusada(recusa)
        if coluna not in restantes:
            raise PedidoRecusado(f"Não entendi que coluna de {tabela.nome} é gerada: {recusa}.", "")
        restantes.remove(coluna)
        recusadas.append(coluna)
    return replace(tabela, nao_gravaveis=tuple(recusadas))


GERADA = "428C9"
CORPO_INVALIDO = "22P02"
_NAO_INSERE = re.compile(r"42...|55...|0A000")
"""A tabela não recebe inserções (uma visão, uma tabela estrangeira só de leitura, uma regra): o
banco o diz ao analisar o comando, e sempre."""


def _insercao_impossivel(
    conexao: Conexao, tabela: str, colunas: Sequence[str]
) -> EscritaRecusada | None:
    """A recusa de uma destas colunas por um INSERT que nunca pode acontecer; None se nenhuma é
    recusada. O corpo não é JSON, então a transação sempre falha e nada é gravado (nem por gatilho
    de comando); mas as colunas, o planejador recusa antes de ler o corpo."""
    nomes = ",".join(citar_sempre(c) for c in colunas)
    try:
        conexao.escrever("POST", tabela, (("columns", nomes),), b"x", "return=minimal")
    except EscritaRecusada as e:
        if e.codigo_sql == GERADA:
            return e
        if e.codigo_sql == CORPO_INVALIDO or _NAO_INSERE.fullmatch(e.codigo_sql):
            return None
        raise PedidoRecusado(f"Não entendi o que {tabela} respondeu a uma sonda: {e}.", "") from e
    raise RespostaInvalida(f"{tabela} aceitou uma inserção que não é JSON.", _PROXY)


_PROXY = "Verifique se há um proxy no caminho que responda pelo servidor, e tente de novo."
_COLUNA = re.compile(
    r'Column "(.*)" is (?:a generated|an identity) column'
    r'|cannot insert a non-DEFAULT value into column "(.*)"',
    re.DOTALL,
)


def _coluna_recusada(recusa: EscritaRecusada) -> str:
    """O nome está nos detalhes; com a verbosidade mínima (PostgREST 16), só na mensagem."""
    casa = _COLUNA.match(recusa.detalhes) or _COLUNA.match(str(recusa))
    return (casa[1] or casa[2]) if casa else ""
