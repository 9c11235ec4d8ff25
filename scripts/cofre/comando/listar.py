"""As ações que só olham a pasta dos backups: nenhuma fala com o servidor."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.relato import Relato
from cofre.comando.argumentos import Acao, opcao_de_empresa, opcoes_de_saida


def _listar(opcoes: Namespace, relato: Relato) -> int:
    from cofre.base.config import ambiente
    from cofre.deposito import listagem
    from cofre.deposito.deposito import Deposito

    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    limite = ambiente.limites().idade
    empresas = tuple(opcoes.empresa or ())
    return listagem.listar(deposito, empresas, limite, relato, com_documento=bool(opcoes.json))


def _opcoes_de_listar(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)


LISTAR = Acao(
    "listar",
    "mostra as empresas e os seus backups, sem falar com o servidor",
    _opcoes_de_listar,
    _listar,
)
