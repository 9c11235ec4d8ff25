"""Pela API, num PostgreSQL com extensões: um hstore volta exatamente, e uma tabela de outro
servidor fica de fora, atenda ele ou não."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from apoio.exatidao import em_texto
from apoio.execucao import ultimo_backup
from apoio.loja import Loja, antes_de
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import FalhaDoServidor
from cofre.base.modelo import DE_OUTRO_SERVIDOR, DE_UM_MUDO
from cofre.via.contrato import DIRETA
from supabase_local.servidores.postgres import ADMINISTRADOR

ESQUEMA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria'),
        (gen_random_uuid(), '{VIZINHA}', 'Vizinha');
    CREATE TABLE pecas (id int PRIMARY KEY, user_id uuid, nome citext, h hstore, hs hstore[]);
    INSERT INTO pecas VALUES
        (1, '{DONO}', 'Aço', 'cor=>azul, tam=>NULL', ARRAY['a=>1', NULL, '']::hstore[]),
        (2, '{DONO}', NULL, '', '{{}}'), (3, '{DONO}', 'x', NULL, NULL),
        (4, '{DONO}', 'y', E'"a\\\\"b"=>"é, {{}}"', '[2:2]={{a=>b}}'),
        (9, '{VIZINHA}', 'dela', 'cor=>verde', NULL);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
DE_FORA = """
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER mudo FOREIGN DATA WRAPPER postgres_fdw
        OPTIONS (host '127.0.0.1', port '1', dbname 'nada');
    CREATE SERVER vivo FOREIGN DATA WRAPPER postgres_fdw
        OPTIONS (host '127.0.0.1', port '{porta}', dbname '{banco}');
    CREATE USER MAPPING FOR PUBLIC SERVER mudo OPTIONS (user 'x', password 'x');
    CREATE USER MAPPING FOR PUBLIC SERVER vivo OPTIONS (user 'postgres', password '{senha}');
    CREATE FOREIGN TABLE de_um_mudo (id int, user_id uuid) SERVER mudo;
    CREATE FOREIGN TABLE de_um_vivo (id int, user_id uuid) SERVER vivo OPTIONS (table_name 'pecas');
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""


@pytest.fixture(scope="module")
def loja(criar_com_extensoes: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory) -> Loja:
    cluster, banco = criar_com_extensoes.cluster, criar_com_extensoes.banco(VAZIO)
    for extensao in ("citext", "hstore"):
        cluster.executar(banco, f"CREATE EXTENSION IF NOT EXISTS {extensao}", ADMINISTRADOR)
    cluster.executar(banco, ESQUEMA)
    fora = DE_FORA.format(porta=cluster.porta, banco=banco, senha=cluster.senha)
    cluster.executar(banco, fora, ADMINISTRADOR)
    projeto = criar_com_extensoes.sobre(banco)
    loja = Loja(projeto, tmp_path_factory.mktemp("extensoes") / "backups")
    saida = loja.copiar()
    assert saida.codigo == 0, saida.tudo
    return loja


def test_a_tabela_de_outro_servidor_fica_de_fora_atenda_ele_ou_nao(loja: Loja) -> None:
    assert replace(loja, via=DIRETA).copiar().codigo == 0
    for backup in loja.backups("manual", DONO):
        assert backup["estado"] == "completo"
        fora = {d["tabela"]: d["motivo"] for d in backup["deixadas_de_fora"]}
        assert fora == {"de_um_mudo": DE_OUTRO_SERVIDOR, "de_um_vivo": DE_OUTRO_SERVIDOR}
        assert set(backup["tabelas"]) == {"empresas", "pecas"}


def test_um_hstore_volta_exatamente_tambem_pela_api(loja: Loja) -> None:
    antes, eram = antes_de(loja, DONO), em_texto(loja.projeto)
    assert ultimo_backup(loja.destino, DONO)["tabelas"]["pecas"]["exata"]
    loja.sql(
        "DELETE FROM pecas WHERE id IN (1, 2)",
        "UPDATE pecas SET h = 'z=>1', hs = NULL WHERE id = 4",
        f"INSERT INTO pecas VALUES (5, '{DONO}', 'nova', 'a=>NULL', NULL)",
    )
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert em_texto(loja.projeto) == eram
    antes.conferir_intacto()


MUDO = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria');
    CREATE TABLE soltas (user_id uuid, n int);
    INSERT INTO soltas VALUES ('{DONO}', 1), ('{VIZINHA}', 2);
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER calado FOREIGN DATA WRAPPER postgres_fdw
        OPTIONS (host '127.0.0.1', port '{{porta}}', dbname 'nada');
    CREATE USER MAPPING FOR PUBLIC SERVER calado OPTIONS (user 'x', password 'x');
    CREATE FOREIGN TABLE produtos (id int, user_id uuid) SERVER calado;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    ALTER ROLE authenticator IN DATABASE {{banco}} SET statement_timeout = '500ms';
"""


def test_a_tabela_de_um_servidor_que_nao_responde_nao_se_confunde_com_uma_presa(
    criar_com_extensoes: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Uma conexão que se aceita e nunca se atende; ao lado, uma nossa que alguém prendeu."""
    with socket.create_server(("127.0.0.1", 0)) as calado:
        cluster, banco = criar_com_extensoes.cluster, criar_com_extensoes.banco(VAZIO)
        sql = MUDO.format(porta=calado.getsockname()[1], banco=banco)
        cluster.executar(banco, sql, ADMINISTRADOR)
        loja = Loja(criar_com_extensoes.sobre(banco), tmp_path / "backups")
        livre = loja.copiar()
        assert livre.codigo == 0, livre.tudo
        with psycopg.connect(loja.projeto.uri_admin) as alguem:
            alguem.execute("LOCK TABLE soltas IN ACCESS EXCLUSIVE MODE")
            presa = loja.copiar()
            assert presa.codigo == FalhaDoServidor.codigo, presa.tudo
    antes, depois = loja.backups("manual", DONO)
    for backup in (antes, depois):
        fora = {d["tabela"]: d["motivo"] for d in backup["deixadas_de_fora"]}
        assert fora == {"produtos": DE_UM_MUDO}
    assert (antes["estado"], antes["tabelas_backup"]) == ("completo", ["empresas", "soltas"])
    assert (depois["estado"], depois["tabelas_falha"]) == ("incompleto", ["soltas"])
    assert "57014" in depois["falhas"]["soltas"]
