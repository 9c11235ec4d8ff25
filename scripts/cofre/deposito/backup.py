"""Um backup no disco: o carimbo, os arquivos e os metadados, lidos quando se precisa."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.deposito import metadados, versao1
from cofre.deposito.carimbo import nome_dos_metadados
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.metadados import SEM_CONTAGEM, Metadados, TabelaSalva
from cofre.deposito.ordem import Ordem, instante

MAIOR_NOME = 255
"""Bytes do nome de um arquivo, nos discos de hoje."""


@dataclass(frozen=True, slots=True)
class Backup:
    """Um backup publicado; `dano` diz por que os metadados não se leem (aí não há `meta`)."""

    pasta: Path
    carimbo: str
    meta: Metadados | None
    dano: str = ""

    @property
    def quando(self) -> datetime:
        """Quando foi feito, na hora local; a do nome, se os metadados não dizem o fuso."""
        return instante(self.meta, self.carimbo)

    @property
    def ordem(self) -> Ordem:
        """O que o põe antes ou depois de outro."""
        return self.quando, self.carimbo

    @property
    def estado(self) -> str:
        """«completo», «incompleto», «só algumas tabelas» ou «danificado»."""
        if self.meta is None:
            return "danificado"
        if self.meta.falhas:
            return "incompleto"
        return "completo" if self.meta.inteiro else "só algumas tabelas"

    def caminho(self, tabela: TabelaSalva) -> Path:
        """O arquivo da tabela. Levanta BackupDanificado se o nome sai da pasta."""
        nome = tabela.arquivo
        if len(nome.encode("utf-8", "replace")) > MAIOR_NOME:
            raise BackupDanificado(f"Os metadados citam um nome longo demais: {nome[:40]!r}...")
        caminho = self.pasta / nome
        if (
            re.search(r"[/\\:\0\ud800-\udfff]", nome)
            or nome in ("", ".", "..")
            or caminho.is_symlink()
        ):
            raise BackupDanificado(f"Os metadados citam um arquivo fora da pasta: {nome!r}.")
        return caminho

    def arquivo(self, tabela: TabelaSalva) -> Arquivo:
        """A tabela, e os textos dela. Levanta BackupDanificado se um nome sai da pasta."""
        textos = self.caminho(tabela.textos) if tabela.textos is not None else None
        return Arquivo(tabela, self.caminho(tabela), textos)


def arquivo_de_metadados(pasta: Path, carimbo: str) -> Path:
    """Onde estão os metadados de um backup publicado."""
    return pasta / nome_dos_metadados(carimbo)


def abrir_backup(pasta: Path, carimbo: str) -> Backup:
    """O backup com este carimbo; o que não se lê vem com o `dano`."""
    arquivo = arquivo_de_metadados(pasta, carimbo)
    try:
        meta = metadados.ler(arquivo)
        if meta.da_primeira_versao:
            salvas = {
                nome: TabelaSalva(nome, achado, SEM_CONTAGEM, elos=versao1.ELOS)
                for nome, achado in versao1.arquivos(pasta, carimbo).items()
            }
            meta = msgspec.structs.replace(meta, tabelas=salvas)
        return Backup(pasta, carimbo, meta)
    except BackupDanificado as e:
        return Backup(pasta, carimbo, None, str(e))
    except OSError as e:
        return Backup(pasta, carimbo, None, f"{arquivo.name}: {e.strerror}")
