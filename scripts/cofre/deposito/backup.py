"""Um backup no disco: o carimbo, os arquivos e os metadados, lidos quando se precisa."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cofre.base.erros import BackupDanificado
from cofre.deposito import metadados
from cofre.deposito.metadados import CARIMBO, METADADOS, SEM_CONTAGEM, Metadados, TabelaSalva

FORMATO_DO_CARIMBO = "%Y%m%d_%H%M%S"


@dataclass(frozen=True, slots=True)
class Backup:
    """Um backup publicado; `dano` diz por que os metadados não se leem (aí não há `meta`)."""

    pasta: Path
    carimbo: str
    meta: Metadados | None
    dano: str = ""

    @property
    def quando(self) -> datetime:
        """A hora local do carimbo."""
        return momento(self.carimbo)

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
        caminho = self.pasta / nome
        if re.search(r"[/\\:\0]", nome) or nome in ("", ".", "..") or caminho.is_symlink():
            raise BackupDanificado(f"Os metadados citam um arquivo fora da pasta: {nome!r}.")
        return caminho


def momento(carimbo: str) -> datetime:
    """A hora local de um carimbo."""
    return datetime.strptime(carimbo, FORMATO_DO_CARIMBO).astimezone()


def arquivo_de_metadados(pasta: Path, carimbo: str) -> Path:
    """Onde estão os metadados de um backup publicado."""
    return pasta / f"{METADADOS}{carimbo}.json"


def abrir_backup(pasta: Path, arquivo: Path, carimbo: str) -> Backup:
    try:
        meta = metadados.ler(arquivo)
        if meta.versao == 1:
            meta = replace(meta, tabelas=tabelas_da_primeira_versao(pasta, arquivo, carimbo))
        return Backup(pasta, carimbo, meta)
    except BackupDanificado as e:
        return Backup(pasta, carimbo, None, str(e))
    except OSError as e:
        return Backup(pasta, carimbo, None, f"{arquivo.name}: {e.strerror}")


def tabelas_da_primeira_versao(
    pasta: Path, metadados_: Path, carimbo: str
) -> dict[str, TabelaSalva]:
    """A primeira versão não dizia os arquivos, e cada um tinha o seu carimbo: são os gravados
    depois do backup anterior da pasta e até os metadados deste."""
    outros = {p.stem.removeprefix(METADADOS) for p in pasta.glob(f"{METADADOS}*.json")}
    anterior = max((c for c in outros if c < carimbo), default="")
    tabelas: dict[str, TabelaSalva] = {}
    for arquivo in sorted(pasta.glob("*.json")):
        casa = re.fullmatch(rf"(.+)_({CARIMBO})\.json", arquivo.name)
        if casa and arquivo != metadados_ and anterior < casa[2] <= carimbo:
            tabelas[casa[1]] = TabelaSalva(casa[1], arquivo.name, SEM_CONTAGEM)
    return tabelas
