"""Quando o próximo pedido pode partir: o limite que o usuário dá, e a pausa que o servidor pede.

Um só para todos os fios. (As novas tentativas de um pedido são do tenacity; aqui é a pressa de
todos juntos que se contém, e nenhuma biblioteca de limites espera também um pedido de parada.)
"""

from __future__ import annotations

import threading
import time

from cofre.base.erros import Interrompido

PAUSA = 1.0
"""Segundos que todos esperam quando o servidor diz que são pedidos demais e não diz quanto."""


class Cadencia:
    """Espaça os pedidos. `por_segundo` é quantos podem partir; None: sem limite."""

    def __init__(self, por_segundo: float | None, parar: threading.Event) -> None:
        self._intervalo = 1 / por_segundo if por_segundo else 0.0
        self._parar = parar
        self._proximo = 0.0
        self._trinco = threading.Lock()

    def esperar_a_vez(self) -> None:
        """Volta quando este pedido pode partir. Levanta Interrompido se pedirem para parar."""
        with self._trinco:
            agora = time.monotonic()
            quando = max(self._proximo, agora)
            self._proximo = quando + self._intervalo
        if quando > agora and self._parar.wait(quando - agora):
            raise Interrompido("Interrompido.")

    def pausar(self, segundos: float) -> None:
        """Nenhum pedido parte antes de tantos segundos."""
        with self._trinco:
            self._proximo = max(self._proximo, time.monotonic() + segundos)
