"""As recusas do Auth, nos dois feitios que ele tem (logins.md, 3).

Com `X-Supabase-Api-Version: 2024-01-01`, `{code, message}`, e o que o PostgreSQL disse não se vê.
Sem ela, `{code, error_code, msg}`; e os erros 23xxx, P0001 e PTnnn do banco saem com o detalhe.
"""

from __future__ import annotations

import psycopg

from supabase_local.servidores.falhas import Resposta
from supabase_local.servidores.servico import em_json

VERSAO = "X-Supabase-Api-Version"
DE_2024 = "2024-01-01"


class Recusa(Exception):
    """O que o Auth responde em vez de fazer. `do_banco`: o erro que o causou, se foi um."""

    def __init__(
        self, status: int, codigo: str, mensagem: str, do_banco: psycopg.Error | None = None
    ) -> None:
        super().__init__(mensagem)
        self._status = status
        self._codigo = codigo
        self._mensagem = mensagem
        self._do_banco = do_banco

    def resposta(self, versao: str | None) -> Resposta:
        """No feitio da versão que o pedido diz."""
        if versao == DE_2024:
            corpo = {"code": self._codigo, "message": self._mensagem}
            return em_json(self._status, corpo, (VERSAO, DE_2024))
        if self._do_banco is not None and (visto := _a_vista(self._do_banco)) is not None:
            return visto
        corpo_antigo = {
            "code": self._status,
            "error_code": self._codigo,
            "msg": self._mensagem,
        }
        return em_json(self._status, corpo_antigo)


def _a_vista(erro: psycopg.Error) -> Resposta | None:
    estado = erro.sqlstate or ""
    if not (estado.startswith(("23", "PT")) or estado == "P0001"):
        return None  # 42xxx e os outros ficam escondidos
    numero = estado[2:]
    status = int(numero) if estado.startswith("PT") and numero.isdigit() else 500
    dito = erro.diag
    corpo = {"code": estado, "message": dito.message_primary}
    if dito.message_detail:
        corpo["detail"] = dito.message_detail
    if dito.message_hint:
        corpo["hint"] = dito.message_hint
    return em_json(status, corpo)


def invalido(mensagem: str, status: int = 400) -> Recusa:
    return Recusa(status, "validation_failed", mensagem)


def json_ruim(mensagem: str = "Could not parse request body as JSON") -> Recusa:
    return Recusa(400, "bad_json", mensagem)


def inesperado(mensagem: str, do_banco: psycopg.Error | None = None) -> Recusa:
    return Recusa(500, "unexpected_failure", mensagem, do_banco)


def sem_usuario() -> Recusa:
    return Recusa(404, "user_not_found", "User not found")


def email_tomado() -> Recusa:
    mensagem = "A user with this email address has already been registered"
    return Recusa(422, "email_exists", mensagem)


def telefone_tomado() -> Recusa:
    mensagem = "A user with this phone number has already been registered"
    return Recusa(422, "phone_exists", mensagem)
