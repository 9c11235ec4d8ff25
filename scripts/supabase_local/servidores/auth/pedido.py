"""O que se pede ao criar ou mudar um usuário, lido e conferido (logins.md, 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from supabase_local.servidores.auth.erros import invalido, json_ruim

TIPOS: dict[str, type] = {
    "id": str,
    "aud": str,
    "role": str,
    "email": str,
    "phone": str,
    "password": str,
    "password_hash": str,
    "email_confirm": bool,
    "phone_confirm": bool,
    "user_metadata": dict,
    "app_metadata": dict,
    "ban_duration": str,
}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TELEFONE = re.compile(r"[1-9]\d{1,14}")
PARTE = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
SEGUNDOS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
MAXIMO_EM_SEGUNDOS = 2**63 / 1e9


@dataclass(frozen=True, slots=True)
class Pedido:
    """`ban`: quanto dura; zero levanta o que há, e None não diz nada."""

    bruto: dict[str, Any]
    email: str | None
    telefone: str | None
    ban: timedelta | None

    @property
    def identidade(self) -> UUID | None:
        """O id pedido. Levanta Recusa; só a criação o olha."""
        texto = self.bruto.get("id")
        if not texto:
            return None
        try:
            identidade = UUID(texto)
        except ValueError:
            raise invalido("ID must conform to the uuid v4 format") from None
        if not identidade.int:
            raise invalido("ID cannot be a nil uuid")
        return identidade


def ler(bruto: dict[str, Any]) -> Pedido:
    """O pedido, com o e-mail em minúsculas e o telefone sem `+`. Levanta Recusa."""
    for nome, tipo in TIPOS.items():
        if bruto.get(nome) is not None and not isinstance(bruto[nome], tipo):
            raise json_ruim()
    email = (bruto.get("email") or "").strip().lower() or None
    if email and not EMAIL.fullmatch(email):
        raise invalido("Unable to validate email address: invalid format")
    telefone = (bruto.get("phone") or "").replace("+", "").replace(" ", "") or None
    if telefone and not TELEFONE.fullmatch(telefone):
        raise invalido("Invalid phone number format (E.164 required)")
    dito = bruto.get("ban_duration")
    return Pedido(bruto, email, telefone, duracao(dito) if dito else None)


def duracao(texto: str) -> timedelta:
    """Uma duração do Go: horas, minutos e segundos; não há dias nem anos. Levanta Recusa."""
    if texto == "none":
        return timedelta()
    partes = PARTE.findall(texto)
    if not partes or "".join(n + u for n, u in partes) != texto:
        raise invalido("invalid format for ban duration")
    segundos = sum(float(numero) * SEGUNDOS[unidade] for numero, unidade in partes)
    if segundos > MAXIMO_EM_SEGUNDOS:
        raise invalido("invalid format for ban duration")
    return timedelta(seconds=segundos)
