"""O carimbo de um backup: a hora local em que foi feito, no nome de cada arquivo dele."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

METADADOS = "backup_metadata_"
CARIMBO = r"[0-9]{8}_[0-9]{6}"
"""A forma de um carimbo, como expressão regular."""
FORMATO_DO_CARIMBO = "%Y%m%d_%H%M%S"


def momento(carimbo: str) -> datetime:
    """A hora local de um carimbo. Levanta ValueError se não é uma data."""
    return datetime.strptime(carimbo, FORMATO_DO_CARIMBO).astimezone()


def nome_dos_metadados(carimbo: str) -> str:
    """O arquivo que diz que há um backup com este carimbo."""
    return f"{METADADOS}{carimbo}.json"


def carimbo_de(arquivo: str) -> str | None:
    """O carimbo no nome de um arquivo de metadados; None se o nome não é o de um."""
    casa = re.fullmatch(rf"{METADADOS}({CARIMBO})\.json", arquivo)
    return casa[1] if casa else None


def carimbos_em(pasta: Path) -> list[str]:
    """Os carimbos dos backups de uma pasta, do mais antigo ao mais novo, sem abrir nenhum."""
    achados = (carimbo_de(arquivo.name) for arquivo in pasta.glob(f"{METADADOS}*.json"))
    return sorted(carimbo for carimbo in achados if carimbo)
