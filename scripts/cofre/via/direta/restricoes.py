"""As regras (CHECK) NOT VALID: o banco guarda linhas que as furam, mas não deixa repô-las.

Solta-se a regra dentro da transação e ela volta, igual, antes de valer. Enquanto isso a tabela fica
travada também para quem lê; por isso só se faz quando uma linha precisa.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from cofre.base.palavras import visivel

REGRA_VIOLADA = "23514"

_QUAL = """
    SELECT pg_catalog.pg_get_constraintdef(k.oid) AS definicao,
        pg_catalog.obj_description(k.oid, 'pg_constraint') AS comentario
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
      AND c.relname = %s AND k.conname = %s
      AND k.contype = 'c' AND NOT k.convalidated AND k.coninhcount = 0
"""


class _Regra(NamedTuple):
    definicao: str
    comentario: str | None


def dizer(soltas: Sequence[tuple[str, str]]) -> list[str]:
    """O que o usuário precisa saber antes."""
    return [
        f"⚠️ {visivel(tabela)}: há registros que furam a regra {visivel(regra)} (NOT VALID). Ela é"
        " solta e volta na transação; até o fim, ninguém lê nem grava nesta tabela."
        for tabela, regra in soltas
    ]


@dataclass(slots=True)
class Restricoes:
    """As regras soltas na transação aberta em `conexao`."""

    conexao: psycopg.Connection
    _soltas: dict[tuple[str, str], _Regra] = field(default_factory=dict)
    _negadas: set[tuple[str, str]] = field(default_factory=set)

    @property
    def soltas(self) -> Sequence[tuple[str, str]]:
        """(tabela, regra) do que foi solto, na ordem."""
        return tuple(self._soltas)

    def soltar(self, tabela: str, regra: str | None) -> bool:
        """Solta a regra, se ela admite linhas que a furam e o papel pode. Diz se soltou agora: não,
        se outra ligação ainda está por fechar. psycopg.Error passa, fora a falta de permissão."""
        if not regra or (tabela, regra) in self._soltas:
            return False
        with self.conexao.cursor(row_factory=class_row(_Regra)) as cursor:
            achada = cursor.execute(_QUAL.encode(), [tabela, regra]).fetchone()
        if achada is None:
            return False
        try:
            with self.conexao.transaction():
                self.conexao.execute("SET CONSTRAINTS ALL IMMEDIATE")
                self._alterar("ALTER TABLE {} DROP CONSTRAINT {}", tabela, regra)
        except psycopg.errors.InsufficientPrivilege:
            self._negadas.add((tabela, regra))
            return False
        except psycopg.errors.IntegrityError:
            return False
        self._soltas[tabela, regra] = achada
        return True

    def por_que_nao(self, tabela: str, regra: str) -> str:
        """O que se nota da recusa de uma linha que fura esta regra."""
        if (tabela, regra) not in self._negadas:
            return ""
        return "A regra é NOT VALID: só o dono da tabela poderia soltá-la e pô-la de volta."

    def devolver(self) -> None:
        """Põe todas de volta, como eram. psycopg.Error passa."""
        for (tabela, regra), era in self._soltas.items():
            self._alterar("ALTER TABLE {} ADD CONSTRAINT {} " + era.definicao, tabela, regra)
            if era.comentario is not None:
                self.conexao.execute(
                    sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(
                        sql.Identifier(regra),
                        sql.Identifier("public", tabela),
                        sql.Literal(era.comentario),
                    )
                )

    def _alterar(self, comando: str, tabela: str, regra: str) -> None:
        onde, qual = sql.Identifier("public", tabela), sql.Identifier(regra)
        inicio, meio, *fim = comando.split("{}")
        partes = [sql.SQL(inicio), onde, sql.SQL(meio), qual, sql.SQL("{}".join(fim))]
        self.conexao.execute(sql.Composed(partes))
