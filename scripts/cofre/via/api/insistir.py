"""Tentar de novo o que é passageiro, com pausas crescentes, até o limite ou até que se pare."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from cofre.base.erros import FalhaDoServidor, Interrompido
from cofre.via.api.cadencia import Cadencia
from cofre.via.contrato import AoTentarDeNovo

ESPERA_MAXIMA = 30.0
"""Segundos, entre duas tentativas, se o servidor não pede mais (Retry-After)."""

T = TypeVar("T")


class Passageiro(Exception):
    """Um problema que merece outra tentativa; `definitivo` é o erro se ele não passar."""

    def __init__(self, definitivo: FalhaDoServidor, espera: float = 0.0) -> None:
        super().__init__(str(definitivo))
        self.definitivo = definitivo
        self.espera = espera


@dataclass(frozen=True, slots=True)
class Insistencia:
    """Quantas vezes tentar (a primeira conta), quando parar e a quem dizer que se tenta de novo."""

    tentativas: int
    parar: threading.Event
    ao_tentar_de_novo: AoTentarDeNovo
    cadencia: Cadencia

    def fazer(self, fazer: Callable[[], T]) -> T:
        """`fazer`, e de novo enquanto levanta Passageiro. Levanta o erro definitivo quando não
        passa, e Interrompido se pedem para parar."""
        if self.parar.is_set():
            raise Interrompido("Interrompido.")
        tentar = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Passageiro),
            stop=tenacity.stop_after_attempt(self.tentativas)
            | tenacity.stop_when_event_set(self.parar),
            wait=_espera,
            sleep=tenacity.sleep_using_event(self.parar),
            before_sleep=self._avisar,
            reraise=True,
        )

        def na_vez() -> T:
            self.cadencia.esperar_a_vez()
            return fazer()

        try:
            return tentar(na_vez)
        except Passageiro as e:
            if self.parar.is_set():
                raise Interrompido("Interrompido.") from None
            raise e.definitivo from e.__cause__

    def _avisar(self, estado: tenacity.RetryCallState) -> None:
        erro = estado.outcome.exception() if estado.outcome else None
        espera = estado.next_action.sleep if estado.next_action else 0.0
        self.ao_tentar_de_novo(str(erro), espera, estado.attempt_number + 1, self.tentativas)


_CRESCENTE = tenacity.wait_random_exponential(multiplier=0.5, max=ESPERA_MAXIMA)


def _espera(estado: tenacity.RetryCallState) -> float:
    """A pausa crescente e sorteada, ou a que o servidor pediu, a maior."""
    erro = estado.outcome.exception() if estado.outcome else None
    pedida = erro.espera if isinstance(erro, Passageiro) else 0.0
    return max(pedida, _CRESCENTE(estado))
