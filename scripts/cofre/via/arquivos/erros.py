"""O que o servidor de arquivos recusou, em palavras.

O status HTTP dele quase sempre é 400: o de verdade está no texto `statusCode`, e o que decide é o
`code` (medido em supabase/storage 4fa61fba). Os status de verdade são os do gateway e os de 429,
413, 416, 5xx.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from cofre.base.config.valores import ONDE_PEGAR
from cofre.base.erros import ChaveRecusada, FalhaDoServidor, ProjetoFechado, ProjetoPausado
from cofre.base.palavras import visivel
from cofre.via.api.curas import CHAVE_TROCADA, CHAVES_ANTIGAS, DO_PROJETO, PLATAFORMA
from cofre.via.api.erros import PASSAGEIROS

SEM_CHAVE, SEM_BALDE, CHAVE_INVALIDA = "NoSuchKey", "NoSuchBucket", "InvalidKey"
_DA_CHAVE = frozenset({"AccessDenied", "InvalidJWT", "SignatureDoesNotMatch"})
_PASSAGEIROS = frozenset(
    {
        "SlowDown",
        "DatabaseTimeout",
        "DatabaseReadOnly",
        "DatabaseSchemaMismatch",
        "LockTimeout",
        "ResourceLocked",
        "Aborted",
    }
)
"""Os `code` que outra tentativa pode mudar (lido no código do servidor)."""


SEM_O_BANCO = (
    "A conexão direta não vê as tabelas do Storage.",
    "Use o usuário «postgres» na SUPABASE_DB_URL, dê ao que lá está leitura no schema storage\n"
    "(GRANT USAGE ON SCHEMA storage, GRANT SELECT ON ALL TABLES IN SCHEMA storage), ou rode com\n"
    "--via api.",
)
"""Causa e cura."""


class SemArmazem(FalhaDoServidor):
    """O projeto não tem Storage: o endereço dele não existe."""


class RecusaDoArmazem(FalhaDoServidor):
    """O servidor entendeu e recusou. `code` é o dele (`KeyAlreadyExists`, `EntityTooLarge`,
    `InvalidMimeType`...); `status`, o que ele quis dizer (não o HTTP)."""

    def __init__(self, dito: Dito, causa: str, dica: str = "") -> None:
        super().__init__(causa, dica)
        self.code = dito.code
        self.status = dito.status


class ObjetoAusente(RecusaDoArmazem):
    """NoSuchKey: não há esse objeto; ou há a linha dele, mas não o conteúdo (num S3)."""


class BaldeAusente(RecusaDoArmazem):
    """NoSuchBucket."""


class NomeRecusado(RecusaDoArmazem):
    """InvalidKey: um nome que o servidor hoje não aceita nem para ler."""


class Mudou(FalhaDoServidor):
    """O objeto mudou, ou sumiu, enquanto se lia: o que se recebeu não vale."""


class SemConteudo(FalhaDoServidor):
    """Há a linha do objeto, mas o conteúdo não vem: foi perdido no servidor."""


class Dito(NamedTuple):
    """O que o servidor disse. `status` é o que ele quis dizer, e não o da resposta HTTP."""

    status: int
    code: str
    mensagem: str


def ler(http: int, corpo: bytes) -> Dito:
    """O que está no corpo de uma resposta que não é sucesso."""
    try:
        erro = msgspec.json.decode(corpo)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Dito(http, "", corpo[:200].decode("utf-8", "replace").strip())
    if not isinstance(erro, dict):
        return Dito(http, "", "")
    disse = str(erro.get("statusCode") or "")
    status = int(disse) if disse.isdigit() and len(disse) == 3 else http
    # O gateway, e o PostgREST, têm um `code` deles: só vale o que vem com statusCode.
    code = str(erro.get("code") or "") if disse else ""
    return Dito(status, code, str(erro.get("message") or erro.get("msg") or ""))


def traduzir(host: str, http: int, dito: Dito, de_que: str) -> FalhaDoServidor:
    """O erro de uma resposta que não é sucesso; `de_que` é o que se pediu, já visível."""
    if dito.code in _DA_CHAVE or http == 401:
        return _da_chave(host, http, dito)
    if fechado := _fechado(http, dito):
        return fechado
    tipos: dict[str, type[RecusaDoArmazem]] = {
        SEM_CHAVE: ObjetoAusente,
        SEM_BALDE: BaldeAusente,
        CHAVE_INVALIDA: NomeRecusado,
    }
    disse = visivel(": ".join(filter(None, (dito.code or str(dito.status), dito.mensagem))))
    causa = f"O Storage recusou {de_que} ({disse})."
    if tipo := tipos.get(dito.code):
        return tipo(dito, causa)
    if http in PASSAGEIROS:
        return RecusaDoArmazem(dito, f"O Storage não deu {de_que} ({disse}).", PLATAFORMA)
    return RecusaDoArmazem(dito, causa)


def passa(http: int, dito: Dito) -> bool:
    """Se o mesmo pedido, feito de novo, pode ter outra resposta."""
    return http in PASSAGEIROS or dito.code in _PASSAGEIROS or dito.status in (429, 503, 544)


def _da_chave(host: str, http: int, dito: Dito) -> FalhaDoServidor:
    if "legacy api keys are disabled" in dito.mensagem.lower():
        return ProjetoFechado(*CHAVES_ANTIGAS)
    disse = visivel(dito.code or str(http))
    return ChaveRecusada(
        f"O Storage de {host} não aceitou a chave ({disse}).", f"{CHAVE_TROCADA}\n{ONDE_PEGAR}"
    )


def _fechado(http: int, dito: Dito) -> ProjetoFechado | None:
    if http == 540 or (not dito.code and "paused" in dito.mensagem.lower()):
        return ProjetoPausado("O projeto está pausado no Supabase.")
    achado = DO_PROJETO.get(http) if not dito.code else None
    return ProjetoFechado(*achado) if achado else None
