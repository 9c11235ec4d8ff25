"""Que banco é este, seja qual for o endereço por que se chega a ele."""

from __future__ import annotations

import contextlib

import psycopg

from cofre.base.config.valores import AcessoDireto
from cofre.base.erros import FalhaDoServidor
from cofre.via.direta.conexao import conectar
from cofre.via.direta.endereco import interpretar

_QUAL = """
    SELECT s.system_identifier, d.oid FROM pg_catalog.pg_control_system() s,
        pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""
"""O número que o initdb dá ao cluster (documentação do PostgreSQL, «System Information Functions»),
e o do banco dentro dele."""


def identidade(acesso: AcessoDireto) -> tuple[int, int] | None:
    """O cluster e o banco a que este acesso chega; None se não responde, ou se o papel não o pode
    perguntar. Levanta ConfiguracaoInvalida."""
    onde = interpretar(acesso)
    with (
        contextlib.suppress(FalhaDoServidor, psycopg.Error),
        contextlib.closing(conectar(onde)) as conexao,
    ):
        linha = conexao.execute(_QUAL).fetchone()
        return (int(linha[0]), int(linha[1])) if linha else None
    return None
