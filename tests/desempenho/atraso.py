"""Um servidor que só espera: responde 204 depois de tantos segundos."""

from __future__ import annotations

import asyncio
import threading

from supabase_local.servidores.ligado import Ligado

PRAZO = 60.0
"""Segundos para abrir, ou fechar."""
RESPOSTA = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class ServidorDeAtraso(Ligado):
    """Em laço assíncrono próprio, noutra thread."""

    def __init__(self, segundos: float) -> None:
        self._segundos = segundos
        self._laco = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._laco.run_forever, daemon=True)
        self.porta = 0
        self.esperas = 0
        """Quantas vezes já esperou."""

    def iniciar(self) -> None:
        self._thread.start()
        self.porta = asyncio.run_coroutine_threadsafe(self._abrir(), self._laco).result(PRAZO)

    def parar(self) -> None:
        asyncio.run_coroutine_threadsafe(self._fechar(), self._laco).result(PRAZO)
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
