"""As opções do que se escolhe de um backup, e de só ver o que se faria."""

from __future__ import annotations

import argparse

from cofre.comando.argumentos import lista_de_nomes


def opcao_de_backup(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--backup."""
    analisador.add_argument(
        "--backup",
        metavar="QUANDO",
        default=padrao,
        help="a data do backup: '2026-11-26 03:00', 26/11, ontem, ou o carimbo dele",
    )


def opcao_de_tabelas(
    analisador: argparse.ArgumentParser,
    padrao: object,
    ajuda: str = "só estas tabelas (padrão: todas)",
) -> None:
    """--tabelas."""
    analisador.add_argument(
        "--tabelas", metavar="A,B", type=lista_de_nomes, default=padrao, help=ajuda
    )


def opcao_de_campos(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--campos."""
    analisador.add_argument(
        "--campos",
        metavar="A,B",
        type=lista_de_nomes,
        default=padrao,
        help="só estas colunas, e só de registros que existem",
    )


def opcao_de_logins(analisador: argparse.ArgumentParser, padrao: object, ajuda: str) -> None:
    """--logins."""
    analisador.add_argument(
        "--logins", metavar="QUAIS", type=lista_de_nomes, default=padrao, help=ajuda
    )


def opcoes_de_simular(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--simular e --detalhes."""
    nada = False if padrao is None else padrao
    analisador.add_argument(
        "--simular",
        action="store_true",
        default=nada,
        help="só mostra o plano; sai com 9 se algo difere",
    )
    analisador.add_argument(
        "--detalhes",
        action="store_true",
        default=nada,
        help="com --simular: também de quê para quê muda cada campo, e o nome do que volta e sai",
    )
