"""As sequências das tabelas em que se repuseram linhas: nenhuma fica atrás do maior valor (a que
conta para trás, do menor)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from cofre.base.erros import RestauracaoRecusada

_DAS_TABELAS = """
    SELECT DISTINCT t.relname::text AS tabela, a.attname::text AS coluna,
        n.nspname::text AS schema, s.relname::text AS nome,
        q.seqincrement > 0 AS sobe,
        (CASE WHEN q.seqincrement > 0 THEN q.seqmax ELSE q.seqmin END)::bigint AS limite
    FROM pg_catalog.pg_class t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef p ON p.adrelid = t.oid AND p.adnum = a.attnum
    JOIN pg_catalog.pg_depend d ON d.deptype IN ('a', 'i', 'n') AND (
        d.classid = 'pg_catalog.pg_class'::regclass
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            AND d.refobjid = t.oid AND d.refobjsubid = a.attnum
        OR d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = p.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
    )
    JOIN pg_catalog.pg_class s ON s.relkind = 'S'
        AND s.oid = CASE WHEN d.classid = 'pg_catalog.pg_class'::regclass THEN d.objid
                         ELSE d.refobjid END
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
    WHERE t.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
      AND t.relname = ANY(%s) AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    ORDER BY 1, 2
"""
"""As que dão valor a uma coluna: de identidade, de `serial`, ou citadas no valor padrão."""


_SOBE = (sql.SQL("pg_catalog.max"), sql.SQL(">"), sql.SQL("<="))
_DESCE = (sql.SQL("pg_catalog.min"), sql.SQL("<"), sql.SQL(">="))
"""O último valor de uma coluna, se um passa de outro, e até onde a sequência vai."""


class _Sequencia(NamedTuple):
    tabela: str
    coluna: str
    schema: str
    nome: str
    sobe: bool
    limite: int


def adiantar(conexao: psycopg.Connection, tabelas: Sequence[str]) -> None:
    """Põe cada sequência ao menos no último valor da coluna. Só para a frente, e não volta com a
    transação: números pulados não fazem mal. Um valor que ela nunca daria não conta. Levanta
    RestauracaoRecusada se o papel não pode; outro psycopg.Error passa."""
    with conexao.cursor(row_factory=class_row(_Sequencia)) as cursor:
        achadas = cursor.execute(_DAS_TABELAS.encode(), [list(tabelas)]).fetchall()
    for s in achadas:
        citada = sql.Identifier(s.schema, s.nome)
        extremo, passa, ate = _SOBE if s.sobe else _DESCE
        try:
            conexao.execute(
                sql.SQL(
                    "SELECT pg_catalog.setval({texto}::pg_catalog.regclass, m.ultimo) FROM (SELECT"
                    " {extremo}({coluna}) AS ultimo FROM {tabela} WHERE {coluna} {ate} {limite})"
                    " AS m, {sequencia} AS s WHERE m.ultimo {passa} s.last_value"
                    " OR m.ultimo = s.last_value AND NOT s.is_called"
                ).format(
                    texto=sql.Literal(citada.as_string(None)),
                    coluna=sql.Identifier(s.coluna),
                    tabela=sql.Identifier("public", s.tabela),
                    limite=sql.Literal(s.limite),
                    extremo=extremo,
                    passa=passa,
                    ate=ate,
                    sequencia=citada,
                )
            )
        except psycopg.errors.InsufficientPrivilege as e:
            raise RestauracaoRecusada(
                f"O papel da SUPABASE_DB_URL não pode adiantar a sequência {s.nome} ({s.tabela}), e"
                " os próximos números repetiriam os que chegaram. A transação foi desfeita.",
                "No SQL Editor do Supabase, com o nome do papel:\n"
                f"  GRANT SELECT, UPDATE ON SEQUENCE {citada.as_string(None)} TO ...;",
            ) from e
