"""Cada comando de uma escrita num ponto de retorno: o que o banco recusa volta ao de antes, e a
transação segue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from cofre.base.erros import EscritaRecusada
from cofre.base.modelo import Tabela
from cofre.via.direta.erros import na_escrita
from cofre.via.direta.ligacoes import Ligacoes
from cofre.via.direta.restricoes import REGRA_VIOLADA, Restricoes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pontos:
    """Os da transação aberta em `conexao`."""

    conexao: psycopg.Connection
    restricoes: Restricoes
    ligacoes: Ligacoes | None
    """None se o próprio banco confere as chaves estrangeiras."""
    adiar: bool = False
    """Se as chaves DEFERRABLE só se conferem no fim, por quem confirma."""

    def executar(
        self,
        tabela: Tabela,
        comando: sql.Composed,
        valores: list[object],
        conferir: Sequence[bytes] = (),
    ) -> list[Any]:
        """O que o comando devolve, como em `num`."""

        def fazer() -> list[Any]:
            cursor = self.conexao.execute(comando, valores)
            return list(cursor.fetchall()) if cursor.description else []

        return self.num(tabela, fazer, conferir)

    def num(self, tabela: Tabela, fazer: Callable[[], T], conferir: Sequence[bytes]) -> T:
        """Num ponto de retorno próprio; depois, as linhas a `conferir` têm de ter as suas mães.
        Levanta EscritaRecusada ou FalhaDoServidor."""
        while True:
            try:
                with self.conexao.transaction():
                    feito = fazer()
                    if self.ligacoes is not None and conferir:
                        self.ligacoes.exigir_maes(tabela, conferir, menos_adiadas=self.adiar)
                    return feito
            except psycopg.Error as e:
                furou = e.sqlstate == REGRA_VIOLADA
                regra = e.diag.constraint_name or ""
                if not (furou and self.restricoes.soltar(tabela.nome, regra)):
                    erro = na_escrita(e, tabela.nome)
                    if isinstance(erro, EscritaRecusada) and furou:
                        erro.nota = self.restricoes.por_que_nao(tabela.nome, regra)
                    raise erro from e
