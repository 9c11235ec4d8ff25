"""A chave que abre: o único lugar que a lê de um arquivo ou a pede a quem está no terminal.

Fica só na memória deste processo, e só se pede quando é precisa.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cofre.base.config import ambiente
from cofre.base.config.cifragem import NOME_DA_QUE_ABRE
from cofre.base.disco import ler_ficha
from cofre.base.erros import Cancelada, ErroDeUso
from cofre.base.interprete import RAIZ
from cofre.base.palavras import em_linhas
from cofre.base.relato import Relato
from cofre.comando.argumentos import caminho_de
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.chaves import ChaveQueAbre, ChaveQueFecha, ler_que_abre
from cofre.deposito.cifra.linhas import completar, e_a_primeira
from cofre.deposito.guardados import Guardados, lembrados_de, que
from cofre.deposito.inventario import EmpresaComBackups
from cofre.deposito.ordem import CIFRADO

if TYPE_CHECKING:
    from cofre.restauracao.sessao import Sessao

OPCAO = "--chave-arquivo"
VEZES = 3
"""Quantas vezes se pede a chave a quem a digita."""
_AJUDA = (
    "A da folha de recuperação, ou a do arquivo dela (a linha AGE-SECRET-KEY-1…): inteira, ou uma"
    " linha da folha de cada vez, com as duas letras do fim. Maiúsculas, espaços e hífens não"
    " importam."
)
CIFRADOS = "Estes backups estão cifrados."
FOTOS = "A foto que a restauração tira fecha-se com as chaves do .env, e é preciso abri-la."


def opcao_de_chave(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--chave-arquivo."""
    analisador.add_argument(
        OPCAO,
        metavar="ARQUIVO",
        default=padrao,
        help=f"o arquivo da chave que abre os backups cifrados (senão, {NOME_DA_QUE_ABRE}; senão, é"
        " perguntada)",
    )


def ter_chave(
    opcoes: Namespace, relato: Relato, para: Sequence[ChaveQueFecha], motivo: str = CIFRADOS
) -> None:
    """Não volta sem uma chave que abra o que estas fecharam: a que já há, a do arquivo dito, ou a
    que se digitar sem aparecer; o `motivo` é por que se pede. Levanta FaltaChave, ErroDeUso,
    Cancelada ou DependenciaAusente."""
    if _ha(para):
        return
    for arquivo in _arquivos(opcoes):
        chaveiro.guardar(_do_arquivo(arquivo, opcoes))
        if _ha(para):
            return
        motivo += f" A chave de {arquivo} não serve."
    _perguntar(relato, para, motivo)


def _ha(para: Sequence[ChaveQueFecha]) -> bool:
    return any(chave.publica in para for chave in chaveiro.que_abrem())


def se_ha_arquivo(opcoes: Namespace, relato: Relato) -> None:
    """Para quem passa sem a chave: a do arquivo dito, se algum o foi; o do .env pode não estar no
    lugar. Levanta ErroDeUso ou DependenciaAusente."""
    dito = getattr(opcoes, "chave_arquivo", None)
    for arquivo in _arquivos(opcoes):
        if dito or arquivo.exists():
            chaveiro.guardar(_do_arquivo(arquivo, opcoes))
        else:
            relato.aviso(f"O arquivo da chave que abre não está em {arquivo}: segue-se sem ele.")


def com_chave(opcoes: Namespace, relato: Relato, guardada: EmpresaComBackups) -> EmpresaComBackups:
    """A empresa com os backups cifrados abertos; a chave pede-se para o mais novo deles. Os que
    outra chave fechou continuam fechados. Levanta como `ter_chave`."""
    cifrados = que(guardada.backups, lambda b: CIFRADO in b.sinais)
    fechado = next((b for b in reversed(cifrados) if b.fechado), None)
    if fechado is None:
        return guardada
    ter_chave(opcoes, relato, fechado.para)
    return abertos(guardada)


