"""Os backups de uma empresa, cada um só aberto quando se chega a ele: com milhares deles, quase
nada do que se pergunta a uma lista precisa de mais do que se lembra (ver `ordem`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.ordem import Lembrado, lembrado_de


class Guardados(Sequence[Backup]):
    """Backups de uma pasta, na ordem dada; `lembrados` diz deles o que se sabe sem os abrir."""

    __slots__ = ("_abertos", "_pasta", "lembrados")

    def __init__(self, pasta: Path, lembrados: Sequence[Lembrado]) -> None:
        self._pasta = pasta
        self.lembrados = lembrados
        self._abertos: dict[str, Backup] = {}

    def __len__(self) -> int:
        return len(self.lembrados)

    @overload
    def __getitem__(self, qual: int) -> Backup: ...

    @overload
    def __getitem__(self, qual: slice) -> Guardados: ...

    def __getitem__(self, qual: int | slice) -> Backup | Guardados:
        if isinstance(qual, slice):
            return self.estes(self.lembrados[qual])
        return self._aberto(self.lembrados[qual].carimbo)

    def __iter__(self) -> Iterator[Backup]:
        return (self._aberto(lembrado.carimbo) for lembrado in self.lembrados)

    def _aberto(self, carimbo: str) -> Backup:
        if carimbo not in self._abertos:
            self._abertos[carimbo] = self._abrir(carimbo)
        return self._abertos[carimbo]

    def _abrir(self, carimbo: str) -> Backup:
        aberto = abrir_backup(self._pasta, carimbo)
        anterior = next(reversed(self._abertos.values()), None)
        if aberto.meta is not None and anterior is not None and anterior.meta is not None:
            aberto.meta.repartir(anterior.meta)
        return aberto

    def estes(self, lembrados: Sequence[Lembrado]) -> Guardados:
        """Só estes, nesta ordem; o que já se abriu continua aberto."""
        outros = Guardados(self._pasta, lembrados)
        outros._abertos = self._abertos
        return outros


def lembrados_de(backups: Sequence[Backup]) -> Sequence[Lembrado]:
    """O que se sabe de cada um, sem abrir nenhum que ainda não o esteja."""
    if isinstance(backups, Guardados):
        return backups.lembrados
    return [lembrado_de(b.meta, b.carimbo, b.meta.tabelas if b.meta else ()) for b in backups]


def estes(backups: Sequence[Backup], lembrados: Sequence[Lembrado]) -> Sequence[Backup]:
    """Só os que assim se lembram, nesta ordem."""
    if isinstance(backups, Guardados):
        return backups.estes(lembrados)
    por_carimbo = {b.carimbo: b for b in backups}
    return tuple(por_carimbo[lembrado.carimbo] for lembrado in lembrados)


def que(backups: Sequence[Backup], servem: Callable[[Lembrado], bool]) -> Sequence[Backup]:
    """Só os que servem, pelo que se sabe deles."""
    return estes(backups, [lembrado for lembrado in lembrados_de(backups) if servem(lembrado)])


def tabelas_em(backups: Sequence[Backup]) -> Counter[str]:
    """Em quantos destes backups está cada tabela."""
    contadas: Counter[str] = Counter()
    for conjunto, quantos in Counter(b.tabelas for b in lembrados_de(backups)).items():
        contadas.update(dict.fromkeys(conjunto or (), quantos))
    for sem_dizer in que(backups, lambda b: b.legivel and b.tabelas is None):
        contadas.update(sem_dizer.meta.tabelas if sem_dizer.meta else ())
    return contadas
