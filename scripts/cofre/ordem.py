"""Em que ordem se escreve: mães antes das filhas, e em lotes. Puro cálculo, nada é escrito aqui."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cofre.base.modelo import ChaveEstrangeira, Tabela
from cofre.confronto import Chave, abrir_linha
from cofre.plano import REPOR, Acao, Plano

T = TypeVar("T")

LINHAS_POR_LOTE = 1000
BYTES_POR_LOTE = 512 * 1024
PASSOS_ATE_O_MAXIMO = 20
"""Quantos lotes bem-sucedidos levam de um tamanho mínimo ao maior."""


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


def em_lotes(
    itens: Iterable[T], maximo: int, *limites: tuple[Callable[[T], int], int]
) -> Iterator[list[T]]:
    """Os itens em grupos de até `maximo`; a soma de cada medida não passa do seu limite, a não ser
    num item que sozinho já passe."""
    lote: list[T] = []
    somas = [0 for _ in limites]
    for item in itens:
        pesos = [medir(item) for medir, _ in limites]
        somas = [soma + peso for soma, peso in zip(somas, pesos, strict=True)]
        passou = any(soma > ate for soma, (_, ate) in zip(somas, limites, strict=True))
        if lote and (passou or len(lote) == maximo):
            yield lote
            lote, somas = [], pesos
        lote.append(item)
    if lote:
        yield lote


@dataclass(slots=True)
class Ritmo:
    """O tamanho dos lotes de uma tabela, que se ajusta ao servidor: cai pela metade quando um lote
    é grande demais ou demora demais, e volta a crescer aos poucos quando dão certo."""

    linhas: int = LINHAS_POR_LOTE
    bytes: int = BYTES_POR_LOTE

    def lotes(self, acoes: Iterable[Acao]) -> Iterator[list[Acao]]:
        """As ações em grupos, cada um do tamanho que vale quando ele começa; uma linha que sozinha
        já passe vai sozinha."""
        lote: list[Acao] = []
        soma = 0
        for acao in acoes:
            peso = len(acao.alvo or b"")
            if lote and (len(lote) >= self.linhas or soma + peso > self.bytes):
                yield lote
                lote, soma = [], 0
            lote.append(acao)
            soma += peso
        if lote:
            yield lote

    def encolher(self, lote: Sequence[Acao]) -> None:
        """Este lote não coube."""
        self.linhas = max(1, min(self.linhas, len(lote) // 2))
        self.bytes = max(1, min(self.bytes, sum(len(a.alvo or b"") for a in lote) // 2))

    def crescer(self) -> None:
        """Um lote deu certo."""
        self.linhas = min(LINHAS_POR_LOTE, self.linhas + LINHAS_POR_LOTE // PASSOS_ATE_O_MAXIMO)
        self.bytes = min(BYTES_POR_LOTE, self.bytes + BYTES_POR_LOTE // PASSOS_ATE_O_MAXIMO)


def metades(lote: Sequence[T]) -> tuple[Sequence[T], ...]:
    """As duas metades de um lote; nenhuma se é um item só."""
    meio = len(lote) // 2
    return (lote[:meio], lote[meio:]) if meio else ()


def enquanto(vale: Callable[[], bool], itens: Iterator[T]) -> Iterator[T]:
    """Os itens enquanto `vale`, perguntado antes de cada um: os outros ficam em `itens`."""
    while vale():
        try:
            item = next(itens)
        except StopIteration:
            return
        yield item


def aponta_para_si(tabela: Tabela) -> bool:
    """Se uma linha pode depender de outra da mesma tabela."""
    return any(fk.tabela == tabela.nome for fk in tabela.estrangeiras)
