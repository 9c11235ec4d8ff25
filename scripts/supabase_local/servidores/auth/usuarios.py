"""As linhas de `auth.users` e das suas filhas, e como a API as mostra (logins.md, 1 e 3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from supabase_local.servidores.auth.erros import inesperado, invalido, sem_usuario
from supabase_local.servidores.servico import Conexao

NENHUMA_INSTANCIA = UUID(int=0)
PUBLICO = "authenticated"
NUNCA_NULAS = (
    *("aud", "role", "confirmation_token", "recovery_token", "email_change_token_new"),
    *("email_change_token_current", "email_change", "phone_change", "phone_change_token"),
    *("reauthentication_token", "email_change_confirm_status", "created_at", "updated_at"),
)
"""As que no servidor não são ponteiros: uma nula, e nada que leia a linha responde."""


def achar(conexao: Conexao, identidade: str) -> DictRow:
    """A linha, também a de um apagado de leve. Levanta Recusa."""
    alvo = uuid_do_caminho(identidade)
    consulta = "SELECT * FROM auth.users WHERE instance_id = %s AND id = %s"
    achada = lida(conexao, consulta, (NENHUMA_INSTANCIA, alvo), "Database error loading user")
    if not achada:
        raise sem_usuario()
    return achada[0]


def uuid_do_caminho(texto: str) -> UUID:
    try:
        return UUID(texto)
    except ValueError:
        raise invalido("user_id must be an UUID", 404) from None


def lida(conexao: Conexao, consulta: Any, valores: Any, quando_nao: str) -> list[DictRow]:
    """As linhas, se o servidor as conseguisse ler todas: com uma coluna sua nula, ou uma data
    infinita, não consegue. Levanta Recusa (500)."""
    try:
        linhas = conexao.execute(consulta, valores).fetchall()
    except psycopg.DataError as erro:
        raise inesperado(quando_nao) from erro
    if any(linha[coluna] is None for linha in linhas for coluna in NUNCA_NULAS):
        raise inesperado(quando_nao)
    return linhas


def listar(
    conexao: Conexao, parametros: dict[str, str], *, empates: bool
) -> tuple[list[DictRow], int]:
    """Uma página, e quantos são ao todo. `created_at` sem desempate: páginas podem repetir e pular,
    e com `empates` é o que fazem. Levanta Recusa."""
    pagina, quantos = _numero(parametros, "page", 1), _numero(parametros, "per_page", 50)
    if quantos == 0:
        raise inesperado("Internal Server Error")  # o servidor divide por ele
    ordem = parametros.get("sort", "created_at desc").strip().lower()
    if ordem not in ("created_at asc", "created_at desc", "created_at"):
        raise invalido("Bad Sort Parameters: bad field for sort")
    sentido = "ASC" if ordem.endswith("asc") else "DESC"
    desempate = (", id" if pagina % 2 else ", id DESC") if empates else ""
    onde = "instance_id = %s AND aud = %s"
    valores: list[object] = [NENHUMA_INSTANCIA, PUBLICO]
    if filtro := parametros.get("filter"):
        onde += " AND (email LIKE %s OR raw_user_meta_data ->> 'full_name' ILIKE %s)"
        valores += [f"%{filtro}%"] * 2
    total = conexao.execute(
        f"SELECT count(*) AS n FROM auth.users WHERE {onde}".encode(), valores
    ).fetchone()
    assert total is not None
    linhas = lida(
        conexao,
        f"SELECT * FROM auth.users WHERE {onde} ORDER BY created_at {sentido}{desempate}"
        " LIMIT %s OFFSET %s".encode(),
        [*valores, quantos, max(pagina - 1, 0) * quantos],
        "Database error finding users",
    )
    return linhas, total["n"]


def _numero(parametros: dict[str, str], nome: str, padrao: int) -> int:
    texto = parametros.get(nome) or str(padrao)
    if not texto.isdigit():
        raise invalido(f"Bad Pagination Parameters: bad {nome}")
    return int(texto)


def descrever(
    linha: DictRow, identidades: list[DictRow] | None = None, fatores: list[DictRow] | None = None
) -> dict[str, Any]:
    """Como na API: sem hash, tokens nem segredo; e-mail e telefone nulos são `""`; data nula não
    aparece. `identidades` nulo é o da lista, que não as carrega."""
    dito: dict[str, Any] = {
        "id": str(linha["id"]),
        "aud": linha["aud"],
        "role": linha["role"],
        "email": linha["email"] or "",
        "phone": linha["phone"] or "",
        "app_metadata": linha["raw_app_meta_data"] or {},
        "user_metadata": linha["raw_user_meta_data"] or {},
        "identities": None if identidades is None else [_identidade(i) for i in identidades],
        "created_at": _momento(linha["created_at"]),
        "updated_at": _momento(linha["updated_at"]),
        "is_anonymous": linha["is_anonymous"],
    }
    datas = ("email_confirmed_at", "phone_confirmed_at", "confirmed_at", "last_sign_in_at")
    for nome in (*datas, "invited_at", "banned_until", "deleted_at"):
        if linha[nome] is not None:
            dito[nome] = _momento(linha[nome])
    if fatores:
        dito["factors"] = [fator(f) for f in fatores]
    return dito


def com_tudo(conexao: Conexao, linha: DictRow) -> dict[str, Any]:
    """O usuário com as identidades e os fatores dele."""
    return descrever(linha, _filhas(conexao, "identities", linha), fatores_de(conexao, linha))


def fatores_de(conexao: Conexao, linha: DictRow) -> list[DictRow]:
    return _filhas(conexao, "mfa_factors", linha)


def _filhas(conexao: Conexao, tabela: str, linha: DictRow) -> list[DictRow]:
    consulta = f"SELECT * FROM auth.{tabela} WHERE user_id = %s ORDER BY created_at, id"
    return conexao.execute(consulta.encode(), (linha["id"],)).fetchall()


def _identidade(linha: DictRow) -> dict[str, Any]:
    dita = {
        "identity_id": str(linha["id"]),
        "id": linha["provider_id"],
        "user_id": str(linha["user_id"]),
        "provider": linha["provider"],
        "created_at": _momento(linha["created_at"]),
        "updated_at": _momento(linha["updated_at"]),
    }
    if linha["identity_data"]:
        dita["identity_data"] = linha["identity_data"]
    if linha["last_sign_in_at"] is not None:
        dita["last_sign_in_at"] = _momento(linha["last_sign_in_at"])
    if linha["email"]:
        dita["email"] = linha["email"]
    return dita


def fator(linha: DictRow) -> dict[str, Any]:
    """Um fator, sem o segredo: nenhuma resposta o traz."""
    dito = {
        "id": str(linha["id"]),
        "created_at": _momento(linha["created_at"]),
        "updated_at": _momento(linha["updated_at"]),
        "status": linha["status"],
        "factor_type": linha["factor_type"],
    }
    for nome in ("friendly_name", "phone"):
        if linha[nome]:
            dito[nome] = linha[nome]
    if linha["last_challenged_at"] is not None:
        dito["last_challenged_at"] = _momento(linha["last_challenged_at"])
    return dito


def _momento(momento: datetime) -> str:
    """Como o Go escreve: sem os zeros do fim da fração."""
    em_utc = momento.astimezone(UTC)
    fracao = f".{em_utc.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{em_utc:%Y-%m-%dT%H:%M:%S}{fracao}Z"
