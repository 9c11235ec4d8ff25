"""Quantas leituras se pedem ao mesmo tempo: as conexões que há, ou menos quando o servidor sofre.

Ele di-lo com um 429, um 5xx ou um 57014, ou só demorando muito mais do que demorava. A cada sinal
fica metade; a cada resposta boa volta um pouco, como o TCP faz com uma linha cheia (RFC 5681). Cada
processo decide por si: muitos, contra o mesmo banco, acabam por o aliviar todos.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from cofre.base.equipe import VIGIA
from cofre.base.erros import ConsultaDemorada, Interrompido
from cofre.via.api.insistir import Passageiro

MUITO_MAIS = 4.0
"""Quantas vezes o que costumava demorar já é sofrer."""
POUCO = 2.0
"""Segundos: uma resposta mais rápida do que isto não é sinal de nada."""
ENTRE_SINAIS = 1.0
"""Segundos, no mínimo: os pedidos já a caminho dizem todos o mesmo."""
PESO = 0.2
ESQUECE = 1.005


class Folego:
    """O de um processo, para os seus fios."""

    def __init__(
        self,
        maximo: int,
        parar: threading.Event,
        relogio: Callable[[], float] = time.monotonic,
    ) -> None:
        self._maximo = float(maximo)
        self._limite = float(maximo)
        self._parar = parar
        self._relogio = relogio
        self._livre = threading.Condition()
        self._a_caminho = 0
        self._demora = 0.0
        self._costume = 0.0
        self._ultimo_sinal = -ENTRE_SINAIS

    @property
    def limite(self) -> int:
        """Quantas podem ir ao mesmo tempo, agora."""
        return max(1, int(self._limite))

    @contextlib.contextmanager
    def pedido(self) -> Iterator[None]:
        """Uma leitura, quando há lugar para ela. Levanta Interrompido."""
        self._entrar()
        inicio = self._relogio()
        try:
            yield
        except (Passageiro, ConsultaDemorada):
            self._sofreu()
            raise
        else:
            self._respondeu(self._relogio() - inicio)
        finally:
            with self._livre:
                self._a_caminho -= 1
                self._livre.notify()

    def _entrar(self) -> None:
        with self._livre:
            while self._a_caminho >= self.limite:
                if self._parar.is_set():
                    raise Interrompido("Interrompido.")
                self._livre.wait(VIGIA)
            self._a_caminho += 1

    def _sofreu(self) -> None:
        with self._livre:
            agora = self._relogio()
            if agora - self._ultimo_sinal >= max(ENTRE_SINAIS, self._demora):
                self._ultimo_sinal = agora
                self._limite = max(1.0, self._limite / 2)

    def _respondeu(self, segundos: float) -> None:
        """A média do que se demora agora, contra a menor que se viu, que aos poucos se esquece."""
        with self._livre:
            demora = self._demora or segundos
            self._demora = demora + PESO * (segundos - demora)
            self._costume = min(self._demora, (self._costume or self._demora) * ESQUECE)
            if self._demora <= max(POUCO, MUITO_MAIS * self._costume):
                self._limite = min(self._maximo, self._limite + 1 / self._limite)
                return
        self._sofreu()
