"""A ação `chaves`: as que fecham e abrem os backups cifrados, e a que os assina."""

from __future__ import annotations

import argparse
import importlib
from argparse import Namespace

from cofre.base.relato import Relato
from cofre.comando.argumentos import opcoes_de_saida, uso_com

CIFRAR = "CIFRAR"
PEDIDOS = ("criar", "testar", "trocar", "confiar")
"""Cada um é um módulo ao lado, `chaves_<nome>`, que sabe `executar`."""


def executar(opcoes: Namespace, relato: Relato) -> int:
    modulo = importlib.import_module(f"cofre.comando.chaves_{opcoes.pedido}")
    codigo: int = modulo.executar(opcoes, relato)
    return codigo


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "criar | testar | trocar | confiar [CODIGO]")
    analisador.add_argument(
        "pedido",
        metavar="O_QUE",
        choices=PEDIDOS,
        help="criar: duas chaves e as folhas delas; testar: prova que se tem uma e que abre os"
        " backups; trocar: outras duas; confiar: o código de um lacre é o da sua folha",
    )
    analisador.add_argument(
        "codigo", metavar="CODIGO", nargs="?", help="com confiar: o código, como está na folha"
    )
    for papel, de_quem in (("dono", "do dono"), ("reserva", "de reserva")):
        analisador.add_argument(
            f"--folha-{papel}",
            metavar="PASTA",
            help=f"com criar ou trocar: onde gravar a folha {de_quem} (um pendrive)",
        )
    analisador.add_argument(
        "--confirmar",
        choices=(CIFRAR,),
        metavar="PALAVRA",
        help=f"{CIFRAR}, com criar ou trocar, para não perguntar: as chaves leem-se de volta das"
        " folhas gravadas",
    )
    from cofre.comando.chave import opcao_de_chave  # só com esta ação

    opcao_de_chave(analisador, None)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
