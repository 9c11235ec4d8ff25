"""A ação `importar`: um .zip exportado de volta à sua pasta."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from cofre.base.config import ambiente
from cofre.base.palavras import exibir_pasta, plural, visivel
from cofre.base.relato import Relato
from cofre.comando.argumentos import opcoes_de_saida, uso_com
from cofre.comando.execucao import registrada
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import travar
from cofre.deposito.zip.importacao import importar


@registrada("importar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    arquivo = Path(opcoes.arquivo).expanduser().absolute()
    destino = ambiente.pasta_de_backups(destino=opcoes.destino)
    with travar(destino, "importação"):
        deposito = Deposito(destino)
        deposito.preparar()
        feito = importar(arquivo, deposito)
    backup, meta = feito.backup, feito.meta
    relato.linha(f"📦 {visivel(meta.nome)}  ({visivel(meta.user_id)})")
    relato.linha(f"   {plural(meta.total, 'registro', 'registros')}, {backup.estado}, conferido")
    if feito.ja_estava:
        relato.linha(
            f"✅ Já estava em {exibir_pasta(backup.pasta)}/ ({backup.carimbo}): nada a fazer"
        )
    else:
        relato.linha(f"✅ Guardado em {exibir_pasta(backup.pasta)}/ ({backup.carimbo})")
        if backup.carimbo != feito.carimbo_de_origem:
            relato.linha(f"   O carimbo {feito.carimbo_de_origem} já era de outro backup.")
        relato.linha("ℹ️ Para restaurar:")
        relato.linha(f"   python scripts/restaurar-empresa.py --empresa {visivel(meta.user_id)}")
    relato.documento(
        {
            "acao": "importar",
            "codigo": 0,
            "empresa": meta.user_id,
            "nome": meta.nome,
            "pasta": str(backup.pasta),
            "carimbo": backup.carimbo,
            "ja_estava": feito.ja_estava,
        }
    )
    return 0


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "ARQUIVO.zip")
    analisador.add_argument("arquivo", metavar="ARQUIVO.zip", help="um arquivo feito por exportar")
    opcoes_de_saida(analisador, argparse.SUPPRESS)
