"""Os tipos cujo JSON pode não refazer o valor, decididos pelo catálogo, e o SQL que acha, linha a
linha, os valores que ele não refaz.

Como uma linha vira JSON: `json_categorize_type`, em src/backend/utils/adt/jsonfuncs.c do PostgreSQL
(vetores elemento a elemento, compostos campo a campo; um tipo que não é do sistema, pelo CAST para
json, se há um). Como volta: `populate_record_field`, no mesmo arquivo. O que nos dois caminhos é o
texto do tipo (números, datas, enums, intervalos, citext...) volta como era, por construção. Nada se
prova convertendo de volta: a conversão de um valor que o tipo recusa é um erro, e um erro
derrubaria a foto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from psycopg import sql

from cofre.base.modelo import COMPOSTA, JSON, JSONB, OPACA, VETOR, Forma, Tabela
from cofre.base.textos import MARCA

TIPOS = """
    WITH RECURSIVE usados (oid) AS (
        SELECT a.atttypid FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')
            AND c.relkind IN ('r', 'p')
        UNION
        SELECT outro.oid FROM usados u JOIN pg_type t ON t.oid = u.oid
        CROSS JOIN LATERAL (
            SELECT t.typbasetype WHERE t.typtype = 'd'
            UNION ALL SELECT t.typelem WHERE t.typtype = 'b' AND t.typlen = -1 AND t.typelem <> 0
            UNION ALL SELECT a.atttypid FROM pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
                AND NOT a.attisdropped
        ) AS outro (oid)
    )
    SELECT t.oid::bigint AS oid, t.typtype::text AS especie,
        CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE '' END
            AS do_sistema,
        t.typbasetype::bigint AS base,
        CASE WHEN t.typlen = -1 THEN t.typelem::bigint ELSE 0 END AS elemento,
        t.oid >= 16384 AND EXISTS (
            SELECT FROM pg_cast k WHERE k.castsource = t.oid AND k.casttarget = 'json'::regtype
                AND k.castmethod = 'f'
        ) AS convertido,
        ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE t.typtype = 'c'
              AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum) AS campos,
        ARRAY(SELECT a.atttypid::bigint FROM pg_attribute a WHERE t.typtype = 'c'
              AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum) AS tipos
    FROM usados u JOIN pg_type t ON t.oid = u.oid
