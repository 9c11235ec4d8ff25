"""As linhas de um banco como o próprio PostgreSQL as escreve: o que o JSON delas não distingue (um
`null` de json e um nulo, os limites de um vetor), o texto distingue."""

from __future__ import annotations

import psycopg
from psycopg import sql

from supabase_local.servidores.servidor import SupabaseLocal

Textos = dict[str, list[str]]
"""Tabela → o texto de cada linha dela, em ordem."""


def em_texto(projeto: SupabaseLocal) -> Textos:
    """De todas as empresas, e só as linhas da própria tabela: as de uma que herda dela, não."""
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        tabelas = banco.execute(
            "SELECT relname::text, relkind = 'r' FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition ORDER BY 1"
        ).fetchall()
        return {
            nome: sorted(
                texto
                for (texto,) in banco.execute(
                    sql.SQL("SELECT format('%s', t.*) FROM {} {} AS t").format(
                        sql.SQL("ONLY" if so_ela else ""), sql.Identifier(nome)
                    )
                )
            )
            for nome, so_ela in tabelas
        }
