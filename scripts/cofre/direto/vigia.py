"""Quem segura a trava que se espera: perguntado por outra conexão, enquanto se espera."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psycopg

from cofre.base.erros import FalhaDeLeitura, TabelaBloqueada
from cofre.direto.conexao import conectar
from cofre.direto.endereco import Endereco

INTERVALO = 1.0
"""Segundos entre uma pergunta e outra; a espera por uma trava é maior (ver `ajustes`)."""

LETRAS_DA_CONSULTA = 120

_QUEM = """
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
    with contextlib.suppress(psycopg.Error, FalhaDeLeitura):
        while not fim.wait(INTERVALO):
            with contextlib.closing(conectar(endereco)) as outra:
                while not fim.wait(INTERVALO):
                    achado = outra.execute(_QUEM.encode(), [pid]).fetchone()
                    if achado is not None:
                        visto.append(_dizer(*achado))


def _dizer(pid: int, papel: str, programa: str, desde: str, consulta: str) -> str:
    de = f"{papel} ({programa})" if programa else papel
    curta = consulta[:LETRAS_DA_CONSULTA] + ("…" if len(consulta) > LETRAS_DA_CONSULTA else "")
    return f"processo {pid}, de {de}, em transação desde {desde}: {curta}"
