"""Medir: os servidores no ar, cada cenário na sua vez, e o que falhou dito no fim."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from desempenho.cenarios import CENARIOS
from desempenho.corrida import MedicaoFalhou
from desempenho.maquina import descricao
from desempenho.opcoes import Opcoes
from desempenho.projeto import Banca, parametros_do_postgres
from desempenho.quadro import Linha, em_palavras
from supabase_local.erros import ErroSupabaseLocal
from supabase_local.postgres import ClusterPostgres


@dataclass(slots=True)
class Resultado:
    """O que se mediu, onde, e o que não funcionou."""

    maquina: str
    linhas: list[Linha] = field(default_factory=list)
    falhas: list[str] = field(default_factory=list)


def medir(opcoes: Opcoes, dizer: Callable[[str], None]) -> Resultado:
    """Todos os cenários pedidos. O que falha num deles não impede os outros."""
    with contextlib.ExitStack() as pilha:
        pasta = Path(pilha.enter_context(tempfile.TemporaryDirectory(prefix="desempenho_")))
        cluster = pilha.enter_context(
            ClusterPostgres(pasta / "pg", efemero=True, parametros=parametros_do_postgres())
        )
        resultado = Resultado(descricao(cluster))
        for nome in opcoes.so or CENARIOS:
            inicio = time.monotonic()
            dizer(f"▶️ {nome}")
            banca = Banca(cluster, pasta, opcoes, lambda texto: dizer(f"   {texto}"))
            try:
                for linha in CENARIOS[nome](banca):
                    resultado.linhas.append(linha)
                    dizer(f"   {em_palavras(linha)}")
            except (MedicaoFalhou, ErroSupabaseLocal) as erro:
                resultado.falhas.append(f"{nome}: {erro}")
                dizer(f"   ❌ {erro}")
            dizer(f"   {time.monotonic() - inicio:.0f} s")
        return resultado
