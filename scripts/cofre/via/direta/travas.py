"""Quem segura uma tabela, e a vigia de quem espera por ela."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psycopg

from cofre.base.erros import FalhaDoServidor, TabelaBloqueada
from cofre.via.direta.conexao import conectar
from cofre.via.direta.endereco import Endereco

_QUEM = """
    SELECT a.pid, coalesce(a.usename, '?')::text,
        pg_catalog.to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS'),
        pg_catalog.left(pg_catalog.regexp_replace(coalesce(a.query, ''), '\\s+', ' ', 'g'), 100)
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    JOIN pg_catalog.pg_class c ON c.oid = l.relation
    WHERE l.granted AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                      WHERE d.datname = pg_catalog.current_database())
        AND c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relname = %s
        AND l.pid <> pg_catalog.pg_backend_pid()
    ORDER BY l.mode = 'AccessExclusiveLock' DESC, a.xact_start LIMIT 1
"""


def quem_segura(conexao: psycopg.Connection, tabela: str) -> TabelaBloqueada:
    """O erro que diz quem segura a tabela e com que comando, se ainda a segura e o nosso papel o
    pode ver. A transação não pode estar abortada. psycopg.Error passa."""
    linha = conexao.execute(_QUEM, [tabela]).fetchone()
    causa = f"A tabela {tabela} está bloqueada por outra operação (55P03)."
    if linha is None:
        return TabelaBloqueada(causa, "Já foi solta: tente de novo.")
    pid, papel, desde, comando = linha
    return TabelaBloqueada(
        f"{causa} Quem a segura é o processo {pid}, do papel {papel}, desde {desde}: {comando}",
        "Espere esse comando acabar. Se ficou esquecido, no SQL Editor do Supabase:\n"
        f"  SELECT pg_terminate_backend({pid});",
    )


INTERVALO = 1.0
"""Segundos entre uma pergunta e outra; a espera por uma trava é maior (ver `ajustes`)."""

LETRAS_DA_CONSULTA = 120

_QUEM_SEGURA = """
    SELECT a.pid, coalesce(a.usename::text, '?'), coalesce(a.application_name, ''),
        coalesce(pg_catalog.to_char(a.xact_start, 'HH24:MI:SS'), '?'),
        coalesce(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), '?')
    FROM pg_catalog.pg_stat_activity a
    WHERE a.pid = ANY(pg_catalog.pg_blocking_pids(%s)) ORDER BY a.xact_start LIMIT 1
"""


@contextlib.contextmanager
def vigiando(endereco: Endereco, conexao: psycopg.Connection) -> Iterator[None]:
    """Enquanto durar, olha quem bloqueia a `conexao`; uma TabelaBloqueada que passe por aqui sai
    dizendo quem é."""
    # Perguntado, e não o que a conexão diz: um pooler pode ter posto o seu.
    linha = conexao.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    assert linha is not None
    fim = threading.Event()
    visto: list[str] = []
    fio = threading.Thread(target=_olhar, args=(endereco, linha[0], fim, visto), daemon=True)
    fio.start()
    try:
        yield
    except TabelaBloqueada as e:
        if not visto:
            raise
        raise TabelaBloqueada(f"{e} Quem segura: {visto[-1]}.", e.dica) from e
    finally:
        fim.set()


def _olhar(endereco: Endereco, pid: int, fim: threading.Event, visto: list[str]) -> None:
    """Sem conseguir perguntar, a mensagem só fica sem o nome."""
    with contextlib.suppress(psycopg.Error, FalhaDoServidor):
        while not fim.wait(INTERVALO):
            with contextlib.closing(conectar(endereco)) as outra:
                while not fim.wait(INTERVALO):
                    achado = outra.execute(_QUEM_SEGURA.encode(), [pid]).fetchone()
                    if achado is not None:
                        visto.append(_dizer(*achado))


def _dizer(pid: int, papel: str, programa: str, desde: str, consulta: str) -> str:
    de = f"{papel} ({programa})" if programa else papel
    curta = consulta[:LETRAS_DA_CONSULTA] + ("…" if len(consulta) > LETRAS_DA_CONSULTA else "")
    return f"processo {pid}, de {de}, em transação desde {desde}: {curta}"
