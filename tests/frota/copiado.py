"""O que um backup copiou, para se comparar com o que outro copiou."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from apoio.execucao import linhas_salvas, metadados

EMPRESAS: Final = 60
TABELAS: Final = 4


def copiado(destino: Path) -> dict[str, dict[str, list[bytes]]]:
    """Por empresa e tabela, as linhas do único backup que há dela; AssertionError se há mais, ou se
    algum não está inteiro."""
    tudo: dict[str, dict[str, list[bytes]]] = {}
    for backup in metadados(destino):
        assert backup["user_id"] not in tudo, f"dois backups em {backup['pasta'].name}"
        assert backup["tabelas_falha"] == []
        tudo[backup["user_id"]] = {t: linhas_salvas(backup, t) for t in backup["tabelas"]}
    return tudo


def sem_sobras(destino: Path) -> bool:
    """Se nada de trabalho ficou nas pastas das empresas."""
    return not [p for p in destino.glob("empresa_*/.*") if p.is_dir()]
