"""O catálogo do schema `public`, lido do pg_catalog: também o que a API esconde.

Nomes de tipos, obrigatoriedade e ordem são os da descrição da API, para que os metadados de um
backup sejam os mesmos pelas duas vias.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg.rows import class_row

from cofre.base.modelo import (
    DE_OUTRO_SERVIDOR,
    TABELAS_CONHECIDAS,
    Catalogo,
    ChaveEstrangeira,
    Coluna,
    Tabela,
    chave_que_serve,
    nome_do_tipo,
)
from cofre.via.direta.conexao import INSTANTE, que_responde, transacao
from cofre.via.direta.erros import na_consulta
from cofre.via.direta.formas import TIPOS, Tipo, Tipos

ACOES = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}

_NOSSAS = """
    c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')
    AND NOT c.relispartition
"""
_RELACOES = f"""
    SELECT c.oid::bigint AS oid, c.relname::text AS nome, c.relkind::text AS tipo
    FROM pg_class c WHERE {_NOSSAS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY c.relname
"""
# O tipo é escrito como na descrição da API: um domínio sobre um tipo do sistema leva o nome deste.
_COLUNAS = f"""
    SELECT a.attrelid::bigint AS tabela, a.attname::text AS nome,
        CASE WHEN t.typtype = 'd' AND b.typnamespace = 'pg_catalog'::regnamespace
                THEN format_type(b.oid, NULL)
            WHEN t.typtype <> 'd' AND t.typnamespace = 'pg_catalog'::regnamespace
                THEN format_type(a.atttypid, NULL)
            ELSE format_type(a.atttypid, a.atttypmod) END AS tipo,
        a.atttypid::bigint AS oid_do_tipo,
        NOT (a.attnotnull OR t.typtype = 'd' AND t.typnotnull) AS anulavel,
        a.attgenerated <> '' AS gerada, a.attidentity = 'a' AS identidade
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type b ON b.oid = t.typbasetype
    WHERE {_NOSSAS} AND c.relkind IN ('r', 'p')
    ORDER BY a.attrelid, a.attnum
"""
_RESTRICOES = f"""
    SELECT k.conrelid::bigint AS tabela, k.conname::text AS nome, k.contype::text AS tipo,
        k.confdeltype::text AS ao_remover, f.relname::text AS para,
        CASE WHEN f.relnamespace <> c.relnamespace THEN n.nspname::text END AS fora,
        ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS x(n, i)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.i)
            AS colunas,
        ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS x(n, i)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.i)
            AS referencias
    FROM pg_class c
    JOIN pg_constraint k ON k.conrelid = c.oid AND k.conparentid = 0
    LEFT JOIN pg_class f ON f.oid = k.confrelid
    LEFT JOIN pg_namespace n ON n.oid = f.relnamespace
    WHERE {_NOSSAS} AND c.relkind IN ('r', 'p')
    ORDER BY k.conrelid, k.conname
"""

_HERDEIRAS = f"""
    WITH RECURSIVE herdam (mae, filha) AS (
        SELECT i.inhparent, i.inhrelid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE {_NOSSAS}
        UNION SELECT h.mae, i.inhrelid FROM herdam h JOIN pg_inherits i ON i.inhparent = h.filha
        JOIN pg_class c ON c.oid = i.inhrelid WHERE {_NOSSAS}
    )
    SELECT h.mae::bigint AS tabela, f.relname::text AS nome, f.oid::text AS tableoid
    FROM herdam h JOIN pg_class f ON f.oid = h.filha ORDER BY f.relname
