"""Até quando se sabe que o que está no banco está num backup, e quanto tempo já se passou sem isso:
`cobertura.json`, na pasta de cada empresa.

A tarefa que roda mais de uma vez por dia não faz outro backup da empresa em que nada mudou: anota
aqui que a viu igual, e é isso que diz a idade de verdade do mais novo. E de cada dia fica o maior
tempo sem cobertura que nele acabou, que os backups, depois de uma poda, já não dizem. Nunca é
preciso para restaurar: perdido, valem as datas dos backups que há.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from cofre.base import estado
from cofre.base.erros import BackupDanificado
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.carimbo import ANOS
from cofre.deposito.metadados import Cabecalho, ler_cabecalho
from cofre.deposito.ordem import em_ordem

ARQUIVO = "cobertura.json"
DIAS = 30
"""De quantos dias é a conta do maior tempo sem cobertura."""
FOLGA = timedelta(minutes=10)
"""Quanto o relógio de outra máquina pode estar à frente do desta; o que se diz visto depois disso,
foi um relógio errado que o disse."""


class Cobertura(msgspec.Struct, frozen=True, kw_only=True):
    """O `carimbo` do backup inteiro mais novo, e `ate` quando (com fuso) se sabe que o banco era o
    que ele tem; dia → o maior tempo, em segundos, que nele acabou, entre duas vezes seguidas."""

    user_id: str
    carimbo: str
    ate: datetime
    lacunas: dict[date, float] = {}

    @property
    def presta(self) -> bool:
        """Se as datas se podem comparar, e são de um ano que todo sistema sabe mostrar."""
        tempos = self.lacunas.values()
        return self.ate.tzinfo is not None and self.ate.year in ANOS and min(tempos, default=0) >= 0

    def maior(self, agora: datetime) -> timedelta | None:
        """O maior tempo sem cobertura que acabou nos últimos DIAS; None se só há um backup."""
        desde = agora.astimezone().date() - timedelta(days=DIAS)
        tempos = [s for dia, s in self.lacunas.items() if dia >= desde]
        return timedelta(seconds=max(tempos)) if tempos else None

    def com(self, carimbo: str, quando: datetime) -> Cobertura:
        """A mesma, depois de se saber que em `quando` o banco era o que está neste backup."""
        dia = quando.astimezone().date()
        # Um relógio adiantado, entretanto acertado, não pode dizer que já se viu o que há de vir.
        ate = self.ate if quando < self.ate <= datetime.now().astimezone() else quando
        passou = max((quando - self.ate).total_seconds(), 0.0)
        ficam = {d: s for d, s in self.lacunas.items() if dia - d <= timedelta(days=DIAS)}
        lacunas = {**ficam, dia: max(ficam.get(dia, 0.0), passou)}
        return Cobertura(user_id=self.user_id, carimbo=carimbo, ate=ate, lacunas=lacunas)


def anotar(backup: Backup, user_id: str, quando: datetime) -> timedelta:
    """Em `quando`, o banco era o que está neste backup, inteiro. Devolve quanto tempo se passou
    desde a vez anterior (nada, se não houve). Com a trava da empresa na mão. Levanta FalhaDeDisco.
    """
    # Um backup que acaba de nascer não é a vez anterior dele mesmo.
    sem = backup.carimbo if quando <= backup.quando else ""
    antes = ler(backup.pasta, user_id, sem=sem)
    if antes is None:
        nova = Cobertura(user_id=user_id, carimbo=backup.carimbo, ate=quando)
    else:
        nova = antes.com(backup.carimbo, quando)
    # É uma por empresa a cada quarto de hora: a que uma queda cortar não se lê, e não faz falta.
    estado.gravar(backup.pasta / ARQUIVO, nova, esperar=False)
    return max(quando - antes.ate, timedelta()) if antes else timedelta()


def ler(pasta: Path, user_id: str, *, sem: str = "") -> Cobertura | None:
    """O que se sabe desta empresa; None se não tem backup inteiro. Um arquivo que não se lê, ou é
    de outra, vale como nenhum: faz-se a conta com os backups que há (menos o `sem`)."""
    return anotada(pasta, user_id) or _dos_backups(pasta, user_id, sem)


def visto_em(backup: Backup) -> datetime | None:
    """A última vez em que este backup se viu igual ao banco; None se nunca, depois de feito."""
    lida = anotada(backup.pasta, backup.meta.user_id) if backup.meta else None
    if lida is None or lida.carimbo != backup.carimbo or lida.ate <= backup.quando:
        return None
    visto = lida.ate.astimezone()
    return visto if visto <= datetime.now().astimezone() + FOLGA else None


def ha(pasta: Path) -> bool:
    """Se já se anota o desta empresa."""
    return (pasta / ARQUIVO).exists()


def anotada(pasta: Path, user_id: str) -> Cobertura | None:
    """Só o que está no arquivo, sem procurar nos backups."""
    lida = estado.ler(pasta / ARQUIVO, Cobertura)
    return lida if lida is not None and lida.user_id == user_id and lida.presta else None


def _dos_backups(pasta: Path, user_id: str, sem: str) -> Cobertura | None:
    cobertura: Cobertura | None = None
    desde = datetime.now().astimezone() - timedelta(days=DIAS)
    for quando, carimbo in _inteiros(pasta, user_id):
        if carimbo == sem:
            continue
        if cobertura is None or quando < desde:
            cobertura = Cobertura(user_id=user_id, carimbo=carimbo, ate=quando)
        else:
            cobertura = cobertura.com(carimbo, quando)
    return cobertura


def _inteiros(pasta: Path, user_id: str) -> Iterator[tuple[datetime, str]]:
    """Os inteiros e de rotina destes DIAS, e o último de antes, do mais antigo ao mais novo."""
    with contextlib.suppress(OSError):
        ordens = em_ordem(pasta)
        desde = datetime.now().astimezone() - timedelta(days=DIAS)
        antigos = [o for o in ordens if o[0] < desde]
        ultimo = next((o for o in reversed(antigos) if _inteiro(pasta, o[1], user_id)), None)
        if ultimo is not None:
            yield ultimo
        yield from (o for o in ordens[len(antigos) :] if _inteiro(pasta, o[1], user_id))


def _inteiro(pasta: Path, carimbo: str, user_id: str) -> bool:
    lido = _cabecalho(pasta, carimbo)
    return lido is not None and lido.user_id == user_id and lido.inteiro and lido.de_rotina


def _cabecalho(pasta: Path, carimbo: str) -> Cabecalho | None:
    with contextlib.suppress(BackupDanificado, OSError):
        return ler_cabecalho(arquivo_de_metadados(pasta, carimbo))
    return None
