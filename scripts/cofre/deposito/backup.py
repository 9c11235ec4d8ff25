"""Um backup no disco: o carimbo, os arquivos e os metadados, lidos quando se precisa."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from cofre.base.disco import ler_ficha
from cofre.base.erros import BackupDanificado
from cofre.base.palavras import na_tela
from cofre.deposito import metadados, versao1
from cofre.deposito.carimbo import nome_dos_metadados
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.detalhes import abrir_com_a_chave
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.metadados import Metadados
from cofre.deposito.ordem import Ordem, carimbos_em_ordem, instante
from cofre.deposito.tabela_salva import SEM_CONTAGEM, TabelaSalva

MAIOR_NOME = 255
"""Bytes do nome de um arquivo, nos discos de hoje."""


@dataclass(frozen=True, slots=True)
class Backup:
    """Um backup publicado; `dano` diz por que os metadados não se leem (aí não há `meta`).
    `fechado`: está cifrado, e deles só se tem o que é legível sem a chave. `ficha`: o sha256 dos
    bytes de que se leram."""

    pasta: Path
    carimbo: str
    meta: Metadados | None
    dano: str = ""
    fechado: bool = False
    ficha: str = ""

    @property
    def cifrado(self) -> bool:
        """Se está cifrado, aberto ou não."""
        return self.meta is not None and self.meta.cifrado is not None

    @property
    def de_outro_projeto(self) -> bool:
        """Se veio do depósito de outro projeto (ver `traslado`)."""
        return self.meta is not None and bool(self.meta.clone_de)

    @property
    def para(self) -> tuple[ChaveQueFecha, ...]:
        """As chaves que fecharam um cifrado."""
        cifrado = self.meta.cifrado if self.meta else None
        return tuple(map(ChaveQueFecha, cifrado.para)) if cifrado else ()

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
        caminho = self.pasta / _nome_da_pasta(tabela)
        if caminho.is_symlink():
            raise _de_fora(tabela)
        return caminho

    def informacao(self, tabela: TabelaSalva) -> os.stat_result:
        """O que o disco diz do arquivo da tabela. Levanta como `caminho`; OSError passa."""
        info = os.lstat(f"{self.pasta}{os.sep}{_nome_da_pasta(tabela)}")
        if stat.S_ISLNK(info.st_mode):
            raise _de_fora(tabela)
        return info

    def arquivo(self, tabela: TabelaSalva) -> Arquivo:
        """A tabela, e os textos dela. Levanta BackupDanificado se um nome sai da pasta."""
        textos = self.caminho(tabela.textos) if tabela.textos is not None else None
        return Arquivo(tabela, self.caminho(tabela), textos)


_SAI_DA_PASTA = re.compile(r"[/\\:\0\ud800-\udfff]")


def _nome_da_pasta(tabela: TabelaSalva) -> str:
    """O nome do arquivo. Levanta BackupDanificado se não pode ser o de um da pasta."""
    nome = tabela.arquivo
    if len(nome.encode("utf-8", "replace")) > MAIOR_NOME:
        raise BackupDanificado(f"Os metadados citam um nome longo demais: {nome[:40]!r}...")
    if nome in ("", ".", "..") or _SAI_DA_PASTA.search(nome):
        raise _de_fora(tabela)
    return nome


def _de_fora(tabela: TabelaSalva) -> BackupDanificado:
    return BackupDanificado(f"Os metadados citam um arquivo fora da pasta: {tabela.arquivo!r}.")


def arquivo_de_metadados(pasta: Path, carimbo: str) -> Path:
    """Onde estão os metadados de um backup publicado."""
    return pasta / nome_dos_metadados(carimbo)


def abrir_backup(pasta: Path, carimbo: str) -> Backup:
    """O backup com este carimbo; o que não se lê vem com o `dano`."""
    arquivo = arquivo_de_metadados(pasta, carimbo)
    try:
        dados = ler_ficha(arquivo)
        soma = hashlib.sha256(dados).hexdigest()
        meta = metadados.de_bytes(dados, arquivo.name)
        if meta.cifrado is not None:
            return _cifrado(Backup(pasta, carimbo, meta, fechado=True, ficha=soma), meta, dados)
        if meta.da_primeira_versao:
            salvas = {
                nome: TabelaSalva(nome, achado, SEM_CONTAGEM, elos=versao1.ELOS)
                for nome, achado in versao1.arquivos(pasta, carimbo).items()
            }
            meta = msgspec.structs.replace(meta, tabelas=salvas)
        return Backup(pasta, carimbo, meta, ficha=soma)
    except BackupDanificado as e:
        return Backup(pasta, carimbo, None, str(e))
    except OSError as e:
        return Backup(pasta, carimbo, None, f"{arquivo.name}: {e.strerror}")


def do_mais_novo(pasta: Path) -> Iterator[Backup]:
    """Os backups de uma pasta, do mais novo ao mais antigo, abertos só quando se pedem. OSError
    passa, e logo."""
    return (abrir_backup(pasta, carimbo) for carimbo in reversed(carimbos_em_ordem(pasta)))


def completo(backup: Backup) -> Backup:
    """O mesmo backup, com tudo o que os metadados dizem: de um cifrado, lido agora com a chave que
    abre. Levanta FaltaChave; o que se estragou vem com o `dano`."""
    if not backup.fechado:
        return backup
    lido = abrir_backup(backup.pasta, backup.carimbo)
    if lido.fechado:
        raise FaltaChave(f"O backup de {na_tela(lido.quando)} está cifrado.", lido.para)
    return lido


def _cifrado(backup: Backup, legiveis: Metadados, ficha: bytes) -> Backup:
    """Aberto, se se tem a chave. Levanta BackupDanificado; OSError passa."""
    detalhes = next(iter(legiveis.dos_detalhes), None)
    if detalhes is None or not all(t.cifrado for t in legiveis.tabelas.values()):
        raise BackupDanificado(f"{nome_dos_metadados(backup.carimbo)} está danificado: falta parte")
    caminho = backup.caminho(detalhes)
    meta = abrir_com_a_chave(caminho, ficha, legiveis)
    return backup if meta is None else replace(backup, meta=meta, fechado=False)
