"""Qualquer tabela de tipos hostis volta, byte a byte, pela via direta; pela API volta, ou diz-se
antes o que não volta.

Os esquemas são gerados: tipos, chaves, vetores, domínios, enums, compostos, intervalos, herança,
partições, exclusão, restrições adiáveis, nomes. Na suíte, alguns; `python3 tests/campanhas` roda
muitos mais (CAMPANHA=1).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from apoio.bancada import PARA_A_API
from apoio.campanha import CAMPANHA
from apoio.exatidao import em_texto, sem_colunas, valores
from apoio.execucao import executar, metadados, restaurar
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA, RestauracaoRecusada
from supabase_local.servidores.servidor import SupabaseLocal

DELA: Final = f"t.user_id = '{DONO}'"
DAS_OUTRAS: Final = f"t.user_id <> '{DONO}'"

RECUSA = "um json que a API não leva ao banco"

EXEMPLOS = 400 if CAMPANHA else 5

TIPOS = """
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    CREATE TYPE cor AS ENUM ('azul', 'a"b', 'Verde claro', 'null');
    CREATE TYPE matiz AS ENUM ('claro', '{}', '[1]');
    CREATE FUNCTION em_json(matiz) RETURNS json LANGUAGE sql IMMUTABLE
        AS $$ SELECT pg_catalog.json_build_array($1::text) $$;
    CREATE CAST (matiz AS json) WITH FUNCTION em_json(matiz);
    CREATE DOMAIN cep AS text CHECK (VALUE <> 'ruim');
    CREATE DOMAIN ficha AS jsonb;
    CREATE DOMAIN lista AS int[];
    CREATE TYPE par AS (n numeric, "o texto" text);
    CREATE TYPE trio AS (j json, "b""c" jsonb[], p par, m matiz);
    CREATE DOMAIN lugar AS trio;
    CREATE TYPE faixa AS RANGE (subtype = float8);
    CREATE FUNCTION com_limites(v anyarray, n int) RETURNS anyarray LANGUAGE plpgsql IMMUTABLE AS $$
        DECLARE r alias for $0; BEGIN
            r := CASE WHEN pg_catalog.array_ndims(v) = 1 THEN pg_catalog.format('[%s:%s]=%s', n,
                n + pg_catalog.cardinality(v) - 1, v) ELSE v::text END;
            RETURN r; END $$;
