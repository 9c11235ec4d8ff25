"""Suspender os gatilhos enquanto a transação escreve: o melhor que o papel pode, e dito ao usuário.

Do melhor ao pior: o papel de réplica (`session_replication_role`), que não trava nada; desligar os
gatilhos como dono das tabelas, que as trava para quem escreve; deixá-los ligados e convergir.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row

_LIGADOS = """
    WITH todas AS (
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
          AND c.relname = ANY(%s)
    )
    SELECT n.nspname::text AS schema, c.relname::text AS tabela, g.tgname::text AS nome,
        g.tgenabled::text AS estado
    FROM pg_catalog.pg_trigger g
    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND g.tgrelid IN (
        SELECT oid FROM todas
        UNION SELECT p.relid FROM todas, pg_catalog.pg_partition_tree(todas.oid) AS p
    )
    ORDER BY 1, 2, 3
"""
"""Os de cada partição também, um a um: cada uma pode ter os seus, e cada cópia de um gatilho da
tabela-mãe tem o seu próprio estado."""


class _Gatilho(NamedTuple):
    schema: str
    tabela: str
    nome: str
    estado: str


class Modo(enum.Enum):
    """Como os gatilhos ficam."""

    REPLICA = "réplica"
    DESLIGADOS = "desligados"
    LIGADOS = "ligados"

    @property
    def confere_ligacoes(self) -> bool:
        """Se o próprio banco confere as chaves estrangeiras."""
        return self is not Modo.REPLICA


def suspender(conexao: psycopg.Connection, tabelas: Sequence[str]) -> Modo:
    """Suspende os gatilhos destas tabelas até a transação acabar. psycopg.Error passa."""
    try:
        with conexao.transaction():
            conexao.execute("SET LOCAL session_replication_role = replica")
            return Modo.REPLICA
    except psycopg.errors.InsufficientPrivilege:
        pass
    try:
        with conexao.transaction():
            _mudar(conexao, _ligados(conexao, tabelas), {"O": "DISABLE", "A": "DISABLE"})
            return Modo.DESLIGADOS
    except psycopg.errors.InsufficientPrivilege:
        return Modo.LIGADOS


class Suspensos:
    """Os gatilhos suspensos numa transação, para voltarem a ser o que eram antes de ela valer."""

    def __init__(self, conexao: psycopg.Connection, tabelas: Sequence[str]) -> None:
        self._conexao = conexao
        self._eram = _ligados(conexao, tabelas)
        self.modo = suspender(conexao, tabelas)

    def devolver(self) -> None:
        """Liga de novo o que se desligou. psycopg.Error passa."""
        if self.modo is Modo.DESLIGADOS:
            # O que o banco deixou para conferir no fim impediria o ALTER TABLE.
            self._conexao.execute("SET CONSTRAINTS ALL IMMEDIATE")
            _mudar(self._conexao, self._eram, {"O": "ENABLE", "A": "ENABLE ALWAYS"})


def _ligados(conexao: psycopg.Connection, tabelas: Sequence[str]) -> list[_Gatilho]:
    with conexao.cursor(row_factory=class_row(_Gatilho)) as cursor:
        return cursor.execute(_LIGADOS.encode(), [list(tabelas)]).fetchall()


def _mudar(
    conexao: psycopg.Connection, gatilhos: Sequence[_Gatilho], como: Mapping[str, str]
) -> None:
    for g in gatilhos:
        conexao.execute(
            sql.SQL("ALTER TABLE ONLY {} {} TRIGGER {}").format(
                sql.Identifier(g.schema, g.tabela),
                sql.SQL(como[g.estado]),
                sql.Identifier(g.nome),
            )
        )


def dizer(modo: Modo) -> list[str]:
    """O que o usuário precisa saber de como se vai escrever."""
    comum = (
        "ℹ️ Conexão direta: uma transação só; ou tudo volta, ou nada muda. Ninguém é impedido de"
        " ler; as linhas desta empresa que mudam ficam travadas até o fim."
    )
    de_cada = {
        Modo.REPLICA: "ℹ️ Os gatilhos ficam suspensos só nesta transação; nenhuma tabela é travada.",
        Modo.DESLIGADOS: "⚠️ Os gatilhos são desligados durante a transação, e as tabelas"
        " escolhidas ficam travadas para quem escreve nelas, de todas as empresas, até o fim.",
        Modo.LIGADOS: "⚠️ O papel da SUPABASE_DB_URL não pode suspender os gatilhos: o que eles"
        " mudarem é desfeito na mesma transação, mas colunas que o banco reescreve (updated_at)"
        " ficam com o valor novo.",
    }
    return [comum, de_cada[modo]]
