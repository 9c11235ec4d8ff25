"""A ação `desfazer-mudanca`: desfaz só o que mudou entre dois backups."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.relato import Relato
from cofre.comando.chave import com_chave_e_fotos
from cofre.comando.escolhidas import opcao_de_campos, opcao_de_tabelas, opcoes_de_simular
from cofre.comando.execucao import registrada


@registrada("restaurar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    """De entre que backups, e em que tabelas, ao que mudou de volta."""
    from cofre.restauracao import mudanca
    from cofre.restauracao.abertura import abrir_sessao
    from cofre.restauracao.conversa import Conversa

    with abrir_sessao(opcoes, relato) as sessao:
        conversa = Conversa(sessao)
        guardadas = sessao.guardadas(opcoes.empresa)
        guardada = guardadas[0] if opcoes.empresa else sessao.dialogo.empresa(guardadas)
        guardada = com_chave_e_fotos(sessao, guardada)
        pendente = sessao.diarios.pendente(guardada)
        if pendente is not None and not opcoes.simular:
            return conversa.resolver(guardada, pendente)
        antes, depois = mudanca.escolher(sessao, guardada)
        tabelas = mudanca.tabelas_dos_dois(antes, depois, opcoes.tabelas or (), relato)
        return conversa.desfazer_mudanca(guardada, antes, depois, tabelas)


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    analisador.add_argument(
        "--antes",
        metavar="QUANDO",
        help="o último backup de antes da mudança: '2026-11-24 03:00', 24/11, ou o carimbo",
    )
    analisador.add_argument(
        "--depois",
        metavar="QUANDO",
        help="o primeiro de depois dela (padrão: o que se fez a seguir ao de antes)",
    )
    opcao_de_tabelas(analisador, argparse.SUPPRESS, "só o que mudou nestas tabelas (padrão: todas)")
    opcao_de_campos(analisador, argparse.SUPPRESS)
    opcoes_de_simular(analisador, argparse.SUPPRESS)
