"""A bancada de um trabalhador, quando duas execuções se encontram nele."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import SimpleNamespace
from typing import Any

from cofre.frota import trabalhador

PACIENCIA = 5.0


def test_acabar_uma_execucao_nao_prende_a_que_espera_por_lugar() -> None:
    """Quem abre a oficina tem o trinco e espera pelo laço (um lugar é um pedido ao agendador); se
    acabar a outra esperasse pelo trinco no laço, nenhum dos dois andava mais."""
    fechou = threading.Event()
    ha_lugar: list[bool] = []

    async def as_duas() -> None:
        laco, com_o_trinco = asyncio.get_running_loop(), threading.Event()

        def abrir() -> None:
            with trabalhador._BANCADA.trinco:
                com_o_trinco.set()
                pedido = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.2, True), laco)
                with contextlib.suppress(TimeoutError):
                    ha_lugar.append(pedido.result(timeout=PACIENCIA))

        outra = threading.Thread(target=abrir)
        outra.start()
        await asyncio.to_thread(com_o_trinco.wait)
        await trabalhador.acabar("uma", parando=False)
        await asyncio.to_thread(outra.join)

    fim = contextlib.ExitStack()
    fim.callback(fechou.set)
    via: Any = SimpleNamespace(fechar=lambda: None)
    oficina: Any = None
    aberta = trabalhador._Aberta(oficina, via, (), threading.Event(), "uma", fim)
    trabalhador._BANCADA.abertas["uma"] = aberta
    asyncio.run(as_duas())
    assert ha_lugar == [True]
    assert fechou.is_set()
    assert "uma" not in trabalhador._BANCADA.abertas