"""
ESCALARES: dict[str, tuple[str, ...]] = {
    "text": ("''", "'null'", "'{}'", r"""E'a\\b\n\t" '""", "'é🛍️'"),
    "varchar(9)": ("'x'", r"'\N'"),
    "char(4)": ("'ab'", "''"),
    "int": ("0", "-7"),
    "numeric": ("1.50", "'NaN'", "12345678901234567890.10"),
    "float8": ("0.1", "'-0'", "'-Infinity'"),
    "bool": ("true", "false"),
    "bytea": (r"'\x00ff5c'", "''"),
    "timestamptz": ("'2026-01-16 18:29:44.1-03'", "'infinity'", "'0044-03-15 BC'"),
    "date": ("'2026-01-02'", "'-infinity'"),
    "interval": ("'1 year -2 days 03:04:05.6'",),
    "uuid": ("'00000000-0000-4000-8000-00000000000a'",),
    "inet": ("'192.168.0.1/24'",),
    "int4range": ("'[1,5)'", "'empty'", "'(,3)'"),
    "tstzmultirange": ("'{[2020-01-01,2020-02-01)}'", "'{}'"),
    "faixa": ("'[1.5,2)'",),
    "bit(5)": ("B'10101'",),
    "cor": ("'azul'", "'a\"b'", "'null'"),
    "cep": ("'01310'",),
    "point": ("'(1.5,-2)'",),
    "tsvector": ("'gato:1A rato:2'",),
    "int2vector": ("'1 2'", "''"),
    "json": ("'null'", "'{}'", r"""E' {"a" :\n1} '""", r"""E'"\\u00e9"'""", "'[1,[2]]'", "'1E400'",
             r"""E'{"z":"\\u0000"}'"""),
    "jsonb": ("'null'", "'{\"\":{\"a\":\"b\"}}'", "'\"null\"'", "'[[1]]'", "'1.50'"),
    "ficha": ("'null'", "'{}'"),
    "matiz": ("'claro'", "'{}'", "'[1]'"),
    "lista": ("'[3:4]={1,NULL}'", "'{}'", "'{1}'"),
    # Sem xml: o servidor embutido não o sabe ler («unsupported XML feature»).
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Valor:
    """Um tipo, e como inventar valores dele, em SQL."""

    tipo: str
    valores: st.SearchStrategy[str]


def _escalares() -> st.SearchStrategy[Valor]:
    return st.sampled_from(list(ESCALARES)).map(
        lambda tipo: Valor(
            tipo, st.one_of(st.just("NULL"), st.sampled_from(ESCALARES[tipo])).map(_como(tipo))
        )
    )


def _como(tipo: str) -> Callable[[str], str]:
    return lambda valor: f"{valor}::{tipo}"


@st.composite
def _compostos(sorteio: st.DrawFn) -> Valor:
    def campo(tipo: str) -> st.SearchStrategy[str]:
        return st.one_of(st.just("NULL"), st.sampled_from(ESCALARES[tipo]))

    par = st.tuples(campo("numeric"), campo("text")).map(lambda v: f"ROW({v[0]},{v[1]})::par")
    vetor = st.lists(campo("jsonb"), max_size=2).map(lambda v: f"ARRAY[{','.join(v)}]::jsonb[]")
    trio = st.tuples(
        campo("json"), st.just("NULL") | vetor, st.just("NULL") | par, campo("matiz")
    ).map(lambda v: f"ROW({','.join(v)})::trio")
    tipo = sorteio(st.sampled_from(["par", "trio", "lugar"]))
    valores = par if tipo == "par" else trio
    return Valor(tipo, st.just(f"NULL::{tipo}") | valores.map(_como(tipo)))


@st.composite
def _vetores(sorteio: st.DrawFn) -> Valor:
    de = sorteio(_escalares() | _compostos())
    elementos = st.lists(de.valores, max_size=3)
    vetor = elementos.map(lambda v: f"ARRAY[{','.join(v)}]::{de.tipo}[]")
    de_dois = st.tuples(de.valores, de.valores).map(
        lambda v: f"ARRAY[[{v[0]},{v[1]}],[{v[1]},{v[0]}]]::{de.tipo}[]"
    )
    # Um vetor de um domínio sobre um vetor só tem uma dimensão: mais seria outra coisa.
    juntos = vetor if de.tipo in ("lista", "int2vector") else vetor | de_dois
    limites = st.tuples(juntos, st.integers(-1, 3)).map(lambda v: f"com_limites({v[0]}, {v[1]})")
    return Valor(f"{de.tipo}[]", st.just(f"NULL::{de.tipo}[]") | juntos | limites)


NOMES = ("v", "linha", 'a"b', "50% %s", "t", "é ", "r", "p0", "era", "Ordem")
CHAVES = {
    "int": ("id int PRIMARY KEY", "{n}"),
    "identidade": ("id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{n}"),
    "text": ("id text PRIMARY KEY", "'k{n}é'"),
    "numeric": ("id numeric PRIMARY KEY", "{n}.50"),
    "adiável": ("id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED", "{n}"),
    "nenhuma": ("id int", "{n} % 2"),
    "partida": ("id int PRIMARY KEY", "{n}"),
    "herdada": ("id int PRIMARY KEY", "{n}"),
    "exclusiva": ("id int PRIMARY KEY", "{n}"),
}
DANOS = {
    "apagar": "DELETE FROM {t} WHERE user_id = '{dono}'",
    "apagar algumas": "DELETE FROM {t} WHERE user_id = '{dono}' AND id::text < '3'",
    "anular": "UPDATE {t} SET {nulas} WHERE user_id = '{dono}'",
    "embaralhar": "UPDATE {t} a SET ({colunas}) = (SELECT {colunas} FROM {t} b WHERE b.user_id ="
    " '{dono}' ORDER BY b.id::text DESC LIMIT 1) WHERE user_id = '{dono}'",
    "a mais": "INSERT INTO {t} (id, user_id, {colunas}) OVERRIDING SYSTEM VALUE"
    " SELECT '77', user_id, {colunas} FROM {t} WHERE user_id = '{dono}' LIMIT 1",
}


@dataclass(frozen=True, slots=True)
class Caso:
    criar: str
    estragar: tuple[str, ...]
    recusavel: bool
    """Se a API não tem como restaurar a tabela, e o diz: a chave é do banco, ou as faixas trocadas
    só se trocam numa transação."""


@st.composite
def casos(sorteio: st.DrawFn) -> Caso:
    """Uma tabela com linhas de duas empresas, e um estrago nas de uma."""
    chave = sorteio(st.sampled_from(list(CHAVES)))
    colunas = sorteio(st.lists(_escalares() | _compostos() | _vetores(), min_size=1, max_size=5))
    nomes = sorteio(st.permutations(NOMES))[: len(colunas)]
    citados = [f'"{n.replace(chr(34), chr(34) * 2)}"' for n in nomes]
    tabela = sorteio(st.sampled_from(["hostis", '"To do % ""s"""']))
    definidas = "".join(f", {c} {v.tipo}" for c, v in zip(citados, colunas, strict=True))
    declarada, valor = CHAVES[chave]
    criar = [f"CREATE TABLE {tabela} ({declarada}, user_id uuid{definidas})"]
    onde = [tabela]
    if chave == "partida":
        criar = [
            f"CREATE TABLE {tabela} ({declarada}, user_id uuid{definidas}) PARTITION BY HASH (id)",
            f"CREATE TABLE parte_0 PARTITION OF {tabela} FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            f"CREATE TABLE parte_1 PARTITION OF {tabela} FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        ]
    elif chave == "herdada":
        criar.append(f"CREATE TABLE herdeira () INHERITS ({tabela})")
        onde.append("herdeira")
    elif chave == "exclusiva":
        criar.append(f"ALTER TABLE {tabela} ADD quando int4range, ADD EXCLUDE USING gist"
                     " (quando WITH &&)")  # fmt: skip
    donos = [DONO] * sorteio(st.integers(1, 4)) + [VIZINHA]
    for (n, dono), qual in itertools.product(enumerate(donos), onde):
        valores = [sorteio(v.valores) for v in colunas]
        da_faixa = f", '[{n * 10},{n * 10 + 5})'" if chave == "exclusiva" else ""
        criar.append(
            f"INSERT INTO {qual} (id, user_id, {', '.join(citados)}"
            f"{', quando' if da_faixa else ''}) OVERRIDING SYSTEM VALUE"
            f" VALUES ({valor.format(n=n)}, '{dono}', {', '.join(valores)}{da_faixa})"
        )
    dano = sorteio(st.sampled_from(list(DANOS)))
    pedacos = {
        "dono": DONO, "colunas": ", ".join(citados),
        "nulas": ", ".join(f"{c} = NULL" for c in citados),
    }  # fmt: skip
    estragar = [DANOS[dano].format(t=t, **pedacos) for t in onde]
    if chave == "exclusiva" and dano != "a mais":
        topo = 1000 + (len(donos) - 2) * 10
        estragar += [
            f"UPDATE {tabela} SET quando = int4range(lower(quando) + 1000, upper(quando) + 1000)"
            f" WHERE user_id = '{DONO}'",
            f"UPDATE {tabela} SET quando = int4range({topo} - lower(quando), {topo + 5} -"
            f" lower(quando)) WHERE user_id = '{DONO}'",
        ]
    return Caso(";".join(criar), tuple(estragar), chave in ("identidade", "exclusiva"))


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    duas = (
        f"INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Uma'),"
        f" (gen_random_uuid(), '{VIZINHA}', 'Outra')"
    )
    return criar_supabase_do_modulo(VAZIO, sql=(TIPOS, duas, PARA_A_API))


