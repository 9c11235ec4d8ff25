"""A conexão direta lê o mesmo que a API, byte a byte, de um só instante."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
import pytest

from apoio.campanha import CAMPANHA, amostra
from apoio.direto import conferir_iguais, copiar_direto, pelas_duas_vias
from apoio.escritor import DONO as DONO_COM_ESCRITOR
from apoio.escritor import ESQUEMA as ESQUEMA_COM_ESCRITOR
from apoio.escritor import (
    LINHAS,
    MEXIDAS,
    conferir_donos,
    conferir_instante,
    do_retrato,
    escrevendo,
)
from apoio.execucao import (
    PACIENCIA,
    da_api,
    executar,
    linhas_do_arquivo,
    metadados,
    ultimo_backup,
)
from apoio.execucao import Saida as Execucao
from apoio.grande import CONCEDER, DONO, EMPRESAS, GRANDE, VIZINHA
from apoio.lojinha import LOJINHA
from apoio.retrato import Fotografo, Retrato, fotografo, fotografo_direto
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.valores import RegraDeTabela, Regras
from cofre.base.erros import LinhaDeOutraEmpresa, TabelaInexistente
from cofre.base.modelo import ChaveEstrangeira, Tabela
from cofre.base.rascunho import Rascunho
from cofre.escopo.escopo import Elo, TabelaNoEscopo
from cofre.via.leitura import PedidoDeFoto, Saida
from supabase_local.servidores.postgres import ADMINISTRADOR
from supabase_local.servidores.servidor import SupabaseLocal


@pytest.fixture(scope="module")
def supabase(supabase_do_modulo: SupabaseLocal) -> SupabaseLocal:
    """Aqui ninguém o muda: é um só."""
    return supabase_do_modulo


def test_a_loja_inteira_e_igual_pelas_duas_vias(supabase: SupabaseLocal, tmp_path: Path) -> None:
    da_api, diretos = pelas_duas_vias(supabase, tmp_path)
    assert len(diretos) == 3
    conferir_iguais(da_api, diretos)
    assert {m["origem"]["via"] for m in da_api} == {"api"}
    assert {(m["origem"]["via"], m["consistencia"]) for m in diretos} == {("direta", "instantanea")}
    assert {m["consistencia_como"] for m in diretos} == {"uma transação REPEATABLE READ, READ ONLY"}


# -- o catálogo ------------------------------------------------------------------------------


def test_o_catalogo_e_o_da_api_e_o_que_ela_esconde(supabase: SupabaseLocal, tmp_path: Path) -> None:
    with fotografo(supabase, tmp_path) as da_api, fotografo_direto(supabase, tmp_path) as direto:
        um, outro = da_api.inspecao.catalogo, direto.inspecao.catalogo
        completas = da_api.via.com_nao_gravaveis(da_api.inspecao.escopo).tabelas
    assert {n: como_na_api(t) for n, t in outro.tabelas.items()} == {
        n: replace(completas[n].tabela if n in completas else t, formas=())
        for n, t in um.tabelas.items()
    }
    assert (um.visoes, um.ocultas, um.ausentes) == (outro.visoes, outro.ocultas, outro.ausentes)
    assert da_api.inspecao.escopo.de_fora == direto.inspecao.escopo.de_fora
    ramos = [{n: t.ramos for n, t in f.inspecao.escopo.tabelas.items()} for f in (da_api, direto)]
    assert ramos[0] == ramos[1]
    assert da_api.inspecao.empresas == direto.inspecao.empresas

    itens = {fk.colunas: fk for fk in outro.tabelas["vendas_itens"].estrangeiras}
    assert itens["venda_id",].ao_remover == "CASCADE"
    assert itens["produto_id",].ao_remover == "RESTRICT"
    assert outro.tabelas["vendas"].estrangeiras[1].ao_remover == "NO ACTION"
    assert outro.tabelas["login_funcionarios"].estrangeiras[0].ao_remover == "CASCADE"
    (composta,) = outro.tabelas["recibos"].estrangeiras
    assert (composta.colunas, composta.tabela) == (("venda_id", "parcela"), "vendas_pagamentos")
    assert outro.tabelas["configuracoes"].externas == (
        ChaveEstrangeira(("user_id",), "auth.users", ("id",)),
    )
    notas = outro.tabelas["notas_fiscais"]
    assert (notas.nao_gravaveis, notas.identidades) == (("numero",), ("numero",))
    itens_ = outro.tabelas["vendas_itens"]
    assert (itens_.nao_gravaveis, itens_.identidades) == (("subtotal",), ())


def como_na_api(tabela: Tabela) -> Tabela:
    """Sem o que só o banco diz."""
    nao_gravaveis = tabela.nao_gravaveis
    return replace(
        tabela,
        identidades=(),
        externas=(),
        formas=(),
        particionada=False,
        exclusiva=False,
        nao_gravaveis=nao_gravaveis,
    )


def test_uma_tabela_publica_com_o_nome_de_uma_de_fora_nao_se_confunde(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    confusa = f"""
        CREATE TABLE "auth.users" (id uuid PRIMARY KEY, user_id uuid);
        CREATE TABLE fichas (id int PRIMARY KEY, dono uuid REFERENCES auth.users);
        CREATE TABLE notas (id int PRIMARY KEY, dono uuid REFERENCES "auth.users");
        INSERT INTO "auth.users" VALUES ('{DONO}', '{DONO}');
        INSERT INTO notas VALUES (1, '{DONO}');
    """
    projeto = criar_supabase(VAZIO, sql=(EMPRESAS, confusa, CONCEDER))
    with fotografo_direto(projeto, tmp_path) as direto:
        tabelas = direto.inspecao.catalogo.tabelas
        assert tabelas["fichas"].estrangeiras == ()
        assert [fk.tabela for fk in tabelas["fichas"].externas] == ["auth.users"]
        assert [fk.tabela for fk in tabelas["notas"].estrangeiras] == ["auth.users"]
        assert "fichas" not in direto.inspecao.escopo.tabelas
        assert len(direto.fotografar(DONO).linhas("notas")) == 1


# -- os bytes --------------------------------------------------------------------------------

HOSTIS = f"""
    CREATE TYPE par AS (momento timestamptz, valor numeric);
    CREATE DOMAIN nome_curto AS varchar(40) NOT NULL;
    CREATE TABLE hostis (
        id bigint PRIMARY KEY, user_id uuid, p0 text, linha text, s0 text, "aspas ' e é" text,
        dinheiro money, quando timestamptz, varios timestamptz[], periodo tstzrange,
        dias daterange, dia date, dura interval, duras interval[], bruto bytea, brutos bytea[],
        duplo float8, simples real[], composto par, dominio nome_curto DEFAULT 'x', classe regclass,
        tipo regtype, cru json, binario jsonb, largo numeric,
        dobro numeric GENERATED ALWAYS AS (largo * 2) STORED,
        virtual numeric GENERATED ALWAYS AS (largo * 3) VIRTUAL
    );
    INSERT INTO hostis
        SELECT n, '{DONO}', E'a"\\\\\\n\\t', '}},' || E'\\n{{', '🛍️', 'é',
        1234.5, timestamptz '2026-01-16 18:29:44.123456-03' + n * interval '1 day',
        ARRAY[timestamptz '2026-01-16 18:29:44-03', 'infinity'],
        tstzrange('2026-01-16 18:29:44-03', NULL), daterange('2026-01-02', '2026-03-04'),
        '2026-02-03', '1 year -2 mons 3 days -04:05:06.789', ARRAY[interval '-1 day', '90 min'],
        '\\x00ff27225c0a', ARRAY['\\x00ff'::bytea, '\\x'], 0.1::float8 + 0.2::float8,
        ARRAY[0.1, 1e-45, 'NaN']::real[], ('2026-01-16 18:29:44-03'::timestamptz, 1.50)::par, 'x',
        'empresas'::regclass, 'par'::regtype,
        E'{{"b" : 1.0, "a":2,\\n"b": 1e400}}', '{{"n": 12345678901234567890.10}}',
        1234567890123456789012345.123456789012345
        FROM generate_series(1, 20) n;
    INSERT INTO hostis (id, user_id) VALUES (100, '{DONO}'), (101, '{VIZINHA}'), (102, NULL);
