"""O backup feito por muitos processos: o mesmo que um só faria."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apoio.baldes import criar_balde, por_arquivo
from apoio.campanha import CAMPANHA
from apoio.cifrados import cifrando_para
from apoio.execucao import da_api, executar, metadados
from apoio.impressoes import executar_sql
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


@pytest.fixture
def com_arquivos(projeto: SupabaseLocal) -> dict[str, Any]:
    """No Storage, arquivos que só linhas dizem de quem são: de duas empresas (que outro processo
    pode copiar), de nenhuma, e um que as duas nomeiam. Devolve o que há de ninguém."""
    criar_balde(projeto, "fotos")
    for nome in ("da 1.png", "da 60.png", "das duas.png", "de ninguém.png"):
        por_arquivo(projeto, "fotos", nome, nome.encode())
    nomeiam = [(1, 1, "da 1"), (1, 2, "das duas"), (60, 1, "da 60"), (60, 2, "das duas")]
    executar_sql(
        projeto,
        *(
            f"UPDATE movimentos_01 SET descricao = '{nome}.png'"
            f" WHERE id = md5('movimentos_01{empresa} {linha}')::uuid"
            for empresa, linha, nome in nomeiam
        ),
    )
    return {"fotos": {"arquivos": 2, "bytes": 27, "disputados": 1}}


def test_dois_processos_copiam_o_que_um_copiaria(
    projeto: SupabaseLocal, com_arquivos: dict[str, Any], tmp_path: Path
) -> None:
    destino, mais = tmp_path / "backups", {**da_api(projeto), "BACKUP_ARQUIVOS": "sim"}
    com = executar(projeto, destino, "--frota", "local:2", "--json", mais=mais, novo=True)
    assert com.codigo == 0, com.tudo
    assert sem_sobras(destino)
    sem = executar(projeto, tmp_path / "outra", "--json", mais=mais)
    assert copiado(destino) == copiado(tmp_path / "outra")
    assert empresas_do(com.json()) == empresas_do(sem.json())
    assert com.json()["arquivos_sem_dono"] == sem.json()["arquivos_sem_dono"] == com_arquivos
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
