"""As ações de restaurar-empresa.py."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cofre.base.comandos import BACKUP, comando
from cofre.base.erros import ErroDeUso
from cofre.base.perguntas import Voltar
from cofre.base.relato import Relato
from cofre.comando import grupos
from cofre.comando.analisador import ACHAR, LEVAR, Analisador, acoes_de, analisador_de
from cofre.comando.argumentos import (
    CODIGOS,
    ESPERA,
    Fazer,
    lista_de_nomes,
    opcao_de_esperar,
    opcao_de_para,
    opcao_de_projeto,
    opcao_do_lacre,
    opcoes_de_conexao,
    opcoes_de_saida,
)
from cofre.comando.chave import com_chave_e_fotos, opcao_de_chave
from cofre.comando.escolhidas import (
    opcao_de_backup,
    opcao_de_campos,
    opcao_de_logins,
    opcao_de_tabelas,
    opcoes_de_simular,
)
from cofre.comando.execucao import registrada
from cofre.restauracao.perdas import PERDAS

if TYPE_CHECKING:
    from cofre.deposito.inventario import EmpresaComBackups
    from cofre.restauracao.conversa import Conversa
    from cofre.restauracao.escolha import Escolha
    from cofre.restauracao.sessao import Sessao


DESCRICAO = """\
Restaura UMA empresa a partir do backup dela, sem tocar nas outras.

