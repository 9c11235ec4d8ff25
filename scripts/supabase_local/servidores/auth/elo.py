"""POST /admin/generate_link: um elo para entrar ou trocar a senha, sem mandar e-mail. A resposta é
uma credencial (logins.md, 3)."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any
from uuid import uuid4

from supabase_local.servidores.auth import usuarios
from supabase_local.servidores.auth.criacao import gravar
from supabase_local.servidores.auth.erros import invalido, sem_usuario
from supabase_local.servidores.servico import Conexao

TIPOS = ("recovery", "magiclink")


def gerar(conexao: Conexao, bruto: dict[str, Any]) -> dict[str, Any]:
    """O usuário e o elo; fica em `recovery_token` e em `one_time_tokens`. Levanta Recusa."""
    tipo, email = bruto.get("type"), str(bruto.get("email") or "").lower()
    if tipo not in TIPOS:
        raise invalido("Invalid email action link type requested")
    achados = usuarios.lida(
        conexao,
        "SELECT * FROM auth.users WHERE instance_id = %s AND aud = %s AND lower(email) = %s",
        (usuarios.NENHUMA_INSTANCIA, usuarios.PUBLICO, email),
        "Database error finding user",
    )
    if not achados:
        raise sem_usuario()
    quem = achados[0]["id"]
    numeros = f"{secrets.randbelow(10**6):06d}"
    token = hashlib.sha224(f"{email}{numeros}".encode()).hexdigest()
    with conexao.transaction():
        gravar(conexao, quem, recovery_token=token)
        conexao.execute("DELETE FROM auth.one_time_tokens WHERE user_id = %s", (quem,))
        conexao.execute(
            "INSERT INTO auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)"
            " VALUES (%s, %s, 'recovery_token', %s, %s)",
            (uuid4(), quem, token, email),
        )
    usuario = usuarios.com_tudo(conexao, usuarios.achar(conexao, str(quem)))
    endereco = str(bruto.get("redirect_to") or "http://localhost:3000")
    return usuario | {
        "action_link": f"{endereco}/auth/v1/verify?token={token}&type={tipo}",
        "email_otp": numeros,
        "hashed_token": token,
        "verification_type": tipo,
        "redirect_to": endereco,
    }
