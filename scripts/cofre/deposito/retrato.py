"""Os nomes que há na pasta de uma empresa, lidos de uma vez: com milhares de backups são centenas
de milhares, e quem mostra uma lista perguntaria por eles uma dúzia de vezes.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

A_MAO = 8
"""Quantas respostas ficam guardadas: as das duas últimas pastas, por maiores que sejam."""

_RETRATO: ContextVar[OrderedDict[Hashable, Any] | None] = ContextVar("retrato", default=None)


@contextlib.contextmanager
def um_retrato() -> Iterator[None]:
    """Dentro do contexto, o que se leu há pouco de uma pasta não se lê outra vez, e fica como era
    então: para quem mostra, e quer um instante. Nunca para quem escreve, nem enquanto se espera por
    alguém."""
    if _RETRATO.get() is not None:
        yield
        return
    antes = _RETRATO.set(OrderedDict())
    try:
        yield
    finally:
        _RETRATO.reset(antes)


def uma_vez(qual: Hashable, fazer: Callable[[], T]) -> T:
    """O que `fazer` devolve; num retrato, o que devolveu da última vez que se pediu isto."""
    guardado = _RETRATO.get()
    if guardado is None:
        return fazer()
    achado: T = guardado.pop(qual) if qual in guardado else fazer()
    guardado[qual] = achado
    if len(guardado) > A_MAO:
        guardado.popitem(last=False)
    return achado


def nomes_em(pasta: Path) -> list[str]:
    """Os nomes que há na pasta, sem ordem. OSError passa."""
    return uma_vez((nomes_em, pasta), lambda: os.listdir(pasta))  # noqa: PTH208 (são muitos)


def que_comecam(pasta: Path, prefixo: str) -> list[str]:
    """Os que começam assim. OSError passa."""
    # Aos poucos, e não por glob: quase todos são de tabelas.
    return [nome for nome in nomes_em(pasta) if nome.startswith(prefixo)]
