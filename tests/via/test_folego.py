"""Quantas leituras se pedem ao mesmo tempo, quando o servidor sofre e quando deixa de sofrer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from cofre.base.erros import ConsultaDemorada, FalhaDoServidor, Interrompido
from cofre.via.api.folego import Folego
from cofre.via.api.insistir import Passageiro


@dataclass(slots=True)
class Relogio:
    agora: float = 0.0

    def __call__(self) -> float:
        return self.agora


def novo(maximo: int = 8) -> tuple[Folego, Relogio]:
    relogio = Relogio()
    return Folego(maximo, threading.Event(), relogio), relogio


def responder(folego: Folego, relogio: Relogio, segundos: float, vezes: int = 1) -> None:
    for _ in range(vezes):
        with folego.pedido():
            relogio.agora += segundos


def sofrer(folego: Folego, erro: Exception) -> None:
    with pytest.raises(type(erro)), folego.pedido():
        raise erro


@pytest.mark.parametrize(
    "erro", [Passageiro(FalhaDoServidor("429")), ConsultaDemorada("57014")], ids=str
)
def test_a_cada_sinal_fica_metade_e_nunca_menos_de_uma(erro: Exception) -> None:
    folego, relogio = novo()
    limites = []
    for _ in range(4):
        relogio.agora += 10
        sofrer(folego, erro)
        limites.append(folego.limite)
    assert limites == [4, 2, 1, 1]


def test_os_que_ja_iam_a_caminho_contam_como_um_sinal_so() -> None:
    folego, _ = novo()
    for _ in range(5):
        sofrer(folego, ConsultaDemorada("57014"))
    assert folego.limite == 4


def test_volta_aos_poucos_e_nao_passa_das_conexoes() -> None:
    folego, relogio = novo()
    sofrer(folego, ConsultaDemorada("57014"))
    subidas = []
    for _ in range(60):
        responder(folego, relogio, 0.1)
        subidas.append(folego.limite)
    assert subidas == sorted(subidas)
    assert subidas[3] == 4
    assert subidas[-1] == 8


def test_quem_passa_a_demorar_muito_mais_e_aliviado() -> None:
    folego, relogio = novo()
    responder(folego, relogio, 0.4, vezes=20)
    assert folego.limite == 8
    responder(folego, relogio, 6.0, vezes=5)
    assert folego.limite < 8


def test_quem_sempre_demorou_assim_nao_sofre() -> None:
    folego, relogio = novo()
    responder(folego, relogio, 5.0, vezes=30)
    assert folego.limite == 8


def test_so_as_que_cabem_vao_ao_mesmo_tempo() -> None:
    folego = Folego(4, threading.Event())
    sofrer(folego, ConsultaDemorada("57014"))
    juntas, mais, trinco, porta = 0, 0, threading.Lock(), threading.Barrier(2)

    def pedir(_: int) -> None:
        nonlocal juntas, mais
        with folego.pedido():
            with trinco:
                juntas += 1
                mais = max(mais, juntas)
            porta.wait(60)
            with trinco:
                juntas -= 1

    with ThreadPoolExecutor(2) as fios:
        list(fios.map(pedir, range(2)))
    assert mais == 2


def test_quem_espera_por_lugar_para_quando_se_pede() -> None:
    parar = threading.Event()
    folego = Folego(1, parar)
    with folego.pedido():
        parar.set()
        with pytest.raises(Interrompido), folego.pedido():
            raise AssertionError("não havia lugar")
