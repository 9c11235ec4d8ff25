"""Escritas lado a lado, e uma de cada vez quando lado a lado não dá."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from cofre.base.equipe import Equipe
from cofre.base.erros import Disputa
from cofre.plano.lotes import enquanto

E = TypeVar("E")
S = TypeVar("S")


def lado_a_lado(equipe: Equipe, fazer: Callable[[E, bool], S], itens: Iterator[E]) -> Iterator[S]:
    """`fazer(item, insistir)` em todos, em várias conexões, entregando na ordem.

    Se duas escritas nossas disputam a mesma linha (um gatilho que soma na mãe, por exemplo), o
    banco desfaz uma com um impasse. Tentar de novo ao lado das outras daria no mesmo: na primeira
    Disputa nenhuma mais é mandada, e dali em diante vai uma de cada vez, insistindo.
    """
    disputa = threading.Event()

    def tentar(item: E) -> tuple[E, list[S]]:
        try:
            return item, [fazer(item, False)]
        except Disputa:
            return item, []

    for item, feito in equipe.em_ordem(tentar, enquanto(lambda: not disputa.is_set(), itens)):
        if not feito:
            disputa.set()
        yield from feito or [fazer(item, True)]
    yield from (fazer(item, True) for item in itens)