"""
ESTRANHOS = (
    "timezone = 'Asia/Kolkata'",
    "intervalstyle = 'sql_standard'",
    "datestyle = 'German'",
    "bytea_output = 'escape'",
    "extra_float_digits = -3",
    "quote_all_identifiers = on",
    "search_path = auth",
)
OUTROS = ("timezone = 'America/Sao_Paulo'", "intervalstyle = 'iso_8601'", "datestyle = 'SQL, DMY'")
AJUSTES: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "do nosso papel": [("ROLE postgres IN DATABASE {}", ESTRANHOS)],
    "do banco": [("DATABASE {}", OUTROS)],
    "do papel da API": [("ROLE authenticator IN DATABASE {}", OUTROS)],
    "do banco e, contra ele, o da API e o nosso": [
        ("DATABASE {}", ESTRANHOS[:5]),
        ("ROLE authenticator IN DATABASE {}", OUTROS),
        ("ROLE postgres IN DATABASE {}", ("timezone = 'UTC'", "bytea_output = 'hex'")),
    ],
}
DO_AMBIENTE = {
    "PGTZ": "Asia/Kolkata",
    "PGDATESTYLE": "German",
    "PGOPTIONS": "-c intervalstyle=sql_standard -c bytea_output=escape -c extra_float_digits=0",
    "PGHOST": "nenhum.invalid",
    "PGSSLMODE": "verify-full",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "none",
    "PGCLIENTENCODING": "LATIN1",
}


def projeto_ajustado(
    criar: FabricaDeSupabase, ajustes: list[tuple[str, tuple[str, ...]]], max_linhas: int = 7
) -> SupabaseLocal:
    banco = criar.banco(VAZIO, (EMPRESAS, HOSTIS, CONCEDER))
    with criar.cluster.conectar(banco, ADMINISTRADOR) as conexao:
        for quem, valores in ajustes:
            for valor in valores:
                conexao.execute(f"ALTER {quem.format(banco)} SET {valor}".encode())
    return criar.sobre(banco, max_linhas)


@pytest.mark.parametrize("quais", amostra(list(AJUSTES), 2))
def test_nenhum_ajuste_muda_os_bytes(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, quais: str
) -> None:
    projeto = projeto_ajustado(criar_supabase, AJUSTES[quais])
    da_api, diretos = pelas_duas_vias(projeto, tmp_path, mais=DO_AMBIENTE)
    conferir_iguais(da_api, diretos)
    (linha, *_) = linhas_do_arquivo(ultimo_backup(tmp_path / "direta", DONO), "hostis")
    # Não é por acaso que são iguais: os ajustes da API mudaram mesmo o texto.
    em_sao_paulo = quais != "do nosso papel"
    assert (b'"2026-01-17T18:29:44.123456-03:00"' in linha) == em_sao_paulo
    assert (b'"P10M3DT-4H-5M-6.789S"' in linha) == em_sao_paulo
    assert b"1234567890123456789012345.123456789012345," in linha
    # Onde um ajuste arredonda os floats, de nada se diz que é exato.
    tabelas = ultimo_backup(tmp_path / "direta", DONO)["tabelas"].values()
    assert {t.get("exata", False) for t in tabelas} == {quais in list(AJUSTES)[:3]}


def test_os_ajustes_do_papel_da_chave_de_servico_valem(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O PostgREST os aplica a cada pedido."""
    banco = criar_supabase.banco(VAZIO, (EMPRESAS, HOSTIS, CONCEDER))
    with criar_supabase.cluster.conectar(banco, ADMINISTRADOR) as conexao:
        try:
            conexao.execute("ALTER ROLE service_role SET timezone = 'America/Sao_Paulo'")
            conexao.execute("ALTER ROLE service_role SET bytea_output = 'escape'")
            da_api, diretos = pelas_duas_vias(criar_supabase.sobre(banco), tmp_path)
        finally:
            conexao.execute("ALTER ROLE service_role RESET ALL")
    conferir_iguais(da_api, diretos)
    (linha, *_) = linhas_do_arquivo(ultimo_backup(tmp_path / "direta", DONO), "hostis")
    assert b'"2026-01-17T18:29:44.123456-03:00"' in linha


