"""A ordem dos testes: nenhum se perde, e os demorados começam as fatias."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apoio.fatias import repartidos


class Item:
    """O que se usa de um teste."""

    def __init__(self, n: int, *, demorado: bool) -> None:
        self.n = n
        self.demorado = demorado
        self.path = Path(f"test_{n // 3}.py")

    def get_closest_marker(self, nome: str) -> str | None:
        return nome if self.demorado else None


@pytest.mark.parametrize(
    ("quantos", "demorados", "fatias", "esperados"),
    [
        (5, {3}, 1, [[3, 0, 1, 2, 4]]),
        (8, {1, 5, 7}, 3, [[1, 0], [5, 2, 3], [7, 4, 6]]),
        (9, {6, 8}, 2, [[6, 8, 0, 1], [2, 3, 4, 5, 7]]),
        (12, {0, 3, 6, 9}, 3, [[0, 9, 1, 2], [3, 4, 5, 7], [6, 8, 10, 11]]),
        (4, set(), 2, [[0, 1], [2, 3]]),
        (3, {0, 1, 2}, 2, [[0], [1, 2]]),
        (0, set(), 3, [[], [], []]),
    ],
)
def test_os_demorados_comecam_as_fatias(
    quantos: int, demorados: set[int], fatias: int, esperados: list[list[int]]
) -> None:
    itens: list[Any] = [Item(n, demorado=n in demorados) for n in range(quantos)]
    repartido: list[Any] = repartidos(itens, fatias)
    prontos = [item.n for item in repartido]
    achados, resto = [], prontos
    for n in range(fatias):  # como o xdist as corta
        tamanho = len(resto) // (fatias - n)
        achados.append(resto[:tamanho])
        resto = resto[tamanho:]
    assert sorted(prontos) == list(range(quantos))
    assert achados == esperados
