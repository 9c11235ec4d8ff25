"""As perguntas pequenas que se fazem aos dados antes de ler: com pouco tempo para a resposta."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from cofre.base.erros import (
    ConsultaDemorada,
    PedidoRecusado,
    PermissaoNegada,
    TabelaInexistente,
)
from cofre.base.modelo import Tabela
from cofre.via.contrato import Entre
from cofre.via.direta.ajustes import LIMITE_DE_SONDA
from cofre.via.direta.conexao import INSTANTE, Conexoes, que_responde, transacao
from cofre.via.direta.erros import SemConexao, na_consulta
from cofre.via.leitura import Instante, InstantePerdido

_COM_PRESSA = f"SET LOCAL statement_timeout = '{LIMITE_DE_SONDA}'"


class SondasDoBanco:
    """O que o escopo pergunta, em SQL; neste `instante`, se dito."""

    def __init__(self, conexoes: Conexoes, instante: Instante | None = None) -> None:
        self._conexoes = conexoes
        self._instante = instante

    def ha_linhas(self, tabela: str, nulas: Sequence[str]) -> bool:
        """Se há linhas com todas estas colunas nulas; na dúvida (sem tempo, sem permissão), sim."""
        try:
            pergunta = se_ha_linhas(tabela, nulas)
            return bool(perguntar(self._conexoes, pergunta, tabela, self._instante))
        except (ConsultaDemorada, PermissaoNegada, TabelaInexistente, PedidoRecusado):
            return True

    def ha_recentes(
        self, tabela: str, dono: str, fora: Sequence[str], datas: Sequence[str], entre: Entre
    ) -> bool:
        """Ver `Via.ha_recentes`."""
        casos = sql.SQL(" OR ").join(
            sql.SQL("{} BETWEEN {} AND {}").format(sql.Identifier(d), *map(_instante, entre))
            for d in datas
        )
        pergunta = sql.SQL(
            "SELECT EXISTS (SELECT FROM {} WHERE {}::text <> ALL ({}::text[]) AND ({}))"
        ).format(
            sql.Identifier("public", tabela),
            sql.Identifier(dono),
            sql.Literal(list(fora)),
            casos,
        )
        try:
            return bool(perguntar(self._conexoes, pergunta, tabela))
        except (ConsultaDemorada, PermissaoNegada, TabelaInexistente, PedidoRecusado):
            return True


def _instante(quando: datetime) -> sql.Composed:
    return sql.SQL("{}::timestamptz").format(sql.Literal(quando.isoformat()))


def se_ha_linhas(tabela: str, nulas: Sequence[str]) -> sql.Composed:
    """A consulta que responde se há linhas com todas estas colunas nulas."""
    onde = sql.SQL(" AND ").join(sql.SQL("{} IS NULL").format(sql.Identifier(c)) for c in nulas)
    return sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
        sql.Identifier("public", tabela), onde
    )


def contar(conexoes: Conexoes, tabela: Tabela, instante: Instante | None = None) -> int | None:
    """Todas as linhas da tabela (neste instante, se dito, e se ainda se lá chega); None se não se
    contam a tempo. Levanta FalhaDoServidor."""
    pergunta = sql.SQL("SELECT pg_catalog.count(*) FROM {}{}").format(
        sql.SQL("" if tabela.particionada else "ONLY "), sql.Identifier("public", tabela.nome)
    )
    try:
        return int(perguntar(conexoes, pergunta, tabela.nome, instante))
    except ConsultaDemorada:
        return None
    except InstantePerdido:
        return contar(conexoes, tabela)


def perguntar(
    conexoes: Conexoes, pergunta: sql.Composed, tabela: str, instante: Instante | None = None
) -> Any:
    """O único valor da resposta. Levanta FalhaDoServidor."""
    with conexoes.uma() as conexao:
        try:
            if instante is None:  # de uma ida só: o servidor fá-los a ambos numa transação
                comandos = sql.SQL(f"{_COM_PRESSA}; ") + pergunta
                linha = que_responde(conexao.execute(comandos)).fetchone()
            else:
                with transacao(conexao, f"{INSTANTE}; {_COM_PRESSA}", instante):
                    linha = conexao.execute(pergunta).fetchone()
        except psycopg.Error as e:
            raise na_consulta(e, tabela) from e
    return linha[0] if linha else None


class SondasDaqui:
    """O que o escopo pergunta, respondido de dentro da transação."""

    def __init__(self, conexao: psycopg.Connection) -> None:
        self._conexao = conexao

    def ha_linhas(self, tabela: str, nulas: Sequence[str]) -> bool:
        """Se há linhas com todas estas colunas nulas. Levanta FalhaDoServidor."""
        try:
            with self._conexao.transaction():
                linha = self._conexao.execute(se_ha_linhas(tabela, nulas)).fetchone()
        except psycopg.Error as e:
            erro = na_consulta(e, tabela)
            if isinstance(erro, SemConexao):
                raise erro from e
            return True
        return bool(linha and linha[0])