@pytest.mark.parametrize("max_linhas", [1000, 17] if CAMPANHA else [67])
def test_a_ordem_e_a_da_api_com_qualquer_chave(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, max_linhas: int
) -> None:
    """Chaves compostas fora de ordem, de texto, nenhuma, tabelas particionadas; e, com filhas de
    dono nulo, ramos que se intercalam (chave inteira) ou se seguem (texto, nenhuma)."""
    filhas = f"""
        CREATE TABLE por_numero (id int PRIMARY KEY, user_id uuid, mae bigint REFERENCES muitas);
        CREATE TABLE por_texto (id text PRIMARY KEY, user_id uuid, mae bigint REFERENCES muitas);
        -- A descrição da API mostra só a segunda chave; a primeira, única, é achada pelo nome.
        CREATE TABLE mistas (
            muitas_id bigint UNIQUE REFERENCES muitas, outra bigint REFERENCES muitas,
            id int PRIMARY KEY, user_id uuid
        );
        INSERT INTO mistas SELECT n * 7919 % 104729, (n + 1) * 7919 % 104729, n
            FROM generate_series(1, 20) n;
        CREATE TABLE por_nada (n int, user_id uuid, mae bigint REFERENCES muitas);
        INSERT INTO por_numero SELECT n, CASE WHEN n % 3 = 0 THEN '{DONO}'::uuid END,
            n * 7919 % 104729 FROM generate_series(1, 60) n;
        INSERT INTO por_texto SELECT id::text, user_id, mae FROM por_numero;
        INSERT INTO por_nada SELECT * FROM por_numero;
        INSERT INTO por_numero VALUES (900, '{VIZINHA}', 7919), (901, NULL, -1), (902, NULL, NULL);
    """
    # Na suíte, menos páginas: as linhas a mais eram só mais do mesmo.
    a_mais = f"user_id = '{DONO}' AND substr(nome, 7)::int > {10**5 if CAMPANHA else 1000}"
    menos = f"DELETE FROM muitas WHERE {a_mais}"
    projeto = criar_supabase(VAZIO, sql=(GRANDE, filhas, menos, CONCEDER), max_linhas=max_linhas)
    da_api, diretos = pelas_duas_vias(projeto, tmp_path)
    conferir_iguais(da_api, diretos)
    assert ultimo_backup(tmp_path / "direta", DONO)["tabelas"]["por_numero"]["registros"] == 60


