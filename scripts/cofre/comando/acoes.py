"""As ações de backup-por-empresa.py: como se chamam, e o que a ajuda diz de cada uma.

Cada uma é um módulo desta pasta, com o nome dela, que sabe `acrescentar_opcoes` e `executar`; só se
importa o da ação pedida, e por isso a ajuda é instantânea.
"""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.comandos import RESTAURACAO, comando
from cofre.comando import grupos
from cofre.comando.analisador import Analisador, acoes_de, analisador_de
from cofre.comando.argumentos import (
    CODIGOS,
    MANUAL,
    Fazer,
    opcao_da_frota,
    opcao_de_arquivos,
    opcao_de_cada,
    opcao_de_empresa,
    opcao_de_esperar,
    opcao_de_ler_tudo,
    opcao_de_tipo,
    opcao_de_um_instante,
    opcao_sem_logins,
    opcoes_de_conexao,
    opcoes_de_saida,
)
from cofre.comando.escolhidas import opcao_de_tabelas

DESCRICAO = """\
Backup isolado por empresa de um projeto Supabase.

Sem ação, faz o backup de todas as empresas, cada uma na sua pasta.
"""
SEM_ACAO = grupos.BACKUP


def ler_argumentos(argumentos: list[str]) -> tuple[Namespace, Fazer]:
    """As opções e a ação pedida. Levanta ErroDeUso."""
    opcoes = _analisador(argumentos).ler(argumentos)
    executar: Fazer = grupos.modulo_de(opcoes.acao or SEM_ACAO).executar
    return opcoes, executar


def _analisador(argumentos: list[str]) -> Analisador:
    analisador = analisador_de("backup-por-empresa.py", DESCRICAO, SEM_ACAO)
    _opcoes_do_backup(analisador, None)
    for nome, da_acao in acoes_de(analisador, grupos.DO_BACKUP, _da_restauracao):
        if nome == SEM_ACAO:
            da_acao.epilog = CODIGOS
            _opcoes_do_backup(da_acao, argparse.SUPPRESS)
        elif nome in argumentos:
            grupos.modulo_de(nome).acrescentar_opcoes(da_acao)
    return analisador


def _opcoes_do_backup(analisador: argparse.ArgumentParser, padrao: object) -> None:
    opcao_de_empresa(analisador, padrao)
    opcao_de_tabelas(analisador, padrao, "só estas tabelas, separadas por vírgula")
    opcao_de_arquivos(analisador, padrao)
    opcao_de_ler_tudo(analisador, padrao)
    opcao_de_um_instante(analisador, padrao)
    opcao_sem_logins(analisador, False if padrao is None else padrao)
    opcao_de_tipo(analisador, MANUAL if padrao is None else padrao)
    opcao_de_esperar(analisador, padrao)
    opcao_de_cada(analisador, padrao)
    opcoes_de_saida(analisador, padrao)
    opcoes_de_conexao(analisador, padrao)
    opcao_da_frota(analisador, padrao)


def _da_restauracao(acao: str) -> str:
    return comando(RESTAURACAO, acao) if grupos.existe(grupos.DA_RESTAURACAO, acao) else ""