Sem opções, pergunta a empresa, as tabelas e a confirmação.
"""
SEM_ACAO = grupos.RESTAURAR
_SUAS = {
    "registro": ("--simular", "--detalhes", "--backup"),
    "desfazer-mudanca": ("--simular", "--detalhes", "--tabelas", "--campos"),
    "clonar": ("--simular", "--detalhes", "--backup", "--tabelas", "--logins"),
}
"""Das opções da restauração, as que uma destas ações também leva."""
A_PARTE = (*grupos.DA_RESTAURACAO[ACHAR], *grupos.DA_RESTAURACAO[LEVAR])
"""As que têm o seu módulo, com o nome delas."""


def ler_argumentos(argumentos: list[str]) -> tuple[Namespace, Fazer]:
    """As opções e a ação pedida. Levanta ErroDeUso."""
    opcoes = _analisador(argumentos).ler(argumentos)
    if opcoes.acao == SEM_ACAO:
        opcoes.acao = None
    if opcoes.acao is not None:
        _recusar_o_que_nao_e_da_acao(opcoes)
    if opcoes.detalhes and not opcoes.simular:
        raise ErroDeUso(
            "Não entendi o comando: --detalhes vai com --simular.",
            "No diálogo, c mostra os campos antes de confirmar.",
        )
    if opcoes.acao in A_PARTE:
        executar: Fazer = grupos.modulo_de(opcoes.acao).executar
        return opcoes, executar
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
        "--campos": opcoes.campos,
        "--linhas": opcoes.linhas,
        "--chaves": opcoes.chaves,
        "--logins": opcoes.logins,
    }
    suas = _SUAS.get(opcoes.acao, ())
    for nome, dada in dadas.items():
        if dada and nome not in suas:
            raise ErroDeUso(f"Não entendi o comando: {opcoes.acao} não aceita {nome}.")


def _analisador(argumentos: list[str]) -> Analisador:
    analisador = analisador_de("restaurar-empresa.py", DESCRICAO, SEM_ACAO)
    _opcoes_da_restauracao(analisador, None)
    for nome, acao in acoes_de(analisador, grupos.DA_RESTAURACAO, _do_backup):
        if nome == SEM_ACAO:
            acao.epilog = CODIGOS
            _opcoes_da_restauracao(acao, argparse.SUPPRESS)
            continue
        _opcoes(acao, argparse.SUPPRESS)
        if nome in A_PARTE and nome in argumentos:
            grupos.modulo_de(nome).acrescentar_opcoes(acao)
        elif nome in ("desfazer", "continuar"):
            opcao_de_para(acao, "o .env do outro projeto, se foi nele que se clonou")
            opcao_de_projeto(
                acao, "o nome deste projeto, se é o mesmo em que se começou por outro endereço"
            )
    return analisador


def _do_backup(acao_do_backup: str) -> str:
    existe = grupos.existe(grupos.DO_BACKUP, acao_do_backup)
    return comando(BACKUP, acao_do_backup) if existe else ""


def _opcoes_da_restauracao(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """Com o `padrao` SUPPRESS, o que se disse antes da ação não se perde."""
    nada = False if padrao is None else padrao
    _opcoes(analisador, padrao)
    opcao_de_backup(analisador, padrao)
    opcao_de_tabelas(analisador, padrao)
    analisador.add_argument(
        "--modo",
        choices=("voltar", "recuperar"),
        default="voltar" if padrao is None else padrao,
        metavar="MODO",
        help="voltar (padrão: fica como no backup) ou recuperar (só repõe o que falta)",
    )
    analisador.add_argument(
        "--somar",
        action="store_true",
        default=nada,
        help="soma às --tabelas as que, no backup, dependem do que volta (senão, só se diz)",
    )
    opcao_de_logins(
        analisador,
        padrao,
        "dos logins que faltam, os que voltam: ids, e-mails, dono (padrão), todos, nenhum",
    )
    opcao_de_campos(analisador, padrao)
    _opcoes_de_registros(analisador, padrao)
    opcoes_de_simular(analisador, padrao)


def _opcoes_de_registros(analisador: argparse.ArgumentParser, padrao: object) -> None:
    analisador.add_argument(
        "--linhas",
        metavar="QUAIS",
        action="append",
        default=padrao,
        help='só os registros assim no backup: "tabela: coluna=valor" (pode repetir)',
    )
    analisador.add_argument(
        "--chaves",
        metavar="ARQUIVO",
        default=padrao,
        help='só os registros destas chaves, uma por linha: {"tabela": "vendas", "chave":'
        ' {"id": 12}}',
    )


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
        " (que ele recusa), tabelas; e baldes, que se criam de novo; separados por vírgula",
    )
    opcao_do_lacre(analisador, padrao)
    opcao_de_esperar(analisador, ESPERA if padrao is None else padrao)
    opcao_de_chave(analisador, padrao)
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
    from cofre.restauracao.abertura import abrir_sessao
    from cofre.restauracao.conversa import Conversa

    with abrir_sessao(opcoes, relato) as sessao:
        yield sessao, Conversa(sessao)


@registrada("restaurar")
def restaurar(opcoes: Namespace, relato: Relato) -> int:
    """O diálogo, ou o mesmo por opções."""
    from cofre.restauracao.escolha import escolha_de

    escolha = escolha_de(opcoes)
    with _conversando(opcoes, relato) as (sessao, conversa):
        guardadas = sessao.guardadas(opcoes.empresa)
        while True:
            guardada = guardadas[0] if opcoes.empresa else sessao.dialogo.empresa(guardadas)
            with contextlib.suppress(Voltar):
                return _da_empresa(opcoes, sessao, conversa, guardada, escolha)
            relato.linha()


def _da_empresa(
    opcoes: Namespace,
    sessao: Sessao,
    conversa: Conversa,
    guardada: EmpresaComBackups,
    escolha: Escolha | None,
) -> int:
    """Escolhida a empresa. Levanta Voltar, se se quer outra."""
    guardada = com_chave_e_fotos(sessao, guardada)
    pendente = sessao.diarios.pendente(guardada)
    if pendente is not None and not opcoes.simular:
        return conversa.resolver(guardada, pendente)
    from cofre.restauracao.dialogo import QuerLevar, QuerUmRegistro

    while True:
        try:
            backup, tabelas = sessao.escolher(guardada, opcoes.backup, opcoes.tabelas, escolha)
        except QuerUmRegistro:
            acao = grupos.modulo_de("registro")
            with contextlib.suppress(Voltar):
                codigo: int = acao.da_empresa(sessao, conversa, guardada, volta=True)
                return codigo
            continue
        except QuerLevar:
            with contextlib.suppress(Voltar):
                levada: int = grupos.modulo_de("clonar").da_empresa(sessao, guardada)
                return levada
            continue
        recortar = escolha.recortar if escolha else None
        try:
            return conversa.restaurar(guardada, backup, tabelas, opcoes.modo, recortar)
        except Voltar:
            sessao.desconectar()
            if opcoes.tabelas:
                raise


@registrada("desfazer")
def desfazer(opcoes: Namespace, relato: Relato) -> int:
    """Volta ao que era antes da última restauração."""
    from cofre.deposito.diario import desfazivel

    with _conversando(opcoes, relato) as (sessao, conversa):
        guardada, diario = sessao.diarios.a_unica(opcoes.empresa, "desfazer", desfazivel)
        return conversa.desfazer(com_chave_e_fotos(sessao, guardada), diario)


@registrada("continuar")
def continuar(opcoes: Namespace, relato: Relato) -> int:
    """Conclui a que não terminou."""
    from cofre.deposito.diario import por_concluir

    with _conversando(opcoes, relato) as (sessao, conversa):
        guardada, diario = sessao.diarios.a_unica(opcoes.empresa, "continuar", por_concluir)
        return conversa.concluir(com_chave_e_fotos(sessao, guardada), diario)
