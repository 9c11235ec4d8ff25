"""As ações de restaurar-empresa.py."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cofre.base.erros import ErroDeUso
from cofre.base.perguntas import Voltar
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    ESPERA,
    Analisador,
    Fazer,
    acoes_de,
    analisador_de,
    lista_de_nomes,
    opcao_de_esperar,
    opcoes_de_conexao,
    opcoes_de_saida,
)
from cofre.comando.execucao import registrada
from cofre.restauracao.perdas import PERDAS

if TYPE_CHECKING:
    from cofre.deposito.inventario import EmpresaComBackups
    from cofre.restauracao.conversa import Conversa
    from cofre.restauracao.sessao import Sessao


DESCRICAO = """\
Restaura UMA empresa a partir do backup dela, sem tocar nas outras.

Sem opções, pergunta a empresa, as tabelas e a confirmação.
"""


def ler_argumentos(argumentos: list[str]) -> tuple[Namespace, Fazer]:
    """As opções e a ação pedida. Levanta ErroDeUso."""
    opcoes = _analisador().parse_args(argumentos)
    if opcoes.acao is not None:
        _recusar_o_que_nao_e_da_acao(opcoes)
    if opcoes.detalhes and not opcoes.simular:
        raise ErroDeUso(
            "Não entendi o comando: --detalhes vai com --simular.",
            "No diálogo, c mostra os campos antes de confirmar.",
        )
    acoes: dict[str, Fazer] = {"desfazer": desfazer, "continuar": continuar}
    return opcoes, acoes[opcoes.acao] if opcoes.acao else restaurar


def _recusar_o_que_nao_e_da_acao(opcoes: Namespace) -> None:
    """Antes da ação, o argparse aceitaria as opções da restauração e as esqueceria."""
    dadas = {
        "--simular": opcoes.simular,
        "--detalhes": opcoes.detalhes,
        "--backup": opcoes.backup,
        "--tabelas": opcoes.tabelas,
        "--modo": opcoes.modo != "voltar",
        "--somar": opcoes.somar,
    }
    for nome, dada in dadas.items():
        if dada:
            raise ErroDeUso(f"Não entendi o comando: {opcoes.acao} não aceita {nome}.")


def _analisador() -> Analisador:
    analisador = analisador_de("restaurar-empresa.py", DESCRICAO)
    _opcoes(analisador, None)
    analisador.add_argument(
        "--backup",
        metavar="QUANDO",
        help="a data do backup: '2026-11-26 03:00', 26/11, ontem, ou o carimbo dele",
    )
    analisador.add_argument(
        "--tabelas", metavar="A,B", type=lista_de_nomes, help="só estas tabelas (padrão: todas)"
    )
    analisador.add_argument(
        "--modo",
        choices=("voltar", "recuperar"),
        default="voltar",
        metavar="MODO",
        help="voltar (padrão: fica como no backup) ou recuperar (só repõe o que falta)",
    )
    analisador.add_argument(
        "--somar",
        action="store_true",
        help="soma às --tabelas as que, no backup, dependem do que volta (senão, só se diz)",
    )
    analisador.add_argument(
        "--simular", action="store_true", help="só mostra o plano; sai com 9 se algo difere"
    )
    analisador.add_argument(
        "--detalhes",
        action="store_true",
        help="com --simular: também de quê para quê muda cada campo, e o nome do que volta e sai",
    )
    ajudas = {
        "desfazer": "volta a empresa ao que era antes da última restauração",
        "continuar": "conclui uma restauração que não terminou",
    }
    for _nome, acao in acoes_de(analisador, ajudas):
        _opcoes(acao, argparse.SUPPRESS)
    return analisador


def _opcoes(analisador: argparse.ArgumentParser, padrao: object) -> None:
    analisador.add_argument(
        "--empresa", metavar="QUAL", default=padrao, help="id, começo do id ou nome"
    )
    analisador.add_argument(
        "--confirmar",
        metavar="PALAVRA",
        default=padrao,
        help="RESTAURAR (ou DESFAZER, para desfazer), para não perguntar",
    )
    analisador.add_argument(
        "--efeitos",
        choices=("desfazer", "manter"),
        default=padrao,
        metavar="O_QUE",
        help="o que gatilhos mudarem em tabelas não escolhidas: desfazer ou manter",
    )
    analisador.add_argument(
        "--aceitar",
        metavar="PERDAS",
        type=_perdas,
        default=padrao,
        help="o que pode não voltar, sem perguntar: colunas (que o banco não tem mais), registros"
        " (que ele recusa), tabelas; separados por vírgula",
    )
    opcao_de_esperar(analisador, ESPERA if padrao is None else padrao)
    opcoes_de_saida(analisador, padrao)
    opcoes_de_conexao(analisador, padrao)


def _perdas(texto: str) -> tuple[str, ...]:
    nomes = lista_de_nomes(texto)
    if not set(nomes) <= set(PERDAS):
        raise argparse.ArgumentTypeError(f"use {', '.join(PERDAS)}")
    return nomes


@contextlib.contextmanager
def _conversando(opcoes: Namespace, relato: Relato) -> Iterator[tuple[Sessao, Conversa]]:
    """O que uma restauração usa só se carrega aqui: a ajuda não o espera."""
    from cofre.restauracao.conversa import Conversa
    from cofre.restauracao.sessao import abrir_sessao

    with abrir_sessao(opcoes, relato) as sessao:
        yield sessao, Conversa(sessao)


@registrada("restaurar")
def restaurar(opcoes: Namespace, relato: Relato) -> int:
    """O diálogo, ou o mesmo por opções."""
    with _conversando(opcoes, relato) as (sessao, conversa):
        guardadas = sessao.guardadas(opcoes.empresa)
        while True:
            guardada = guardadas[0] if opcoes.empresa else sessao.dialogo.empresa(guardadas)
            with contextlib.suppress(Voltar):
                return _da_empresa(opcoes, sessao, conversa, guardada)
            relato.linha()


def _da_empresa(
    opcoes: Namespace, sessao: Sessao, conversa: Conversa, guardada: EmpresaComBackups
) -> int:
    """Escolhida a empresa. Levanta Voltar, se se quer outra."""
    pendente = sessao.pendente(guardada)
    if pendente is not None and not opcoes.simular:
        return conversa.resolver(guardada, pendente)
    while True:
        backup, tabelas = sessao.escolher(guardada, opcoes.backup, opcoes.tabelas)
        try:
            return conversa.restaurar(guardada, backup, tabelas, opcoes.modo)
        except Voltar:
            sessao.desconectar()
            if opcoes.tabelas:
                raise


@registrada("desfazer")
def desfazer(opcoes: Namespace, relato: Relato) -> int:
    """Volta ao que era antes da última restauração."""
    from cofre.restauracao.sessao import desfazivel

    with _conversando(opcoes, relato) as (sessao, conversa):
        return conversa.desfazer(*sessao.a_unica(opcoes.empresa, "desfazer", desfazivel))


@registrada("continuar")
def continuar(opcoes: Namespace, relato: Relato) -> int:
    """Conclui a que não terminou."""
    from cofre.restauracao.sessao import por_concluir

    with _conversando(opcoes, relato) as (sessao, conversa):
        return conversa.concluir(*sessao.a_unica(opcoes.empresa, "continuar", por_concluir))
