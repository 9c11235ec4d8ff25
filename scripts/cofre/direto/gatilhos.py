"""Suspender os gatilhos enquanto a transação escreve: o melhor que o papel pode, e dito ao usuário.

Do melhor ao pior: o papel de réplica (`session_replication_role`), que não trava nada; desligar os
gatilhos como dono das tabelas, que as trava para quem escreve; deixá-los ligados e convergir. Os
ENABLE ALWAYS e ENABLE REPLICA disparam também no papel de réplica: esses se desligam à parte.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from cofre.relato import limpo

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
    WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgrelid IN (
        SELECT oid FROM todas
        UNION SELECT p.relid FROM todas, pg_catalog.pg_partition_tree(todas.oid) AS p
    )
    ORDER BY 1, 2, 3
"""
"""Os de cada partição também, um a um: cada uma pode ter os seus, e cada cópia de um gatilho da
tabela-mãe tem o seu próprio estado."""


_EXCLUSAO_ADIADA = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'x' AND k.condeferrable AND c.relname = ANY(%s)
          AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
    )
"""
"""Uma EXCLUDE DEFERRABLE é conferida por um gatilho, que no papel de réplica não dispara."""


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


class Suspensos:
    """Os gatilhos destas tabelas suspensos numa transação, para voltarem a ser o que eram antes de
    ela valer. psycopg.Error passa."""

    def __init__(self, conexao: psycopg.Connection, tabelas: Sequence[str]) -> None:
        self._conexao = conexao
        ligados = _ligados(conexao, tabelas)
        replica = self._virar_replica(list(tabelas))
        disparam = [g for g in ligados if g.estado in ("AR" if replica else "OA")]
        desligou = self._desligar(disparam)
        self.desligados = disparam if desligou else []
        """Os que se desligaram um a um: as suas tabelas estão travadas."""
        self.restam = [] if desligou else disparam
        """Os que, apesar de tudo, disparam."""
        sem_replica = Modo.DESLIGADOS if desligou else Modo.LIGADOS
        self.modo = Modo.REPLICA if replica else sem_replica

    def devolver(self) -> None:
        """Liga de novo o que se desligou. psycopg.Error passa."""
        if self.desligados:
            # O que o banco deixou para conferir no fim impediria o ALTER TABLE.
            self._conexao.execute("SET CONSTRAINTS ALL IMMEDIATE")
            _mudar(self._conexao, self.desligados, _LIGAR)

    def _virar_replica(self, tabelas: list[str]) -> bool:
        if (self._conexao.execute(_EXCLUSAO_ADIADA.encode(), [tabelas]).fetchone() or (0,))[0]:
            return False
        try:
            with self._conexao.transaction():
                self._conexao.execute("SET LOCAL session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    def _desligar(self, gatilhos: Sequence[_Gatilho]) -> bool:
        try:
            with self._conexao.transaction():
                _mudar(self._conexao, gatilhos, dict.fromkeys(_LIGAR, "DISABLE"))
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


_LIGAR = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


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


def dizer(suspensos: Suspensos) -> list[str]:
    """O que o usuário precisa saber de como se vai escrever."""
    linhas = [
        "ℹ️ Conexão direta: uma transação só; ou tudo volta, ou nada muda. Ninguém é impedido de"
        " ler; as linhas desta empresa que mudam ficam travadas até o fim."
    ]
    if suspensos.modo is not Modo.LIGADOS:
        suspensao = "ℹ️ Os gatilhos ficam suspensos só nesta transação"
        travadas = sorted({g.tabela for g in suspensos.desligados})
        linhas.append(f"{suspensao}{'.' if travadas else '; nenhuma tabela é travada.'}")
        if travadas:
            linhas.append(
                "⚠️ Para isso, até o fim dela ficam travadas para quem escreve, de todas as"
                f" empresas: {limpo(', '.join(travadas))}."
            )
    if suspensos.restam:
        quais = ", ".join(f"{g.nome} ({g.tabela})" for g in suspensos.restam)
        linhas.append(
            "⚠️ O papel da SUPABASE_DB_URL não pode suspender os gatilhos"
            f" {limpo(quais)}: o que eles mudarem é desfeito na mesma transação, mas colunas que o"
            " banco reescreve (updated_at) ficam com o valor novo."
        )
    return linhas
