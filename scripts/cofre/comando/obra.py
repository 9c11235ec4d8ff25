"""A pasta dos backups arrumada, pronta para um trabalho que a muda. Nada fica preso nela."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from cofre.base.config.valores import Configuracao
from cofre.base.relato import Relato
from cofre.deposito.cifra import provas
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import avisos_de_pendentes
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.deposito.idade import avisar_das_velhas
from cofre.deposito.lacre import conhecidos, serie


@contextlib.contextmanager
def obra(acao: str, configuracao: Configuracao, relato: Relato) -> Iterator[Deposito]:
    """O depósito pronto para esta ação, depois de dizer o que está por concluir e o que está velho.
    Levanta TravaOcupada, FalhaDeDisco ou, se não se pode cifrar ou lacrar como se pede,
    ConfiguracaoInvalida e DependenciaAusente."""
    deposito = Deposito.da_configuracao(configuracao, acao)
    if configuracao.lacrar:  # o que faltar diz-se antes de qualquer pedido
        conhecidos.minha()
        serie.escritor()
    with deposito.trabalhando():
        pastas = deposito.pastas()
        for aviso in (
            *avisos_de_pendentes(pastas, deposito.em_uso),
            *avisos_de_estranhos(deposito.raiz, pastas),
        ):
            relato.aviso(aviso)
        avisar_das_velhas(deposito, configuracao.limites.idade, relato)
        if deposito.cifra is not None:
            for lembrete in provas.lembretes(deposito.cifra.para, datetime.now().astimezone()):
                relato.aviso(lembrete)
        for aviso in provas.se_deixou_de_cifrar(deposito):
            relato.aviso(aviso)
        yield deposito
