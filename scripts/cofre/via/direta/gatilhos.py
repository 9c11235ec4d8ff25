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

from cofre.base.palavras import visivel

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


class Gatilho(NamedTuple):
    """Um gatilho ligado; `estado` é o do pg_trigger: O, A ou R."""

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

    def _desligar(self, gatilhos: Sequence[Gatilho]) -> bool:
        try:
            with self._conexao.transaction():
                _mudar(self._conexao, gatilhos, dict.fromkeys(_LIGAR, "DISABLE"))
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


_LIGAR = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


def _ligados(conexao: psycopg.Connection, tabelas: Sequence[str]) -> list[Gatilho]:
    with conexao.cursor(row_factory=class_row(Gatilho)) as cursor:
        return cursor.execute(_LIGADOS.encode(), [list(tabelas)]).fetchall()


def _mudar(
    conexao: psycopg.Connection, gatilhos: Sequence[Gatilho], como: Mapping[str, str]
) -> None:
    for g in gatilhos:
        conexao.execute(
            sql.SQL("ALTER TABLE ONLY {} {} TRIGGER {}").format(
                sql.Identifier(g.schema, g.tabela),
                sql.SQL(como[g.estado]),
                sql.Identifier(g.nome),
            )
        )


def dizer(desligados: Sequence[Gatilho], restam: Sequence[Gatilho]) -> list[str]:
    """O que o usuário precisa saber de como se vai escrever (ver `Suspensos`)."""
    frases = ["ℹ️ Conexão direta: uma transação só. Ou tudo vale, ou nada muda."]
    if restam:
        quais = ", ".join(f"{g.nome} ({g.tabela})" for g in restam)
        frases.append(
            f"⚠️ O papel da SUPABASE_DB_URL não pode suspender os gatilhos {visivel(quais)}. O que"
            " mudarem é corrigido nela, mas as colunas que o banco reescreve (updated_at) ficam"
            " com o valor novo."
        )
    elif desligados:
        tabelas = ", ".join(sorted({g.tabela for g in desligados}))
        frases.append(
            "⚠️ Os gatilhos são desligados nela: até o fim, ninguém, de empresa nenhuma, grava em"
            f" {visivel(tabelas)}. Ler, sim."
        )
    else:
        frases.append(
            "ℹ️ Os gatilhos ficam suspensos só nela. Nenhuma tabela é travada: só as linhas que"
            " mudam, até o fim."
        )
    return frases
