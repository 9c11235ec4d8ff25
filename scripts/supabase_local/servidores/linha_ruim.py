"""As falhas de uma linha ruim: cortes e lentidão com os corpos em fluxo, nos dois sentidos."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from supabase_local.servidores.falhas import (
    CortarConexao,
    Falha,
    Pedido,
    Resposta,
    Seguir,
    em_partes,
)


@dataclass(frozen=True, slots=True)
class DescidaCortada(Falha):
    """Corta a conexão depois de tantos bytes do corpo da resposta, que passa em fluxo."""

    depois_de: int

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        resposta = await seguir(pedido)
        return replace(resposta, corpo=_ate(em_partes(resposta.corpo), self.depois_de))


@dataclass(frozen=True, slots=True)
class SubidaCortada(Falha):
    """Corta a conexão depois de receber tantos bytes do corpo do pedido: o servidor fica com um
    corpo que não chegou ao fim."""

    depois_de: int

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        return await seguir(replace(pedido, subida=lambda corpo: _ate(corpo, self.depois_de)))


@dataclass(frozen=True, slots=True)
class LinhaLenta(Falha):
    """A resposta desce a tantos bytes por segundo, em fluxo."""

    bytes_por_segundo: float

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        resposta = await seguir(pedido)
        return replace(resposta, corpo=self._devagar(em_partes(resposta.corpo)))

    async def _devagar(self, corpo: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for parte in corpo:
            await asyncio.sleep(len(parte) / self.bytes_por_segundo)
            yield parte


async def _ate(corpo: AsyncIterator[bytes], quantos: int) -> AsyncIterator[bytes]:
    passaram = 0
    async for parte in corpo:
        yield parte[: quantos - passaram]
        passaram += len(parte)
        if passaram >= quantos:
            # O que já foi escrito chega antes do corte.
            raise CortarConexao
