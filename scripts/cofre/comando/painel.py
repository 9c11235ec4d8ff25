"""A ação `painel`: refaz a página que mostra o estado de cada empresa."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.erros import NadaEncontrado
from cofre.base.palavras import exibir_pasta
from cofre.base.relato import Relato
from cofre.comando.argumentos import opcoes_de_saida
from cofre.deposito.deposito import Deposito
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.deposito.retrato import um_retrato
from cofre.rotina.painel import pagina


def executar(opcoes: Namespace, relato: Relato) -> int:
    with um_retrato():
        return _executar(opcoes, relato)


def _executar(opcoes: Namespace, relato: Relato) -> int:
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    for aviso in avisos_de_estranhos(deposito.raiz, deposito.pastas()):
        relato.aviso(aviso)
    limites = ambiente.limites()
    caminho = pagina.gravar(deposito, limites.idade, limites.promessas)
    if caminho is None:
        raise NadaEncontrado(
            f"Nenhum backup em {exibir_pasta(deposito.raiz)}/.",
            f"Faça o primeiro:\n  {comando(BACKUP)}",
        )
    relato.linha(f"📄 Página: {exibir_pasta(caminho)}")
    relato.linha("   Abra-a com dois cliques.")
    relato.documento({"acao": "painel", "codigo": 0, "arquivo": str(caminho)})
    return 0


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcoes_de_saida(analisador, argparse.SUPPRESS)
