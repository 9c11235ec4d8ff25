"""Quem entra: as recusas do gateway do Supabase, com as palavras do serviço hospedado."""

from __future__ import annotations

import json

from aiohttp import web

from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.falhas import Resposta

LIMITE_DE_URL_E_CABECALHOS = 16 * 1024


def barrar(
    requisicao: web.Request, prefixo: str, chaves: Chaves, *, de_hoje: bool = True
) -> Resposta | None:
    """A recusa a este pedido, ou None se ele pode seguir. `de_hoje`: a raiz, que descreve a API, só
    se mostra a uma chave secreta (desde 11/03/2026: Supabase, discussão 42949)."""
    if _tamanho(requisicao) > LIMITE_DE_URL_E_CABECALHOS:
        return _recusa(414, "Request-URI Too Large")
    if not requisicao.raw_path.startswith(prefixo):
        return _recusa(404, "no Route matched with those values")
    chave = requisicao.headers.get("apikey")
    if not chave:
        return _recusa(
            401,
            "No API key found in request",
            "No `apikey` request header or url param was found.",
        )
    if chaves.jwt_de(chave) is None:
        return _recusa(
            401,
            "Invalid API key",
            "Double check your Supabase `anon` or `service_role` API key.",
        )
    if chave == chaves.secreta and _de_navegador(requisicao):
        return _recusa(
            401,
            "Forbidden use of secret API key in browser",
            "Secret API keys can only be used in a protected environment and should never "
            "be used in a browser. Delete this secret API key immediately.",
        )
    if de_hoje and requisicao.path == prefixo and chave in (chaves.anon, chaves.publicavel):
        return _recusa(
            403,
            "Access to schema is forbidden",
            "Accessing the schema via the Data API is only allowed using a secret API key.",
        )
    return None


def identificar(requisicao: web.Request, chaves: Chaves) -> str:
    """O Authorization que o PostgREST recebe: o JWT da pessoa, se houver, ou o da chave."""
    chave = requisicao.headers.get("apikey", "")
    credencial = requisicao.headers.get("Authorization", "")
    proprio = credencial.removeprefix("Bearer ").strip()
    if proprio and chaves.jwt_de(proprio) is None:
        return credencial
    return f"Bearer {chaves.jwt_de(proprio or chave)}"


def _tamanho(requisicao: web.Request) -> int:
    cabecalhos = sum(len(nome) + len(valor) + 4 for nome, valor in requisicao.raw_headers)
    return len(requisicao.raw_path) + cabecalhos


def _de_navegador(requisicao: web.Request) -> bool:
    return requisicao.headers.get("User-Agent", "").startswith("Mozilla/")


def _recusa(status: int, mensagem: str, dica: str | None = None) -> Resposta:
    corpo = {"message": mensagem} | ({"hint": dica} if dica else {})
    return Resposta(
        status,
        (("Content-Type", "application/json; charset=utf-8"),),
        json.dumps(corpo).encode(),
    )
