"""Linhas de todas as empresas, lidas por SQL: as que dizem quem elas são."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from cofre.base.linha import valores_da_linha
from cofre.base.modelo import Tabela
from cofre.via.direta.conexao import transacao
from cofre.via.direta.erros import na_consulta
from cofre.via.empresas import Linha
from cofre.via.leitura import Instante

_VIRGULA = sql.SQL(", ")


def linhas(
    conexao: psycopg.Connection,
    instante: Instante | None,
    tabela: Tabela,
    colunas: Sequence[str],
) -> Iterator[Linha]:
    """Todas as linhas da tabela, com estas colunas, como o JSON que a API daria. Levanta
    FalhaDoServidor."""
    yield from map(valores_da_linha, em_bytes(conexao, tabela, colunas, instante=instante))


def em_bytes(
    conexao: psycopg.Connection,
    tabela: Tabela,
    colunas: Sequence[str],
    padrao: str = "",
    *,
    so_ela: bool = False,
    instante: Instante | None = None,
) -> Iterator[bytes]:
    """As mesmas, em bytes, com as colunas da ordem também. Com `padrao`, só as que têm alguma
    destas colunas que casa com a expressão regular; `so_ela`, sem as das que herdam dela. Levanta
    FalhaDoServidor."""
    casam = sql.SQL(" OR ").join(
        sql.SQL("{}::pg_catalog.text ~ {}").format(sql.Identifier(c), sql.Literal(padrao))
        for c in (colunas if padrao else ())
    )
    consulta = sql.SQL(
        "SELECT pg_catalog.row_to_json(x.*)::pg_catalog.text"
        " FROM (SELECT {} FROM {}{}{} ORDER BY {}) x"
    ).format(
        _VIRGULA.join(map(sql.Identifier, dict.fromkeys((*tabela.ordem, *colunas)))),
        sql.SQL("ONLY " if so_ela and not tabela.particionada else ""),
        sql.Identifier("public", tabela.nome),
        sql.SQL(" WHERE {}").format(casam) if padrao else sql.SQL(""),
        _VIRGULA.join(map(sql.Identifier, tabela.ordem)),
    )
    # Um comando só já é um instante só: a transação, e as duas idas dela, é para entrar noutro.
    no_instante = transacao(conexao, instante=instante) if instante else contextlib.nullcontext()
    try:
        with no_instante:
            for (texto,) in conexao.cursor().stream(consulta):
                yield texto.encode()
    except psycopg.Error as e:
        raise na_consulta(e, tabela.nome) from e
