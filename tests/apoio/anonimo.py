"""Linhas e tabelas inventadas para anonimizar sem servidor, e o que nelas não pode sobrar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from cofre.base.config.valores import RegrasDeAnonimizar
from cofre.base.modelo import LOGINS
from cofre.clone.anonimo.anonimizador import Anonimizador
from cofre.deposito.tabela_salva import TabelaSalva
from supabase_local.empresas.cadastros import cadastros
from supabase_local.empresas.invencao import Inventor
from supabase_local.empresas.linhas import Perfil

SEGREDO = b"o segredo desta maquina"
Linhas = Mapping[str, Sequence[Mapping[str, Any]]]


def tabela(qual: str, tipos: Mapping[str, str], **mais: Any) -> TabelaSalva:
    """Uma tabela com estas colunas."""
    colunas = tuple({"nome": nome, "tipo": tipo} for nome, tipo in tipos.items())
    return TabelaSalva(qual, f"{qual}.json", 0, colunas=colunas, **{"chave": ("id",), **mais})


def em_json(linha: Mapping[str, Any]) -> bytes:
    """Uma linha como o servidor a manda."""
    return json.dumps(linha, ensure_ascii=False, default=str, separators=(",", ":")).encode()


def anonimizar(
    tabelas: Mapping[str, TabelaSalva],
    linhas: Linhas,
    segredo: bytes = SEGREDO,
    pedidas: RegrasDeAnonimizar | None = None,
) -> tuple[dict[str, list[dict[str, Any]]], Anonimizador]:
    """As duas passadas, e as linhas que saem."""
    quem = Anonimizador(tabelas, segredo, pedidas)
    for nome, suas in linhas.items():
        quem.aprender(nome, map(em_json, suas))
    saem = {
        nome: [json.loads(linha) for linha in quem.trocar(nome, map(em_json, suas))]
        for nome, suas in linhas.items()
    }
    return saem, quem


def uma_coluna(
    coluna: str, valores: Iterable[Any], tipo: str = "text", qual: str = "clientes", **mais: Any
) -> list[Any]:
    """Os valores desta coluna, depois."""
    tabelas = {qual: tabela(qual, {"id": "integer", coluna: tipo})}
    linhas = {qual: [{"id": n, coluna: v} for n, v in enumerate(valores)]}
    saem, _ = anonimizar(tabelas, linhas, **mais)
    return [linha[coluna] for linha in saem[qual]]


# -- a empresa da demonstração, sem banco ----------------------------------------------------

_TIPOS = {
    "id": "uuid",
    "user_id": "uuid",
    "preferencias": "jsonb",
    "contatos": "jsonb",
    "raw_user_meta_data": "jsonb",
    "raw_app_meta_data": "jsonb",
    "identidades": "jsonb",
    "etiquetas": "text[]",
    "dias_de_folga": "text[]",
    "atributos": "jsonb",
    "nascimento": "date",
    "admissao": "date",
    "logo": "bytea",
    "amount": "numeric",
    "mp_payment_id": "bigint",
}
_DE_NOME = {
    "user_approvals": ("full_name", "company_name"),
    "empresas": ("nome", "razao_social"),
    "funcionarios": ("nome",),
    "clientes": ("nome",),
    "fornecedores": ("nome",),
}


@dataclass(frozen=True, slots=True)
class EmpresaInventada:
    """As tabelas e as linhas de uma empresa da demonstração."""

    tabelas: dict[str, TabelaSalva]
    linhas: dict[str, list[dict[str, Any]]]


def empresa(codigo: str = "ana", clientes: int = 30) -> EmpresaInventada:
    """Uma delas; a dos logins também, como o backup os guarda."""
    perfil = Perfil(
        UUID("aaaa1111-0000-4000-8000-00000000000a"), "Ana Doces e Salgados", 12, clientes, 0
    )
    cruas = cadastros(perfil, Inventor(codigo), codigo)
    linhas = {
        nome: [{c: _valor(v) for c, v in linha.items()} for linha in suas]
        for nome, suas in cruas.items()
        if not nome.startswith("auth.")
    }
    chegadas = cruas["auth.identities"]
    linhas[LOGINS] = [
        {
            **{c: _valor(v) for c, v in login.items()},
            "identidades": [{c: _valor(v) for c, v in chegada.items()}],
            "fatores": [{"factor_type": "totp", "status": "verified"}],
        }
        for login, chegada in zip(cruas["auth.users"], chegadas, strict=True)
    ]
    tabelas = {
        nome: tabela(nome, {c: _TIPOS.get(c, _tipo(c)) for linha in suas for c in linha})
        for nome, suas in linhas.items()
    }
    return EmpresaInventada(tabelas, linhas)


def _tipo(coluna: str) -> str:
    return (
        "uuid"
        if coluna.endswith("_id")
        else "timestamp with time zone"
        if coluna.endswith("_at")
        else "text"
    )


def _valor(valor: object) -> Any:
    if isinstance(valor, Jsonb):
        return valor.obj
    if isinstance(valor, bytes):
        return f"\\x{valor.hex()}"
    return valor if isinstance(valor, (int, float, bool, list, type(None))) else str(valor)


_EMAIL = re.compile(r"[\w.+-]+@[\w.-]+\w")
_FONE = re.compile(r"\(\d\d\) 9\d{4}-\d{4}")
_DOCUMENTO = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d\d|\d\d\.\d{3}\.\d{3}/\d{4}-\d\d")


def de_alguem(linhas: Linhas) -> set[str]:
    """Cada nome, e-mail, telefone e documento destas linhas, como nelas está."""
    tudo = json.dumps(linhas, ensure_ascii=False, default=str)
    nomes = {
        linha[coluna]
        for nome, colunas in _DE_NOME.items()
        for linha in linhas.get(nome, ())
        for coluna in colunas
        if linha.get(coluna)
    }
    de_dentro = {c["nome"] for f in linhas.get("fornecedores", ()) for c in f["contatos"]}
    return nomes | de_dentro | {a for p in (_EMAIL, _FONE, _DOCUMENTO) for a in p.findall(tudo)}


def formas(valor: str) -> Iterator[bytes]:
    """Como um destes valores pode estar escrito: com ou sem máscara, em qualquer caixa."""
    yield from {valor.encode(), valor.lower().encode(), valor.upper().encode()}
    algarismos = re.sub(r"\D", "", valor)
    if len(algarismos) >= 8:
        yield algarismos.encode()
