"""A ação `chaves`: as que fecham e abrem os backups cifrados, e a que os assina."""

from __future__ import annotations

import argparse
import importlib
from argparse import Namespace

from cofre.base.relato import Relato
from cofre.comando.argumentos import opcoes_de_saida, uso_com

PEDIDOS = ("confiar",)
"""Cada um é um módulo ao lado, `chaves_<nome>`, que sabe `executar`."""


def executar(opcoes: Namespace, relato: Relato) -> int:
    modulo = importlib.import_module(f"cofre.comando.chaves_{opcoes.pedido}")
    codigo: int = modulo.executar(opcoes, relato)
    return codigo


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "confiar [CODIGO]")
    analisador.add_argument(
        "pedido",
        metavar="O_QUE",
        choices=PEDIDOS,
        help="confiar: diz que o código de um lacre é o da sua folha de recuperação",
    )
    analisador.add_argument(
        "codigo", metavar="CODIGO", nargs="?", help="com confiar: o código, como está na folha"
    )
    opcoes_de_saida(analisador, argparse.SUPPRESS)
