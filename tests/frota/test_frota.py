"""O backup feito por muitos processos: o mesmo que um só faria."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apoio.baldes import criar_balde, por_arquivo
from apoio.campanha import CAMPANHA
from apoio.cifrados import cifrando_para
from apoio.execucao import Saida, da_api, executar, metadados
from apoio.impressoes import executar_sql
from apoio.loja import TANTO_FAZ
from cofre.deposito.cifra import chaves
from frota.copiado import EMPRESAS, copiado, sem_sobras
from frota.vivo import MEXER, a_meio
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ


def empresas_do(documento: dict[str, Any]) -> list[dict[str, Any]]:
    """As do documento, sem o que é de cada pasta e instante."""
    sem = {"pasta", "carimbo", "instante"}
    todas = [{k: v for k, v in e.items() if k not in sem} for e in documento["empresas"]]
    return sorted(todas, key=lambda e: str(e["id"]))


def por_arquivos(projeto: SupabaseLocal) -> dict[str, Any]:
    """No Storage, arquivos que só linhas dizem de quem são: de duas empresas (que outro processo
    pode copiar), de nenhuma, e um que as duas nomeiam, numa tabela em que `MEXER` não mexe. Devolve
    o que há de ninguém."""
    criar_balde(projeto, "fotos")
    for nome in ("da 1.png", "da 60.png", "das duas.png", "de ninguém.png"):
        por_arquivo(projeto, "fotos", nome, nome.encode())
    nomeiam = [(1, 1, "da 1"), (1, 2, "das duas"), (60, 1, "da 60"), (60, 2, "das duas")]
    executar_sql(
        projeto,
        *(
            f"UPDATE movimentos_03 SET descricao = '{nome}.png'"
            f" WHERE id = md5('movimentos_03{empresa} {linha}')::uuid"
            for empresa, linha, nome in nomeiam
        ),
    )
    return {"fotos": {"arquivos": 2, "bytes": 27, "disputados": 1}}


def conferir_o_mesmo(com: Saida, sem: Saida, pasta: Path, de_ninguem: dict[str, Any]) -> None:
    """O que dois processos copiaram e disseram é o que um copiou e disse."""
    assert com.codigo == 0, com.tudo
    assert sem.codigo == 0, sem.tudo
    assert sem_sobras(pasta / "dois")
    assert copiado(pasta / "dois") == copiado(pasta / "um")
    assert empresas_do(com.json()) == empresas_do(sem.json())
    assert com.json()["arquivos_sem_dono"] == sem.json()["arquivos_sem_dono"] == de_ninguem
    assert executar(None, pasta / "dois", "verificar").codigo == 0


def test_dois_processos_copiam_o_que_um_copiaria(vivo: SupabaseLocal, tmp_path: Path) -> None:
    """E, de um só instante, o que um copiaria antes de o aplicativo mexer em tudo. (Pela API, e sem
    instante: o que os trabalhadores de `test_frota_quedas` copiam.)"""
    de_ninguem = por_arquivos(vivo)
    api = {**da_api(vivo), "BACKUP_ARQUIVOS": "sim"}
    direta = {**api, "SUPABASE_DB_URL": vivo.uri_banco}
    sem = executar(vivo, tmp_path / "um", "--json", mais=direta)
    com_frota = ("--frota", "local:2", "--um-instante", "--conexoes", "4", "--json")
    with a_meio(vivo, lambda: executar_sql(vivo, MEXER)) as ambiente:
        mais = {**api, **ambiente}
        com = executar(vivo, tmp_path / "dois", *com_frota, mais=mais, novo=True)
    conferir_o_mesmo(com, sem, tmp_path, de_ninguem)
    documento, todos = com.json(), metadados(tmp_path / "dois")
    (instante,) = {m["instante"] for m in todos}
    assert documento["instante"] == instante
    assert documento["fora_do_instante"] == 0
    assert {e["instante"] for e in documento["empresas"]} == {instante}
    # A linha sem empresa, e as que entretanto saíram, não eram de antes: não há o que dizer.
    assert documento["sem_dono"] == {}
    for backup in todos:
        assert "no instante de todas as empresas" in backup["consistencia_como"]
        assert (backup["consistencia"], backup["inicio"]) == ("instantanea", instante)


if CAMPANHA:

    def test_dois_processos_pela_api(vivo: SupabaseLocal, tmp_path: Path) -> None:
        de_ninguem = por_arquivos(vivo)
        mais = {**da_api(vivo), "BACKUP_ARQUIVOS": "sim"}
        sem = executar(vivo, tmp_path / "um", "--json", mais=mais)
        com_frota = ("--frota", "local:2", "--json")
        com = executar(vivo, tmp_path / "dois", *com_frota, mais=mais, novo=True)
        conferir_o_mesmo(com, sem, tmp_path, de_ninguem)


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
