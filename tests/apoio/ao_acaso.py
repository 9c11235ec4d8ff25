"""Empresas e esquemas ao acaso, para levar de um projeto a outro (ver `dois_projetos`): a mesma
semente inventa sempre as mesmas linhas, hostis, e as mesmas diferenças do destino."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import psycopg

from supabase_local.servidores.servidor import SupabaseLocal

TEXTOS: Final = (
    *("", " ", "NULL", "\\N", "\\.", "{}", "null", 'com "aspas"', "d'água", "a\\b", "tab\tule"),
    *("duas\nlinhas", "retorno\r\n", "📦 emoji", "ação", "a\u0301", "\u202edireita", "%s %(x)s"),
    *("'; DROP TABLE produtos; --", "e" * 3000, "\u0001", "12,5", "1e400", "-0"),
)
NOMES_CURTOS: Final = ("Pão", "Bolo", "café", 'a "b"', "é", "d'água", "x,y", "{1}", "N\\N", "🍞")
NUMEROS: Final = (
    *(None, Decimal(0), Decimal("1.500000000000000"), Decimal("-7.1"), Decimal("14.99")),
    *(Decimal("123456789012345.123456789012345"), Decimal("0.000000000000001"), Decimal("NaN")),
)
HORAS: Final = (
    *("2024-02-29 23:59:59.999999+00", "1970-01-01 00:00:00+00", "infinity", "0044-03-15 BC"),
    *("2026-07-08 09:10:11-03", "9999-12-31 23:59:59+00"),
)
FICHAS: Final[tuple[Any, ...]] = (
    *(None, {}, [], "só texto", 0, True, {"a": {"b": [1, None, "é"]}}, [1.5, -0.0, 1e300]),
    *({"": "", "chave \"com' aspas": "\\u0000"}, {"grande": 12345678901234567890123}),
)
Linhas = dict[str, list[tuple[Any, ...]]]
COLUNAS: Final = {
    "empresas": "id, user_id, nome",
    "clientes": "id, user_id, nome, telefone",
    "produtos": "id, user_id, nome, preco, ficha, etiquetas",
    "vendas": "id, user_id, cliente_id, situacao, created_at",
    "vendas_itens": "venda_id, item, user_id, produto_id",
    "recados": "id, user_id, texto",
}


@dataclass(frozen=True, slots=True)
class Empresa:
    """Uma empresa inventada, por tabela e na ordem em que se insere."""

    dono: str
    linhas: Linhas


def empresa(semente: object) -> Empresa:
    """De poucas linhas (numa em oito, nenhuma além da empresa); as chaves inteiras são esparsas."""
    acaso = random.Random(f"empresa {semente}")
    dono = str(_uuid(acaso))
    vazia = acaso.random() < 0.125
    quantos = [0 if vazia else acaso.randint(1, 12) for _ in range(4)]
    clientes = [
        (_uuid(acaso), dono, _talvez(acaso, TEXTOS, 0.2), _talvez(acaso, ("11", *TEXTOS), 0.3))
        for _ in range(quantos[0])
    ]
    produtos = [
        (chave, dono, _nome(acaso), acaso.choice(NUMEROS), _ficha(acaso), _etiquetas(acaso))
        for chave in _chaves(acaso, quantos[1])
    ]
    vendas = [
        (
            chave,
            dono,
            acaso.choice([None, *(c[0] for c in clientes)]),
            acaso.choice(("aberta", "paga", "devolvida") if acaso.random() < 0.5 else ("paga",)),
            acaso.choice(HORAS),
        )
        for chave in _chaves(acaso, quantos[2])
    ]
    itens = [
        (venda[0], n, acaso.choice((dono, None)), acaso.choice([None, *(p[0] for p in produtos)]))
        for venda in vendas
        for n in range(acaso.randint(0, 3))
    ]
    recados = [(_uuid(acaso), dono, _talvez(acaso, TEXTOS, 0.1)) for _ in range(quantos[3])]
    nome = acaso.choice(("Padaria", "Bazar", "Oficina"))
    return Empresa(
        dono,
        {
            "empresas": [(_uuid(acaso), dono, f"{nome} {semente}")],
            "clientes": clientes,
            "produtos": produtos,
            "vendas": vendas,
            "vendas_itens": itens,
            "recados": recados,
        },
    )


def gravar(projeto: SupabaseLocal, empresas: Iterable[Empresa]) -> None:
    """Grava-as, e põe as sequências depois da maior chave."""
    with psycopg.connect(projeto.uri_admin) as banco, banco.cursor() as cursor:
        for uma in empresas:
            for tabela, linhas in uma.linhas.items():
                marcas = ", ".join(["%s"] * len(COLUNAS[tabela].split(",")))
                inserir = f"INSERT INTO {tabela} ({COLUNAS[tabela]}) VALUES ({marcas})"
                cursor.executemany(inserir.encode(), linhas)
        for tabela in ("produtos", "vendas"):
            em_dia = (
                f"SELECT setval(pg_get_serial_sequence('{tabela}', 'id'), max(id)) FROM {tabela}"
            )
            cursor.execute(em_dia.encode())


def _uuid(acaso: random.Random) -> UUID:
    return UUID(int=acaso.getrandbits(128), version=4)


def _chaves(acaso: random.Random, quantas: int) -> list[int]:
    """Longe das que as empresas do destino têm; em cem empresas, duas iguais são improváveis, e a
    semente é sempre a mesma."""
    return acaso.sample(range(10_000, 2**40), quantas)


def _talvez(acaso: random.Random, valores: tuple[str, ...], nulo: float) -> str | None:
    return None if acaso.random() < nulo else acaso.choice(valores)


def _nome(acaso: random.Random) -> str:
    longo = acaso.random() < 0.1
    return acaso.choice(TEXTOS) if longo else f"{acaso.choice(NOMES_CURTOS)} {acaso.randint(1, 99)}"


def _ficha(acaso: random.Random) -> str | None:
    ficha = acaso.choice(FICHAS)
    return None if ficha is None else json.dumps(ficha)


def _etiquetas(acaso: random.Random) -> list[str | None] | None:
    if acaso.random() < 0.3:
        return None
    return [acaso.choice([None, *TEXTOS]) for _ in range(acaso.randint(0, 3))]
