"""Um login que volta por SQL, na transação de quem restaura."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
import psycopg
from psycopg import sql

from cofre.base.linha import NULO
from cofre.via.logins.comparacao import diferencas
from cofre.via.logins.contrato import Criado
from cofre.via.logins.login import COLUNAS, COMUM, IDENTIDADES, Login

INSTANCIA = "00000000-0000-0000-0000-000000000000"
"""Com outra, ou nula, o Auth não vê o login (models/user.go)."""
DE_TOKENS = (
    "confirmation_token",
    "recovery_token",
    "email_change_token_new",
    "email_change",
    "email_change_token_current",
    "phone_change",
    "phone_change_token",
    "reauthentication_token",
)
"""Nunca se guardam, e o Auth não as lê nulas: voltam vazias."""
SEM_FIM = timedelta(days=36_500)
_VIRGULA = sql.SQL(", ")


class _Ler(Protocol):
    def __call__(
        self, ids: Sequence[str], *, senhas: bool = False, fatores: bool = False
    ) -> Mapping[str, Login]: ...


def criar(
    conexao: psycopg.Connection,
    colunas: Mapping[str, Sequence[str]],
    guardado: Login,
    ler: _Ler,
) -> Criado:
    """Insere e relê. Uma identidade ou um fator que o banco recusa não impede o login.
    psycopg.Error passa, se não é uma recusa."""
    agora = datetime.now(UTC)
    pela_falta = guardado.com_fator and not guardado.fator_volta
    try:
        with conexao.transaction():
            _inserir(conexao, "users", _do_usuario(guardado, colunas["users"], agora, pela_falta))
    except (psycopg.errors.IntegrityError, psycopg.errors.RaiseException) as e:
        return Criado(guardado.id, recusa=f"o banco não o aceita ({e.sqlstate})")
    do_login = {"identities": _identidades(guardado, agora), "mfa_factors": _fatores(guardado)}
    voltou_tudo = True
    for tabela, linhas in do_login.items():
        for linha in linhas if tabela in colunas else ():
            cabem = {n: v for n, v in linha.items() if n in colunas[tabela]}
            voltou_tudo &= _tentar(conexao, tabela, cabem) or tabela != "mfa_factors"
    if guardado.com_fator and not pela_falta and not voltou_tudo:
        _banir(conexao, guardado.id, agora)
        pela_falta = True
    ficou = ler([guardado.id], senhas=True)[guardado.id]
    return Criado(
        guardado.id,
        diferencas=diferencas(guardado, ficou, com_datas=True),
        sem_senha=guardado.precisa_de_senha,
        banido=pela_falta,
    )


def _tentar(conexao: psycopg.Connection, tabela: str, linha: Mapping[str, Any]) -> bool:
    try:
        with conexao.transaction():
            _inserir(conexao, tabela, linha)
    except (psycopg.errors.IntegrityError, psycopg.errors.DataError):
        return False
    return True


def _banir(conexao: psycopg.Connection, qual: str, agora: datetime) -> None:
    """Só o que acabou de entrar: a linha é nossa, e ninguém mais a vê ainda."""
    conexao.execute(
        "UPDATE auth.users SET banned_until = %s WHERE id = %s", [agora + SEM_FIM, qual]
    )


def _inserir(conexao: psycopg.Connection, tabela: str, linha: Mapping[str, Any]) -> None:
    comando = sql.SQL(
        "INSERT INTO auth.{tabela} ({colunas}) SELECT {colunas}"
        " FROM pg_catalog.json_populate_record(NULL::auth.{tabela}, %s::pg_catalog.json)"
    ).format(tabela=sql.Identifier(tabela), colunas=_VIRGULA.join(map(sql.Identifier, linha)))
    conexao.execute(comando, [msgspec.json.encode(linha).decode()])


def _do_usuario(
    guardado: Login, existem: Sequence[str], agora: datetime, banir: bool
) -> dict[str, Any]:
    """A linha de auth.users: o que se guardou, e o que o Auth não admite de outro modo."""
    linha: dict[str, Any] = {
        "instance_id": INSTANCIA,
        "is_sso_user": False,
        "is_anonymous": False,
        "email_change_confirm_status": 0,
        "created_at": agora,
        "updated_at": agora,
        **dict.fromkeys(DE_TOKENS, ""),
    }
    for coluna in COLUNAS:
        if guardado.tem(coluna):
            infinito = bytes(guardado.campos[coluna]).endswith(b'infinity"')
            linha[coluna] = None if infinito else guardado.campos[coluna]
    linha |= {"aud": COMUM, "role": COMUM}
    if guardado.tem("email"):
        linha["email"] = str(guardado.valor("email")).lower()
    if banir:
        linha["banned_until"] = agora + SEM_FIM
    elif (ate := guardado.banido_ate(agora)) is None:
        linha["banned_until"] = None
    elif ate > agora + SEM_FIM:
        linha["banned_until"] = agora + SEM_FIM
    return {n: v for n, v in linha.items() if n in existem}


def _identidades(guardado: Login, agora: datetime) -> list[dict[str, Any]]:
    """As guardadas; a do e-mail, se não foi, refaz-se como o Auth a faz (provider_id é o id)."""
    com_datas = {"created_at": agora, "updated_at": agora}
    nuas = [{n: v for n, v in i.items() if v is not None} for i in _brutas(guardado)]
    linhas = [{**com_datas, **i, "user_id": guardado.id} for i in nuas if "identity_data" in i]
    provedores = {str(i.get("provider")) for i in guardado.identidades}
    if guardado.tem("email") and not provedores:
        dados = {
            "sub": guardado.id,
            "email": str(guardado.valor("email")).lower(),
            "email_verified": guardado.tem("email_confirmed_at"),
            "phone_verified": False,
        }
        linhas.append(
            {
                **com_datas,
                "provider_id": guardado.id,
                "provider": "email",
                "identity_data": dados,
                "user_id": guardado.id,
            }
        )
    return [linha for linha in linhas if "id" in linha] + [
        {**linha, "id": _novo_id(guardado.id, str(linha.get("provider", "")))}
        for linha in linhas
        if "id" not in linha
    ]


def _novo_id(login: str, provedor: str) -> str:
    return str(uuid.uuid5(uuid.UUID(login), provedor))


def _brutas(guardado: Login) -> list[dict[str, msgspec.Raw | None]]:
    bruto = guardado.campos.get(IDENTIDADES, msgspec.Raw(b"[]"))
    itens = msgspec.json.decode(bruto, type=list[dict[str, msgspec.Raw]])
    return [{n: None if bytes(v) == NULO else v for n, v in item.items()} for item in itens]


def _fatores(guardado: Login) -> list[dict[str, Any]]:
    """Só os que têm o segredo; nunca quando foi usado (a coluna é única)."""
    vazios = {"friendly_name": "", "secret": ""}
    return [
        {**vazios, **{n: v for n, v in f.items() if v is not None}, "user_id": guardado.id}
        for f in guardado.fatores
        if "secret" in f
    ]
