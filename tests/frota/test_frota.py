"""O backup feito por muitos processos: o mesmo que um só faria."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apoio.campanha import CAMPANHA
from apoio.cifrados import cifrando_para
from apoio.execucao import executar, metadados
from apoio.loja import TANTO_FAZ
from cofre.deposito.cifra import chaves
from frota.copiado import EMPRESAS, copiado, sem_sobras
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


if CAMPANHA:

    def test_cifrado_e_lacrado_e_sem_nada_mudar(projeto: SupabaseLocal, tmp_path: Path) -> None:
        """Sem chave nenhuma na máquina, dois processos cifram e lacram; os de uma tarefa que se
        repete no dia veem que nada mudou, e não gravam."""
        destino, para = tmp_path / "backups", (chaves.gerar(), chaves.gerar())
        mais = {**cifrando_para(*para), "SUPABASE_DB_URL": projeto.uri_banco}
        com = executar(projeto, destino, "--frota", "local:2", "--json", mais=mais, novo=True)
        assert com.codigo == 0, com.tudo
        documento = com.json()
        assert len(documento["lacres"]["numeros"]) == EMPRESAS
        assert {n["numero"] for n in documento["lacres"]["numeros"]} == {1}
        assert len(metadados(destino)) == EMPRESAS
        publicas = {c.publica.texto for c in para}
        assert all(set(m["cifrado"]["para"]) == publicas for m in metadados(destino))
        assert executar(None, destino, "verificar", mais=mais).codigo == 0
        cada = ("--tipo", "agendado", "--cada", "15min", "--frota", "local:2", "--json")
        for _ in range(2):
            quieta = executar(projeto, destino, *cada, mais=mais, novo=True)
            assert quieta.codigo == 0, quieta.tudo
            assert quieta.json()["empresas_iguais"] == EMPRESAS
        assert len(metadados(destino)) == EMPRESAS
        assert sem_sobras(destino)
