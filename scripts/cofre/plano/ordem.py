"""Em que ordem se escreve: mães antes das filhas, e em lotes. Puro cálculo, nada é escrito aqui."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from cofre.base.linha import abrir_linha
from cofre.base.modelo import ChaveEstrangeira, Tabela
from cofre.plano.chaves import Chave
from cofre.plano.plano import Plano
from cofre.plano.tabela import REPOR, Acao

T = TypeVar("T")


def ordenar(
    tabelas: Sequence[Tabela],
) -> tuple[list[str], dict[str, list[ChaveEstrangeira]]]:
    """As tabelas, mães antes, e as chaves que tiveram de ser ignoradas para desfazer ciclos."""
    nomes = {t.nome for t in tabelas}
    soltas: dict[str, list[ChaveEstrangeira]] = {}
    ligacoes = {
        t.nome: [fk for fk in t.estrangeiras if fk.tabela in nomes and fk.tabela != t.nome]
        for t in tabelas
    }
    por_nome = {t.nome: t for t in tabelas}
    while True:
        grafo = {n: {fk.tabela for fk in fks} for n, fks in ligacoes.items()}
        try:
            return list(graphlib.TopologicalSorter(grafo).static_order()), soltas
        except graphlib.CycleError as e:
            ciclo: list[str] = e.args[1]
            nome, fk = _mais_frouxa(ciclo, ligacoes, por_nome)
            ligacoes[nome].remove(fk)
            soltas.setdefault(nome, []).append(fk)


def _mais_frouxa(
    ciclo: Sequence[str],
    ligacoes: Mapping[str, list[ChaveEstrangeira]],
    tabelas: Mapping[str, Tabela],
) -> tuple[str, ChaveEstrangeira]:
    """Uma chave do ciclo que possa ser nula (a que não pode só se solta se não há outra)."""
    pares = [(n, fk) for n in ciclo for fk in ligacoes[n] if fk.tabela in ciclo]

    def obrigatoria(par: tuple[str, ChaveEstrangeira]) -> bool:
        achadas = [tabelas[par[0]].coluna(c) for c in par[1].colunas]
        return not all(c is not None and c.anulavel for c in achadas)

    return min(pares, key=obrigatoria)


def maes_antes(plano: Plano, tabela: Tabela) -> Iterator[Acao]:
    """As linhas a repor; numa tabela que aponta para si, cada linha depois da sua mãe."""
    proprias = [fk for fk in tabela.estrangeiras if fk.tabela == tabela.nome]
    acoes = plano.acoes(tabela.nome, REPOR)
    if not proprias or not tabela.chave:
        return acoes
    todas = {a.chave: a for a in acoes}
    grafo: dict[Chave, set[Chave]] = {chave: set() for chave in todas}
    for fk in proprias:
        quem = {_valores(a, fk.referencias or tabela.chave): c for c, a in todas.items()}
        for chave, acao in todas.items():
            mae = quem.get(_valores(acao, fk.colunas))
            if mae is not None and mae != chave:
                grafo[chave].add(mae)
    try:
        return iter([todas[c] for c in graphlib.TopologicalSorter(grafo).static_order()])
    except graphlib.CycleError:
        return iter(todas.values())  # um ciclo cabe num só INSERT, conferido no fim dele


def _valores(acao: Acao, colunas: Sequence[str]) -> Chave:
    linha = abrir_linha(acao.alvo or b"{}")
    return tuple(bytes(linha[c]) if c in linha else b"" for c in colunas)


def aponta_para_si(tabela: Tabela) -> bool:
    """Se uma linha pode depender de outra da mesma tabela."""
    return any(fk.tabela == tabela.nome for fk in tabela.estrangeiras)
