"""Os comandos de quem escreve, em SQL. Puro texto, nada é executado aqui: os valores vão à parte,
as linhas num vetor de textos em JSON.

Alterar e apagar levam na condição a linha inteira como a foto a viu. O que devolvem de uma linha
escrita é a chave e as colunas de dono, em JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from cofre.base.modelo import Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.escritor import colunas_de_dono
from cofre.via.direta.texto import (
    VIRGULA,
    juntas_pela_chave,
    linha_de,
    linhas_json,
    nome,
    propria,
    resumo_de,
    valor,
    valores_de,
)


def inserir(no_escopo: TabelaNoEscopo, colunas: Sequence[str], *, com_textos: bool) -> sql.Composed:
    """As linhas, com os valores das colunas de identidade que elas dizem. `com_textos`: se alguma
    os traz (ver `texto.a_gravar`)."""
    tabela = no_escopo.tabela
    return sql.SQL(
        "INSERT INTO {t} AS t ({colunas}) OVERRIDING SYSTEM VALUE"
        " SELECT {valores} FROM {novas} RETURNING {resumo}"
    ).format(
        t=nome("public", tabela.nome),
        colunas=VIRGULA.join(nome(c) for c in colunas),
        valores=VIRGULA.join(valor(tabela, c, "linha" if com_textos else "") for c in colunas),
        novas=linhas_json(tabela, colunas),
        resumo=_resumo(no_escopo),
    )


def alterar(no_escopo: TabelaNoEscopo, colunas: Sequence[str], *, com_textos: bool) -> sql.Composed:
    """Estas colunas; os valores são como a linha era (nulo: acabou de ser inserida, é nossa), e a
    chave e os valores novos, que podem vir `com_textos`."""
    tabela = no_escopo.tabela
    return sql.SQL(
        "UPDATE {t} AS t SET {valores}"
        " FROM unnest(%s::pg_catalog.text[], %s::pg_catalog.text[]) AS a (era, nova)"
        " CROSS JOIN LATERAL {novos} WHERE {mesma_chave}"
        " AND (a.era IS NULL OR {linha} = a.era)"
        " RETURNING {resumo}"
    ).format(
        t=propria(tabela),
        valores=_mudam(tabela, colunas, "nova" if com_textos else ""),
        novos=valores_de("a", "nova", tabela, (*tabela.chave, *colunas)),
        mesma_chave=juntas_pela_chave(tabela),
        linha=linha_de("t", tabela),
        resumo=_resumo(no_escopo),
    )


def alterar_sem_olhar(tabela: Tabela, colunas: Sequence[str], *, com_textos: bool) -> sql.Composed:
    """Estas colunas nas linhas com estas chaves, como quer que elas estejam: para uma prova."""
    return sql.SQL("UPDATE {t} AS t SET {valores} FROM {linhas} WHERE {mesma_chave}").format(
        t=propria(tabela),
        valores=_mudam(tabela, colunas, "linha" if com_textos else ""),
        linhas=linhas_json(tabela, (*tabela.chave, *colunas)),
        mesma_chave=juntas_pela_chave(tabela),
    )


def apagar(tabela: Tabela) -> sql.Composed:
    """As linhas que ainda são assim; devolve as chaves delas. Os valores são as chaves, em JSON, e
    como cada linha era."""
    return sql.SQL(
        "DELETE FROM {t} AS t USING {linhas} WHERE {mesma_chave}"
        " AND {linha} = a.era RETURNING {resumo}"
    ).format(
        t=propria(tabela),
        linhas=_como_eram(tabela),
        mesma_chave=juntas_pela_chave(tabela),
        linha=linha_de("t", tabela),
        resumo=resumo_de("t", tabela.chave),
    )


def como_estao(tabela: Tabela) -> sql.Composed:
    """As chaves das linhas que ainda existem, e se são como eram; ficam presas até o fim da
    transação. Os valores são os de `apagar`."""
    return sql.SQL(
        "SELECT {resumo}, {linha} = a.era FROM {linhas} JOIN {t} AS t ON {mesma_chave}"
        " FOR UPDATE OF t"
    ).format(
        t=propria(tabela),
        linhas=_como_eram(tabela),
        mesma_chave=juntas_pela_chave(tabela),
        linha=linha_de("t", tabela),
        resumo=resumo_de("t", tabela.chave),
    )


def _como_eram(tabela: Tabela) -> sql.Composed:
    """Só as chaves se abrem: numa linha pode haver um JSON que o banco guarda e não abre."""
    return sql.SQL(
        "unnest(%s::pg_catalog.text[], %s::pg_catalog.text[]) AS a (chave, era)"
        " CROSS JOIN LATERAL {}"
    ).format(valores_de("a", "chave", tabela, tabela.chave))


def apagar_sem_chave(tabela: Tabela) -> sql.Composed:
    """De linhas iguais, tantas quantas se pediu."""
    return sql.SQL(
        "WITH pedidas AS (SELECT linha, pg_catalog.count(*) AS vezes"
        " FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS a (linha) GROUP BY linha),"
        " achadas AS (SELECT x.tableoid AS onde, x.ctid AS lugar, p.vezes, p.linha,"
        " pg_catalog.row_number() OVER (PARTITION BY p.linha) AS vez"
        " FROM {t} AS x JOIN pedidas AS p ON {linha} = p.linha)"
        " DELETE FROM {t} AS t USING achadas AS f"
        " WHERE t.tableoid = f.onde AND t.ctid = f.lugar AND f.vez <= f.vezes"
        " RETURNING f.linha"
    ).format(t=propria(tabela), linha=linha_de("x", tabela))


def apagar_inserida(no_escopo: TabelaNoEscopo) -> sql.Composed:
    """Pela chave e pelo dono."""
    tabela = no_escopo.tabela
    return sql.SQL(
        "DELETE FROM {t} AS t USING {linhas} WHERE {mesma_chave} AND {resumo} = a.linha"
    ).format(
        t=propria(tabela),
        linhas=linhas_json(tabela, tabela.chave),
        mesma_chave=juntas_pela_chave(tabela),
        resumo=_resumo(no_escopo),
    )


def _mudam(tabela: Tabela, colunas: Sequence[str], com_textos: str) -> sql.Composed:
    return VIRGULA.join(
        sql.SQL("{} = {}").format(nome(c), valor(tabela, c, com_textos)) for c in colunas
    )


def _resumo(no_escopo: TabelaNoEscopo) -> sql.Composed:
    colunas = dict.fromkeys((*no_escopo.tabela.chave, *colunas_de_dono(no_escopo)))
    return resumo_de("t", list(colunas))
