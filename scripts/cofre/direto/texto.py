"""Pedaços de SQL que vários comandos usam. Puro texto, nada é executado aqui.

Um `%` num nome é escrito dobrado: estes comandos levam valores à parte, e o psycopg tomaria o
sozinho por um deles.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from cofre.modelo import Tabela

VIRGULA = sql.SQL(", ")


def nome(*partes: str) -> sql.SQL:
    """Um nome citado, num comando com valores à parte."""
    citado = sql.Identifier(*partes).as_string(None)
    return sql.SQL(citado.replace("%", "%%"))


def linhas_json(tabela: Tabela) -> sql.Composed:
    """Um FROM com as linhas de um vetor de JSON (%s): `a.linha` é o texto, `r` os valores."""
    return sql.SQL(
        "pg_catalog.unnest(%s::pg_catalog.text[]) AS a (linha) CROSS JOIN LATERAL"
        " pg_catalog.json_populate_record(NULL::{}, a.linha::pg_catalog.json) AS r"
    ).format(nome("public", tabela.nome))


def juntas_pela_chave(tabela: Tabela) -> sql.Composed:
    """A linha `t` do banco é a linha `r` do vetor."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(nome("t", c), nome("r", c)) for c in tabela.chave
    )


def resumo_de(apelido: str, colunas: Sequence[str]) -> sql.Composed:
    """Estas colunas de uma linha, em JSON, como a foto as escreve."""
    return sql.SQL("(SELECT pg_catalog.row_to_json(d.*)::text FROM (SELECT {}) AS d)").format(
        VIRGULA.join(nome(apelido, c) for c in colunas)
    )
