"""O disco do banco volta a um instante de antes, como numa restauração física do Supabase (PITR, ou
o disco inteiro): os números das transações repetem-se, e até o catálogo é o mesmo."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from apoio.aproveitado import Aproveitado, blocos_pequenos, conteudo
from apoio.memoria import lugar_do_cluster
from cofre.via.leitura import IGUAL
from supabase_local.servidores.postgres import ClusterPostgres

DONO = "aaaa1111-0000-4000-8000-000000000001"
ESQUEMA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria');
    CREATE TABLE t (id int PRIMARY KEY, user_id uuid, preco text);
    INSERT INTO t SELECT n, '{DONO}', 'o de sempre' FROM generate_series(1, 300) n;
"""
IDENTIDADE = """
    SELECT t.id::text, t.xmin::text, t.ctid::text, t.tableoid::text, c.relfilenode::text,
        s.system_identifier::text, k.timeline_id::text
    FROM t, pg_class c, pg_control_system() s, pg_control_checkpoint() k
    WHERE c.oid = 't'::regclass ORDER BY t.id
"""


@dataclass(slots=True)
class DeUmCluster:
    """O que as fotos pedem de um projeto; a porta do servidor muda cada vez que ele sobe."""

    cluster: ClusterPostgres
    banco: str = "loja"

    @property
    def uri_banco(self) -> str:
        return self.cluster.uri(self.banco)

    @property
    def uri_admin(self) -> str:
        return self.uri_banco


@pytest.fixture
def cluster() -> Iterator[ClusterPostgres]:
    cluster = ClusterPostgres(lugar_do_cluster())
    try:
        with cluster:
            cluster.criar_banco("loja", sql=(ESQUEMA,))
        yield cluster
    finally:
        cluster.parar()
        shutil.rmtree(cluster.pasta, ignore_errors=True)


def test_o_disco_que_volta_repete_os_xmin_e_nao_engana(
    cluster: ClusterPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "perfil"))
    blocos_pequenos(monkeypatch)
    fotos = Aproveitado(DeUmCluster(cluster), tmp_path, (DONO,), origem="https://loja.exemplo")
    dados, guardados = cluster.pasta / "dados", cluster.pasta / "guardados"
    subprocess.run(["cp", "-a", dados, guardados], check=True)

    with cluster:
        fotos.sql("UPDATE t SET preco = 'certo' WHERE id = 7")
        antes, visto = fotos.foto(), _identidade(fotos)
        assert set(fotos.leituras(fotos.foto()).values()) == {IGUAL}, fotos.dito
    shutil.rmtree(dados)
    guardados.rename(dados)
    with cluster:
        fotos.sql("UPDATE t SET preco = 'errado' WHERE id = 7")
        depois = fotos.foto()
        assert _identidade(fotos) == visto  # nem o xmin, nem o catálogo, nem o sistema mudaram
        assert conteudo(depois)["t"] != conteudo(antes)["t"]
        assert fotos.leituras(depois)["t"] != IGUAL
        fotos.conferir(depois)


def _identidade(fotos: Aproveitado) -> list[tuple[str, ...]]:
    with psycopg.connect(fotos.projeto.uri_admin, autocommit=True) as banco:
        return banco.execute(IDENTIDADE.encode()).fetchall()
