"""As datas como o Storage as escreve."""

from __future__ import annotations

from datetime import UTC, datetime


def em_milissegundos(momento: datetime | None) -> str | None:
    """Cortadas nos milissegundos: a API não mostra os microssegundos do banco (arquivos.md, 6)."""
    if momento is None:
        return None
    em_utc = momento.astimezone(UTC)
    return f"{em_utc:%Y-%m-%dT%H:%M:%S}.{em_utc.microsecond // 1000:03d}Z"
