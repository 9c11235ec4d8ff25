"""A ordem dos testes entre vários trabalhadores: os demorados começam antes dos outros.

Cada trabalhador recebe uma fatia seguida (as peças caras são por módulo), e quem acaba antes toma
do fim da dos outros. Um teste de um minuto que ficasse para o fim seria um minuto com os outros
trabalhadores parados: a marca `demorado` o põe no começo de uma das fatias.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MARCA = "demorado"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARCA}: leva dez segundos ou mais; começa primeiro")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Só muda a ordem, e da mesma maneira em todos os trabalhadores, como o xdist pede."""
    fatias = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = repartidos(items, fatias)


def repartidos(itens: list[pytest.Item], fatias: int) -> list[pytest.Item]:
    """Os mesmos itens. As fatias são as que o `worksteal` corta: do que falta repartir, a parte de
    quem falta receber, sem os restos. Os demorados de um arquivo ficam juntos, e os arquivos vão um
    para cada fatia, em rodízio."""
    demorados: dict[Path, list[pytest.Item]] = {}
    for item in itens:
        if item.get_closest_marker(MARCA):
            demorados.setdefault(item.path, []).append(item)
    outros = [i for i in itens if not i.get_closest_marker(MARCA)]
    prontos: list[pytest.Item] = []
    for n in range(fatias):
        seus = [item for dele in list(demorados.values())[n::fatias] for item in dele]
        cabem = (len(itens) - len(prontos)) // (fatias - n) - len(seus)
        prontos += seus + outros[: max(0, cabem)]
        del outros[: max(0, cabem)]
    return prontos + outros
