"""Um instante do banco em que muitas conexões leem, de muitos processos: o que o pg_dump faz com
`--jobs` (documentação do PostgreSQL, «Snapshot Synchronization Functions» e «SET TRANSACTION»).

Quem o segura tem uma transação aberta até ao fim, e não segura tabela nenhuma: uma trava de horas
faria esperar um ALTER TABLE, e atrás dele o aplicativo inteiro. Em troca, uma tabela que entretanto
se esvaziou ou se refez vê-se vazia deste instante (documentação, «Caveats» do MVCC), e quem lê tem
de o saber antes: ver `exigir_intactas`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator
from datetime import datetime

import psycopg
from psycopg import sql

from cofre.via.leitura import Instante, InstantePerdido

ENTRE_SINAIS = 30.0
"""Segundos entre sinais de vida de quem segura o instante: há quem feche as transações caladas."""

_QUAL = """pg_catalog.pg_current_snapshot()::pg_catalog.text, (
    SELECT pg_catalog.concat_ws(
        '/', extract(epoch FROM pg_catalog.pg_postmaster_start_time()), d.oid
    )
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"""
"""O que se vê, e de que banco de que servidor, desde que ele arrancou: o nome de um instante pode
repetir-se noutro servidor, e neste depois de arrancar outra vez."""

_NAO_HA = frozenset({"0A000", "22023", "42704", "55000"})
"""Códigos com que o servidor diz que não tem o instante: é de outro banco, não há nenhum com esse
nome, ou quem o segurava já se foi."""

_MEXIDA = """
    SELECT n.nome FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS n(nome)
    CROSS JOIN LATERAL pg_catalog.to_regclass(pg_catalog.format('public.%%I', n.nome)) AS r(oid)
    LEFT JOIN pg_catalog.pg_class era ON era.oid = r.oid AND era.relname = n.nome
    WHERE era.oid IS NULL OR EXISTS (
        SELECT FROM (
            SELECT r.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(r.oid) p
        ) AS agora(oid)
        LEFT JOIN pg_catalog.pg_class c ON c.oid = agora.oid
        WHERE c.relfilenode IS DISTINCT FROM
            coalesce(pg_catalog.pg_relation_filenode(agora.oid), 0::pg_catalog.oid)
    ) OR era.relkind = 'p' AND ARRAY(
        SELECT p.relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree(r.oid) p
        WHERE p.relid <> r.oid ORDER BY 1
    ) <> ARRAY(
        WITH RECURSIVE eram AS (
            SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid
            UNION ALL
            SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN eram ON i.inhparent = eram.inhrelid
        ) SELECT inhrelid FROM eram ORDER BY 1
    ) LIMIT 1
"""
"""Uma tabela que já não é o que era no instante. As tabelas do catálogo leem-se nele; as funções
(`to_regclass`, `pg_relation_filenode`, `pg_partition_tree`) respondem pelo que há agora."""


@contextlib.contextmanager
def segurando(conexao: psycopg.Connection) -> Iterator[Instante]:
    """Fixa um instante na transação só de leitura que acaba de se abrir em `conexao`, e dá sinais
    de vida até sair. psycopg.Error passa."""
    em = datetime.now().astimezone()
    consulta = f"SELECT pg_catalog.pg_export_snapshot(), {_QUAL}"
    linha = conexao.execute(consulta.encode()).fetchone()
    assert linha is not None
    fim = threading.Event()
    fio = threading.Thread(target=_sinais, args=(conexao, fim), name="instante", daemon=True)
    fio.start()
    try:
        yield Instante(em, *map(str, linha))
    finally:
        fim.set()


def _sinais(conexao: psycopg.Connection, fim: threading.Event) -> None:
    with contextlib.suppress(psycopg.Error):  # se caiu, quem quiser o instante o dirá
        while not fim.wait(ENTRE_SINAIS):
            conexao.execute("SELECT 1")


def entrar(conexao: psycopg.Connection, instante: Instante) -> None:
    """A transação que acaba de se abrir em `conexao` passa a ver este instante. Levanta
    InstantePerdido; psycopg.Error passa."""
    comando = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(instante.nome))
    try:
        conexao.execute(comando)
        visto = conexao.execute(f"SELECT {_QUAL}".encode()).fetchone()
    except psycopg.Error as e:
        if e.sqlstate in _NAO_HA:
            raise InstantePerdido("o banco já não tem o instante: quem o segurava caiu") from None
        raise
    if visto is None or tuple(map(str, visto)) != (instante.visto, instante.servidor):
        raise InstantePerdido("o banco mostra outro instante: é outro servidor, ou recomeçou")


def exigir_intactas(conexao: psycopg.Connection, tabelas: Collection[str]) -> None:
    """Com as tabelas já seguras, e no instante: levanta InstantePerdido se, desde ele, alguma se
    esvaziou, se refez, se trocou, ou ganhou ou perdeu uma partição. psycopg.Error passa."""
    mexida = conexao.execute(_MEXIDA, [list(tabelas)]).fetchone()
    if mexida is not None:
        raise InstantePerdido(
            f"a tabela {mexida[0]} foi esvaziada ou refeita depois do instante (TRUNCATE, ALTER"
            " TABLE, VACUUM FULL)"
        )
