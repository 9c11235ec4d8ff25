"""PUT e DELETE de /admin/users/{id}, e os fatores (logins.md, 3)."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from supabase_local.servidores.auth import senhas, usuarios
from supabase_local.servidores.auth.criacao import fundir, gravar
from supabase_local.servidores.auth.erros import Recusa, inesperado
from supabase_local.servidores.auth.pedido import Pedido
from supabase_local.servidores.servico import Conexao


def mudar(conexao: Conexao, identidade: str, pedido: Pedido, *, sem_ban: bool) -> dict[str, Any]:
    """`password_hash`, `id` e `aud` são ignorados em silêncio; um e-mail repetido é um 500, sem
    conferência. Levanta Recusa."""
    linha = usuarios.achar(conexao, identidade)
    agora = datetime.now(UTC)
    bruto = pedido.bruto
    colunas: dict[str, Any] = {}
    if bruto.get("role"):
        colunas["role"] = bruto["role"]
    if pedido.email:
        colunas["email"] = pedido.email
    if pedido.telefone:
        colunas["phone"] = pedido.telefone
    if bruto.get("password"):
        colunas["encrypted_password"] = senhas.hash_de(bruto["password"])
    if bruto.get("email_confirm"):
        colunas["email_confirmed_at"] = agora
    if bruto.get("phone_confirm"):
        colunas["phone_confirmed_at"] = agora
    for nome, coluna in (
        ("user_metadata", "raw_user_meta_data"),
        ("app_metadata", "raw_app_meta_data"),
    ):
        if bruto.get(nome):
            colunas[coluna] = Jsonb(fundir(linha[coluna] or {}, bruto[nome]))
    if pedido.ban is not None and not (sem_ban and pedido.ban):
        colunas["banned_until"] = agora + pedido.ban if pedido.ban else None
    try:
        with conexao.transaction():
            mudada = gravar(conexao, linha["id"], **colunas)
            assert mudada is not None
            if pedido.email:
                _novo_email(conexao, linha["id"], pedido.email)
            if bruto.get("password"):
                conexao.execute("DELETE FROM auth.sessions WHERE user_id = %s", (linha["id"],))
    except psycopg.Error as erro:
        raise inesperado("Error updating user", erro) from erro
    return usuarios.com_tudo(conexao, usuarios.achar(conexao, identidade))


def _novo_email(conexao: Conexao, identidade: UUID, email: str) -> None:
    """A identidade de e-mail passa a não verificada, ainda que o e-mail seja o mesmo."""
    novos = Jsonb({"email": email, "email_verified": False})
    conexao.execute(
        "UPDATE auth.identities SET identity_data = identity_data || %s, updated_at = now()"
        " WHERE user_id = %s AND provider = 'email'",
        (novos, identidade),
    )


def apagar(conexao: Conexao, identidade: str, *, de_leve: bool) -> dict[str, Any]:
    """De todo (e o que pende dele vai junto, ou o impede), ou de leve. Levanta Recusa."""
    linha = usuarios.achar(conexao, identidade)
    try:
        with conexao.transaction():
            if de_leve:
                _esconder(conexao, linha)
            else:
                conexao.execute("DELETE FROM auth.users WHERE id = %s", (linha["id"],))
    except psycopg.Error as erro:
        raise inesperado("Database error deleting user", erro) from erro
    return {}


def _esconder(conexao: Conexao, linha: DictRow) -> None:
    """O e-mail fica livre, o id não, e a API não volta atrás (user.go:1054-1147)."""
    quem = linha["id"]
    gravar(
        conexao,
        quem,
        email=_ofuscado(quem, linha["email"]),
        phone=_ofuscado(quem, linha["phone"]),
        encrypted_password=None,
        raw_user_meta_data=Jsonb({}),
        raw_app_meta_data=Jsonb({}),
        deleted_at=datetime.now(UTC),
    )
    for identidade in conexao.execute(
        "SELECT id, provider_id FROM auth.identities WHERE user_id = %s", (quem,)
    ).fetchall():
        conexao.execute(
            "UPDATE auth.identities SET provider_id = %s, identity_data = '{}' WHERE id = %s",
            (_ofuscado(quem, identidade["provider_id"]), identidade["id"]),
        )
    for tabela in ("mfa_factors", "sessions", "one_time_tokens"):
        conexao.execute(f"DELETE FROM auth.{tabela} WHERE user_id = %s".encode(), (quem,))


def _ofuscado(quem: UUID, valor: str | None) -> str | None:
    if not valor:
        return None
    return base64.b64encode(hashlib.sha256(f"{quem}{valor}".encode()).digest()).decode()


def fatores(
    conexao: Conexao, identidade: str, qual: str, metodo: str, bruto: dict[str, Any]
) -> Any:
    """Lista, muda o nome ou apaga; criar não há, e nenhum traz o segredo. Levanta Recusa."""
    linha = usuarios.achar(conexao, identidade)
    seus = usuarios.fatores_de(conexao, linha)
    if not qual:
        return [usuarios.fator(f) for f in seus]
    dele = next((f for f in seus if str(f["id"]) == qual), None)
    if dele is None:
        raise Recusa(404, "mfa_factor_not_found", "Factor not found")
    if metodo == "DELETE":
        conexao.execute("DELETE FROM auth.mfa_factors WHERE id = %s", (dele["id"],))
        return usuarios.fator(dele)
    mudado = conexao.execute(
        "UPDATE auth.mfa_factors SET friendly_name = %s, updated_at = now() WHERE id = %s"
        " RETURNING *",
        (bruto.get("friendly_name") or dele["friendly_name"], dele["id"]),
    ).fetchone()
    assert mudado is not None
    return usuarios.fator(mudado)
