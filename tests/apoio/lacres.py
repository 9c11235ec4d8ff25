"""Os lacres que há numa pasta de backups, lidos pelo nome do arquivo."""

from __future__ import annotations

from pathlib import Path

from cofre.deposito.lacre.lacre import ler


def codigo_de(destino: Path) -> str:
    """O código de quem assinou o lacre mais novo de um depósito."""
    ultimo = max(destino.glob("empresa_*/lacre_2*.json"), key=lambda arquivo: arquivo.name)
    return ler(ultimo.read_bytes()).codigo
