"""O que a suíte faz em amostra, e `python3 tests/campanhas` faz inteiro."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

CAMPANHA: Final = os.environ.get("CAMPANHA") == "1"

T = TypeVar("T")


def exemplos(quantos: int) -> int:
    """Quantos exemplos o Hypothesis inventa: numa campanha, todos; na suíte, um em três."""
    return quantos if CAMPANHA else max(quantos // 3, 10)


def amostra(todos: Sequence[T], quantos: int) -> list[T]:
    """Numa campanha, todos; na suíte, `quantos` (dois ou mais), sempre os mesmos e por igual do
    primeiro ao último."""
    if CAMPANHA or len(todos) <= quantos:
        return list(todos)
    return [todos[i * (len(todos) - 1) // (quantos - 1)] for i in range(quantos)]
