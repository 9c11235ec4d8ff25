"""Um projeto de tabelas grandes e de chaves difíceis, para os testes que leem tudo."""

from __future__ import annotations

import psycopg

from supabase_local.servidores.servidor import SupabaseLocal

DONO = "ad000000-0000-4000-8000-000000000000"
VIZINHA = "ae000000-0000-4000-8000-000000000000"
EMPRESAS = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid, nome text);
    INSERT INTO empresas VALUES
        ('{DONO}', '{DONO}', 'Padaria'), ('{VIZINHA}', '{VIZINHA}', 'Outra');
"""
CONCEDER = "GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;"


def no_banco(projeto: SupabaseLocal, tabela: str, ordem: str) -> list[bytes]:
    """As linhas do DONO em SQL, na ordem dada."""
    consulta = (
        f"SELECT convert_to(row_to_json(t)::text, 'UTF8') FROM {tabela} t"
        f" WHERE t.user_id = '{DONO}' ORDER BY {ordem}"
    )
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        banco.execute("SET timezone = 'UTC'")
        return [linha for (linha,) in banco.execute(consulta.encode())]


GRANDE = (
    EMPRESAS
    + f"""
    CREATE TABLE muitas (id bigint PRIMARY KEY, user_id uuid, nome text);
    INSERT INTO muitas SELECT n * 7919 % 104729, '{DONO}', 'Linha ' || n
        FROM generate_series(1, 10001) n;
    INSERT INTO muitas SELECT -n, '{VIZINHA}', 'dela' FROM generate_series(1, 50) n;

    CREATE TABLE pares (a int, b text, c date, user_id uuid, PRIMARY KEY (b, a, c));
    INSERT INTO pares SELECT n % 5, 'x' || n % 3, date '2026-01-01' + n, '{DONO}'
        FROM generate_series(1, 1201) n;
    INSERT INTO pares VALUES
        (1, 'a,b"c(d)\\.e', 'infinity', '{DONO}'), (1, '', '-infinity', '{DONO}'),
        (2, 'a,b"c(d)\\.e', '2026-01-01', '{DONO}'), (3, '', '2026-01-01', '{VIZINHA}');

    CREATE TABLE textos (codigo text PRIMARY KEY, user_id uuid);
    INSERT INTO textos SELECT pedaco || n, '{DONO}' FROM generate_series(1, 30) n, unnest(ARRAY[
        '', ' ', ',', '"', '\\', '(', ')', '.', '*', '%', '&', '=', '#', '?', '+', '{{', '}}', ':',
        E'\\n', E'\\t', 'é', '🛍️', 'null', 'eq.', 'in.(1,2)', '''', ';', '/', '%25', 'a b ']) pedaco;
    INSERT INTO textos VALUES
        ('', '{DONO}'), ('null', '{DONO}'), ('*', '{DONO}'), ('é', '{VIZINHA}');

    CREATE TABLE "Pedido Item" (
        "Código, (nº)" int PRIMARY KEY, user_id uuid, "a.b" text, "c""d" text, "e\\f" text
    );
    INSERT INTO "Pedido Item" SELECT n, '{DONO}', 'x', 'y', 'z' FROM generate_series(1, 501) n;

    CREATE TABLE sem_chave (user_id uuid, n int, texto text);
    INSERT INTO sem_chave SELECT '{DONO}', n % 3, repeat('x', n % 40)
        FROM generate_series(1, 1501) n;
    INSERT INTO sem_chave VALUES ('{VIZINHA}', 1, 'dela');
    DELETE FROM sem_chave WHERE n = 2 AND length(texto) > 20;

    CREATE TABLE eventos (user_id uuid, n int) PARTITION BY RANGE (n);
    CREATE TABLE eventos_a PARTITION OF eventos FOR VALUES FROM (MINVALUE) TO (400);
    CREATE TABLE eventos_b PARTITION OF eventos FOR VALUES FROM (400) TO (800);
    CREATE TABLE eventos_c PARTITION OF eventos DEFAULT;
    INSERT INTO eventos SELECT '{DONO}', n FROM generate_series(1, 1205) n;
    INSERT INTO eventos VALUES ('{VIZINHA}', 5), ('{VIZINHA}', 500);
"""
    + CONCEDER
)
ORDENS = {
    "muitas": "t.id",
    "pares": "t.a, t.b, t.c",  # a API diz quais colunas são da chave, mas não a ordem delas
    "textos": "t.codigo",
    '"Pedido Item"': 't."Código, (nº)"',
    "sem_chave": "t.ctid",
    "eventos": "t.tableoid, t.ctid",
}
