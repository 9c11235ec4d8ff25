"""Logins de um projeto, postos e vistos por fora da API e do cofre; e a porta de entrada: quem
entra com que senha, ou por que provedor, como o Auth decidiria (logins.md, 1 e 6)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from apoio.impressoes import em_dicionarios
from supabase_local.empresas.logins import login as linhas_do_login
from supabase_local.servidores.auth import senhas
from supabase_local.servidores.servidor import SupabaseLocal

TABELAS = (
    *("users", "identities", "mfa_factors", "sessions", "refresh_tokens", "one_time_tokens"),
)
ZERO = UUID(int=0)


def criar_login(
    projeto: SupabaseLocal,
    email: str,
    senha: str | None = None,
    *,
    id: str | UUID | None = None,
    nome: str = "Fulana",
    com_sessao: bool = False,
    **colunas: Any,
) -> UUID:
    """O id. Completo como os de verdade, confirmado e com a identidade de e-mail; sem `senha`, a de
    todos. `colunas` troca as de `auth.users`; `com_sessao`, uma sessão, um token e um de uso só."""
    identidade = UUID(str(id)) if id else uuid4()
    usuario, chegada = linhas_do_login(identidade, email, nome)
    if senha is not None:
        usuario["encrypted_password"] = senhas.hash_de(senha)
    usuario |= colunas
    with em_dicionarios(projeto) as banco:
        _inserir(banco, "users", usuario)
        _inserir(banco, "identities", chegada)
        if com_sessao:
            sessao = uuid4()
            _inserir(banco, "sessions", {"id": sessao, "user_id": identidade})
            token = {"token": f"refresh-{sessao}", "user_id": str(identidade)}
            _inserir(banco, "refresh_tokens", {**token, "session_id": sessao})
            de_uma_vez = {"id": uuid4(), "user_id": identidade, "token_type": "recovery_token"}
            outros = {"token_hash": f"hash-{sessao}", "relates_to": email}
            _inserir(banco, "one_time_tokens", {**de_uma_vez, **outros})
    return identidade


def por_identidade(projeto: SupabaseLocal, quem: UUID, provedor: str, sub: str, email: str) -> None:
    """A chegada por um provedor de fora (google, github...)."""
    agora = datetime.now(UTC)
    with em_dicionarios(projeto) as banco:
        _inserir(
            banco,
            "identities",
            {
                "provider_id": sub,
                "user_id": quem,
                "identity_data": Jsonb({"sub": sub, "email": email, "email_verified": True}),
                "provider": provedor,
                **dict.fromkeys(("last_sign_in_at", "created_at", "updated_at"), agora),
            },
        )


def por_fator(
    projeto: SupabaseLocal,
    quem: UUID,
    *,
    verificado: bool = True,
    segredo: str = "JBSWY3DPEHPK3PXP",
) -> UUID:
    """Um segundo fator (TOTP); o id dele."""
    fator, agora = uuid4(), datetime.now(UTC)
    linha = {
        "id": fator,
        "user_id": quem,
        "friendly_name": f"celular {fator}",
        "factor_type": "totp",
        "status": "verified" if verificado else "unverified",
        "created_at": agora,
        "updated_at": agora,
        "secret": segredo,
    }
    with em_dicionarios(projeto) as banco:
        _inserir(banco, "mfa_factors", linha)
    return fator


def apagar_login(projeto: SupabaseLocal, quem: str | UUID) -> None:
    """Como o Auth o apaga: o que pende dele vai junto, ou o impede."""
    with em_dicionarios(projeto) as banco:
        banco.execute("SET LOCAL ROLE supabase_auth_admin")
        banco.execute("DELETE FROM auth.users WHERE id = %s", (quem,))


def linha_do_login(projeto: SupabaseLocal, quem: str | UUID) -> dict[str, Any] | None:
    """A linha inteira de `auth.users`, com o hash."""
    with em_dicionarios(projeto) as banco:
        return banco.execute("SELECT * FROM auth.users WHERE id = %s", (quem,)).fetchone()


def impressoes_do_auth(
    projeto: SupabaseLocal, menos: frozenset[UUID] = frozenset()
) -> dict[tuple[str, str], str]:
    """(tabela, chave) → md5 da linha, de tudo em `auth` que não é destes usuários."""
    todas = {}
    fora = {str(quem) for quem in menos}
    with em_dicionarios(projeto) as banco:
        for tabela in TABELAS:
            dono = "id" if tabela == "users" else "user_id"
            consulta = (
                f"SELECT id::text, {dono}::text AS dono, t::text AS linha FROM auth.{tabela} t"
            )
            for linha in banco.execute(consulta.encode()).fetchall():
                if linha["dono"] not in fora:
                    texto = linha["linha"].encode()
                    soma = hashlib.md5(texto, usedforsecurity=False).hexdigest()
                    todas[tabela, linha["id"]] = soma
    return todas


# -- a porta de entrada ---------------------------------------------------------------------


def entra(projeto: SupabaseLocal, email: str, senha: str) -> UUID | None:
    """Quem entra com este e-mail e esta senha, ou ninguém (token.go:92-185): aud e instância
    certos, não SSO, hash que confere, sem ban em vigor, e-mail confirmado. A identidade não se
    olha, nem `deleted_at`. Uma coluna de token nula é um 500 no servidor: aqui, AssertionError."""
    with em_dicionarios(projeto) as banco:
        achado = banco.execute(
            "SELECT * FROM auth.users WHERE instance_id = %s AND aud = 'authenticated'"
            " AND lower(email) = lower(%s) AND is_sso_user = false",
            (ZERO, email),
        ).fetchone()
    if achado is None or not senhas.confere(senha, achado["encrypted_password"]):
        return None
    for coluna in (
        "confirmation_token",
        "recovery_token",
        "email_change",
        "email_change_token_new",
    ):
        assert achado[coluna] is not None, f"500: {coluna} é nula"
    banido = achado["banned_until"] is not None and achado["banned_until"] > datetime.now(UTC)
    return None if banido or achado["email_confirmed_at"] is None else achado["id"]


@dataclass(frozen=True, slots=True)
class Chegada:
    """Quem entrou por um provedor, e como: «identidade», «e-mail» (ligou-se sozinho), «novo», ou
    «banido» (não entrou)."""

    quem: UUID
    como: str


def entra_por(
    projeto: SupabaseLocal, provedor: str, sub: str, email: str, *, verificado: bool = True
) -> Chegada:
    """Como o Auth decide (linking.go:79-213, external.go:319-418): pela identidade; senão, por um
    e-mail que o provedor verificou, e a ligação fica gravada (quem não tinha confirmado o e-mail
    perde a senha, os metadados e as outras identidades); senão, nasce outro usuário."""
    with em_dicionarios(projeto) as banco:
        tem = banco.execute(
            "SELECT user_id FROM auth.identities WHERE provider = %s AND provider_id = %s",
            (provedor, sub),
        ).fetchone()
        if tem is not None:
            return Chegada(tem["user_id"], _a_nao_ser_que(banco, tem["user_id"], "identidade"))
        mesmo = banco.execute(
            "SELECT * FROM auth.users WHERE lower(email) = lower(%s) AND aud = 'authenticated'"
            " AND instance_id = %s AND is_sso_user = false",
            (email, ZERO),
        ).fetchone()
        if mesmo is not None and verificado:
            if mesmo["email_confirmed_at"] is None:
                _despojar(banco, mesmo["id"])
            quem, como = mesmo["id"], "e-mail"
        else:
            quem, como = uuid4(), "novo"
    if como == "novo":
        livre = email if mesmo is None else f"{uuid4()}@outro.example"
        criar_login(projeto, livre, id=quem)
    por_identidade(projeto, quem, provedor, sub, email)
    with em_dicionarios(projeto) as banco:
        return Chegada(quem, _a_nao_ser_que(banco, quem, como))


def _a_nao_ser_que(banco: psycopg.Connection[Any], quem: UUID, como: str) -> str:
    banido = banco.execute(
        "SELECT FROM auth.users WHERE id = %s AND banned_until > now()", (quem,)
    ).fetchone()
    return como if banido is None else "banido"


def _despojar(banco: psycopg.Connection[Any], quem: UUID) -> None:
    banco.execute(
        "UPDATE auth.users SET encrypted_password = NULL, raw_user_meta_data = '{}',"
        " email_confirmed_at = now() WHERE id = %s",
        (quem,),
    )
    banco.execute("DELETE FROM auth.identities WHERE user_id = %s", (quem,))


def _inserir(banco: psycopg.Connection[Any], tabela: str, linha: dict[str, Any]) -> None:
    colunas = ", ".join(linha)
    marcas = ", ".join(["%s"] * len(linha))
    banco.execute(
        f"INSERT INTO auth.{tabela} ({colunas}) VALUES ({marcas})".encode(), list(linha.values())
    )
