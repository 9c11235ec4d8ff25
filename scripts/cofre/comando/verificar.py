"""A ação `verificar`: relê os backups e diz o que está danificado."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.config import ambiente
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    opcao_de_empresa,
    opcao_de_tabelas,
    opcoes_de_saida,
)
from cofre.comando.chave import opcao_de_chave, se_ha_arquivo
from cofre.comando.listar import opcao_de_fotos
from cofre.deposito import verificacao
from cofre.deposito.deposito import Deposito


def executar(opcoes: Namespace, relato: Relato) -> int:
    se_ha_arquivo(opcoes, relato)
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    escolha = (tuple(opcoes.empresa or ()), tuple(opcoes.tabelas or ()))
    return verificacao.verificar(deposito, *escolha, relato, com_fotos=opcoes.fotos)


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    opcao_de_tabelas(analisador, argparse.SUPPRESS)
    opcao_de_fotos(analisador)
    opcao_de_chave(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
