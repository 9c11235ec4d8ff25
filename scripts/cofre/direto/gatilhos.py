"""Suspender os gatilhos enquanto a transação escreve: o melhor que o papel pode, e dito ao usuário.

Do melhor ao pior: o papel de réplica (`session_replication_role`), que não trava nada; desligar os
gatilhos como dono das tabelas, que as trava para quem escreve; deixá-los ligados e convergir.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import psycopg
from psycopg import sql

_LIGADOS = """
    SELECT c.relname::text, g.tgname::text, g.tgenabled::text
    FROM pg_catalog.pg_trigger g
    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
    WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
      AND c.relname = ANY(%s) AND NOT g.tgisinternal AND g.tgparentid = 0
      AND g.tgenabled IN ('O', 'A')
    ORDER BY 1, 2
"""


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


def _ligados(conexao: psycopg.Connection, tabelas: Sequence[str]) -> list[tuple[str, str, str]]:
    linhas: list[tuple[str, str, str]] = conexao.execute(
        _LIGADOS.encode(), [list(tabelas)]
    ).fetchall()
    return linhas


def _mudar(
    conexao: psycopg.Connection, gatilhos: Sequence[tuple[str, str, str]], como: dict[str, str]
) -> None:
    for tabela, gatilho, era in gatilhos:
        conexao.execute(
            sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(
                sql.Identifier("public", tabela),
                sql.SQL(como[era]),
                sql.Identifier(gatilho),
            )
        )


_DE_CADA = {
    Modo.REPLICA: "ℹ️ Os gatilhos ficam suspensos só nela. Nenhuma tabela é travada: só as linhas"
    " que mudam, até o fim.",
    Modo.DESLIGADOS: "⚠️ Os gatilhos são desligados nela: até o fim, ninguém, de empresa nenhuma,"
    " grava nas tabelas escolhidas que os têm. Ler, sim.",
    Modo.LIGADOS: "⚠️ O papel da SUPABASE_DB_URL não pode suspender os gatilhos. O que eles mudarem"
    " é corrigido nela, mas as colunas que o banco reescreve (updated_at) ficam com o valor novo.",
}


def dizer(modo: Modo) -> list[str]:
    """O que o usuário precisa saber de como se vai escrever."""
    return ["ℹ️ Conexão direta: uma transação só. Ou tudo volta, ou nada muda.", _DE_CADA[modo]]
