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

Retrato = OrderedDict[Hashable, Any]
_RETRATO: ContextVar[Retrato | None] = ContextVar("retrato", default=None)


@contextlib.contextmanager
def um_retrato(mesmo: Retrato | None = None) -> Iterator[Retrato]:
    """Dentro do contexto, o que se leu há pouco de uma pasta não se lê outra vez, e fica como era
    então: para quem mostra, e quer um instante. Nunca enquanto se espera por alguém; e quem nele
    mudou algo, `esquece`. `mesmo`: o de há pouco, que se volta a abrir."""
    atual = _RETRATO.get()
    if atual is not None:
        yield atual
        return
    aberto = OrderedDict() if mesmo is None else mesmo
    antes = _RETRATO.set(aberto)
    try:
        yield aberto
    finally:
        _RETRATO.reset(antes)


def esquecer() -> None:
    """Tudo se lê outra vez: alguma pasta mudou."""
    atual = _RETRATO.get()
    if atual is not None:
        atual.clear()


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


def que_comecam(pasta: Path, *comecos: str) -> list[str]:
    """Os que começam assim. OSError passa."""
    # Aos poucos, e não por glob: quase todos são de tabelas.
    return [nome for nome in nomes_em(pasta) if nome.startswith(comecos)]


def ha_que_comece(pasta: Path, comeco: str) -> bool:
    """Se há algum assim; nenhum, se não há a pasta. OSError passa."""
    try:
        return bool(que_comecam(pasta, comeco))
    except FileNotFoundError:
        return False
