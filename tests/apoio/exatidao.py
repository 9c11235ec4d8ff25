"""As linhas de um banco como o próprio PostgreSQL as escreve: o que o JSON delas não distingue (um
`null` de json e um nulo, os limites de um vetor), o texto distingue."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import LiteralString

import psycopg
from psycopg import sql

from supabase_local.servidores.servidor import SupabaseLocal

Textos = dict[str, list[str]]
"""Tabela → o texto de cada linha dela, em ordem."""
Valores = dict[str, list[dict[str, str]]]
"""Tabela → de cada linha dela, sem ordem certa, coluna → o texto do valor."""
Colunas = Collection[tuple[str, str]]
"""(tabela, coluna)."""


def em_texto(projeto: SupabaseLocal) -> Textos:
    """De todas as empresas, e só as linhas da própria tabela: as de uma que herda dela, não."""
    with _banco(projeto) as banco:
        return {
            nome: sorted(
                texto
                for (texto,) in banco.execute(
                    sql.SQL("SELECT format('%s', t.*) FROM {} AS t").format(tabela)
                )
            )
            for nome, tabela, _ in _tabelas(banco)
        }


def valores(projeto: SupabaseLocal, de: LiteralString) -> Valores:
    """O mesmo, valor a valor, das linhas em que vale `de` (em SQL)."""
    achados: Valores = {}
    with _banco(projeto) as banco:
        for nome, tabela, colunas in _tabelas(banco):
            textos = [sql.SQL("format('%L', t.{})").format(sql.Identifier(c)) for c in colunas]
            consulta = sql.SQL("SELECT ARRAY[{}] FROM {} AS t WHERE {}").format(
                sql.SQL(", ").join(textos), tabela, sql.SQL(de)
            )
            linhas = banco.execute(consulta).fetchall()
            achados[nome] = [dict(zip(colunas, linha, strict=True)) for (linha,) in linhas]
    return achados


def sem_colunas(achados: Valores, colunas: Colunas = ()) -> Textos:
    """Os mesmos, menos estas colunas, para comparar."""
    return {
        tabela: sorted(
            str([(c, texto) for c, texto in linha.items() if (tabela, c) not in colunas])
            for linha in linhas
        )
        for tabela, linhas in achados.items()
    }


def _banco(projeto: SupabaseLocal) -> psycopg.Connection:
    return psycopg.connect(projeto.uri_admin, autocommit=True)


def _tabelas(banco: psycopg.Connection) -> Iterator[tuple[str, sql.Composed, list[str]]]:
    """(nome, como se cita num FROM, colunas) de cada uma."""
    consulta = (
        "SELECT relname::text, relkind = 'r', ARRAY(SELECT attname::text FROM pg_attribute"
        " WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum)"
        " FROM pg_class c WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
    )
    for nome, so_ela, colunas in banco.execute(consulta).fetchall():
        so = sql.SQL("ONLY" if so_ela else "")
        yield nome, sql.SQL("{} {}").format(so, sql.Identifier(nome)), colunas
