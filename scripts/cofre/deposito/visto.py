"""Até quando cada backup continuou a ser o que a empresa era: `visto_igual.json` na pasta dela.

A tarefa que roda mais de uma vez por dia não faz outro backup da empresa em que nada mudou: anota
aqui que a viu igual. É o que diz a idade de verdade do backup mais novo e por quanto tempo, nos
últimos dias, ninguém olhou. Nunca é preciso para restaurar: perdido, vale a data de cada backup.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from cofre.base import estado
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import ANOS

ARQUIVO = "visto_igual.json"
GUARDADOS = timedelta(days=35)
"""Além disto, o que se viu já não entra em conta nenhuma."""


class Visto(msgspec.Struct, frozen=True, kw_only=True):
    """Um backup que se viu igual ao banco: a última vez (com fuso) e, em segundos, o maior tempo
    entre duas vistas seguidas, a contar do próprio backup."""

    ate: datetime
    maior: float = 0.0


@dataclass(frozen=True, slots=True)
class Vistos:
    """O arquivo de uma empresa: de cada backup (carimbo), o que se viu."""

    user_id: str
    vistos: dict[str, Visto]


def anotar(backup: Backup, user_id: str, quando: datetime) -> None:
    """Em `quando`, o banco tinha o que este backup tem. Com a trava da empresa na mão. Levanta
    FalhaDeDisco."""
    antes = ler(backup.pasta, user_id)
    havia = antes.get(backup.carimbo) or Visto(ate=backup.quando)
    passou = (quando - havia.ate).total_seconds()
    agora = Visto(ate=max(quando, havia.ate), maior=max(havia.maior, passou))
    ficam = {c: v for c, v in antes.items() if quando - v.ate < GUARDADOS}
    estado.gravar(backup.pasta / ARQUIVO, Vistos(user_id, {**ficam, backup.carimbo: agora}))


def ler(pasta: Path, user_id: str) -> Mapping[str, Visto]:
    """Carimbo → o que se viu. Um arquivo que não se lê, ou é de outra empresa, vale como nenhum: as
    idades são as dos backups."""
    lidos = estado.ler(pasta / ARQUIVO, Vistos)
    if lidos is None or lidos.user_id != user_id:
        return {}
    return {c: v for c, v in lidos.vistos.items() if _serve(v)}


def _serve(visto: Visto) -> bool:
    with contextlib.suppress(ValueError, OverflowError):
        return visto.ate.tzinfo is not None and visto.ate.year in ANOS and visto.maior >= 0
    return False


def visto_em(backup: Backup) -> datetime | None:
    """A última vez em que este backup se viu igual ao banco; None se nunca, ou antes de feito."""
    visto = ler(backup.pasta, backup.meta.user_id).get(backup.carimbo) if backup.meta else None
    return visto.ate.astimezone() if visto and visto.ate > backup.quando else None
