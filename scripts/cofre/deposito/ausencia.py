"""As empresas que têm backups e sumiram do banco: `ausencia.json` na pasta de cada uma.

Escreve-o o backup de todas, que é quem vê quais empresas há; os outros só o leem. O que se soube
deixa de valer quando a empresa volta a ter um backup, ou uma restauração a traz de volta.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cofre.base import estado
from cofre.base.disco import erros_de_disco
from cofre.deposito.diario import CONCLUIDA, diarios

ARQUIVO = "ausencia.json"


@dataclass(frozen=True, slots=True)
class Ausencia:
    """De quem se sabe que não está no banco, e desde quando (com fuso)."""

    user_id: str
    vista_em: datetime


def anotar(pasta: Path, user_id: str) -> None:
    """A empresa tem backups e não está mais no banco. Levanta FalhaDeDisco."""
    estado.gravar(pasta / ARQUIVO, Ausencia(user_id, datetime.now().astimezone()))


def esquecer(pasta: Path) -> None:
    """Está no banco, ou já não importa que não esteja. Levanta FalhaDeDisco."""
    with erros_de_disco(pasta):
        (pasta / ARQUIVO).unlink(missing_ok=True)


def ausente(pasta: Path, user_id: str, copiada_em: Iterable[datetime]) -> bool:
    """Se a empresa, que tem backups de rotina desses instantes, sumiu do banco, até onde se sabe;
    um arquivo que não se lê não diz nada."""
    lida = ler(pasta)
    if lida is None or lida.user_id != user_id:
        return False
    if any(quando > lida.vista_em for quando in copiada_em):
        return False
    desde = (d for d in diarios(pasta) if d.comecada_em > lida.vista_em)
    return not any(d.estado == CONCLUIDA and not d.desfazendo for d in desde)


def ler(pasta: Path) -> Ausencia | None:
    """O que está no arquivo desta pasta; None se não há, ou não se lê."""
    lida = estado.ler(pasta / ARQUIVO, Ausencia)
    return lida if lida and lida.vista_em.tzinfo is not None else None