def _do_backup(destino: Path) -> set[tuple[str, str]]:
    """As colunas que os metadados dizem que podem não voltar só com o JSON."""
    (backup,) = (m for m in metadados(destino) if m["tipo"] == "manual")
    tabelas = backup["tabelas"]
    return {
        (nome, coluna)
        for nome, tabela in tabelas.items()
        for coluna in (
            *tabela.get("sem_prova", ()),
            *tabela.get("textos", {}).get("por_coluna", ()),
        )
    }


SORTEADOS = settings(
    max_examples=EXEMPLOS,
    # Encolher um caso são dezenas de restaurações: só numa campanha.
    phases=[f for f in Phase if CAMPANHA or f not in (Phase.shrink, Phase.explain)],
)


@SORTEADOS
@given(caso=casos())
def test_qualquer_tabela_volta_byte_a_byte(
    projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory, caso: Caso
) -> None:
    destino = tmp_path_factory.mktemp("gerada")
    with psycopg.connect(projeto.uri_banco, autocommit=True) as banco:
        banco.execute('DROP TABLE IF EXISTS hostis, "To do % ""s""" CASCADE')
        banco.execute(caso.criar.encode())
        antes = em_texto(projeto)
        _na_direta(projeto, destino, "backup")
        for comando in caso.estragar:
            banco.execute(comando.encode())
        _na_direta(projeto, destino, "restaurar")
        assert em_texto(projeto) == antes


