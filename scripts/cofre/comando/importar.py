"""A ação `importar`: um .zip exportado de volta à sua pasta."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.config import ambiente
from cofre.base.palavras import exibir_pasta, plural, visivel
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    caminho_de,
    minutos_de,
    opcao_de_esperar,
    opcao_do_lacre,
    opcoes_de_saida,
    uso_com,
)
from cofre.comando.execucao import registrada
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import esperar
from cofre.deposito.zip.importacao import Importado, importar


@registrada("importar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    arquivo = caminho_de(opcoes.arquivo)
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino), acao="importação")
    with deposito.trabalhando():
        espera = esperar(minutos_de(opcoes), relato)
        feito = importar(arquivo, deposito, espera, codigo_do_lacre=opcoes.codigo_do_lacre or "")
    meta = feito.meta
    _contar(feito, relato)
    relato.documento(
        {
            "acao": "importar",
            "codigo": 0,
            "empresa": meta.user_id,
            "nome": meta.empresa.nome,
            "pasta": str(feito.backup.pasta),
            "carimbo": feito.backup.carimbo,
            "ja_estava": feito.ja_estava,
        }
    )
    return 0


def _contar(feito: Importado, relato: Relato) -> None:
    backup, meta = feito.backup, feito.meta
    onde = f"{exibir_pasta(backup.pasta)}/ ({backup.carimbo})"
    relato.linha(f"📦 {visivel(meta.empresa.nome)}  ({visivel(meta.user_id)})")
    relato.linha(f"   {plural(meta.total, 'registro', 'registros')}, {backup.estado}, conferido")
    if feito.ja_estava:
        relato.linha(f"✅ Já estava em {onde}: nada a fazer")
        return
    relato.linha(f"✅ Guardado em {onde}")
    if backup.carimbo != feito.carimbo_de_origem:
        relato.linha(f"   O carimbo {feito.carimbo_de_origem} já era de outro backup.")
    relato.linha("ℹ️ Para restaurar:")
    relato.linha(f"   {comando(RESTAURACAO, '--empresa', meta.user_id)}")


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "ARQUIVO.zip")
    analisador.add_argument("arquivo", metavar="ARQUIVO.zip", help="um arquivo feito por exportar")
    opcao_do_lacre(analisador, None)
    opcao_de_esperar(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