def com_chave_e_fotos(sessao: Sessao, guardada: EmpresaComBackups) -> EmpresaComBackups:
    """O mesmo, para restaurar: o plano sai da foto de agora, que se fecha com as chaves do .env, e
    também essa é preciso abrir. Levanta como `ter_chave`."""
    guardada = com_chave(sessao.opcoes, sessao.relato, guardada)
    if sessao.para_as_fotos:
        ter_chave(sessao.opcoes, sessao.relato, sessao.para_as_fotos, FOTOS)
    return guardada


def abertos(guardada: EmpresaComBackups) -> EmpresaComBackups:
    """A mesma, com os cifrados lidos de novo, com as chaves que agora há."""
    todos = lembrados_de(guardada.backups)
    return replace(guardada, backups=Guardados(guardada.pasta, todos))


def _arquivos(opcoes: Namespace) -> list[Path]:
    """O da opção e o do .env, os que se disseram."""
    dito, outro = getattr(opcoes, "chave_arquivo", None), getattr(opcoes, "para", None)
    ditas = [ambiente.cifragem(), *([ambiente.cifragem(outro=outro)] if outro else [])]
    return [*([caminho_de(dito)] if dito else []), *(c.chave for c in ditas if c.chave)]


def recusar_lugar(arquivo: Path, opcoes: Namespace) -> None:
    """Levanta ErroDeUso se o caminho está no projeto ou na pasta dos backups."""
    pasta = ambiente.pasta_de_backups(destino=opcoes.destino)
    inteiro = arquivo.resolve()
    for proibida, nome in ((RAIZ, "do projeto"), (pasta, "dos backups")):
        if inteiro.is_relative_to(proibida.resolve()):
            raise ErroDeUso(
                f"O arquivo da chave que abre está dentro da pasta {nome}: {arquivo}",
                "Quem levasse os backups levaria a chave. Tire-o daí: para um pendrive, ou para uma"
                " pasta que não se copie junto.",
            )


def _do_arquivo(arquivo: Path, opcoes: Namespace) -> ChaveQueAbre:
    recusar_lugar(arquivo, opcoes)
    try:
        return ler_que_abre(ler_ficha(arquivo).decode("utf-8-sig", "replace"))
    except OSError as e:
        raise ErroDeUso(
            f"Não consegui ler o arquivo da chave, {arquivo}: {e.strerror or e}.",
            f"Confira {OPCAO} ou {NOME_DA_QUE_ABRE}. O pendrive está no lugar?",
        ) from e


def _perguntar(relato: Relato, para: Sequence[ChaveQueFecha], motivo: str) -> None:
    """A chave inteira, ou linha a linha, como está na folha."""

    def escondida(pergunta: str) -> str:
        while True:
            dita = relato.perguntar_escondido(f"{pergunta} (não aparece na tela; q sai): ")
            if dita is None:
                raise FaltaChave(motivo, para)
            if dita.lower() == "q":
                raise Cancelada("Cancelado.", "Nada foi alterado.")
            if dita != "?":
                return dita
            relato.linha(em_linhas(f"   {_AJUDA}", relato.largura))

    def recusar(erro: ErroDeUso) -> None:
        # A cura de FaltaChave é dar-lhe a chave, que é o que se está a fazer.
        for texto in (f"❌ {erro}", "" if isinstance(erro, FaltaChave) else erro.dica):
            if texto:
                relato.linha(em_linhas(f"   {texto}", relato.largura))

    for falta in reversed(range(VEZES)):
        dita = escondida(f"🔑 {motivo} Digite a chave que abre")
        inteira = completar(escondida, recusar) if e_a_primeira(dita) else dita
        try:
            _guardar(ler_que_abre(inteira), para)
            break
        except ErroDeUso as e:
            if not falta:
                raise
            recusar(e)


def _guardar(chave: ChaveQueAbre, para: Sequence[ChaveQueFecha]) -> None:
    if chave.publica not in para:
        raise FaltaChave(f"Essa chave abre {chave.publica.texto}, e não o que se quer.", para)
    chaveiro.guardar(chave)