"""
"""Os tipos que as tabelas usam; com pg_catalog no search_path."""


class Tipo(NamedTuple):
    """Um tipo. `do_sistema`: o nome, se é de pg_catalog; `convertido`: se vira JSON por um CAST
    seu."""

    oid: int
    especie: str
    do_sistema: str
    base: int
    elemento: int
    convertido: bool
    campos: list[str]
    tipos: list[int]


@dataclass(frozen=True, slots=True)
class Tipos:
    """Os tipos que as tabelas usam, por oid."""

    todos: Mapping[int, Tipo]
    _sabidas: dict[int, Forma | None] = field(default_factory=dict)

    @classmethod
    def lidos(cls, tipos: Iterable[Tipo]) -> Tipos:
        """Os que a pergunta TIPOS dá."""
        return cls({t.oid: t for t in tipos})

    def forma(self, oid: int) -> Forma | None:
        """Por que o JSON deste tipo pode não o refazer; None se sempre o refaz."""
        if oid not in self._sabidas:
            self._sabidas[oid] = self._decidir(self.todos[oid])
        return self._sabidas[oid]

    def _decidir(self, tipo: Tipo) -> Forma | None:
        """Como o JSON de um valor deste tipo se refaz; None, se o próprio JSON basta."""
        if tipo.especie == "d":
            return self.forma(tipo.base)
        if tipo.do_sistema in (JSON, JSONB):
            return Forma(tipo.do_sistema)
        if tipo.elemento:
            elemento = self.todos[tipo.elemento]
            # Um vetor de vetores (por um domínio) vira um só, de mais dimensões; e os do sistema
            # que não são os comuns (int2vector) começam do zero.
            estranho = tipo.do_sistema and not tipo.do_sistema.startswith("_")
            if estranho or self._e_vetor(elemento):
                return Forma(OPACA)
            return Forma(VETOR, self.forma(elemento.oid))
        if tipo.especie == "c":
            pares = ((c, self.forma(t)) for c, t in zip(tipo.campos, tipo.tipos, strict=True))
            campos = tuple((c, f) for c, f in pares if f is not None)
            return Forma(COMPOSTA, campos=campos) if campos else None
        if tipo.convertido or tipo.especie not in "berm":
            return Forma(OPACA)
        return None

    def _e_vetor(self, tipo: Tipo) -> bool:
        return self._e_vetor(self.todos[tipo.base]) if tipo.base else bool(tipo.elemento)


# -- o SQL -----------------------------------------------------------------------------------


def sem_prova(tabela: Tabela) -> tuple[str, ...]:
    """As colunas cujo JSON pode não refazer o valor, e de que não se guarda o texto."""
    com_textos = {coluna for coluna, _ in tabela.com_textos}
    return tuple(coluna for coluna, _ in tabela.formas if coluna not in com_textos)


def linha(apelido: str, tabela: Tabela) -> str:
    """A linha com este apelido, em JSON, com os textos do que ele não refaz (ver `base.textos`)."""
    # `.*` e não só o apelido: uma coluna com o nome do apelido viria no lugar da linha.
    em_json = f"pg_catalog.row_to_json({_citado(apelido)}.*)::pg_catalog.text"
    duvidas = [
        (coluna, valor, _nao_refaz(forma, valor, 0))
        for coluna, forma in tabela.com_textos
        for valor in [f"{_citado(apelido)}.{_citado(coluna)}"]
    ]
    if not duvidas:
        return em_json
    pares = ", ".join(
        f"({n}, {_literal(coluna)}, CASE WHEN {condicao} THEN pg_catalog.format('%s', {valor}) END)"
        for n, (coluna, valor, condicao) in enumerate(duvidas)
    )
    # O strip_nulls só tira os espaços que o json_object_agg põe.
    textos = (
        "(SELECT pg_catalog.json_strip_nulls(pg_catalog.json_object_agg(x.c, x.v ORDER BY x.n))"
        f"::pg_catalog.text FROM (VALUES {pares}) AS x (n, c, v) WHERE x.v IS NOT NULL)"
    )
    alguma = " OR ".join(condicao for _, _, condicao in duvidas)
    marca = _literal(MARCA[:-1].decode())
    com_textos = f"pg_catalog.left({em_json}, -1) || {marca} || {textos} || '}}'"
    return f"CASE WHEN {alguma} THEN {com_textos} ELSE {em_json} END"


def _nao_refaz(forma: Forma, valor: str, fundo: int) -> str:
    """A condição de que o JSON não refaz este valor; nula ou falsa, se o refaz. Nunca é um erro."""
    if forma.especie == JSONB:
        # Um null de jsonb ocupa poucos bytes: os grandes nem se abrem.
        return f"(pg_catalog.pg_column_size({valor}) < 64 AND {_e(JSONB, valor, 'null')})"
    if forma.especie == JSON:
        return f"({_e(JSON, valor, 'null')} OR {_estranho(f'{valor}::pg_catalog.text')})"
    if forma.especie == VETOR:
        # Quase todos têm uma dimensão só, e nesses basta olhar onde ela começa.
        limites = (
            f"pg_catalog.array_lower({valor}, 1) <> 1 OR pg_catalog.array_ndims({valor}) > 1"
            f" AND pg_catalog.array_dims({valor}) !~ '^(\\[1:\\d+\\])+$'"
        )
        if forma.de is None:
            return f"({limites})"
        elemento = f"e{fundo}.v"
        condicao = _nao_refaz(forma.de, elemento, fundo + 1)
        if forma.de.especie in (JSON, JSONB):  # um vetor em JSON passaria por mais uma dimensão
            condicao = f"({condicao} OR {_e(forma.de.especie, elemento, 'array')})"
        return (
            f"({limites} OR EXISTS (SELECT FROM (SELECT pg_catalog.unnest({valor}) AS v)"
            f" AS e{fundo} WHERE {condicao}))"
        )
    if forma.especie == COMPOSTA:
        campos = [_nao_refaz(f, f"({valor}).{_citado(c)}", fundo) for c, f in forma.campos]
        return f"({' OR '.join(campos)})"
    # O JSON que é o texto, ou um JSON que é lido como está, refaz o valor.
    em_json = f"pg_catalog.to_json({valor})::pg_catalog.text"
    texto = f"pg_catalog.format('%s', {valor})"
    return (
        f"({em_json} <> pg_catalog.to_json({texto})::pg_catalog.text"
        f" AND ({em_json} <> {texto} OR {em_json} = 'null' OR {_estranho(texto)}))"
    )


def _estranho(texto: str) -> str:
    """De um JSON: o que está em volta se perde, um texto se reescreve, e um escape pode ser
    recusado."""
    return (
        rf"({texto} ~ '^\s|\s$|\\u(0000|[dD][89a-fA-F])'"
        f""" OR {texto} ~ '^"' AND {texto} ~ '\\\\')"""
    )


def _e(especie: str, valor: str, qual: str) -> str:
    return f"pg_catalog.{especie}_typeof({valor}) = '{qual}'"


def _citado(nome: str) -> str:
    return sql.Identifier(nome).as_string(None)


def _literal(texto: str) -> str:
    return sql.Literal(texto).as_string(None)
