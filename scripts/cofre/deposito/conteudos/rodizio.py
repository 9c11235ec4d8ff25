"""Que conteúdos se releem hoje, quando são demais para se relerem todos."""

from __future__ import annotations

from datetime import datetime

POR_VEZ = 4 * 1024**3
"""Bytes relidos por execução, mais ou menos: uns segundos num SSD, meio minuto num disco."""


class Rodizio:
    """Até `POR_VEZ` bytes, é tudo, todas as vezes; de mais, uma parte por dia, e em tantos dias
    quantas as partes passa-se por tudo: reler um terabyte demoraria mais do que o dia."""

    def __init__(self, total: int, hoje: datetime | None = None) -> None:
        """`total`: os bytes de todos, no disco."""
        self._partes = max(1, -(-total // POR_VEZ))
        self._dia = (hoje or datetime.now().astimezone()).date().toordinal()

    def tem(self, guardado: str) -> bool:
        """Se o conteúdo com esta soma é dos de hoje."""
        return (int(guardado[:12], 16) - self._dia) % self._partes == 0
