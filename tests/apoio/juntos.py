"""Quantos pedidos de uma espécie estão, ao mesmo tempo, a caminho do servidor."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from apoio.execucao import PACIENCIA
from supabase_local.servidores.falhas import Pedido
from supabase_local.servidores.servidor import SupabaseLocal

UM_INSTANTE = 0.05
"""Segundos que se dá a outro pedido para chegar, quando não devia."""


class Juntos:
    """Conta-os ao passarem pelo gateway. Se `companhia`, do segundo em diante esperam uns pelos
    outros até já ter havido dois juntos: que se encontrem não depende da velocidade da máquina."""

    def __init__(self, *, companhia: bool) -> None:
        self.vistos: list[int] = []
        """Quantos havia a caminho quando chegou cada um, com ele."""
        self._companhia = companhia
        self._mudou = threading.Condition()
        self._agora = 0

    @contextlib.contextmanager
    def contar(self, projeto: SupabaseLocal, **quais: Any) -> Iterator[None]:
        """Os destes (`metodo`, `tabela`, `se`), enquanto durar."""
        with projeto.gateway.ao_pedir(self._chegou, self._saiu, **quais):
            yield

    def _chegou(self, _pedido: Pedido, _vez: int) -> None:
        with self._mudou:
            self._agora += 1
            self.vistos.append(self._agora)
            self._mudou.notify_all()
            if self._companhia and len(self.vistos) > 1:
                self._mudou.wait_for(lambda: max(self.vistos) > 1, PACIENCIA)
                return
        time.sleep(UM_INSTANTE)

    def _saiu(self, _pedido: Pedido, _vez: int) -> None:
        with self._mudou:
            self._agora -= 1