@pytest.mark.parametrize("pedido", [(), ("--empresa", DONO)], ids=["juntas", "sozinha"])
def test_uma_tabela_que_falha_nao_leva_as_outras(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, pedido: tuple[str, ...]
) -> None:
    com_defeitos = f"""
        CREATE TABLE boas (id int PRIMARY KEY, user_id uuid);
        CREATE TYPE humor AS ENUM ('bom', 'ruim');
        CREATE FUNCTION humor_em_json(h humor) RETURNS json LANGUAGE plpgsql AS $$
            BEGIN
                IF h = 'ruim' THEN RAISE 'este valor não se lê'; END IF;
                RETURN to_json(h::text);
            END $$;
        CREATE CAST (humor AS json) WITH FUNCTION humor_em_json(humor);
        CREATE TABLE doentes (id int PRIMARY KEY, user_id uuid, dados text, como humor);
        CREATE TABLE proibidas (id int PRIMARY KEY, user_id uuid);
        CREATE TABLE zeradas (id int PRIMARY KEY, user_id uuid);
        INSERT INTO boas VALUES (1, '{DONO}');
        INSERT INTO zeradas VALUES (1, '{DONO}');
        INSERT INTO doentes SELECT n, '{DONO}', repeat('x', 1000), 'bom'
            FROM generate_series(2, 1000) n;
        INSERT INTO doentes VALUES (5000, '{DONO}', 'x', 'ruim');
    """
    projeto = criar_supabase(VAZIO, sql=(EMPRESAS, com_defeitos, CONCEDER))
    criar_supabase.cluster.executar(
        projeto.banco,
        "ALTER TABLE proibidas OWNER TO supabase_auth_admin;"
        "REVOKE ALL ON proibidas FROM service_role; REVOKE pg_read_all_data FROM postgres",
        ADMINISTRADOR,
    )
    try:
        saida = copiar_direto(projeto, tmp_path, *pedido)
    finally:
        criar_supabase.cluster.executar(
            projeto.banco, "GRANT pg_read_all_data TO postgres", ADMINISTRADOR
        )
    assert saida.codigo == 4, saida.tudo
    backup = ultimo_backup(tmp_path, DONO)
    assert backup["falhas"] == {
        "doentes": "O banco recusou a leitura de doentes (P0001).",
        "proibidas": "permission denied for table proibidas",
    }
    assert {n: t["registros"] for n, t in backup["tabelas"].items()} == {
        "boas": 1,
        "empresas": 1,
        "zeradas": 1,
    }
    assert 'GRANT SELECT ON "public"."proibidas" TO postgres;' in saida.saida
    # O que já se tinha escrito de uma tabela que falha no meio não fica.
    assert not list(backup["pasta"].glob("doentes*"))
    assert not list(tmp_path.glob("empresa_*/.*"))


