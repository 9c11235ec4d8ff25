"""Uma loja de poucas linhas com todos os modos de uma depender de outra, para trazer de volta um
registro só: o banco volta ao começo antes de cada teste."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from apoio.execucao import executar
from apoio.impressoes import executar_sql
from apoio.loja import Loja, copiar_deposito
from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.servidores.servidor import SupabaseLocal

DONO: Final = "aaaa1111-0000-4000-8000-000000000001"
VIZINHA: Final = "bbbb2222-0000-4000-8000-000000000002"
MARIA: Final = "c0000000-0000-4000-8000-000000000001"
"""Uma cliente com vendas, itens, ordens e um contato que aponta para a venda."""

TABELAS: Final = """
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    CREATE TABLE clientes (
        id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL, telefone text,
        indicado_por uuid REFERENCES clientes ON DELETE SET NULL
    );
    CREATE TABLE produtos (
        id bigint PRIMARY KEY, user_id uuid NOT NULL, nome text, preco numeric(30,15),
        estoque integer, dobro numeric GENERATED ALWAYS AS (preco * 2) STORED
    );
    CREATE TABLE vendas (
        id bigint PRIMARY KEY, user_id uuid NOT NULL, numero text,
        cliente_id uuid REFERENCES clientes ON DELETE CASCADE
    );
    CREATE TABLE vendas_itens (
        venda_id bigint REFERENCES vendas ON DELETE CASCADE, item text, quantidade integer,
        produto_id bigint REFERENCES produtos ON DELETE CASCADE,
        user_id uuid, PRIMARY KEY (venda_id, item)
    );
    CREATE TABLE ordens_servico (
        id bigint PRIMARY KEY, user_id uuid NOT NULL, texto text,
        cliente_id uuid REFERENCES clientes ON DELETE SET NULL
    );
    CREATE TABLE anotacoes (
        user_id uuid NOT NULL, texto text, valor numeric,
        cliente_id uuid REFERENCES clientes ON DELETE CASCADE
    );
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
LINHAS: Final = f"""
    TRUNCATE empresas, clientes, produtos, vendas, vendas_itens, ordens_servico, anotacoes;
    INSERT INTO empresas VALUES
        ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria Ação'),
        ('bbbb2222-eeee-4000-8000-000000000002', '{VIZINHA}', 'Vizinha');
    INSERT INTO clientes VALUES
        ('{MARIA}', '{DONO}', 'Maria D''Ávila', '98765-4321', NULL),
        ('c0000000-0000-4000-8000-000000000002', '{DONO}', 'João, o "Grande"', NULL, '{MARIA}'),
        ('c0000000-0000-4000-8000-000000000003', '{DONO}', 'Maria Clara', '9\\', NULL),
        ('d0000000-0000-4000-8000-000000000001', '{VIZINHA}', 'Maria da vizinha', '1', NULL);
    INSERT INTO produtos
        SELECT n, '{DONO}', 'Pão ' || n, n + 0.123456789012345, 10 * n FROM generate_series(1, 9) n;
    INSERT INTO produtos VALUES (1001, '{VIZINHA}', 'Bolo', 7.50, 3);
    INSERT INTO vendas VALUES
        (1, '{DONO}', 'A-1', '{MARIA}'), (2, '{DONO}', 'A-2', '{MARIA}'),
        (3, '{DONO}', 'A-3', 'c0000000-0000-4000-8000-000000000002'),
        (1001, '{VIZINHA}', 'V-1', 'd0000000-0000-4000-8000-000000000001');
    INSERT INTO vendas_itens VALUES
        (1, 'a', 1, 1), (1, 'b, "c"', 2, 2), (2, 'a', 3, 9), (3, 'a', 4, 1), (1001, 'a', 1, 1001);
    INSERT INTO ordens_servico VALUES
        (1, '{DONO}', 'consertar', '{MARIA}'), (2, '{DONO}', 'pintar', '{MARIA}'),
        (3, '{DONO}', 'lixar', 'c0000000-0000-4000-8000-000000000003'),
        (1001, '{VIZINHA}', 'polir', 'd0000000-0000-4000-8000-000000000001');
    INSERT INTO anotacoes VALUES
        ('{DONO}', 'gosta de bolo', 1.50, '{MARIA}'), ('{DONO}', 'gosta de bolo', 1.50, '{MARIA}'),
        ('{DONO}', 'paga em dia', NULL, NULL), ('{VIZINHA}', 'gosta de bolo', 1.50, NULL);
"""


@pytest.fixture(scope="module")
def projeto_do_balcao(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Um só projeto por módulo, com as linhas postas."""
    return criar_supabase_do_modulo(VAZIO, sql=(TABELAS, LINHAS))


@pytest.fixture(scope="module")
def backup_do_balcao(
    projeto_do_balcao: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Um depósito com um backup de cada empresa, de antes de tudo."""
    destino = tmp_path_factory.mktemp("backup_do_balcao")
    executar_sql(projeto_do_balcao, LINHAS)
    saida = executar(projeto_do_balcao, destino)
    assert saida.codigo == 0, saida.tudo
    return destino


@pytest.fixture
def balcao(
    projeto_do_balcao: SupabaseLocal, backup_do_balcao: Path, tmp_path: Path, via: str
) -> Loja:
    """A loja como no backup, para um teste."""
    executar_sql(projeto_do_balcao, LINHAS)
    return Loja(projeto_do_balcao, copiar_deposito(backup_do_balcao, tmp_path), via)
