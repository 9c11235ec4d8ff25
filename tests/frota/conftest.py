"""O projeto que as frotas copiam, e o que um processo só copia dele."""

from __future__ import annotations

from pathlib import Path

import pytest

from apoio.execucao import executar
from apoio.servidores import VAZIO, FabricaDeSupabase
from desempenho.dados import muitas_pequenas
from frota.copiado import EMPRESAS, TABELAS
from supabase_local.servidores.servidor import SupabaseLocal


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Sessenta empresas pequenas: três tarefas de vinte e cinco, ou menos."""
    return criar_supabase_do_modulo(VAZIO, sql=(muitas_pequenas(EMPRESAS, TABELAS),))


@pytest.fixture(scope="module")
def de_um_so(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """O que um processo só copia."""
    destino = tmp_path_factory.mktemp("um_so") / "backups"
    assert executar(projeto, destino).codigo == 0
    return destino


@pytest.fixture
def vivo(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    """O mesmo projeto, em que se pode mexer."""
    return criar_supabase(VAZIO, sql=(muitas_pequenas(EMPRESAS, TABELAS),), com_api=False)