# -- de quem é cada linha --------------------------------------------------------------------


def test_uma_linha_de_outra_empresa_e_recusada(supabase: SupabaseLocal, tmp_path: Path) -> None:
    """O banco não ignora filtros; para que a conferência tenha o que recusar, o escopo mente."""
    with fotografo_direto(supabase, tmp_path) as direto:
        empresa = direto.inspecao.empresas[0]
        for nome in ("produtos", "vendas_itens"):
            alheio = replace(empresa, id=direto.inspecao.empresas[1].id)
            with pytest.raises(LinhaDeOutraEmpresa):
                conferir_com_filtro_errado(direto, direto.inspecao.escopo.tabelas[nome], alheio.id)
        assert direto.fotografar(empresa.id).coleta.instantanea


def conferir_com_filtro_errado(direto: Fotografo, tabela: TabelaNoEscopo, filtro: str) -> None:
    """Pede as linhas de `filtro` e as confere como se fossem da primeira empresa."""
    da_primeira = direto.inspecao.empresas[0].id
    donos = direto.inspecao.donos

    class Trocados(type(donos)):  # type: ignore[misc]
        def __init__(self) -> None:
            self.__dict__ = donos.__dict__

        def dono(self, elos: Sequence[Elo], valores: Sequence[str | None]) -> str | None:
            return {filtro: da_primeira}.get(donos.dono(elos, valores) or "")

    with contextlib.ExitStack() as pilha:
        fotos = direto.via.fotografar(
            PedidoDeFoto(
                [replace(direto.empresa(filtro))],
                {tabela.tabela.nome: tabela},
                Trocados(),
                lambda: Rascunho(pilha.enter_context((direto.pasta / "rascunho").open("w+b"))),
                lambda *_: None,
            )
        )
    (lida,) = fotos[filtro].tabelas
    if lida.falha:
        raise lida.falha


