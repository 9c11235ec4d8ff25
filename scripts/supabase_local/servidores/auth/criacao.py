"""POST /admin/users: uma transação só, na ordem do servidor, para que os gatilhos vejam o mesmo.

INSERT em `users` (com `role` vazio, sem confirmação nem ban, e só provider e providers no
`raw_app_meta_data`) → identidades → UPDATE do papel, dos metadados, das confirmações e do ban
(admin.go:491-565; logins.md, 2 e 3).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from supabase_local.servidores.auth import senhas, usuarios
from supabase_local.servidores.auth.erros import (
    email_tomado,
    inesperado,
    invalido,
    telefone_tomado,
)
from supabase_local.servidores.auth.pedido import Pedido
from supabase_local.servidores.servico import Conexao

FALHOU = "Database error creating new user"


class DesfazerTudo(Exception):
    """A transação não fica, mas a resposta já está pronta."""

    def __init__(self, resposta: dict[str, Any]) -> None:
        super().__init__()
        self.resposta = resposta


def criar(
    conexao: Conexao, pedido: Pedido, *, antigo: bool, sem_ban: bool, sem_gravar: bool
) -> dict[str, Any]:
    """O usuário criado, como a resposta o mostra. `antigo`: um servidor anterior ao 2.155, que
    ignora `id` e `password_hash` em silêncio; `sem_ban`: um que não grava o ban (auth#1798);
    `sem_gravar`: responde 200 e a linha não fica (auth#1270). Levanta Recusa."""
    hash_ = _hash(pedido, antigo=antigo)
    identidade = (None if antigo else pedido.identidade) or uuid4()
    if not (pedido.email or pedido.telefone):
        raise invalido("Cannot create a user without either an email or phone")
    if pedido.email and email_em_uso(conexao, pedido.email):
        raise email_tomado()
    if pedido.telefone and _telefone_em_uso(conexao, pedido.telefone):
        raise telefone_tomado()
    try:
        with conexao.transaction():
            dito = _numa_transacao(conexao, pedido, identidade, hash_, sem_ban=sem_ban)
            if sem_gravar:
                raise DesfazerTudo(dito)
    except DesfazerTudo as desfeita:
        return desfeita.resposta
    except psycopg.Error as erro:
        raise inesperado(FALHOU, erro) from erro
    return dito


def _numa_transacao(
    conexao: Conexao, pedido: Pedido, identidade: UUID, hash_: str, *, sem_ban: bool
) -> dict[str, Any]:
    agora = datetime.now(UTC)
    provedores = [p for p, tem in (("email", pedido.email), ("phone", pedido.telefone)) if tem]
    do_app: dict[str, Any] = {"provider": provedores[0], "providers": provedores}
    da_pessoa = pedido.bruto.get("user_metadata")
    conexao.execute(
        "INSERT INTO auth.users (instance_id, id, aud, role, email, phone, encrypted_password,"
        " confirmation_token, recovery_token, email_change_token_new, email_change,"
        " raw_app_meta_data, raw_user_meta_data, created_at, updated_at)"
        " VALUES (%s, %s, %s, '', %s, %s, %s, '', '', '', '', %s, %s, %s, %s)",
        (
            usuarios.NENHUMA_INSTANCIA,
            identidade,
            pedido.bruto.get("aud") or usuarios.PUBLICO,
            pedido.email,
            pedido.telefone,
            hash_,
            Jsonb(do_app),
            None if da_pessoa is None else Jsonb(da_pessoa),
            agora,
            agora,
        ),
    )
    for provedor in provedores:
        _identificar(conexao, identidade, provedor, pedido, agora)
    gravar(conexao, identidade, role=pedido.bruto.get("role") or usuarios.PUBLICO)
    if extra := pedido.bruto.get("app_metadata"):
        gravar(conexao, identidade, raw_app_meta_data=Jsonb(fundir(do_app, extra)))
    if pedido.bruto.get("email_confirm") and pedido.email:
        da_pessoa = {**(da_pessoa or {}), "email_verified": True}
        gravar(conexao, identidade, raw_user_meta_data=Jsonb(da_pessoa), email_confirmed_at=agora)
    if pedido.bruto.get("phone_confirm") and pedido.telefone:
        gravar(conexao, identidade, phone_confirmed_at=agora)
    if pedido.ban and not sem_ban:
        gravar(conexao, identidade, banned_until=agora + pedido.ban)
    dito = usuarios.com_tudo(conexao, usuarios.achar(conexao, str(identidade)))
    if da_pessoa is None and pedido.bruto.get("password_hash"):
        dito["user_metadata"] = None  # com hash, os que nunca foram ditos nem confirmados
    return dito


def _hash(pedido: Pedido, *, antigo: bool) -> str:
    senha, hash_ = pedido.bruto.get("password"), pedido.bruto.get("password_hash")
    if antigo:
        return senhas.hash_de(senha) if senha else senhas.ao_acaso()
    if senha is not None and hash_ is not None and hash_ != "":
        raise invalido("Only a password or a password hash should be provided")
    if hash_:
        if not senhas.aceito(hash_):
            raise inesperado("Error creating user")
        return str(hash_)
    return senhas.hash_de(senha) if senha else senhas.ao_acaso()


def _identificar(
    conexao: Conexao, identidade: UUID, provedor: str, pedido: Pedido, agora: datetime
) -> None:
    dados: dict[str, Any] = {"sub": str(identidade)}
    if provedor == "email":
        dados["email"] = pedido.email
    else:
        dados["phone"] = pedido.telefone
    dados |= {"email_verified": False, "phone_verified": False}
    conexao.execute(
        "INSERT INTO auth.identities (provider_id, user_id, identity_data, provider,"
        " last_sign_in_at, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (str(identidade), identidade, Jsonb(dados), provedor, agora, agora, agora),
    )


def gravar(conexao: Conexao, identidade: UUID, **colunas: Any) -> DictRow | None:
    """Um UPDATE só destas colunas, e de `updated_at`, que muda em toda gravação."""
    colunas["updated_at"] = datetime.now(UTC)
    mudancas = ", ".join(f"{nome} = %s" for nome in colunas)
    return conexao.execute(
        f"UPDATE auth.users SET {mudancas} WHERE id = %s RETURNING *".encode(),
        (*colunas.values(), identidade),
    ).fetchone()


def fundir(antes: dict[str, Any], mais: dict[str, Any]) -> dict[str, Any]:
    """Os metadados somam-se; um nulo apaga a chave."""
    return {nome: valor for nome, valor in {**antes, **mais}.items() if valor is not None}


def email_em_uso(conexao: Conexao, email: str) -> bool:
    """Em `users`, ou numa identidade do domínio comum (não de SSO): um e-mail pode ser de quem, em
    `users`, tem outro (models/user.go:927-972)."""
    consulta = (
        "SELECT FROM auth.users WHERE instance_id = %(i)s AND aud = %(a)s AND lower(email) = %(e)s"
        " AND is_sso_user = false UNION ALL"
        " SELECT FROM auth.identities WHERE email = %(e)s AND provider NOT LIKE 'sso:%%'"
    )
    valores = {"i": usuarios.NENHUMA_INSTANCIA, "a": usuarios.PUBLICO, "e": email}
    return conexao.execute(consulta, valores).fetchone() is not None


def _telefone_em_uso(conexao: Conexao, telefone: str) -> bool:
    consulta = "SELECT FROM auth.users WHERE phone = %s AND aud = %s"
    return conexao.execute(consulta, (telefone, usuarios.PUBLICO)).fetchone() is not None
