"""O disco do banco volta a um instante de antes, como numa restauração física do Supabase (PITR, ou
o disco inteiro): os números das transações repetem-se, e até o catálogo é o mesmo."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from apoio.aproveitado import Aproveitado, blocos_pequenos, conteudo
from apoio.execucao import PACIENCIA
from apoio.memoria import lugar_do_cluster
from cofre.via.leitura import IGUAL
from supabase_local.servidores.postgres import ADMINISTRADOR, ClusterPostgres

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


SEM_PRESSA = {
    "wal_writer_delay": "10000ms",
    "autovacuum": "off",
    "bgwriter_lru_maxpages": "0",
    "checkpoint_timeout": "1h",
}
"""Nada se grava no disco sem que alguém o peça."""


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


def test_a_queda_que_perde_o_confirmado_repete_os_xmin_e_nao_engana(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Com synchronous_commit=off, o que se confirmou e se leu pode não ter chegado ao disco: ao
    voltar, o banco dá os mesmos números a outro conteúdo."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "perfil"))
    blocos_pequenos(monkeypatch)
    with _cluster(SEM_PRESSA) as cluster:
        fotos = Aproveitado(DeUmCluster(cluster), tmp_path, (DONO,), origem="https://loja.exemplo")
        with cluster.conectar("loja", ADMINISTRADOR) as banco:
            banco.execute("CHECKPOINT")
        fotos.sql("UPDATE t SET preco = 'certo' WHERE id = 7")
        antes, visto = fotos.foto(), _identidade(fotos)
        assert b'"preco":"certo"' in b"".join(conteudo(antes)["t"][0])
        assert set(fotos.leituras(fotos.foto()).values()) == {IGUAL}, fotos.dito
        _matar(cluster)
        cluster.parar()
        cluster.iniciar()
        with cluster.conectar("loja") as banco:  # o que se leu perdeu-se
            era = banco.execute("SELECT preco FROM t WHERE id = 7").fetchone()
        assert era == ("o de sempre",)
        fotos.sql("UPDATE t SET preco = 'errado' WHERE id = 7")
        assert _identidade(fotos) == visto  # a mesma linha, o mesmo xmin, o mesmo lugar
        depois = fotos.foto()
        assert fotos.leituras(depois)["t"] != IGUAL
        assert b'"preco":"errado"' in b"".join(conteudo(depois)["t"][0])
        fotos.conferir(depois)


def test_dois_bancos_novos_com_as_mesmas_chaves_nao_se_confundem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mesma SUPABASE_URL, e atrás dela outro banco, nascido dos mesmos comandos com outros
    valores: os xmin, os lugares e os números das tabelas são os mesmos."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "perfil"))
    blocos_pequenos(monkeypatch)
    with _cluster({}) as um, _cluster({}) as outro:
        fotos = Aproveitado(DeUmCluster(um), tmp_path, (DONO,), origem="https://loja.exemplo")
        fotos.sql("UPDATE t SET preco = 'certo' WHERE id = 7")
        antes, visto = fotos.foto(), _identidade(fotos)
        fotos.projeto = DeUmCluster(outro)
        fotos.sql("UPDATE t SET preco = 'outro' WHERE id = 7")
        sem_o_sistema = [linha[:5] for linha in visto]
        assert [linha[:5] for linha in _identidade(fotos)] == sem_o_sistema
        depois = fotos.foto()
        assert fotos.leituras(depois)["t"] != IGUAL
        assert conteudo(depois)["t"] != conteudo(antes)["t"]
        fotos.conferir(depois)


@contextlib.contextmanager
def _cluster(parametros: Mapping[str, str]) -> Iterator[ClusterPostgres]:
    cluster = ClusterPostgres(lugar_do_cluster(), parametros=parametros)
    try:
        with cluster:
            cluster.criar_banco("loja", sql=(ESQUEMA,))
            yield cluster
    finally:
        shutil.rmtree(cluster.pasta, ignore_errors=True)


def _matar(cluster: ClusterPostgres) -> None:
    """kill -9 ao servidor, e só volta quando os processos dele todos acabaram."""
    pid = int((cluster.pasta / "dados" / "postmaster.pid").read_text("utf-8").splitlines()[0])
    chefe = psutil.Process(pid)
    todos = [chefe, *chefe.children(recursive=True)]
    chefe.kill()
    psutil.wait_procs(todos, timeout=PACIENCIA)


def _identidade(fotos: Aproveitado) -> list[tuple[str, ...]]:
    with psycopg.connect(fotos.projeto.uri_admin, autocommit=True) as banco:
        return banco.execute(IDENTIDADE.encode()).fetchall()
