"""A pasta dos backups trancada e arrumada, pronta para um trabalho que a muda."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cofre.base.config.valores import Configuracao
from cofre.base.relato import Relato
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import avisos_de_pendentes
from cofre.deposito.idade import avisar_das_velhas
from cofre.deposito.trava import travar


@contextlib.contextmanager
def obra(acao: str, configuracao: Configuracao, relato: Relato) -> Iterator[Deposito]:
    """O depósito com a trava na mão, depois de dizer o que está por concluir e o que está velho.
    Levanta TravaOcupada ou FalhaDeDisco."""
    with travar(configuracao.destino, acao):
        deposito = Deposito(configuracao.destino, compactar=configuracao.compactar)
        deposito.preparar()
        for aviso in avisos_de_pendentes(deposito.pastas()):
            relato.aviso(aviso)
        avisar_das_velhas(deposito, configuracao.limites.idade, relato)
        yield deposito
