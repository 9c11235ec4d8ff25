"""O que o gateway faz com bytes e conexões: levar corpos em fluxo, contar e cortar."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from supabase_local.servidores.falhas import CortarConexao, Pedido, Resposta

PEDACO = 64 * 1024
# Cabeçalhos que valem entre dois vizinhos da conexão, e não de ponta a ponta.
SO_DO_TRECHO = frozenset(
    "connection keep-alive transfer-encoding te trailer upgrade proxy-authorization".split()
)


@dataclass(frozen=True, slots=True)
class Visto:
    """O que ficou de um pedido atendido. `status` é 0 quando a conexão foi cortada."""

    pedido: Pedido
    status: int
    bytes_recebidos: int
    bytes_enviados: int

    @property
    def metodo(self) -> str:
        return self.pedido.metodo

    @property
    def caminho(self) -> str:
        return self.pedido.caminho

    @property
    def consulta(self) -> str:
        return self.pedido.consulta

    @property
    def tabela(self) -> str:
        return self.pedido.tabela


@dataclass(slots=True)
class Contador:
    recebidos: int = 0
    enviados: int = 0


async def subida(requisicao: web.Request, contador: Contador) -> AsyncIterator[bytes]:
    async for parte in requisicao.content.iter_chunked(PEDACO):
        contador.recebidos += len(parte)
        yield parte


async def descida(vinda: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for parte in vinda.content.iter_chunked(PEDACO):
            yield parte
    except aiohttp.ClientError as erro:
        raise CortarConexao from erro
    finally:
        vinda.release()


def sem_chaves(requisicao: web.Request) -> dict[str, str]:
    """Os cabeçalhos que podem ficar registrados, com o nome em minúsculas."""
    todos = {nome.lower(): valor for nome, valor in requisicao.headers.items()}
    return {n: v for n, v in todos.items() if n not in ("apikey", "authorization")}


def cortar(
    requisicao: web.Request,
    saida: web.StreamResponse | None = None,
    *,
    com_reset: bool = False,
) -> web.StreamResponse:
    """Fecha a conexão sem mais nada; sem reset, o que já foi escrito ainda chega ao cliente."""
    transporte = requisicao.transport
    if transporte is not None and com_reset:
        # Com LINGER zero, o sistema manda um RST em vez de um fim ordenado (FIN).
        tomada = transporte.get_extra_info("socket")
        tomada.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transporte.abort()
    elif transporte is not None:
        transporte.close()
    return saida or web.StreamResponse()


def servidor_ausente() -> Resposta:
    mensagem = b'{"message":"An invalid response was received from the upstream server"}'
    return Resposta(502, (("Content-Type", "application/json; charset=utf-8"),), mensagem)
