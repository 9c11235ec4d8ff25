"""A ação `clonar`: uma empresa levada a outro projeto."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cofre.base.erros import ConfiguracaoInvalida, ErroDeUso
from cofre.base.interprete import RAIZ
from cofre.base.modelo import ARQUIVOS
from cofre.base.perguntas import Perguntas, Voltar
from cofre.base.relato import Relato, RelatoSobre
from cofre.comando.argumentos import (
    caminho_de,
    opcao_de_arquivos,
    opcao_de_para,
    opcao_de_projeto,
)
from cofre.comando.chave import com_chave, com_chave_e_fotos
from cofre.comando.escolhidas import (
    opcao_de_backup,
    opcao_de_logins,
    opcao_de_tabelas,
    opcoes_de_simular,
)
from cofre.comando.execucao import registrada

if TYPE_CHECKING:
    from pathlib import Path

    from cofre.base.config.valores import Configuracao
    from cofre.clone.destino import Destino
    from cofre.deposito.backup import Backup
    from cofre.deposito.inventario import EmpresaComBackups
    from cofre.restauracao.sessao import Sessao

COSTUME = ".env.destino"
SEM_OPCOES: Mapping[str, Any] = {
    **dict.fromkeys(("para", "projeto", "backup", "tabelas", "logins")),
    **dict.fromkeys(("agora", "anonimizar", "sem_arquivos"), False),
}
"""O que vale para quem chega pelo diálogo, sem as opções desta ação."""
SERVEM = frozenset({0, 10, 13, 14})
"""Os códigos de um backup em que a empresa ficou inteira."""


@registrada("clonar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    """Da empresa que se escolhe ao projeto do outro .env."""
    from cofre.clone.clonagem import separadas
    from cofre.restauracao.abertura import abrir_sessao, configuracao_de
    from cofre.restauracao.vocabulario import CLONAR

    if opcoes.para is None and (opcoes.confirmar or opcoes.simular):
        raise ErroDeUso(
            "clonar precisa de --para: o arquivo .env do outro projeto.",
            f"Por exemplo: clonar --empresa X --para {COSTUME}",
        )
    if opcoes.agora and (opcoes.backup or not opcoes.empresa):
        raise ErroDeUso("--agora vai com --empresa, e sem --backup.")
    suas, _ = separadas(opcoes)
    configuracao = configuracao_de(suas)
    para = _destino(opcoes, relato, configuracao)
    if opcoes.agora and (codigo := _copiar_agora(suas, relato)) not in SERVEM:
        return codigo
    with abrir_sessao(suas, relato, configuracao) as daqui:
        daqui.dialogo = replace(daqui.dialogo, vocabulario=CLONAR)
        guardadas = daqui.guardadas(opcoes.empresa)
        while True:
            guardada = guardadas[0] if opcoes.empresa else daqui.dialogo.empresa(guardadas)
            with contextlib.suppress(Voltar):
                return _levar(opcoes, daqui, para, com_chave(suas, relato, guardada))
            relato.linha()


def da_empresa(daqui: Sessao, guardada: EmpresaComBackups) -> int:
    """Escolhida a empresa, pelo diálogo da restauração. Levanta Voltar, se se quer outra."""
    from cofre.restauracao.vocabulario import CLONAR

    opcoes, relato, de_antes = daqui.opcoes, daqui.relato.por_baixo, daqui.dialogo
    vars(opcoes).update({**SEM_OPCOES, **vars(opcoes)})
    daqui.dialogo = replace(de_antes, vocabulario=CLONAR)
    try:
        return _levar(opcoes, daqui, _destino(opcoes, relato, daqui.configuracao), guardada)
    finally:
        daqui.dialogo = de_antes


def _levar(opcoes: Namespace, daqui: Sessao, para: Destino, guardada: EmpresaComBackups) -> int:
    from cofre.clone import clonagem
    from cofre.restauracao.abertura import abrir_sessao

    _, de_la = clonagem.separadas(opcoes)
    de_la.para = para.env
    backup, tabelas = _escolher(opcoes, daqui, guardada)
    with abrir_sessao(de_la, daqui.relato.por_baixo, para.configuracao) as la:
        clone = clonagem.Clonagem(daqui, la, para, com_chave_e_fotos)
        return clone.clonar(guardada, backup, tabelas, anonimizar=opcoes.anonimizar)


def _escolher(
    opcoes: Namespace, daqui: Sessao, guardada: EmpresaComBackups
) -> tuple[Backup, tuple[str, ...]]:
    """De que backup e que tabelas vão. Levanta ErroDeUso, e o que `Sessao.escolher` levanta."""
    qual = opcoes.backup
    if opcoes.agora:
        de_rotina = (b for b in guardada.backups if b.meta and b.meta.de_rotina)
        qual = max(de_rotina, key=lambda b: b.ordem).carimbo
    backup, tabelas = _as_tabelas(daqui, guardada, qual, opcoes.tabelas)
    if not (opcoes.sem_arquivos or opcoes.anonimizar):
        return backup, tabelas
    if ARQUIVOS in tabelas and opcoes.tabelas:
        raise ErroDeUso(
            "O conteúdo dos arquivos não se anonimiza, e --tabelas pede-os."
            if opcoes.anonimizar
            else "--sem-arquivos não combina com pedi-los em --tabelas."
        )
    return backup, tuple(t for t in tabelas if t != ARQUIVOS)


def _as_tabelas(
    daqui: Sessao, guardada: EmpresaComBackups, qual: str | None, nomes: tuple[str, ...] | None
) -> tuple[Backup, tuple[str, ...]]:
    from cofre.restauracao.dialogo import QuerLevar, QuerUmRegistro

    while True:
        try:
            return daqui.escolher(guardada, qual, nomes)
        except (QuerLevar, QuerUmRegistro):
            daqui.relato.linha("   Aqui escolhem-se as tabelas que vão para o outro projeto.")


def _destino(opcoes: Namespace, relato: Relato, configuracao: Configuracao) -> Destino:
    """O das opções ou, sem elas, o que se responde. Levanta o que `destino.abrir` levanta."""
    from cofre.clone import destino

    if opcoes.para is not None:
        return destino.abrir(opcoes.para, configuracao)
    while True:
        env = _perguntar_env(relato)
        try:
            return destino.abrir(env, configuracao)
        except ConfiguracaoInvalida as e:
            for linha in (str(e), *e.dica.splitlines()):
                relato.linha(f"   {linha}")


def _perguntar_env(relato: Relato) -> Path:
    from cofre.restauracao import ajudas

    perguntas = Perguntas(relato, "Clonagem cancelada.", "Nada foi alterado.")
    costume = RAIZ / COSTUME
    dica = f" (Enter: {COSTUME})" if costume.is_file() else ""
    while not (dito := perguntas.resposta(f"O .env do outro projeto{dica}: ", ajudas.OUTRO_ENV)):
        if costume.is_file():
            return costume
    return caminho_de(dito.strip("\"'"))  # como o Explorador do Windows copia um caminho


def _copiar_agora(opcoes: Namespace, relato: Relato) -> int:
    """Um backup comum desta empresa, como se se pedisse à parte. Devolve o código dele."""
    from cofre.comando.acoes import ler_argumentos
    from cofre.comando.backup import rodar

    pedidas = ["--empresa", opcoes.empresa, *(["--sem-arquivos"] if opcoes.sem_arquivos else [])]
    do_backup, _ = ler_argumentos(pedidas)
    iguais = ("destino", "conexoes", "tentativas", "limite_por_segundo")
    vars(do_backup).update({nome: getattr(opcoes, nome) for nome in iguais})
    return rodar(do_backup, _SemDocumento(relato), continuando=False)


class _SemDocumento(RelatoSobre):
    """O documento desta execução é o da clonagem."""

    def documento(self, documento: Mapping[str, Any]) -> None:
        pass


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_para(analisador, "o .env do outro projeto, com a BACKUP_DIR dele")
    opcao_de_backup(analisador, argparse.SUPPRESS)
    analisador.add_argument(
        "--agora",
        action="store_true",
        help="a empresa como está agora: faz antes um backup dela, como outro qualquer",
    )
    opcao_de_tabelas(analisador, argparse.SUPPRESS)
    opcao_de_logins(
        analisador,
        argparse.SUPPRESS,
        "dos logins que faltam lá, os que vão: ids, e-mails, dono (padrão), todos, nenhum",
    )
    analisador.add_argument(
        "--anonimizar",
        action="store_true",
        help="troca nomes, documentos, e-mails, telefones e endereços, e diz o que não trocou; os"
        " arquivos não vão",
    )
    opcao_de_projeto(
        analisador,
        "o nome do projeto de destino, para não o perguntar quando ele parece em uso",
    )
    opcao_de_arquivos(analisador, None)
    opcoes_de_simular(analisador, argparse.SUPPRESS)
