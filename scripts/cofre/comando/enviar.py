"""A ação `enviar`: leva a cada destino da cópia o que lhe falta."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.erros import Interrompido
from cofre.base.relato import Relato
from cofre.comando.argumentos import opcoes_de_saida
from cofre.comando.copia import (
    codigo_de,
    destinos_de,
    documento_de,
    exigir_so_pastas,
    opcao_de_destino,
    remetente_de,
)
from cofre.comando.execucao import registrada
from cofre.deposito.deposito import Deposito
from cofre.remoto.copia import copiar
from cofre.rotina.painel.pagina import atualizar_painel


@registrada("enviar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino), acao="envio")
    destinos = destinos_de(opcoes, relato)
    if opcoes.em_claro:
        exigir_so_pastas(destinos)
    remetente = remetente_de(opcoes, deposito, relato)
    try:
        with deposito.trabalhando(), relato.acompanhando():
            feitos = copiar(remetente, destinos)
    except KeyboardInterrupt:
        raise Interrompido(
            "Interrompido.",
            "O que já foi, ficou lá inteiro. Para continuar de onde parou:\n"
            f"  {comando(BACKUP, 'enviar')}",
        ) from None
    limites = ambiente.limites()
    atualizar_painel(deposito, relato, limites.idade, limites.promessas)
    relato.documento({"acao": "enviar", **documento_de(feitos)})
    return codigo_de(feitos)


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_destino(analisador)
    analisador.add_argument(
        "--em-claro",
        action="store_true",
        help="leva também os backups que não estão cifrados, se o destino é uma pasta",
    )
    analisador.add_argument(
        "--comecar",
        action="store_true",
        help="começa outra cópia num destino que está vazio e já teve uma (outro disco)",
    )
    opcoes_de_saida(analisador, argparse.SUPPRESS)
