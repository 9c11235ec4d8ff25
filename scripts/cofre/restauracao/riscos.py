"""O que impediria uma restauração, visto antes da primeira escrita: causa e cura."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from cofre.base.linha import abrir_linha
from cofre.base.modelo import ChaveEstrangeira, Contradicao
from cofre.base.palavras import plural
from cofre.deposito.ligacoes import Interessa, ligacoes_abertas
from cofre.plano.depois import depois
from cofre.plano.lotes import em_lotes
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, Contagem, TabelaDoPlano, mudancas
from cofre.restauracao.listas import Caso
from cofre.restauracao.provas import CHAVES_POR_VEZ, Provas
from cofre.restauracao.risco import Risco


def ligacoes_que_abrem(caso: Caso) -> Iterator[Risco]:
    """Linhas que ficariam sem a linha-mãe depois do plano."""
    escolhidas = caso.alvo.tabelas
    ja_abertas = {(c.tabela, c.por): c.quantidade for c in caso.foto.contradicoes}

    def pode_abrir(tabela: str, fk: ChaveEstrangeira) -> bool:
        # As ligações que o plano não toca estão como na foto.
        poe = _mexe(caso.plano, tabela, fk.colunas, REPOR)
        return poe or _mexe(caso.plano, fk.tabela, fk.referencias, REMOVER)

    for aberta in _abertas_depois(caso, pode_abrir):
        a_mais = aberta.quantidade - ja_abertas.get((aberta.tabela, aberta.por), 0)
        mae = aberta.por.rpartition(" → ")[2]
        if a_mais <= 0:
            continue
        quantas = plural(a_mais, "registro", "registros")
        if aberta.tabela in escolhidas:
            yield Risco(
                aberta.tabela,
                f"{quantas} de {aberta.tabela} apontam para {mae} que não existem mais",
                f"Escolha também {mae}.",
                somar="" if mae in escolhidas else mae,
            )
        else:
            yield Risco(
                aberta.tabela,
                f"{quantas} de {aberta.tabela} dependem de {mae} que seriam removidos",
                f"Escolha também {aberta.tabela}.",
                somar=aberta.tabela,
            )


def _abertas_depois(caso: Caso, interessa: Interessa) -> list[Contradicao]:
    with tempfile.TemporaryDirectory(prefix="cofre_", ignore_cleanup_errors=True) as pasta:
        ficam = depois(caso.alvo, caso.plano, caso.foto.arquivos, Path(pasta))
        return ligacoes_abertas(ficam, interessa)


def _mexe(plano: Plano, tabela: str, colunas: Sequence[str], tipo: str) -> bool:
    """Se o plano põe nesta tabela (ou tira dela) linhas inteiras, ou muda estas colunas."""
    contagem = plano.contagens.get(tabela, Contagem())
    inteiras = contagem.repor if tipo == REPOR else contagem.remover
    return bool(inteiras or set(colunas) & set(plano.colunas_diferentes(tabela)))


def dependentes_de_fora(caso: Caso) -> Iterator[Risco]:
    """Linhas de tabelas que não entram em backup nenhum e apontam para o que seria removido: o
    banco não deixaria, ou as levaria junto."""
    escopo = caso.alvo.escopo
    for nome in caso.plano.contagens:
        quantas: Counter[tuple[str, str]] = Counter()
        linhas = (a.atual or b"{}" for a in caso.plano.acoes(nome, REMOVER))
        for lote in em_lotes(linhas, CHAVES_POR_VEZ):
            for d in caso.via.dependentes_de_fora(escopo[nome], lote, escopo):
                quantas[d.tabela, d.ao_remover] += d.quantidade
        for (tabela, ao_remover), n in quantas.items():
            yield Risco(
                nome,
                f"{plural(n, 'registro', 'registros')} de {tabela} dependem de {nome} que seriam"
                f" removidos (ON DELETE {ao_remover})",
                f"{tabela} não está nos backups. Tire de lá essas linhas, ou use o modo recuperar,"
                " que não remove nada.",
            )


def linhas_de_outra_tabela(caso: Caso) -> Iterator[Risco]:
    """As tabelas de que não se sabe quais das linhas do backup são as suas."""
    for nome in caso.alvo.tabelas:
        if nome in caso.alvo.herdadas.misturadas:
            yield Risco(
                nome,
                f"o backup é de uma versão que não separava {nome} das tabelas que herdam dela"
                " (INHERITS), e só algumas das linhas delas se reconhecem nela",
                f"Escolha um backup mais novo para {nome}, ou deixe-a fora da escolha.",
                tirar=True,
            )


def o_que_a_via_nao_escreve(caso: Caso) -> Iterator[Risco]:
    """Linhas com um json que o backup tem e a via não leva ao banco. Numa tabela sem chave, também
    as que entrariam com outro conteúdo: nada diria depois qual é qual."""
    for nome, tabela in caso.plano.tabelas.items():
        de_hoje = caso.alvo.escopo[nome].tabela
        if not caso.via.sem_como_gravar(de_hoje, None):
            continue
        quantos, colunas = 0, dict[str, None]()
        for campos in _o_que_escreve(caso.plano, tabela):
            nao_vao = dict.fromkeys(caso.via.indiziveis(de_hoje, campos))
            if not de_hoje.chave:
                nao_vao |= dict.fromkeys(caso.via.sem_como_gravar(de_hoje, campos))
            quantos += bool(nao_vao)
            colunas |= nao_vao
        if quantos:
            outro = "" if de_hoje.chave else ", null, ou escrito de outro modo"
            yield Risco(
                nome,
                f"{plural(quantos, 'registro', 'registros')} de {nome} com um json que a API não"
                rf" leva ao banco em {', '.join(colunas)} (\ud83d sozinho, \u0000{outro})",
                "A conexão direta leva (SUPABASE_DB_URL). Sem ela, o resto volta: um registro que"
                " falta fica faltando, e um que existe fica com o json que tem.",
                so_linhas=True,
            )


def _o_que_escreve(plano: Plano, tabela: TabelaDoPlano) -> Iterator[Mapping[str, msgspec.Raw]]:
    """Os valores que o plano poria em cada linha, com os textos."""
    for acao in plano.acoes(tabela.nome, REPOR):
        yield abrir_linha(acao.alvo or b"{}")
    for acao in plano.acoes(tabela.nome, ALTERAR):
        yield mudancas(acao, tabela)


def recusas_do_banco(caso: Caso) -> Iterator[Risco]:
    """O que o banco recusaria do que o plano repõe e altera, provado nele, tabela a tabela."""
    voltam, nao_voltam = frozenset(caso.alvo.logins), caso.nao_voltam
    alvo = caso.alvo
    provas = Provas(caso.via, caso.plano, alvo.escopo, alvo.tabelas, voltam, nao_voltam)
    for nome, contagem in caso.plano.contagens.items():
        if contagem.repor and not provas.chave_gravavel(nome):
            yield _chave_do_banco(nome, contagem)
            continue
        if contagem.repor:
            yield from provas.repondo(nome)
        if contagem.alterar:
            yield from provas.alterando(nome)


def _chave_do_banco(nome: str, contagem: Contagem) -> Risco:
    quantas = plural(contagem.repor, "registro", "registros")
    return Risco(
        nome,
        f"a chave de {nome} é gerada pelo banco (identity ALWAYS): {quantas} não"
        f" se {'escreve' if contagem.repor == 1 else 'escrevem'} pela API com a mesma chave",
        "A conexão direta com o PostgreSQL pode; ou deixe esta tabela fora da escolha.",
        tirar=True,
    )


def das_listas(caso: Caso) -> Iterator[Risco]:
    """O que impediria os arquivos e os logins: cada lista o diz da sua parte do plano."""
    for nome, lista in caso.listas.items():
        if caso.plano.contagens.get(nome, Contagem()).diferencas:
            yield from lista.riscos(caso)


RISCOS: tuple[Callable[[Caso], Iterator[Risco]], ...] = (
    ligacoes_que_abrem,
    dependentes_de_fora,
    linhas_de_outra_tabela,
    o_que_a_via_nao_escreve,
    das_listas,
    recusas_do_banco,
)
"""Do mais barato ao mais caro."""


def riscos_de(caso: Caso) -> Iterator[Risco]:
    """Todos os riscos de um plano. Achá-los manda ao banco todas as linhas a escrever; nada fica
    gravado. Levanta FalhaDoServidor ou BackupDanificado."""
    for achar in RISCOS:
        yield from achar(caso)


def citam(plano: Plano, logins: Sequence[str]) -> dict[str, int]:
    """Quantos registros, dos que o plano escreve, citam cada um destes logins."""
    quantos: Counter[str] = Counter()
    for nome in plano.contagens if logins else ():
        for tipo in (REPOR, ALTERAR):
            for acao in plano.acoes(nome, tipo):
                alvo = acao.alvo or b""
                quantos.update(qual for qual in logins if qual.encode() in alvo)
    return dict(quantos)
