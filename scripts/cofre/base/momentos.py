"""Os momentos que o banco escreve em JSON: quando um só andou para a frente."""

from __future__ import annotations

from datetime import date, datetime, time

from cofre.base.linha import texto

_LER = {
    "date": date.fromisoformat,
    "time without time zone": time.fromisoformat,
    "time with time zone": time.fromisoformat,
    "timestamp without time zone": datetime.fromisoformat,
    "timestamp with time zone": datetime.fromisoformat,
}
"""Por tipo de coluna, como se lê um momento que o banco escreveu em JSON."""


def avancou(tipo: str, era: bytes, ficou: bytes) -> bool:
    """Se o valor de uma coluna deste tipo é um momento que só ficou mais tarde. O que não se lê
    (infinito, antes de Cristo) e o que era nulo, ou ficou, é outro conteúdo."""
    ler = _LER.get(tipo)
    if ler is None:
        return False
    try:
        antes, agora = ler(texto(era) or ""), ler(texto(ficou) or "")
        return bool(agora > antes)  # type: ignore[operator]
    except (ValueError, TypeError):
        return False
