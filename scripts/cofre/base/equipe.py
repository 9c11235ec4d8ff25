"""Trabalho lado a lado em poucos fios, que para quando se pede, sem esperar quem não responde."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from cofre.base.erros import Interrompido

E = TypeVar("E")
S = TypeVar("S")

DESPEDIDA = 5.0
"""Segundos para quem está no meio de um trabalho desfazer o que começou, ao encerrar."""

VIGIA = 0.2
"""Segundos entre olhadas no pedido de parada (no Windows, uma espera sem fim ignora Ctrl+C)."""


class Equipe:
    """Um grupo de fios. Várias equipes podem partilhar o mesmo pedido de parada."""

    def __init__(self, tamanho: int, parar: threading.Event, nome: str) -> None:
        self._parar = parar
        self._fios = ThreadPoolExecutor(tamanho, thread_name_prefix=nome)
        self.tamanho = tamanho
        self._em_ordem: Collection[Future[Any]] = ()

    def cada(self, fazer: Callable[[E], S], itens: Iterable[E]) -> list[S]:
        """`fazer` em todos, lado a lado; devolve na ordem dos itens quando todos terminam.

        A primeira exceção é levantada depois de cancelar o que não começou. Levanta Interrompido
        se pedirem para parar.
        """
        futuros = [self._fios.submit(fazer, item) for item in itens]
        pendentes: set[Future[S]] = set(futuros)
        while pendentes:
            self._conferir_parada(futuros)
            feitos, pendentes = wait(pendentes, timeout=VIGIA, return_when=FIRST_EXCEPTION)
            if any(f.exception() for f in feitos):
                for futuro in pendentes:
                    futuro.cancel()
                wait(pendentes)
                break
        return [f.result() for f in _com_erro_primeiro(futuros)]

    def comecar(self, fazer: Callable[[], S]) -> Callable[[], S]:
        """Começa a fazer, num fio, e devolve como saber o resultado, que levanta o que `fazer`
        levantou, ou Interrompido se pedirem para parar. O que se faz não pode esperar pela equipe:
        podia não sobrar um fio para o que espera."""
        futuro = self._fios.submit(fazer)

        def resultado() -> S:
            while not wait([futuro], timeout=VIGIA).done:
                self._conferir_parada([futuro])
            return futuro.result()

        return resultado

    def em_ordem(self, fazer: Callable[[E], S], itens: Iterable[E]) -> Generator[S, None, None]:
        """`fazer` em todos, lado a lado, entregando na ordem; poucos itens à frente de quem lê.

        Depois de uma exceção, ou de quem lê fechar o gerador, nada fica a caminho: pode-se fazer o
        contrário do que se pedia.
        """
        fila: deque[Future[S]] = deque()
        self._em_ordem = fila
        restantes = iter(itens)
        while True:
            try:
                lugares = 2 * self.tamanho - len(fila)
                novos = itertools.islice(restantes, lugares)
                fila.extend(self._fios.submit(fazer, item) for item in novos)
                if not fila:
                    return
                while not wait([fila[0]], timeout=VIGIA).done:
                    self._conferir_parada(fila)
                resultado = fila.popleft().result()
            except Interrompido:
                raise
            except Exception:
                _largar(fila)
                raise
            try:
                yield resultado
            except GeneratorExit:
                _largar(fila, DESPEDIDA)
                raise

    def encerrar(self) -> None:
        """Larga os fios: o que não começou não começa; o que `em_ordem` começou tem DESPEDIDA
        segundos para arrumar o que é seu; o resto termina sozinho."""
        self._fios.shutdown(wait=False, cancel_futures=True)
        wait([f for f in self._em_ordem if not f.cancelled()], timeout=DESPEDIDA)

    def _conferir_parada(self, futuros: Iterable[Future[S]]) -> None:
        if self._parar.is_set():
            for futuro in futuros:
                futuro.cancel()
            raise Interrompido("Interrompido.")


def _largar(fila: Iterable[Future[S]], ate: float | None = None) -> None:
    """O que não começou não começa, e espera-se o resto (`ate` tantos segundos)."""
    wait([f for f in fila if not f.cancel()], timeout=ate)


def _com_erro_primeiro(futuros: list[Future[S]]) -> list[Future[S]]:
    """Os mesmos futuros; se algum falhou, só ele (os cancelados não dizem a causa)."""
    for futuro in futuros:
        if not futuro.cancelled() and futuro.exception():
            return [futuro]
    return futuros