"""
_COMECO = f"{INSTANTE}; SET LOCAL search_path = pg_catalog"
_TUDO = ";".join((_RELACOES, _COLUNAS, _RESTRICOES, _HERDEIRAS, TIPOS))
"""Numa só ida ao servidor."""


class _Relacao(NamedTuple):
    oid: int
    nome: str
    tipo: str


class _Coluna(NamedTuple):
    tabela: int
    nome: str
    tipo: str
    oid_do_tipo: int
    anulavel: bool
    gerada: bool
    identidade: bool


class _Restricao(NamedTuple):
    tabela: int
    nome: str
    tipo: str
    ao_remover: str
    para: str | None
    fora: str | None
    colunas: list[str]
    referencias: list[str]


class _Herdeira(NamedTuple):
    tabela: int
    nome: str
    tableoid: str


T = TypeVar("T", bound=NamedTuple)
DaTabela = TypeVar("DaTabela", _Coluna, _Restricao, _Herdeira)


def descobrir(conexao: psycopg.Connection) -> Catalogo:
    """O catálogo inteiro, de um só instante. Levanta FalhaDoServidor."""
    try:
        with transacao(conexao, f"{_COMECO}; {_TUDO}") as comecada:
            cursor = que_responde(comecada)
            relacoes = _ler(cursor, _Relacao)
            colunas = _por_tabela(_ler(cursor, _Coluna))
            restricoes = _por_tabela(_ler(cursor, _Restricao))
            herdeiras = _por_tabela(_ler(cursor, _Herdeira))
            tipos = Tipos.lidos(_ler(cursor, Tipo))
    except psycopg.Error as e:
        raise na_consulta(e, "pg_catalog") from e
    tabelas = {
        r.nome: replace(
            _tabela(r, colunas[r.oid], restricoes[r.oid], tipos),
            herdeiras=tuple((h.nome, h.tableoid) for h in herdeiras[r.oid]),
        )
        for r in relacoes
        if r.tipo in "rp"
    }
    existem = {r.nome for r in relacoes}
    return Catalogo(
        tabelas,
        tuple(sorted(r.nome for r in relacoes if r.tipo in "vm")),
        {r.nome: DE_OUTRO_SERVIDOR for r in relacoes if r.tipo == "f"},
        tuple(n for n in TABELAS_CONHECIDAS if n not in existem),
        servidor=f"PostgreSQL {conexao.info.parameter_status('server_version') or ''}".strip(),
    )


def _ler(cursor: psycopg.Cursor[Any], tipo: type[T]) -> list[T]:
    """As linhas do resultado em que o cursor está, que passa ao seguinte."""
    cursor.row_factory = class_row(tipo)
    lidas: list[T] = cursor.fetchall()
    cursor.nextset()
    return lidas


def _tabela(
    relacao: _Relacao,
    colunas: Sequence[_Coluna],
    restricoes: Sequence[_Restricao],
    tipos: Tipos,
) -> Tabela:
    """A tabela, como a API a diria."""
    modelo = tuple(Coluna(c.nome, nome_do_tipo(c.tipo), c.anulavel) for c in colunas)
    da_chave = {c for r in restricoes if r.tipo == "p" for c in r.colunas}
    chave = [c.nome for c in colunas if c.nome in da_chave]  # na ordem das colunas, como na API
    estrangeiras = [r for r in restricoes if r.tipo == "f"]
    return Tabela(
        relacao.nome,
        modelo,
        chave_que_serve(modelo, chave),
        tuple(_chave(r) for r in _na_ordem_da_api(estrangeiras, colunas)),
        nao_gravaveis=tuple(c.nome for c in colunas if c.gerada or c.identidade),
        identidades=tuple(c.nome for c in colunas if c.identidade),
        externas=tuple(_chave(r) for r in estrangeiras if r.fora is not None),
        formas=tuple((c.nome, f) for c in colunas if (f := tipos.forma(c.oid_do_tipo))),
        particionada=relacao.tipo == "p",
        exclusiva=any(r.tipo == "x" for r in restricoes),
    )


def _chave(r: _Restricao) -> ChaveEstrangeira:
    para = f"{r.fora}.{r.para}" if r.fora else str(r.para)
    acao = ACOES.get(r.ao_remover, "")
    return ChaveEstrangeira(tuple(r.colunas), para, tuple(r.referencias), acao)


def _na_ordem_da_api(
    estrangeiras: Sequence[_Restricao], colunas: Sequence[_Coluna]
) -> list[_Restricao]:
    """As chaves dentro do schema: as de uma coluna, na ordem das colunas, e depois as compostas. A
    ordem decide por qual mãe se chega à empresa: é a mesma nas duas vias (ver `api.chaves`)."""
    posicao = {c.nome: n for n, c in enumerate(colunas)}

    def ordem(r: _Restricao) -> tuple[int, int, str]:
        if len(r.colunas) > 1:
            return 1, 0, str(r.para)
        return 0, posicao[r.colunas[0]], r.nome

    return sorted((r for r in estrangeiras if r.fora is None), key=ordem)


def _por_tabela(itens: Iterable[DaTabela]) -> Mapping[int, list[DaTabela]]:
    agrupados: dict[int, list[DaTabela]] = defaultdict(list)
    for item in itens:
        agrupados[item.tabela].append(item)
    return agrupados