def test_uma_regra_sem_chave_estrangeira_acha_a_mae_pela_primaria(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    anexos = f"""
        CREATE TABLE notas (id int PRIMARY KEY, user_id uuid);
        CREATE TABLE anexos (id int PRIMARY KEY, nota int);
        INSERT INTO notas VALUES (1, '{DONO}'), (2, '{VIZINHA}');
        INSERT INTO anexos VALUES (10, 1), (20, 2), (30, NULL);
    """
    projeto = criar_supabase(VAZIO, sql=(EMPRESAS, anexos, CONCEDER))
    regras = Regras(tabelas={"anexos": RegraDeTabela(pai="nota", tabela_pai="notas")})
    with fotografo_direto(projeto, tmp_path, regras) as direto:
        assert direto.fotografar(DONO).linhas("anexos") == [b'{"id":10,"nota":1}']


# -- várias empresas numa leitura só ---------------------------------------------------------


def conteudos(retrato: Retrato) -> dict[str, bytes]:
    return {tabela: arquivo.read_bytes() for tabela, arquivo in retrato.arquivos.items()}


def conferir_juntas(direto: Fotografo) -> dict[str, dict[str, bytes]]:
    """Cada arquivo de cada empresa é o que ela teria sozinha: com todas, e sem uma delas."""
    ids = [e.id for e in direto.inspecao.empresas]
    sozinhas = {i: conteudos(direto.fotografar(i)) for i in ids}
    for grupo in (ids, ids[::-1], ids[:-1], ids[1:]):
        juntas = direto.fotografar_juntas(grupo)
        assert {i: conteudos(r) for i, r in juntas.items()} == {i: sozinhas[i] for i in grupo}
        assert all(r.coleta.instantanea for r in juntas.values())
    return sozinhas


def test_as_empresas_da_loja_lidas_juntas_sao_as_mesmas(
    supabase: SupabaseLocal, tmp_path: Path
) -> None:
    with fotografo_direto(supabase, tmp_path) as direto:
        lidas = conferir_juntas(direto)
    assert len(lidas) == 3
    assert all(len(arquivos["produtos"]) > 100 for arquivos in lidas.values())


TERCEIRA = "af000000-0000-4000-8000-000000000000"
SEGUNDA_LOJA = "af000000-0000-4000-8000-000000000002"
NINGUEM = "b0000000-0000-4000-8000-000000000000"
DISPUTADAS = f"""
    INSERT INTO empresas VALUES ('{TERCEIRA}', '{TERCEIRA}', 'Terceira, de duas lojas'),
        ('{SEGUNDA_LOJA}', '{TERCEIRA}', 'Terceira, a outra');
    CREATE TABLE disputadas (id int PRIMARY KEY, user_id uuid, empresa_id uuid REFERENCES empresas);
    INSERT INTO disputadas SELECT row_number() OVER (ORDER BY md5(concat(d, e.id))), d, e.id
        FROM empresas e CROSS JOIN (VALUES
            ('{DONO}'::uuid), ('{VIZINHA}'), ('{TERCEIRA}'), ('{NINGUEM}'), (NULL)) v(d);
    CREATE TABLE filhas (id text PRIMARY KEY, mae int REFERENCES disputadas);
    INSERT INTO filhas SELECT 'f' || id, id FROM disputadas;
    CREATE TABLE mistas (id int PRIMARY KEY, user_id uuid, mae int REFERENCES disputadas);
    INSERT INTO mistas SELECT row_number() OVER (ORDER BY md5(id::text)),
        CASE WHEN id % 3 = 0 THEN '{VIZINHA}'::uuid END, id FROM disputadas;
    UPDATE hostis SET user_id = '{TERCEIRA}' WHERE id % 4 = 1;
"""


def test_linhas_que_duas_empresas_disputam_ficam_com_a_mesma_juntas_ou_nao(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Elos que dizem empresas diferentes, do grupo e de fora dele; ramos; tipos difíceis."""
    projeto = criar_supabase(VAZIO, sql=(EMPRESAS, HOSTIS, DISPUTADAS, CONCEDER))
    da_api, diretos = pelas_duas_vias(projeto, tmp_path)
    conferir_iguais(da_api, diretos)
    with fotografo_direto(projeto, tmp_path) as direto:
        lidas = conferir_juntas(direto)
    assert lidas == {m["user_id"]: _por_tabela(m) for m in diretos}
    linhas = [b.count(b'"id"') for b in (arquivos["disputadas"] for arquivos in lidas.values())]
    assert sum(linhas) == 20
    assert len(set(linhas)) > 1


def _novo(pasta: Path, numeros: Iterator[int]) -> BinaryIO:
    return (pasta / str(next(numeros))).open("w+b")


def _por_tabela(backup: dict[str, Any]) -> dict[str, bytes]:
    """Os bytes dos arquivos de um backup."""
    arquivos = {n: t["arquivo"] for n, t in backup["tabelas"].items()}
    return {n: (backup["pasta"] / arquivo).read_bytes() for n, arquivo in arquivos.items()}


def test_uma_tabela_que_falha_falha_para_todas_e_as_outras_tabelas_nao(
    supabase: SupabaseLocal, tmp_path: Path
) -> None:
    with fotografo_direto(supabase, tmp_path) as direto:
        no_escopo = direto.inspecao.escopo.tabelas
        some = replace(no_escopo["despesas"].tabela, nome="nao_existe")
        tabelas = {
            "despesas": replace(no_escopo["despesas"], tabela=some),
            "produtos": no_escopo["produtos"],
        }
        with contextlib.ExitStack() as pilha:
            numeros = iter(range(10))
            fotos = direto.via.fotografar(
                PedidoDeFoto(
                    direto.inspecao.empresas,
                    tabelas,
                    direto.inspecao.donos,
                    lambda: Rascunho(
                        pilha.enter_context((tmp_path / str(next(numeros))).open("w+b"))
                    ),
                    lambda *_: None,
                )
            )
            for coleta in fotos.values():
                falhou, produtos = coleta.tabelas
                assert isinstance(falhou.falha, TabelaInexistente)
                assert produtos.falha is None
                assert list(produtos.em_ordem())
        assert next(numeros) == 2  # um rascunho por tabela, e não por empresa
    assert len(fotos) == 3


def test_uma_empresa_sozinha_se_entrega_sem_rascunho(
    supabase: SupabaseLocal, tmp_path: Path
) -> None:
    """Quem pede recebe os blocos na ordem, tabela a tabela, e nada fica para reler."""
    blocos: dict[str, list[bytes]] = {}

    @contextlib.contextmanager
    def abrir(tabela: Tabela) -> Iterator[Saida]:
        blocos[tabela.nome] = []
        yield blocos[tabela.nome].append

    def nunca() -> Rascunho:
        raise AssertionError("sem rascunho")

    with fotografo_direto(supabase, tmp_path) as direto:
        empresa = direto.inspecao.empresas[0]
        esperado = direto.fotografar(empresa.id)
        tabelas = direto.inspecao.escopo.tabelas
        pedido = PedidoDeFoto(
            [empresa], tabelas, direto.inspecao.donos, nunca, lambda *_: None, lambda: abrir
        )
        (lida,) = direto.via.fotografar(pedido).values()
    assert list(blocos) == list(tabelas)
    for da_tabela in lida.tabelas:
        nome = da_tabela.tabela.nome
        linhas = esperado.linhas(nome)
        assert da_tabela.falha is None
        assert da_tabela.registros == len(linhas)
        assert b",\n".join(blocos[nome]) == b",\n".join(linhas)
        with pytest.raises(AssertionError, match="já foram entregues"):
            da_tabela.em_ordem()


# -- um só instante --------------------------------------------------------------------------


FOTOS = 100 if CAMPANHA else 40


def test_cada_foto_sob_um_escritor_e_um_instante(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(ESQUEMA_COM_ESCRITOR, LINHAS))
    retratos = []
    with fotografo_direto(projeto, tmp_path) as quem, escrevendo(projeto) as escritor:
        for _ in range(FOTOS):
            antes = escritor.transacoes
            retratos.append(quem.fotografar(DONO_COM_ESCRITOR, MEXIDAS))
            while escritor.transacoes == antes:
                time.sleep(0.001)
    for retrato in retratos:
        conferir_instante(do_retrato(retrato))
        conferir_donos(do_retrato(retrato))
    assert {(r.coleta.instantanea, r.coleta.passadas) for r in retratos} == {(True, 1)}
    # O banco mudou de uma foto para outra.
    assert len({r.arquivos["contas"].read_bytes() for r in retratos}) > FOTOS // 2


@contextlib.contextmanager
def travada(projeto: SupabaseLocal, comando: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(projeto.uri_banco) as outra:
        outra.execute(comando.encode())
        yield outra


def test_um_truncate_no_meio_nao_esvazia_a_foto(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O TRUNCATE não respeita o instante de quem já lê: as tabelas são seguradas antes."""
    projeto = criar_supabase(VAZIO, sql=(GRANDE, "GRANT ALL ON muitas TO service_role"))
    truncou = threading.Event()

    def truncar() -> None:
        with psycopg.connect(projeto.uri_banco, autocommit=True) as outra:
            outra.execute("TRUNCATE textos")
        truncou.set()

    with fotografo_direto(projeto, tmp_path) as direto:
        fio = threading.Thread(target=truncar)

        def avanco(_tabela: str, _lidas: int, _total: int | None) -> None:
            if fio.ident is None:
                fio.start()
                truncou.wait(0.5)  # não consegue: espera a foto

        empresa = direto.empresa(DONO)
        tabelas = {n: direto.inspecao.escopo.tabelas[n] for n in ("muitas", "textos")}
        with contextlib.ExitStack() as pilha:
            numeros = iter(range(10))
            fotos = direto.via.fotografar(
                PedidoDeFoto(
                    [empresa],
                    tabelas,
                    direto.inspecao.donos,
                    lambda: Rascunho(
                        pilha.enter_context((tmp_path / str(next(numeros))).open("w+b"))
                    ),
                    avanco,
                )
            )
            coleta = fotos[DONO]
            assert not any(t.falha for t in coleta.tabelas)
            linhas = [sum(b.count(b"\n") + 1 for b in t.em_ordem()) for t in coleta.tabelas]
        fio.join(PACIENCIA)
    assert linhas[0] == 10001
    assert linhas[1] > 800
    assert truncou.is_set()


@pytest.mark.demorado
def test_uma_tabela_bloqueada_falha_em_segundos_e_as_outras_nao(
    supabase: SupabaseLocal, tmp_path: Path
) -> None:
    with travada(supabase, "LOCK TABLE despesas IN ACCESS EXCLUSIVE MODE") as outra:
        pid = outra.info.backend_pid
        saida = copiar_direto(supabase, tmp_path, "--empresa", "Loja X")  # a trava não se solta
    assert saida.codigo == 4, saida.tudo
    (backup,) = metadados(tmp_path)
    assert list(backup["falhas"]) == ["despesas"]
    assert re.fullmatch(
        r"A tabela despesas está bloqueada por outra operação \(55P03\)\. Quem a segura é o"
        rf" processo {pid}, do papel postgres, desde \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d:"
        r" LOCK TABLE despesas IN ACCESS EXCLUSIVE MODE",
        backup["falhas"]["despesas"],
    )
    assert f"SELECT pg_terminate_backend({pid});" in saida.saida
    assert len(backup["tabelas"]) > 20


# -- a linha de comando ----------------------------------------------------------------------

SEM_PSYCOPG = """
import runpy, sys
for nome in list(sys.modules):  # o forno já importou tudo: aqui importa-se de novo
    if nome.partition(".")[0] in ("cofre", "psycopg"):
        del sys.modules[nome]
sys.modules["psycopg"] = None
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def pequeno(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA,))


def test_sem_o_psycopg_a_api_continua_e_a_direta_diz_o_que_instalar(
    pequeno: SupabaseLocal, tmp_path: Path
) -> None:
    def sem_ele(*argumentos: str, mais: Mapping[str, str] | None = None) -> Execucao:
        return executar(pequeno, tmp_path, *argumentos, programa=SEM_PSYCOPG, novo=False, mais=mais)

    assert sem_ele("--help").codigo == 0
    pela_api = sem_ele("--empresa", "Vizinha")
    assert pela_api.codigo == 0, pela_api.tudo
    saida = sem_ele("--empresa", "Vizinha", mais={"SUPABASE_DB_URL": pequeno.uri_banco})
    assert saida.codigo == 2, saida.tudo
    assert "❌ Falta o pacote psycopg." in saida.erros
    assert "pip install -r scripts/requirements-direto.txt" in saida.erros


def test_a_via_pedida_e_a_que_se_usa(pequeno: SupabaseLocal, tmp_path: Path) -> None:
    loja = ("--empresa", "Vizinha")
    mais = da_api(pequeno)
    assert copiar_direto(pequeno, tmp_path / "1", *loja, "--via", "api", mais=mais).codigo == 0
    assert copiar_direto(pequeno, tmp_path / "2", *loja, "--via", "direta", mais=mais).codigo == 0
    vias = [metadados(tmp_path / n)[0]["origem"]["via"] for n in "12"]
    assert vias == ["api", "direta"]
    saida = executar(pequeno, tmp_path / "3", "--via", "direta")
    assert saida.codigo == 2
    assert "precisa da SUPABASE_DB_URL" in saida.erros
    assert "Session pooler" in saida.erros
