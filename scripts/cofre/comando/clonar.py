"""A ação `clonar`: uma empresa levada a outro projeto."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace

from cofre.base.erros import ErroDeUso
from cofre.base.modelo import ARQUIVOS
from cofre.base.perguntas import Voltar
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    lista_de_nomes,
    opcao_de_arquivos,
    opcao_de_para,
    opcoes_de_simular,
)
from cofre.comando.chave import com_chave, com_chave_e_fotos
from cofre.comando.execucao import registrada


@registrada("clonar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    """Da empresa que se escolhe ao projeto do outro .env."""
    from cofre.base.config import ambiente
    from cofre.clone import clonagem, destino
    from cofre.restauracao.sessao import abrir_sessao

    if opcoes.para is None:
        raise ErroDeUso(
            "clonar precisa de --para: o arquivo .env do outro projeto.",
            "Por exemplo: clonar --empresa X --para .env.destino",
        )
    configuracao = ambiente.carregar(destino=opcoes.destino)
    para = destino.abrir(opcoes.para, configuracao)
    suas, de_la = clonagem.separadas(opcoes)
    with abrir_sessao(suas, relato, configuracao) as daqui:
        guardadas = daqui.guardadas(opcoes.empresa)
        while True:
            guardada = guardadas[0] if opcoes.empresa else daqui.dialogo.empresa(guardadas)
            with contextlib.suppress(Voltar):
                guardada = com_chave(suas, relato, guardada)
                backup, tabelas = daqui.escolher(guardada, opcoes.backup, opcoes.tabelas)
                if opcoes.sem_arquivos:
                    tabelas = tuple(t for t in tabelas if t != ARQUIVOS)
                with abrir_sessao(de_la, relato, para.configuracao) as la:
                    clone = clonagem.Clonagem(daqui, la, para, configuracao, com_chave_e_fotos)
                    return clone.clonar(guardada, backup, tabelas)
            relato.linha()


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_para(analisador, "o .env do outro projeto, com a BACKUP_DIR dele")
    analisador.add_argument(
        "--backup",
        metavar="QUANDO",
        default=argparse.SUPPRESS,
        help="a data do backup: '2026-11-26 03:00', 26/11, ontem, ou o carimbo dele",
    )
    analisador.add_argument(
        "--tabelas",
        metavar="A,B",
        type=lista_de_nomes,
        default=argparse.SUPPRESS,
        help="só estas tabelas (padrão: todas)",
    )
    analisador.add_argument(
        "--logins",
        metavar="QUAIS",
        type=lista_de_nomes,
        default=argparse.SUPPRESS,
        help="dos logins que faltam lá, os que vão: ids, e-mails, dono (padrão), todos, nenhum",
    )
    analisador.add_argument(
        "--projeto",
        metavar="NOME",
        default=None,
        help="o nome do projeto de destino, para não o perguntar quando ele parece em uso",
    )
    opcao_de_arquivos(analisador, None)
    opcoes_de_simular(analisador, argparse.SUPPRESS)
