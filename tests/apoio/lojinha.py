"""Um projeto pequeno, com poucas linhas, para os testes que rodam o script muitas vezes."""

from __future__ import annotations

from typing import Final

import pytest

from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.servidores.servidor import SupabaseLocal

DONO: Final = "aaaa1111-0000-4000-8000-000000000001"
VIZINHA: Final = "bbbb2222-0000-4000-8000-000000000002"

LOJINHA: Final = f"""
    CREATE TABLE empresas (
        id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL
    );
    CREATE TABLE produtos (
        id bigint PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL, preco numeric(30,15),
        dobro numeric GENERATED ALWAYS AS (preco * 2) STORED
    );
    CREATE TABLE clientes (
        id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text
    );
    CREATE TABLE vendas (
        id bigint PRIMARY KEY, user_id uuid NOT NULL, cliente_id uuid REFERENCES clientes
    );
    CREATE TABLE vendas_itens (
        venda_id bigint REFERENCES vendas, item integer, user_id uuid, produto_id bigint
            REFERENCES produtos, PRIMARY KEY (venda_id, item)
    );
    CREATE TABLE vazia (id bigint PRIMARY KEY, user_id uuid);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;

    INSERT INTO empresas VALUES
        ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria Ação'),
        ('bbbb2222-eeee-4000-8000-000000000002', '{VIZINHA}', 'Vizinha');
    INSERT INTO produtos
        SELECT n, '{DONO}', 'Pão ' || n, n + 0.123456789012345 FROM generate_series(1, 300) n;
    INSERT INTO produtos
        SELECT n, '{VIZINHA}', 'Bolo ' || n, n FROM generate_series(1001, 1010) n;
    INSERT INTO clientes
        SELECT md5('c' || n)::uuid, '{DONO}', 'Cliente ' || n FROM generate_series(1, 40) n;
    INSERT INTO clientes VALUES (md5('v')::uuid, '{VIZINHA}', 'Cliente da vizinha');
    INSERT INTO vendas
        SELECT n, '{DONO}', md5('c' || (n % 40 + 1))::uuid FROM generate_series(1, 60) n;
    INSERT INTO vendas VALUES (1001, '{VIZINHA}', md5('v')::uuid);
    -- Itens sem dono próprio pertencem pela venda.
    INSERT INTO vendas_itens
        SELECT n, i, CASE WHEN n % 2 = 0 THEN '{DONO}'::uuid END, n
        FROM generate_series(1, 60) n, generate_series(1, 2) i;
    INSERT INTO vendas_itens VALUES (1001, 1, '{VIZINHA}', 1001);
"""
"""Duas empresas; a do DONO tem 1 empresa, 300 produtos, 40 clientes, 60 vendas e 120 itens."""

REGISTROS_DO_DONO: Final = {
    "empresas": 1,
    "produtos": 300,
    "clientes": 40,
    "vendas": 60,
    "vendas_itens": 120,
    "vazia": 0,
}


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """A lojinha, uma por módulo: quem precisa de outro projeto o define com este nome."""
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA,))
