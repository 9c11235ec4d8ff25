"""O que pode correr mal numa frota."""

from __future__ import annotations

from cofre.base import comandos
from cofre.base.comandos import BACKUP, comando
from cofre.base.erros import DependenciaAusente, FalhaDoServidor

PACOTES = "scripts/requirements-frota.txt"


class FrotaParada(FalhaDoServidor):
    """O agendador sumiu, ou não há trabalhador que sirva: o que se publicou fica."""

    dica = (
        "O que já se publicou está inteiro. Com a frota de pé, retome de onde parou:\n"
        f"  {comando(BACKUP, 'continuar')}"
    )


def falta_o_dask(erro: ModuleNotFoundError) -> DependenciaAusente:
    """O que instalar, dito pelo nome."""
    return DependenciaAusente(
        f"A frota precisa de mais um pacote: falta {erro.name}.", comandos.como_instalar(PACOTES)
    )
