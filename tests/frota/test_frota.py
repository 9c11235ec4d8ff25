"""O backup feito por muitos processos: o mesmo que um só faria."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from apoio.execucao import executar, linhas_salvas, metadados
from apoio.servidores import VAZIO, FabricaDeSupabase
from desempenho.dados import muitas_pequenas
from supabase_local.servidores.servidor import SupabaseLocal

EMPRESAS: Final = 60
TABELAS: Final = 4


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


def copiado(destino: Path) -> dict[str, dict[str, list[bytes]]]:
    """Por empresa e tabela, as linhas do único backup que há dela; AssertionError se há mais, ou se
    algum não está inteiro."""
    tudo: dict[str, dict[str, list[bytes]]] = {}
    for backup in metadados(destino):
        assert backup["user_id"] not in tudo, f"dois backups em {backup['pasta'].name}"
        assert backup["tabelas_falha"] == []
        tudo[backup["user_id"]] = {t: linhas_salvas(backup, t) for t in backup["tabelas"]}
    return tudo


def sem_sobras(destino: Path) -> bool:
    """Se nada de trabalho ficou nas pastas das empresas."""
    return not [p for p in destino.glob("empresa_*/.*") if p.is_dir()]


def empresas_do(documento: dict[str, Any]) -> list[dict[str, Any]]:
    """As do documento, sem o que é de cada pasta e instante."""
    sem = {"pasta", "carimbo"}
    todas = [{k: v for k, v in e.items() if k not in sem} for e in documento["empresas"]]
    return sorted(todas, key=lambda e: str(e["id"]))


def test_dois_processos_copiam_o_que_um_copiaria(
    projeto: SupabaseLocal, de_um_so: Path, tmp_path: Path
) -> None:
    destino = tmp_path / "backups"
    com = executar(projeto, destino, "--frota", "local:2", "--json", novo=True)
    assert com.codigo == 0, com.tudo
    assert copiado(destino) == copiado(de_um_so)
    assert sem_sobras(destino)
    sem = executar(projeto, tmp_path / "outra", "--json")
    assert empresas_do(com.json()) == empresas_do(sem.json())
    assert executar(None, destino, "verificar").codigo == 0
