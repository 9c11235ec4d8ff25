"""A cadência dos pedidos: o limite do usuário e a pausa do servidor, no relógio do teste."""

from __future__ import annotations

import threading
import time

import pytest

from cofre.base.erros import Interrompido
from cofre.via.api.cadencia import PAUSA, Cadencia


class Relogio(threading.Event):
    """Um pedido de parada que, em vez de esperar, adianta a hora; `agora` em segundos."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.agora = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.agora)

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self.agora += timeout or 0.0
        return self.is_set()


@pytest.fixture
def relogio(monkeypatch: pytest.MonkeyPatch) -> Relogio:
    return Relogio(monkeypatch)


def partidas(qual: Cadencia, relogio: Relogio, quantas: int) -> list[float]:
    horas = []
    for _ in range(quantas):
        qual.esperar_a_vez()
        horas.append(round(relogio.agora - 100.0, 3))
    return horas


def test_sem_limite_ninguem_espera(relogio: Relogio) -> None:
    assert partidas(Cadencia(None, relogio), relogio, 4) == [0, 0, 0, 0]


def test_o_limite_espaca_os_pedidos(relogio: Relogio) -> None:
    assert partidas(Cadencia(4, relogio), relogio, 5) == [0, 0.25, 0.5, 0.75, 1.0]


def test_quem_ficou_parado_nao_junta_vez(relogio: Relogio) -> None:
    qual = Cadencia(2, relogio)
    partidas(qual, relogio, 2)
    relogio.agora += 10
    assert partidas(qual, relogio, 3) == [10.5, 11.0, 11.5]


def test_a_pausa_do_servidor_vale_para_todos(relogio: Relogio) -> None:
    qual = Cadencia(None, relogio)
    partidas(qual, relogio, 1)
    qual.pausar(PAUSA)
    qual.pausar(PAUSA / 2)  # uma pausa mais curta não encurta a outra
    assert partidas(qual, relogio, 2) == [PAUSA, PAUSA]


def test_o_pedido_de_parada_tira_da_espera(relogio: Relogio) -> None:
    qual = Cadencia(None, relogio)
    qual.pausar(60)
    relogio.set()
    with pytest.raises(Interrompido):
        qual.esperar_a_vez()