def _na_direta(projeto: SupabaseLocal, destino: Path, acao: str) -> None:
    direta = {"SUPABASE_DB_URL": projeto.uri_banco}
    if acao == "backup":
        saida = executar(projeto, destino, "--empresa", DONO, mais=direta)
    else:
        pedida = ("--empresa", DONO, "--confirmar", "RESTAURAR")
        saida = restaurar(projeto, destino, *pedida, mais=direta)
    assert saida.codigo == 0, saida.tudo


@SORTEADOS
@given(caso=casos())
def test_pela_api_volta_ou_foi_dito_antes(
    projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory, caso: Caso
) -> None:
    destino = tmp_path_factory.mktemp("gerada")
    with psycopg.connect(projeto.uri_banco, autocommit=True) as banco:
        banco.execute('DROP TABLE IF EXISTS hostis, "To do % ""s""" CASCADE')
        banco.execute(caso.criar.encode())
        banco.execute(PARA_A_API.encode())
        projeto.recarregar_esquema()
        outras, antes = valores(projeto, DAS_OUTRAS), valores(projeto, DELA)
        copia = executar(projeto, destino, "--empresa", DONO)
        assert copia.codigo == 0, copia.tudo
        for comando in caso.estragar:
            banco.execute(comando.encode())
        estragado = em_texto(projeto)
        saida = restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR", "--json")
        assert sem_colunas(valores(projeto, DAS_OUTRAS)) == sem_colunas(outras)
        if saida.codigo == RestauracaoRecusada.codigo:
            assert em_texto(projeto) == estragado
            assert caso.recusavel or RECUSA in saida.erros, saida.tudo
            return
        ditas = {(i["tabela"], i["coluna"]) for i in saida.json()["inexatas"]}
        assert ditas <= _do_backup(destino)
        assert saida.codigo in (0, NEM_TUDO_COMO_ERA), saida.tudo
        assert sem_colunas(valores(projeto, DELA), ditas) == sem_colunas(antes, ditas), saida.tudo
