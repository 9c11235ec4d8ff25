"""Ligar-se a uma frota: a que já há, ou uma que nasce e morre com esta execução."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator

import dask
from distributed import Client, LocalCluster
from distributed.security import Security

from cofre.frota.digital import Digital
from cofre.frota.endereco import Onde
from cofre.frota.erros import FrotaParada

AJUSTES = {
    # Sem páginas: nada do que se faz se mostra por HTTP.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # A memória é nossa conta, e nada do que se lê vai a um disco que não seja a pasta dos backups.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.profile.enabled": False,
}
SO_DAQUI = "127.0.0.1:0"


@contextlib.contextmanager
def ligada(
    onde: Onde, digital: Digital, lugares: int, seguranca: Security | None
) -> Iterator[Client]:
    """O cliente, ligado. Levanta FrotaParada se o agendador não responde."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set(AJUSTES), contextlib.ExitStack() as pilha:
        if onde.local:
            pasta = pilha.enter_context(
                tempfile.TemporaryDirectory(prefix="cofre-frota-", ignore_cleanup_errors=True)
            )
            aglomerado = pilha.enter_context(
                LocalCluster(
                    n_workers=onde.trabalhadores,
                    threads_per_worker=lugares,
                    memory_limit=0,
                    dashboard_address=SO_DAQUI,
                    worker_dashboard_address=None,
                    scheduler_kwargs={"dashboard": False},
                    # Outro usuário desta máquina também chega a um tcp:// dela.
                    security=Security.temporary(),
                    silence_logs=logging.CRITICAL,
                    local_directory=pasta,
                    resources={digital.recurso: lugares},
                )
            )
            yield pilha.enter_context(Client(aglomerado, set_as_default=False))
            return
        try:
            cliente = Client(onde.agendador, security=seguranca, set_as_default=False, timeout=15)
        except (OSError, TimeoutError) as e:
            raise FrotaParada(
                f"O agendador da frota não responde em {onde.agendador}: {type(e).__name__}."
            ) from None
        yield pilha.enter_context(cliente)
