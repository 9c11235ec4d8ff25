"""/rest/v1/: o PostgREST por trás do gateway, com os corpos em fluxo nos dois sentidos."""

from __future__ import annotations

import aiohttp
from aiohttp import web
from yarl import URL

from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.falhas import Pedido, Resposta
from supabase_local.servidores.fluxo import SO_DO_TRECHO, descida, servidor_ausente
from supabase_local.servidores.portaria import barrar, identificar
from supabase_local.servidores.servico import Corpo


class Postgrest:
    """Leva cada pedido a um PostgREST. `de_hoje`: a portaria é a de hoje."""

    prefixo = "/rest/v1/"

    def __init__(self, destino: str, chaves: Chaves, *, de_hoje: bool) -> None:
        self._destino = destino
        self._chaves = chaves
        self._de_hoje = de_hoje
        self._cliente: aiohttp.ClientSession | None = None

    async def abrir(self) -> None:
        # O PostgREST fecha conexões paradas há 30 s; soltamo-las antes, para não usar uma morta.
        self._cliente = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=10),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def fechar(self) -> None:
        if self._cliente is not None:
            await self._cliente.close()

    def recusar(self, requisicao: web.Request, chaves: Chaves) -> Resposta | None:
        return barrar(requisicao, self.prefixo, chaves, de_hoje=self._de_hoje)

    async def atender(self, pedido: Pedido, requisicao: web.Request, corpo: Corpo) -> Resposta:
        assert self._cliente is not None
        consulta = f"?{pedido.consulta}" if pedido.consulta else ""
        alvo = f"{self._destino}/{pedido.tabela}{consulta}"
        cabecalhos = [
            (c, v)
            for c, v in requisicao.headers.items()
            if c.lower() not in SO_DO_TRECHO | {"host", "apikey", "authorization"}
        ]
        cabecalhos.append(("Authorization", identificar(requisicao, self._chaves)))
        try:
            vinda = await self._cliente.request(
                pedido.metodo,
                URL(alvo, encoded=True),
                headers=cabecalhos,
                data=corpo if requisicao.body_exists else None,
                allow_redirects=False,
            )
        except aiohttp.ClientConnectionError:
            return servidor_ausente()
        return Resposta(
            vinda.status,
            tuple((c, v) for c, v in vinda.headers.items() if c.lower() not in SO_DO_TRECHO),
            descida(vinda),
        )
