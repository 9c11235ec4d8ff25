"""Tudo o que se toma do supabase-py: o endereço da API e os cabeçalhos dos pedidos.

O resto do programa não o conhece: uma versão nova que mude de forma só muda este arquivo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from cofre.base.config.valores import Acesso
from cofre.base.erros import DependenciaAusente


@dataclass(frozen=True, slots=True)
class Cliente:
    """O endereço da API, sem barra no fim, e os cabeçalhos (a chave está neles) de cada pedido."""

    base: str
    cabecalhos: httpx.Headers = field(repr=False)

    def endereco(self, tabela: str) -> str:
        """O de uma tabela; vazia, o da raiz, que descreve a API."""
        # O supabase-py não escapa «/», «?» e «%» de um nome de tabela.
        return f"{self.base}/{quote(tabela, safe='')}"

    def com(self, **mais: str) -> httpx.Headers:
        """Os cabeçalhos de um pedido, com estes a mais ou no lugar (`content_type`: com hífen)."""
        cabecalhos = httpx.Headers(self.cabecalhos)
        for nome, valor in mais.items():
            cabecalhos[nome.replace("_", "-")] = valor
        return cabecalhos


def abrir(acesso: Acesso, http: httpx.Client) -> Cliente:
    """O cliente deste projeto. Levanta DependenciaAusente sem o supabase-py."""
    try:
        from supabase import create_client
        from supabase.lib.client_options import SyncClientOptions
    except ModuleNotFoundError as e:
        raise DependenciaAusente.de(e) from e
    opcoes = SyncClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False)
    postgrest = create_client(acesso.url, acesso.chave, opcoes).postgrest
    return Cliente(str(postgrest.base_url).rstrip("/"), httpx.Headers(postgrest.headers))
