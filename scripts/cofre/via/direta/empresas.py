"""As linhas que dizem quem são as empresas, lidas por SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from cofre.base.linha import valores_da_linha
from cofre.base.modelo import Tabela
from cofre.via.direta.conexao import transacao
from cofre.via.direta.erros import na_consulta
from cofre.via.empresas import Linha

_VIRGULA = sql.SQL(", ")


def linhas(conexao: psycopg.Connection, tabela: Tabela, colunas: Sequence[str]) -> Iterator[Linha]:
    """Todas as linhas da tabela, com estas colunas, como o JSON que a API daria. Levanta
    FalhaDoServidor."""
    consulta = sql.SQL(
        "SELECT pg_catalog.row_to_json(x.*)::pg_catalog.text FROM (SELECT {} FROM {} ORDER BY {}) x"
    ).format(
        _VIRGULA.join(map(sql.Identifier, colunas)),
        sql.Identifier("public", tabela.nome),
        _VIRGULA.join(map(sql.Identifier, tabela.ordem)),
    )
    try:
        with transacao(conexao):
            lidas = conexao.execute(consulta).fetchall()
    except psycopg.Error as e:
        raise na_consulta(e, tabela.nome) from e
    yield from (valores_da_linha(texto.encode()) for (texto,) in lidas)
