"""Uma tabela em cada backup que a tem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cofre.base.palavras import visivel
from cofre.deposito.backup import Backup
from cofre.deposito.metadados import Metadados
from cofre.deposito.tabela_salva import TabelaSalva

Avisar = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Guardada:
    """Uma tabela num backup."""

    backup: Backup
    meta: Metadados
    tabela: str

    @property
    def salva(self) -> TabelaSalva:
        """O que os metadados dizem dela."""
        return self.meta.tabelas[self.tabela]

    @property
    def caminho(self) -> Path:
        """O arquivo. Levanta BackupDanificado."""
        return self.backup.caminho(self.salva)

    @property
    def conteudo(self) -> str:
        """O que duas com o mesmo conteúdo têm igual: a soma; sem ela (primeira versão), cada uma é
        um."""
        return self.meta.soma_de(self.tabela) or self.backup.carimbo

    def ilegivel(self, erro: Exception) -> str:
        """O que se diz de um arquivo que não se lê."""
        return f"{visivel(self.salva.arquivo)} não se lê, e ficou de fora: {erro}"


def guardadas_de(backups: Sequence[Backup], tabela: str) -> list[Guardada]:
    """A tabela em cada backup que a tem, na ordem deles."""
    return [Guardada(b, b.meta, tabela) for b in backups if b.meta and tabela in b.meta.tabelas]
