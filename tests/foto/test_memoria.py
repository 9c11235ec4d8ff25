"""Uma empresa de 100.000 linhas (na campanha, 300.000) é salva inteira, com pouca memória."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from apoio.campanha import CAMPANHA
from apoio.execucao import BACKUP, PACIENCIA, Saida, ambiente, metadados
from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.servidores.servidor import SupabaseLocal

DONO = "aaaa1111-0000-4000-8000-000000000001"
LINHAS = 300_000 if CAMPANHA else 100_000
LIMITE_MB = 120 if CAMPANHA else 100
"""Menos do que levaria quem guardasse as linhas na memória, ainda que em bytes (28 MB mais)."""
ENORME = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE produtos (
        id uuid PRIMARY KEY, user_id uuid, codigo bigint, nome text, preco numeric(18,8),
        estoque numeric(14,3), atributos jsonb, criado_em timestamptz
    );
    CREATE INDEX ON produtos (user_id, id);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Atacado');
    INSERT INTO produtos
        SELECT md5(n::text)::uuid, '{DONO}', n * 30000000000001, 'Produto nº ' || n,
               n / 7.0, n % 1000, jsonb_build_object('cor', 'azul', 'peso', n * 1.5),
               '2026-01-16 18:29:44.123456Z'::timestamptz + n * interval '1 second'
        FROM generate_series(1, {LINHAS}) n;
    ANALYZE produtos;
"""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(ENORME,))


# Um processo pequeno mede o filho: o pico de quem nasce de um fork começa no tamanho do pai.
MEDIDOR = """
import resource, subprocess, sys
codigo = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
print("PICO", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(codigo)
"""


def _com_pico(projeto: SupabaseLocal, destino: Path, *argumentos: str) -> tuple[Saida, float]:
    """O que o script disse e o seu pico de memória, em MB."""
    medidor = ("-c", MEDIDOR, sys.executable, str(BACKUP), *argumentos)
    feito = subprocess.run(
        [sys.executable, *medidor],
        env=ambiente(projeto, destino),
        capture_output=True,
        timeout=10 * PACIENCIA,
        check=False,
    )
    dito, _, pico = feito.stdout.decode().rpartition("PICO ")
    por_mb = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Saida(feito.returncode, dito, feito.stderr.decode()), int(pico) / por_mb


@pytest.mark.demorado
def test_cem_mil_linhas_ou_mais(projeto: SupabaseLocal, tmp_path: Path) -> None:
    destino = tmp_path / "b"
    saida, pico = _com_pico(projeto, destino)
    assert saida.codigo == 0, saida.tudo
    assert f"   ✅ produtos: {LINHAS // 1000}.000 registros\n" in saida.saida
    print(f"pico: {pico:.0f} MB")
    assert pico < LIMITE_MB

    (meta,) = metadados(destino)
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        banco.execute("SET timezone = 'UTC'")
        (do_banco,) = banco.execute(
            "SELECT md5(string_agg(row_to_json(p)::text, E',\\n' ORDER BY id)) FROM produtos p"
        ).fetchone() or ("",)
    tabela = meta["tabelas"]["produtos"]
    dados = (meta["pasta"] / tabela["arquivo"]).read_bytes()
    assert (dados[:2], dados[-3:]) == (b"[\n", b"\n]\n")
    assert hashlib.md5(dados[2:-3], usedforsecurity=False).hexdigest() == do_banco
    assert dados.count(b",\n{") + 1 == tabela["registros"] == LINHAS
    assert meta["consistencia"] == "instantanea"

    saida, pico = _com_pico(projeto, destino, "verificar")
    assert saida.codigo == 0, saida.tudo
    assert pico < LIMITE_MB
