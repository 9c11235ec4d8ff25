"""A ação `trazer`: um backup de volta da cópia fora, também num computador que acabou de nascer."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.erros import Interrompido
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    opcao_de_empresa,
    opcao_de_esperar,
    opcoes_de_saida,
)
from cofre.comando.chave import opcao_de_chave
from cofre.comando.copia import opcao_de_destino
from cofre.comando.execucao import registrada
from cofre.comando.vinda import Vinda
from cofre.deposito.deposito import Deposito


@registrada("trazer")
def executar(opcoes: Namespace, relato: Relato) -> int:
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino), acao="vinda")
    try:
        with deposito.trabalhando():
            return Vinda(opcoes, deposito, relato).fazer()
    except KeyboardInterrupt:
        raise Interrompido(
            "Interrompido.",
            "O que já se baixou fica, e a próxima vez continua dali:\n"
            f"  {comando(BACKUP, 'trazer')}",
        ) from None


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_destino(analisador)
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    analisador.add_argument(
        "--todas", action="store_true", help="traz o backup mais novo de todas as empresas"
    )
    analisador.add_argument(
        "--backup", metavar="DATA", help="o backup desta data (padrão: o mais novo inteiro)"
    )
    analisador.add_argument(
        "--codigo",
        metavar="CODIGO",
        action="append",
        help="o código de quem assina, como está na folha de recuperação (pode repetir)",
    )
    analisador.add_argument(
        "--confirmar", action="store_true", help="não pergunta nada: vale o que as opções dizem"
    )
    opcao_de_chave(analisador, argparse.SUPPRESS)
    opcao_de_esperar(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
