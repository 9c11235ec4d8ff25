"""Pedaços de SQL que vários comandos usam. Puro texto, nada é executado aqui.

Um `%` num nome é escrito dobrado: estes comandos levam valores à parte, e o psycopg tomaria o
sozinho por um deles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from psycopg import sql

from cofre.base.linha import NULO, abrir_linha
from cofre.base.modelo import Tabela
from cofre.base.textos import CAMPO, MARCA, em_campo, textos_de
from cofre.base.varredura import indizivel
from cofre.via.direta import formas

VIRGULA = sql.SQL(", ")


def nome(*partes: str) -> sql.SQL:
    """Um nome citado, num comando com valores à parte."""
    citado = sql.Identifier(*partes).as_string(None)
    return sql.SQL(citado.replace("%", "%%"))


def so_ela(schema: str, tabela: str, *, particionada: bool) -> sql.SQL:
    """A tabela num FROM, sem as linhas das que herdam dela: chaves e ligações valem só para as
    dela, e as outras são tabelas à parte. As de uma particionada são as das partições."""
    return sql.SQL(("" if particionada else "ONLY ") + nome(schema, tabela).as_string(None))


def propria(tabela: Tabela) -> sql.SQL:
    """O mesmo, de uma tabela das que se restauram."""
    return so_ela("public", tabela.nome, particionada=tabela.particionada)


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
    return sql.SQL(tipo_de(tabela, coluna).replace("%", "%%"))


def tipo_de(tabela: Tabela, coluna: str) -> str:
    """O tipo da coluna como se escreve num comando sem valores à parte."""
    achada = tabela.coluna(coluna)
    assert achada is not None
    base, vetor, resto = achada.tipo.partition("[]")
    return _SEM_TAMANHO.get(base, base) + vetor + resto


_SEM_TAMANHO = {"character": "pg_catalog.bpchar", "bit": 'pg_catalog."bit"'}
"""Estes nomes sozinhos querem dizer um só caractere, um só bit."""


DE_JSON = ("json", "jsonb")


def valor(tabela: Tabela, coluna: str, com_textos: str = "") -> sql.Composed:
    """O valor de `r` a gravar na coluna. Onde não cabe nulo, o null de um JSON é um JSON.

    `com_textos`: o campo de `a` com as linhas, se alguma traz o texto de um JSON (ver `a_gravar`).
    """
    achada = tabela.coluna(coluna)
    if achada is None or achada.tipo not in DE_JSON:
        return sql.SQL("{}").format(nome("r", coluna))
    opcoes: list[sql.Composable] = [nome("r", coluna)]
    if com_textos:
        texto = sql.SQL("({}::pg_catalog.json OPERATOR(pg_catalog.#>>) ARRAY['', {}])::{}").format(
            nome("a", com_textos), _literal(coluna), sql.SQL(achada.tipo)
        )
        opcoes.insert(0, texto)
    if not achada.anulavel:
        opcoes.append(sql.SQL("'null'"))
    return sql.SQL("coalesce({})").format(VIRGULA.join(opcoes))


def a_gravar(tabela: Tabela, linha: bytes) -> bytes:
    """A linha como os comandos a leem: um valor que traz o texto (ver `base.textos`) vai por ele,
    que a função de entrada do tipo lê; o de uma coluna que guarda JSON, onde um texto seria um
    JSON, fica à parte. Também um json que o banco não lê dentro de outro."""
    estranha = indizivel(linha)
    if MARCA not in linha and not estranha:
        return linha
    campos = abrir_linha(linha)
    textos = textos_de(campos)
    tipos = {c.nome: c.tipo for c in tabela.colunas}
    for c, v in campos.items() if estranha else ():
        if tipos.get(c) == "json" and c not in textos and indizivel(bytes(v)):
            textos[c] = bytes(v).decode()
    de_json = {c: t for c, t in textos.items() if tipos.get(c) in DE_JSON}
    lidos = {
        c: msgspec.Raw(NULO if c in de_json else msgspec.json.encode(t)) for c, t in textos.items()
    }
    return msgspec.json.encode({**_sem_textos(campos), **lidos, **em_campo(de_json)})


def _sem_textos(campos: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    return {c: v for c, v in campos.items() if c != CAMPO}


def _literal(texto: str) -> sql.SQL:
    return sql.SQL(sql.Literal(texto).as_string(None).replace("%", "%%"))


def linha_de(apelido: str, tabela: Tabela) -> sql.SQL:
    """A linha com este apelido como a foto a vê, com os textos."""
    return sql.SQL(formas.linha(apelido, tabela).replace("%", "%%"))


def objeto(colunas: Sequence[str], valores: Sequence[bytes]) -> str:
    """O JSON com estes valores nestas colunas."""
    pares = zip(colunas, valores, strict=True)
    return msgspec.json.encode({c: msgspec.Raw(v) for c, v in pares}).decode()


def textos(linhas: Sequence[bytes]) -> list[str]:
    """As linhas como vão num vetor de textos."""
    return [linha.decode() for linha in linhas]


def chave_de(tabela: Tabela, linha: bytes) -> tuple[bytes, ...]:
    """A chave de uma linha que o banco devolveu."""
    campos = abrir_linha(linha)
    return tuple(bytes(campos[c]) for c in tabela.chave)


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
