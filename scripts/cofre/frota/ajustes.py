"""Como o Dask há de correr: sem páginas, sem nada em disco, e sem medir o que não se lhe pede."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from typing import Any, Final

import dask

SO_DAQUI: Final = "127.0.0.1:0"
"""O endereço do servidor HTTP que o Dask abre sempre, e que fica sem página nenhuma."""

AJUSTES: Final[dict[str, Any]] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # A memória é nossa conta, e nada do que se lê vai a um disco que não seja a pasta dos backups.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
}


@contextlib.contextmanager
def calado() -> Iterator[None]:
    """O Dask com estes ajustes, e sem nada a dizer: o que ele diria cita o que se lhe deu; o que
    importa diz-se daqui."""
    # Alguns dos módulos dele têm o seu próprio nível, que o do pai não muda.
    for nome in ("distributed", *logging.root.manager.loggerDict):
        if nome.partition(".")[0] == "distributed":
            logging.getLogger(nome).setLevel(logging.CRITICAL)
    with dask.config.set(AJUSTES):
        yield


def pasta_de_trabalho() -> tempfile.TemporaryDirectory[str]:
    """Onde o Dask põe o que precisa; some ao sair."""
    return tempfile.TemporaryDirectory(prefix="cofre-frota-", ignore_cleanup_errors=True)
