"""A ação `reconhecer`: o que encolheu, ou a empresa que sumiu, foi de propósito."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.config import ambiente
from cofre.base.erros import ErroDeUso
from cofre.base.palavras import na_tela, visivel
from cofre.base.relato import Relato
from cofre.comando.argumentos import opcao_de_empresa, opcoes_de_saida
from cofre.comando.execucao import registrada
from cofre.deposito import inventario
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups
from cofre.rotina.encolhimento import ponto_de_partida, reconhecer


@registrada("reconhecer")
def executar(opcoes: Namespace, relato: Relato) -> int:
    if not opcoes.empresa and not opcoes.todas:
        raise ErroDeUso("Diga a empresa.", "Com --empresa: id, começo do id ou nome; ou --todas.")
    if opcoes.empresa and opcoes.todas:
        raise ErroDeUso("Não entendi o comando: --todas não combina com --empresa.")
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    guardadas = inventario.guardadas(deposito, tuple(opcoes.empresa or ()))
    documentos = [_uma(g, relato) for g in guardadas]
    relato.documento({"acao": "reconhecer", "codigo": 0, "empresas": documentos})
    return 0


def _uma(guardada: EmpresaComBackups, relato: Relato) -> dict[str, str]:
    """Reconhece uma empresa; sem backup de rotina, não há o que reconhecer."""
    empresa = guardada.empresa
    ultimo = ponto_de_partida(reversed(guardada.backups))
    if ultimo is None:
        relato.linha(f"ℹ️ {visivel(empresa.nome)}: não há backup de rotina, nada a reconhecer.")
        return {"id": empresa.id, "nome": empresa.nome, "a_partir_de": ""}
    reconhecer(guardada.pasta, empresa.id, ultimo)
    relato.linha(
        f"✅ {visivel(empresa.nome)}: daqui em diante, compara-se com o backup de"
        f" {na_tela(ultimo.quando)}."
    )
    return {"id": empresa.id, "nome": empresa.nome, "a_partir_de": ultimo.carimbo}


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    analisador.add_argument(
        "--todas", action="store_true", help="todas as empresas com backup, em vez de --empresa"
    )
    opcoes_de_saida(analisador, argparse.SUPPRESS)
