"""Os dados que se medem, todos inventados pelo próprio banco: uma empresa grande, ou muitas."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

DONO, VIZINHA, VAZIA = (
    str(uuid.UUID(hashlib.md5(b"empresa%d" % n, usedforsecurity=False).hexdigest()))
    for n in (1, 2, 3)
)
"""A empresa que se mede, a que está nas mesmas tabelas, e a que não tem linha alguma."""

PERMISSOES: Final = "GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;"
POR_TRANSACAO: Final = 10
MAXIMO_DA_PEQUENA: Final = 40
"""Linhas de uma tabela de uma empresa pequena, no máximo."""

_EMPRESAS: Final = """
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    CREATE INDEX ON empresas (user_id);
    INSERT INTO empresas
        SELECT md5('e' || e)::uuid, md5('empresa' || e)::uuid, 'Empresa nº ' || e
        FROM generate_series(1, {empresas}) e;
"""
_PRODUTOS: Final = """
    CREATE TABLE produtos (
        id uuid PRIMARY KEY, user_id uuid NOT NULL, codigo bigint NOT NULL, nome text NOT NULL,
        preco numeric(18,8), ativo boolean NOT NULL, atributos jsonb, criado_em timestamptz
    );
    CREATE INDEX ON produtos (user_id);
"""
_INSERIR: Final = """
    INSERT INTO produtos
        SELECT md5('p' || n)::uuid, CASE WHEN n % 10 = 0 THEN '{vizinha}' ELSE '{dono}' END::uuid,
               n * 2000000000003, 'Produto nº ' || n, n / 7.0, n % 7 > 0,
               jsonb_build_object('cor', 'azul', 'peso', n * 1.5, 'etiquetas',
                                  jsonb_build_array('a' || n % 10, 'ção')),
               '2026-01-16 18:29:44.123456Z'::timestamptz + n * interval '1 second'
        FROM generate_series({de}, {ate}) n;
"""
_AOS_POUCOS: Final = """
    DO $$ BEGIN
        FOR lote IN 0..{ultimo} LOOP
            {inserir}
            COMMIT;
        END LOOP;
    END $$;
"""


def esquema_da_grande() -> str:
    """Três empresas e uma tabela de oito colunas, sem linhas."""
    return _EMPRESAS.format(empresas=3) + _PRODUTOS + PERMISSOES


def encher_a_grande(linhas: int, *, aos_poucos: bool) -> str:
    """`linhas` da empresa medida, e uma da vizinha a cada nove delas. De uma vez, todas são da
    mesma transação; aos poucos, cada dez são de outra, como na vida."""
    total = linhas + (linhas - 1) // 9
    if not aos_poucos:
        return _INSERIR.format(dono=DONO, vizinha=VIZINHA, de=1, ate=total)
    # O último lote completa o que não é múltiplo de dez: quem passa de `total` não entra.
    inserir = _INSERIR.format(
        dono=DONO,
        vizinha=VIZINHA,
        de=f"lote * {POR_TRANSACAO} + 1",
        ate=f"least(lote * {POR_TRANSACAO} + {POR_TRANSACAO}, {total})",
    )
    return _AOS_POUCOS.format(ultimo=(total - 1) // POR_TRANSACAO, inserir=inserir)


def movimentos_da_grande(linhas: int) -> str:
    """Outra tabela da empresa medida, em que cada linha aponta para um produto; com `linhas`
    produtos, gravados por `encher_a_grande`."""
    return (
        f"""
        CREATE TABLE movimentos (
            id bigint PRIMARY KEY, user_id uuid NOT NULL,
            produto_id uuid NOT NULL REFERENCES produtos, quando timestamptz
        );
        CREATE INDEX ON movimentos (user_id);
        INSERT INTO movimentos
            SELECT row_number() OVER (ORDER BY codigo), user_id, id, criado_em
            FROM produtos WHERE user_id = '{DONO}';
    """
        + PERMISSOES
    )


def tabelas_pequenas(quantas: int) -> list[str]:
    """Os nomes delas, fora `empresas`."""
    return [f"movimentos_{n:02}" for n in range(1, quantas)]


def muitas_pequenas(empresas: int, tabelas: int) -> str:
    """Tantas empresas, com até quarenta linhas em cada tabela; `empresas` é uma das tabelas."""
    partes = [_EMPRESAS.format(empresas=empresas)]
    for nome in tabelas_pequenas(tabelas):
        partes.append(f"""
            CREATE TABLE {nome} (
                id uuid PRIMARY KEY, user_id uuid NOT NULL, descricao text, valor numeric(18,8),
                quando timestamptz
            );
            CREATE INDEX ON {nome} (user_id);
            INSERT INTO {nome}
                SELECT md5('{nome}' || e || ' ' || n)::uuid, md5('empresa' || e)::uuid,
                       'Movimento nº ' || n, e + n / 7.0,
                       '2026-01-16 18:29:44.123456Z'::timestamptz + n * interval '1 second'
                FROM generate_series(1, {empresas}) e,
                     generate_series(1, 1 + (e * 7919) % {MAXIMO_DA_PEQUENA}) n;
        """)
    return "".join(partes) + PERMISSOES
