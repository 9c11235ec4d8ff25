"""O que cada processo que copia faz ao nascer: o Dask chama `dask_setup` (um «preload» dele)."""

from __future__ import annotations

import signal

from distributed import Worker

NOME = __name__


def dask_setup(_worker: Worker) -> None:
    """O Ctrl+C de um terminal chega a todos os processos dele: aqui não é para nós. Quem começou a
    execução, ou quem vigia este processo, é que o recebe, e diz o que parar."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
