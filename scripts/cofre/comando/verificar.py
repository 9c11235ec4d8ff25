"""A ação `verificar`: relê os backups e diz o que está danificado."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.config import ambiente
from cofre.base.erros import ErroDeUso
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    opcao_de_empresa,
    opcoes_de_saida,
)
from cofre.comando.chave import opcao_de_chave, se_ha_arquivo
from cofre.comando.copia import opcao_de_destino
from cofre.comando.escolhidas import opcao_de_tabelas
from cofre.comando.listar import opcao_de_fotos
from cofre.comando.verificar_copia import parte_de, verificar_copia
from cofre.deposito import conferidos
from cofre.deposito.deposito import Deposito


def executar(opcoes: Namespace, relato: Relato) -> int:
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    if opcoes.copia:
        return verificar_copia(opcoes, deposito, relato)
    if opcoes.parte or opcoes.copia_em:
        raise ErroDeUso("--parte e --copia-em são da cópia fora: falta --copia.")
    deposito.acabar_o_que_ficou()
    se_ha_arquivo(opcoes, relato)
    escolha = (tuple(opcoes.empresa or ()), tuple(opcoes.tabelas or ()))
    return conferidos.verificar(deposito, *escolha, relato, com_fotos=opcoes.fotos)


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    opcao_de_tabelas(analisador, argparse.SUPPRESS, "só estas tabelas, separadas por vírgula")
    opcao_de_fotos(analisador)
    opcao_de_chave(analisador, argparse.SUPPRESS)
    analisador.add_argument(
        "--copia", action="store_true", help="confere a cópia fora daqui, e não os backups daqui"
    )
    analisador.add_argument(
        "--parte",
        metavar="N/T",
        type=parte_de,
        help="com --copia: baixa e soma N de cada T arquivos, outros a cada dia (1/1: todos)",
    )
    opcao_de_destino(analisador)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
