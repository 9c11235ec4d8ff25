"""Quem pede ao Storage: o JWT do Authorization, ou a chave que o gateway troca por um."""

from __future__ import annotations

import jwt
from aiohttp import web

from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.servico import Papel
from supabase_local.servidores.storage.erros import pedido_invalido, sem_acesso

LIMITE_DOS_CABECALHOS = 16 * 1024
DE_SERVICO = Papel("service_role", {})
"""Com que papel o próprio servidor olha os baldes."""


def papel_de(requisicao: web.Request, chaves: Chaves) -> Papel:
    """O papel de quem pede (arquivos.md, 0): só o Authorization conta, e só um JWT serve nele. Uma
    chave `sb_...` vai só no `apikey`, e é o gateway que a troca pelo JWT dela. Levanta Recusa."""
    credencial = requisicao.headers.get("Authorization")
    chave = requisicao.headers.get("apikey", "")
    if credencial is None and chave.startswith("sb_"):
        credencial = f"Bearer {chaves.jwt_de(chave)}"
    if credencial is None:
        raise pedido_invalido("headers must have required property 'authorization'")
    return papel_do_jwt(credencial.removeprefix("Bearer ").strip(), chaves)


def papel_do_jwt(texto: str, chaves: Chaves) -> Papel:
    """Levanta Recusa se não é um JWT deste projeto, ou se passou da validade."""
    try:
        dizeres = jwt.decode(
            texto, chaves.segredo, algorithms=["HS256"], options={"verify_aud": False}
        )
    except jwt.ExpiredSignatureError:
        raise sem_acesso('"exp" claim timestamp check failed') from None
    except jwt.InvalidSignatureError:
        raise sem_acesso("signature verification failed") from None
    except jwt.InvalidTokenError:
        raise sem_acesso("Invalid Compact JWS") from None
    return Papel(str(dizeres.get("role") or "anon"), dizeres)


def cabe(requisicao: web.Request) -> bool:
    """Se os cabeçalhos cabem no que o Node aceita."""
    return sum(len(n) + len(v) + 4 for n, v in requisicao.raw_headers) <= LIMITE_DOS_CABECALHOS
