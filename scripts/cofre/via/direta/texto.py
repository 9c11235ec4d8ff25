"""Pedaços de SQL que vários comandos usam. Puro texto, nada é executado aqui.

Um `%` num nome é escrito dobrado: estes comandos levam valores à parte, e o psycopg tomaria o
sozinho por um deles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from cofre.base.modelo import Tabela

VIRGULA = sql.SQL(", ")


def nome(*partes: str) -> sql.SQL:
    """Um nome citado, num comando com valores à parte."""
    citado = sql.Identifier(*partes).as_string(None)
    return sql.SQL(citado.replace("%", "%%"))


def linhas_json(tabela: Tabela, colunas: Iterable[str]) -> sql.Composed:
    """Um FROM com as linhas de um vetor de JSON (%s): `a.linha` é o texto, `r` os valores destas
    colunas."""
    return sql.SQL(
        "pg_catalog.unnest(%s::pg_catalog.text[]) AS a (linha) CROSS JOIN LATERAL {}"
    ).format(valores_de("a", "linha", tabela, colunas))


def valores_de(apelido: str, campo: str, tabela: Tabela, colunas: Iterable[str]) -> sql.Composed:
    """`r`: os valores destas colunas num texto em JSON. Das outras nada se diz: um domínio NOT NULL
    recusaria a falta de uma que não se usa."""
    return sql.SQL("pg_catalog.json_to_record({}::pg_catalog.json) AS r ({})").format(
        nome(apelido, campo),
        VIRGULA.join(
            sql.SQL("{} {}").format(nome(c), _tipo(tabela, c)) for c in dict.fromkeys(colunas)
        ),
    )


def _tipo(tabela: Tabela, coluna: str) -> sql.SQL:
    achada = tabela.coluna(coluna)
    assert achada is not None
    base, vetor, resto = achada.tipo.partition("[]")
    return sql.SQL((_SEM_TAMANHO.get(base, base) + vetor + resto).replace("%", "%%"))


_SEM_TAMANHO = {"character": "pg_catalog.bpchar", "bit": 'pg_catalog."bit"'}
"""Estes nomes sozinhos querem dizer um só caractere, um só bit."""


def valor(tabela: Tabela, coluna: str) -> sql.Composed:
    """O valor de `r` a gravar na coluna. Onde não cabe nulo, o null de um JSON é um JSON."""
    achada = tabela.coluna(coluna)
    e_json = achada is not None and achada.tipo in ("json", "jsonb") and not achada.anulavel
    return sql.SQL("coalesce({}, 'null')" if e_json else "{}").format(nome("r", coluna))


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
