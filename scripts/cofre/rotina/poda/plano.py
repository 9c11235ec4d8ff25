"""O que uma poda apagaria de cada empresa, e o que apagou."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cofre.base.erros import BackupDanificado, TravaOcupada
from cofre.base.modelo import Empresa
from cofre.rotina.poda.retencao import BackupNaPoda


@dataclass(frozen=True, slots=True)
class PodaDeEmpresa:
    """O plano de uma empresa: os backups, do mais antigo ao mais novo; `libera`, em bytes, o que o
    disco ganha se saírem os que saem; `garantia`, o carimbo do completo mais novo, que fica.
    `conteudos`: os dos arquivos da empresa (pelo nome no disco) que então ninguém cita, e saem
    também; `presos`: por que não sai nenhum, se não se sabe quem cita o quê."""

    empresa: Empresa
    pasta: Path
    backups: tuple[BackupNaPoda, ...]
    libera: int
    garantia: str
    conteudos: frozenset[str] = frozenset()
    presos: str = ""

    @property
    def saem(self) -> tuple[BackupNaPoda, ...]:
        return tuple(b for b in self.backups if b.sai)

    @property
    def ha_o_que_apagar(self) -> bool:
        """Se sai algo."""
        return bool(self.saem or self.conteudos)


@dataclass(frozen=True, slots=True)
class ResumoDaPoda:
    """O que foi apagado: quantos backups, conteúdos de arquivos e bytes; `recusadas` e `ocupadas`,
    as empresas em que nada se apagou, por um dano e porque outra execução as usava (id → causa)."""

    apagados: int = 0
    conteudos: int = 0
    liberados: int = 0
    recusadas: Mapping[str, str] = field(default_factory=dict)
    ocupadas: Mapping[str, str] = field(default_factory=dict)

    @property
    def codigo(self) -> int:
        """O código de saída."""
        if self.recusadas:
            return BackupDanificado.codigo
        return TravaOcupada.codigo if self.ocupadas else 0
