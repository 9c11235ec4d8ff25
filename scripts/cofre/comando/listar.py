"""A ação `listar`: o que há na pasta dos backups, sem falar com o servidor."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.config import ambiente
from cofre.base.relato import Relato
from cofre.comando.argumentos import opcao_de_empresa, opcoes_de_saida
from cofre.deposito.deposito import Deposito
from cofre.deposito.retrato import um_retrato
from cofre.rotina import listagem


def executar(opcoes: Namespace, relato: Relato) -> int:
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    limites = ambiente.limites()
    empresas = tuple(opcoes.empresa or ())
    with um_retrato():
        return listagem.listar(
            deposito,
            empresas,
            limites,
            relato,
            com_documento=bool(opcoes.json),
            com_fotos=opcoes.fotos,
            todos=opcoes.todos,
        )


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    opcao_de_fotos(analisador)
    analisador.add_argument(
        "--todos",
        action="store_true",
        help="de quem tem mais de 100 backups, mostra também os mais antigos um a um",
    )
    opcoes_de_saida(analisador, argparse.SUPPRESS)


def opcao_de_fotos(analisador: argparse.ArgumentParser) -> None:
    """--fotos."""
    analisador.add_argument(
        "--fotos",
        action="store_true",
        help="mostra uma a uma as fotos que as restaurações tiraram, e não as de cada dia juntas",
    )
