"""Medir: os servidores no ar, cada cenário na sua vez, e o que falhou dito no fim."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from desempenho.cenarios import Cenario
from desempenho.corrida import MedicaoFalhou
from desempenho.maquina import descricao
from desempenho.opcoes import Opcoes
from desempenho.projeto import Banca, parametros_do_postgres
from desempenho.quadro import Linha, em_palavras
from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.postgres import ClusterPostgres


@dataclass(slots=True)
class Resultado:
    """O que se mediu, onde, e o que não funcionou."""

    maquina: str
    linhas: list[Linha] = field(default_factory=list)
    falhas: list[str] = field(default_factory=list)


def medir(
    opcoes: Opcoes, cenarios: Mapping[str, Cenario], dizer: Callable[[str], None]
) -> Resultado:
    """Os cenários pedidos, ou todos. O que falha num deles não impede os outros, e com Ctrl+C fica
    o que já se mediu."""
    with contextlib.ExitStack() as pilha:
        pasta = Path(pilha.enter_context(tempfile.TemporaryDirectory(prefix="desempenho_")))
        cluster = pilha.enter_context(
            ClusterPostgres(pasta / "pg", efemero=True, parametros=parametros_do_postgres())
        )
        resultado = Resultado(descricao(cluster))
        banca = Banca(cluster, pasta, opcoes, lambda texto: dizer(f"   {texto}"))
        for nome in opcoes.so or cenarios:
            dizer(f"▶️ {nome}")
            try:
                _medir_um(cenarios[nome], banca, resultado)
            except KeyboardInterrupt:
                resultado.falhas.append(f"{nome}: interrompido")
                break
            except (MedicaoFalhou, ErroSupabaseLocal, psycopg.Error, OSError) as erro:
                resultado.falhas.append(f"{nome}: {erro}")
                dizer(f"   ❌ {erro}")
        return resultado


def _medir_um(cenario: Cenario, banca: Banca, resultado: Resultado) -> None:
    inicio = time.monotonic()
    for linha in cenario(banca):
        resultado.linhas.append(linha)
        banca.dizer(em_palavras(linha))
    banca.dizer(f"{time.monotonic() - inicio:.0f} s")
