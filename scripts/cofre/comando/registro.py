"""A ação `registro`: achar um registro nos backups e trazer só ele de volta."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cofre.base.perguntas import Voltar
from cofre.base.relato import Relato
from cofre.busca.deste_projeto import so_deste
from cofre.busca.procura import Achados, procurar
from cofre.comando import procurar as acao_procurar
from cofre.comando.chave import com_chave_e_fotos
from cofre.comando.escolhidas import opcoes_de_simular
from cofre.comando.execucao import registrada
from cofre.deposito.inventario import EmpresaComBackups

if TYPE_CHECKING:
    from cofre.restauracao.conversa import Conversa
    from cofre.restauracao.sessao import Sessao


SEM_OPCOES: Mapping[str, object] = {
    "palavras": [],
    **dict.fromkeys(("tabela", "campo", "chave", "de", "ate")),
    "com_ligados": False,
    "sem_ligados": False,
}
"""O que vale para quem chega pelo diálogo, sem as opções desta ação."""


@registrada("restaurar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    """Do que se procura ao registro de volta."""
    from cofre.restauracao.abertura import abrir_sessao
    from cofre.restauracao.conversa import Conversa

    with abrir_sessao(opcoes, relato) as sessao:
        conversa = Conversa(sessao)
        guardadas = sessao.guardadas(opcoes.empresa)
        while True:
            guardada = guardadas[0] if opcoes.empresa else sessao.dialogo.empresa(guardadas)
            with contextlib.suppress(Voltar):
                return da_empresa(sessao, conversa, guardada, volta=not opcoes.empresa)
            relato.linha()


def da_empresa(
    sessao: Sessao, conversa: Conversa, guardada: EmpresaComBackups, *, volta: bool
) -> int:
    """Escolhida a empresa; `volta`: se se pode querer outra. Levanta Voltar, se se quer."""
    from cofre.restauracao.registro import PorRegistro

    opcoes, relato = sessao.opcoes, sessao.relato
    vars(opcoes).update({**SEM_OPCOES, **vars(opcoes)})
    guardada = com_chave_e_fotos(sessao, guardada)

    def achar(guardada: EmpresaComBackups, palavras: Sequence[str]) -> Achados:
        procura = acao_procurar.procura_de(opcoes, guardada, palavras)
        return procurar(guardada.backups, procura, relato.aviso)

    pendente = sessao.diarios.pendente(guardada)
    if pendente is not None and not opcoes.simular:
        return conversa.resolver(guardada, pendente)
    caminho = PorRegistro(sessao, conversa, achar, volta=volta)
    return caminho.restaurar(so_deste(guardada), opcoes.palavras)


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    acao_procurar.opcoes_de_procura(analisador)
    analisador.add_argument(
        "--backup",
        metavar="QUANDO",
        default=argparse.SUPPRESS,
        help="a versão deste backup (padrão: a última de antes de sumir ou de mudar)",
    )
    opcoes_de_simular(analisador, argparse.SUPPRESS)
    juntos = analisador.add_mutually_exclusive_group()
    juntos.add_argument(
        "--com-ligados",
        action="store_true",
        help="sem perguntar, com o que sumiu junto, o que perdeu a ligação e aquilo de que precisa",
    )
    juntos.add_argument(
        "--sem-ligados", action="store_true", help="só ele (é o padrão com --confirmar)"
    )
