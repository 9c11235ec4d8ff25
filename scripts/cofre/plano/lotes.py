"""Quanto se escreve de cada vez: lotes que o servidor aguenta, e que se ajustam a ele."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cofre.plano.ordem import T
from cofre.plano.tabela import Acao

LINHAS_POR_LOTE = 1000
BYTES_POR_LOTE = 512 * 1024
PASSOS_ATE_O_MAXIMO = 20
"""Quantos lotes bem-sucedidos levam de um tamanho mínimo ao maior."""


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
