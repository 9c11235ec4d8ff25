"""O que a tarefa que roda muitas vezes por dia só faz numa delas: podar, e contar as linhas sem
dono. `.tarefa.json`, na raiz dos backups, diz em que dia se fez por último."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cofre.base import estado

ARQUIVO = ".tarefa.json"


@dataclass(frozen=True, slots=True)
class _Feito:
    dia: date


def por_fazer(raiz: Path, hoje: date) -> bool:
    """Se ainda não se fez neste dia; um arquivo que não se lê não o diz."""
    lido = estado.ler(raiz / ARQUIVO, _Feito)
    return lido is None or lido.dia != hoje


def feita(raiz: Path, hoje: date) -> None:
    """Fez-se neste dia. Levanta FalhaDeDisco."""
    estado.gravar(raiz / ARQUIVO, _Feito(hoje))
