"""A ação `continuar`: o que falta do último backup, se ele parou antes do fim."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    opcao_da_frota,
    opcao_de_arquivos,
    opcao_de_esperar,
    opcoes_de_conexao,
    opcoes_de_saida,
)
from cofre.comando.backup import rodar
from cofre.comando.execucao import registrada


@registrada("backup", avisa=True)
def executar(opcoes: Namespace, relato: Relato) -> int:
    """O resto do backup que parou."""
    return rodar(opcoes, relato, continuando=True)


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_arquivos(analisador, argparse.SUPPRESS)
    opcao_de_esperar(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
    opcoes_de_conexao(analisador, argparse.SUPPRESS)
    opcao_da_frota(analisador, argparse.SUPPRESS)
