"""A ação `exportar`: levar o backup de uma empresa a outro lugar, num só arquivo."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from cofre.base.config import ambiente
from cofre.base.palavras import (
    como_se_diz,
    na_tela,
    numero,
    plural,
    tamanho,
    visivel,
)
from cofre.base.relato import Relato
from cofre.comando.argumentos import caminho_de, opcoes_de_saida, uso_com
from cofre.comando.chave import opcao_de_chave, ter_chave
from cofre.deposito.backup import Backup, completo
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import backup_pedido, guardadas
from cofre.deposito.verificacao import danos_de, recusar_danificado
from cofre.deposito.zip.exportacao import CSV, JSON, exportar
from cofre.deposito.zip.planilha import LINHAS_DO_EXCEL
from cofre.deposito.zip.saida import conferir_saida

FORMATOS = (JSON, CSV)


def executar(opcoes: Namespace, relato: Relato) -> int:
    """Confere o backup, e só então o leva."""
    arquivo = caminho_de(opcoes.arquivo)
    conferir_saida(arquivo, sobrescrever=opcoes.sobrescrever)
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    deposito.acabar_o_que_ficou()
    (guardada,) = guardadas(deposito, (opcoes.qual,))
    backup = backup_pedido(guardada, opcoes.backup)
    if opcoes.formato == CSV and backup.fechado:
        ter_chave(opcoes, relato, backup.para)
        backup = completo(backup)
    recusar_danificado(
        guardada, backup, list(danos_de(backup)), "--backup, com um carimbo de «listar»"
    )
    bytes_ = exportar(backup, arquivo, opcoes.formato, sobrescrever=opcoes.sobrescrever)
    relato.linha(f"📦 {visivel(guardada.empresa.nome)}: backup de {na_tela(backup.quando)}")
    _contar(backup, arquivo, bytes_, relato)
    if opcoes.formato == CSV:
        _do_csv(backup, relato)
    relato.documento(
        {
            "acao": "exportar",
            "codigo": 0,
            "empresa": guardada.empresa.id,
            "carimbo": backup.carimbo,
            "formato": opcoes.formato,
            "arquivo": str(arquivo),
            "bytes": bytes_,
        }
    )
    return 0


def _contar(backup: Backup, arquivo: Path, bytes_: int, relato: Relato) -> None:
    total = backup.meta.total if backup.meta else 0
    relato.linha(f"   {plural(total, 'registro', 'registros')}, {backup.estado}, conferido")
    relato.linha(f"✅ {visivel(str(arquivo))} ({tamanho(bytes_)})")


def _do_csv(backup: Backup, relato: Relato) -> None:
    """O que um CSV não faz, e o que o Excel não mostra dele."""
    relato.linha("ℹ️ CSV é para planilhas: não pode ser importado nem restaurado.")
    for tabela in backup.meta.tabelas.values() if backup.meta else ():
        if tabela.registros >= LINHAS_DO_EXCEL:
            relato.aviso(
                f"{como_se_diz(tabela.nome)}: o Excel só mostra {numero(LINHAS_DO_EXCEL)} linhas."
            )


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "EMPRESA ARQUIVO.zip")
    analisador.add_argument("qual", metavar="EMPRESA", help="id, começo do id ou nome")
    analisador.add_argument("arquivo", metavar="ARQUIVO.zip", help="o arquivo a criar")
    analisador.add_argument(
        "--backup",
        metavar="QUANDO",
        help="a data do backup: '2026-11-26 03:00', 26/11, ontem, ou o carimbo"
        " (padrão: o mais novo inteiro)",
    )
    analisador.add_argument(
        "--formato",
        metavar="FORMATO",
        choices=FORMATOS,
        default=FORMATOS[0],
        help="json (padrão: pode ser importado) ou csv (para planilhas)",
    )
    analisador.add_argument(
        "--sobrescrever", action="store_true", help="troca o arquivo, se ele já existe"
    )
    opcao_de_chave(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
