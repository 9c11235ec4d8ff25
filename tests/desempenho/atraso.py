"""Um servidor que só espera: responde 204 depois de tantos segundos."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

RESPOSTA = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class ServidorDeAtraso:
    """Em laço assíncrono próprio, noutra thread; gerenciador de contexto."""

    def __init__(self, segundos: float) -> None:
        self._segundos = segundos
        self._laco = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._laco.run_forever, daemon=True)
        self.porta = 0
        self.esperas = 0
        """Quantas vezes já esperou."""

    def __enter__(self) -> Self:
        self._thread.start()
        self.porta = asyncio.run_coroutine_threadsafe(self._abrir(), self._laco).result(10)
        return self

    def __exit__(
        self,
        tipo: type[BaseException] | None,
        valor: BaseException | None,
        rastro: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._fechar(), self._laco).result(10)
        self._laco.call_soon_threadsafe(self._laco.stop)
        self._thread.join()
        self._laco.close()

    async def _abrir(self) -> int:
        self._servidor = await asyncio.start_server(self._atender, "127.0.0.1", 0)
        porta: int = self._servidor.sockets[0].getsockname()[1]
        return porta

    async def _fechar(self) -> None:
        self._servidor.close()
        atendentes = asyncio.all_tasks() - {asyncio.current_task()}
        for atendente in atendentes:
            atendente.cancel()
        await asyncio.gather(*atendentes, return_exceptions=True)

    async def _atender(self, leitor: asyncio.StreamReader, escritor: asyncio.StreamWriter) -> None:
        try:
            while True:
                await leitor.readuntil(b"\r\n\r\n")
                await asyncio.sleep(self._segundos)
                self.esperas += 1
                escritor.write(RESPOSTA)
                await escritor.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # o nginx fechou esta conexão
        finally:
            escritor.close()
