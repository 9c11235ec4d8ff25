"""O backup feito por muitos processos: o mesmo que um só faria."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apoio.execucao import executar
from apoio.loja import TANTO_FAZ
from frota.copiado import copiado, sem_sobras
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ


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
