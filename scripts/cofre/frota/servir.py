"""Os processos que ficam de pé: o agendador, um só, e um trabalhador em cada máquina que copia."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from distributed import Nanny, Scheduler
from distributed.security import Security

from cofre.base.maquina import maquina
from cofre.frota import preparo
from cofre.frota.ajustes import SO_DAQUI, calado, pasta_de_trabalho
from cofre.frota.digital import Digital
from cofre.frota.endereco import Onde
from cofre.frota.erros import FrotaParada

Dizer = Callable[[str], object]


def agendador(em: str, porta: int, seguranca: Security | None, dizer: Dizer) -> None:
    """Serve até ser interrompido; sem `seguranca`, só a quem está nesta máquina. OSError passa."""

    async def servir() -> None:
        protocolo = "tls" if seguranca else "tcp"
        async with Scheduler(
            host=em,
            port=porta,
            protocol=protocolo,
            security=seguranca,
            dashboard=False,
            dashboard_address=SO_DAQUI,
        ) as aberto:
            dizer(str(aberto.address))
            await aberto.finished()

    with calado():
        asyncio.run(servir())


def trabalhar(
    onde: Onde, digital: Digital, lugares: int, seguranca: Security | None, dizer: Dizer
) -> None:
    """Trabalha até ser interrompido. Levanta FrotaParada se o agendador se vai, ou não responde."""
    nome = f"{maquina()}-{os.getpid()}"

    async def servir(pasta: str) -> None:
        async with Nanny(
            onde.agendador,
            name=nome,
            nthreads=lugares,
            resources={digital.recurso: lugares},
            memory_limit=0,
            security=seguranca,
            local_directory=pasta,
            dashboard=False,
            silence_logs=logging.CRITICAL,
            preload=[preparo.NOME],
        ) as aberta:
            dizer(nome)
            await aberta.finished()

    try:
        with calado(), pasta_de_trabalho() as pasta:
            asyncio.run(servir(pasta))
    except (OSError, TimeoutError):
        raise FrotaParada(f"O agendador da frota não responde em {onde.agendador}.", "") from None
    raise FrotaParada("O agendador da frota deixou de responder.", "Comece de novo o agendador.")
