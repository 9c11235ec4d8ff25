"""Como o Dask há de correr: sem páginas, sem nada em disco, e sem medir o que não se lhe pede."""

from __future__ import annotations

from typing import Any, Final

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
