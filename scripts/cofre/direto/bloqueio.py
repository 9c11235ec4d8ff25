"""Quem segura uma tabela que não se consegue usar."""

from __future__ import annotations

import psycopg

from cofre.base.erros import TabelaBloqueada

_QUEM = """
    SELECT a.pid, coalesce(a.usename, '?')::text,
        pg_catalog.to_char(a.xact_start, 'DD/MM HH24:MI:SS'),
        pg_catalog.left(pg_catalog.regexp_replace(coalesce(a.query, ''), '\\s+', ' ', 'g'), 100)
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    JOIN pg_catalog.pg_class c ON c.oid = l.relation
    WHERE l.granted AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                      WHERE d.datname = pg_catalog.current_database())
        AND c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relname = %s
        AND l.pid <> pg_catalog.pg_backend_pid()
    ORDER BY l.mode = 'AccessExclusiveLock' DESC, a.xact_start LIMIT 1
"""


def quem_segura(conexao: psycopg.Connection, tabela: str) -> TabelaBloqueada:
    """O erro que diz quem segura a tabela e com que comando, se ainda a segura e o nosso papel o
    pode ver. A transação não pode estar abortada. psycopg.Error passa."""
    linha = conexao.execute(_QUEM, [tabela]).fetchone()
    causa = f"A tabela {tabela} está bloqueada por outra operação (55P03)."
    if linha is None:
        return TabelaBloqueada(causa, "Já foi solta: tente de novo.")
    pid, papel, desde, comando = linha
    return TabelaBloqueada(
        f"{causa} Quem a segura é o processo {pid}, do papel {papel}, desde {desde}: {comando}",
        "Espere esse comando acabar. Se ficou esquecido, no SQL Editor do Supabase:\n"
        f"  SELECT pg_terminate_backend({pid});",
    )
