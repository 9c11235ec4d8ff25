"""A máquina em que se mediu, e as versões do que se usou."""

from __future__ import annotations

import os
import platform
from datetime import datetime
from pathlib import Path

import psutil

from desempenho.nginx import versao_do_nginx
from desempenho.referencias import versao_do_psql
from supabase_local.servidores.ambiente import POSTGREST_VERSAO
from supabase_local.servidores.postgres import ClusterPostgres


def descricao(cluster: ClusterPostgres) -> str:
    """Uma frase: processador, memória, sistema, versões e a data."""
    with cluster.conectar("postgres") as conexao:
        versao = conexao.info.server_version
    memoria = psutil.virtual_memory().total / 2**30
    return (
        f"Medido em {datetime.now().astimezone():%d/%m/%Y}: {_processador()}, {os.cpu_count()} "
        f"processadores, {memoria:.0f} GB de memória, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, PostgreSQL {versao // 10000}.{versao % 10000}, "
        f"PostgREST {POSTGREST_VERSAO.partition('-')[0]}, nginx {versao_do_nginx()}, "
        f"psql {versao_do_psql()}. Tudo na mesma máquina, e o banco sem esperar pelo disco."
    )


def _processador() -> str:
    """O modelo; onde o sistema não o diz, a arquitetura."""
    try:
        linhas = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    modelos = [
        linha.partition(":")[2].strip() for linha in linhas if linha.startswith("model name")
    ]
    return modelos[0] if modelos else platform.machine()
