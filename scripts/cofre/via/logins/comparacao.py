"""O que, num login que se recriou, não é como era."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cofre.via.logins.contrato import DATAS, Criado
from cofre.via.logins.login import SENHA, Login, momento

_CONFIRMACOES = {"email_confirmed_at": "e-mail confirmado", "phone_confirmed_at": "fone confirmado"}
_DO_AUTH = frozenset({"email_verified", "phone_verified"})
"""O que o Auth acrescenta a user_metadata ao confirmar (user.go)."""


def diferencas(era: Login, ficou: Login, *, com_datas: bool) -> tuple[str, ...]:
    """Em palavras curtas, sem valor algum; `com_datas`: se as datas se puderam gravar."""
    return tuple(dict.fromkeys(_diferem(era, ficou, com_datas=com_datas)))


def ja_existia(era: Login, existe: Login, *, com_datas: bool) -> Criado:
    """O que se diz de um em que não se toca, porque existe."""
    return Criado(
        era.id,
        ja_existia=True,
        diferencas=diferencas(era, existe, com_datas=com_datas),
        sem_senha=SENHA not in existe.campos and era.precisa_de_senha,
    )


def _diferem(era: Login, ficou: Login, *, com_datas: bool) -> Iterator[str]:
    """O que, no login que `ficou`, não é como `era`, em palavras."""
    agora = datetime.now(UTC)
    for coluna, dito in (("email", "e-mail"), ("phone", "telefone"), ("role", "papel")):
        if ficou.tem(coluna) or era.tem(coluna):
            velho, novo = era.valor(coluna), ficou.valor(coluna)
            if coluna in era.campos and str(velho or "").lower() != str(novo or "").lower():
                yield dito
    for coluna, dito in _CONFIRMACOES.items():
        if era.tem(coluna) != ficou.tem(coluna):
            yield dito
    if _metadados(era, "raw_app_meta_data") != _metadados(ficou, "raw_app_meta_data"):
        yield "app_metadata"
    if not _contem(_metadados(ficou, "raw_user_meta_data"), _metadados(era, "raw_user_meta_data")):
        yield "user_metadata"
    if SENHA in era.campos and SENHA in ficou.campos and era.valor(SENHA) != ficou.valor(SENHA):
        yield "senha"
    if faltam := sorted(set(_provedores(era.identidades)) - set(_provedores(ficou.identidades))):
        yield f"entrada por {', '.join(faltam)}"
    if (era.banido_ate(agora) is None) != (ficou.banido_ate(agora) is None):
        yield "ban"
    if {f.get("id") for f in era.fatores} - {f.get("id") for f in ficou.fatores}:
        yield "segundo fator"
    datas = ("created_at", "invited_at", "last_sign_in_at", *_CONFIRMACOES)
    if not com_datas or any(_outra(era, ficou, d) for d in datas):
        yield DATAS


def _outra(era: Login, ficou: Login, coluna: str) -> bool:
    return era.tem(coluna) and momento(era.valor(coluna)) != momento(ficou.valor(coluna))


def _metadados(login: Login, coluna: str) -> dict[str, Any]:
    dito = login.valor(coluna)
    return dito if isinstance(dito, dict) else {}


def _contem(tem: dict[str, Any], quer: dict[str, Any]) -> bool:
    """Se é o mesmo, a não ser pelo que o Auth acrescenta."""
    a_mais = tem.keys() - quer.keys()
    return all(n in tem and tem[n] == v for n, v in quer.items() if n not in _DO_AUTH) and (
        a_mais <= _DO_AUTH
    )


def _provedores(identidades: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (str(i.get("provider", "")) for i in identidades)
