"""A sessão do PostgreSQL: os nossos limites, e cada valor escrito com os mesmos bytes que na API.

O texto de datas, intervalos, dinheiro, bytea e nomes depende de ajustes que um papel, um banco ou o
ambiente podem ter mudado. Valem aqui os da sessão do PostgREST: os do papel da chave de serviço
(que ele aplica a cada pedido), os do papel com que ele entra, os do banco e os do servidor.
"""

from __future__ import annotations

import psycopg

LIMITE_DE_CONSULTA = "60min"
"""Uma tabela de milhões de linhas, lida devagar, é um comando só."""

LIMITE_DE_TRAVA = "10s"
LIMITE_DE_SONDA = "8s"
"""O mesmo da API: uma pergunta pequena que demora mais fica sem resposta."""

QUE_MUDAM_BYTES = (
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "extra_float_digits",
    "bytea_output",
    "lc_monetary",
    "xmlbinary",
    "xmloption",
    "quote_all_identifiers",
)

NOSSOS = f"""
    SET client_encoding = 'UTF8';
    SET row_security = off;
    SET statement_timeout = '{LIMITE_DE_CONSULTA}';
    SET lock_timeout = '{LIMITE_DE_TRAVA}';
    SET idle_in_transaction_session_timeout = 0;
    SET default_transaction_read_only = on;
    SET search_path = public, extensions;
"""
"""`row_security = off`: uma política que esconderia linhas vira erro. O `search_path` é o da API: o
texto de um regclass depende dele, e nada mais, porque todo nome é escrito com o schema."""

_COMO_NA_API = """
    WITH guardados AS (
        SELECT pg_catalog.lower(pg_catalog.split_part(par, '=', 1)) AS nome,
            pg_catalog.substr(par, pg_catalog.strpos(par, '=') + 1) AS valor,
            CASE WHEN r.rolname = 'service_role' THEN 0 WHEN s.setrole = 0 THEN 2 ELSE 1 END AS vez,
            s.setdatabase = 0 AS geral
        FROM pg_catalog.pg_db_role_setting s
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
        CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS par
        WHERE (
            s.setdatabase = 0 OR s.setdatabase =
                (SELECT d.oid FROM pg_catalog.pg_database d
                 WHERE d.datname = pg_catalog.current_database())
        ) AND (
            s.setrole = 0 OR r.rolname = 'authenticator'
            OR r.rolname = 'service_role' AND s.setdatabase = 0
        )
    )
    SELECT pg_catalog.set_config(p.name, coalesce(
        (SELECT g.valor FROM guardados g WHERE g.nome = pg_catalog.lower(p.name)
         ORDER BY g.vez, g.geral LIMIT 1),
        -- O ajuste é só do nosso papel: o do servidor está encoberto, e o de fábrica é o que resta.
        CASE WHEN p.source IN ('user', 'database user', 'client') THEN p.boot_val
             ELSE p.reset_val END
    ), false)
    FROM pg_catalog.pg_settings p WHERE p.name = ANY('{{{}}}')
""".format(",".join(QUE_MUDAM_BYTES))


def preparar(conexao: psycopg.Connection) -> None:
    """Ajusta uma conexão recém-aberta, numa ida ao servidor. psycopg.Error passa."""
    esquecer = "".join(f"RESET {nome};" for nome in QUE_MUDAM_BYTES)
    conexao.execute((NOSSOS + esquecer + _COMO_NA_API).encode())
