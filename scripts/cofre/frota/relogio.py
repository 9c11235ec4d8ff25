"""As horas de cada máquina, comparadas pelas do agendador: a ordem dos backups de uma empresa é a
das horas de quem os fez, e o de hoje não pode parecer mais velho do que o de ontem."""

from __future__ import annotations

import time

from distributed import Client, Worker

from cofre.base.palavras import duracao

TOLERANCIA = 30.0
"""Segundos: a hora automática de qualquer sistema erra muito menos."""


def do_agendador(cliente: Client) -> float:
    """Segundos que o relógio do agendador vai à frente do daqui (negativo: atrás)."""
    antes = time.time()
    la: float = cliente.run_on_scheduler(time.time)
    return la - (antes + time.time()) / 2


def diferenca(worker: Worker, de_quem_comecou: float) -> str:
    """O que dizer, se o relógio deste trabalhador não é, com folga, o de quem começou, que sabe o
    que o agendador leva à frente do seu; vazio se é. O Dask mede o deste a cada batida."""
    adiante = de_quem_comecou - worker.scheduler_delay
    if abs(adiante) <= TOLERANCIA:
        return ""
    como = "adiantado" if adiante > 0 else "atrasado"
    return f"o relógio dele está {como} {duracao(abs(adiante))} em relação ao de quem começou"
