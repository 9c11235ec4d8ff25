"""Um backup do projeto inteiro num só instante do banco: por fios, por uma frota, e sem ele."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from apoio.campanha import CAMPANHA
from apoio.execucao import Saida, executar, metadados
from apoio.impressoes import executar_sql
from cofre.backup.resumo import Resultado, Resumo
from cofre.backup.rodada import por_tarefa
from cofre.base.erros import FalhaDoServidor
from cofre.base.modelo import Empresa
from cofre.via.contrato import JUNTAS_PELA_DIRETA
from cofre.via.leitura import Instante
from frota.copiado import EMPRESAS, copiado, sem_sobras
from frota.vivo import MEXER, a_meio
from supabase_local.servidores.servidor import SupabaseLocal

Copiado = dict[str, dict[str, list[bytes]]]


@pytest.fixture(scope="module")
def era(de_um_so: Path) -> Copiado:
    """O que há em cada projeto destes antes de alguém lhe mexer: é sempre o mesmo."""
    return copiado(de_um_so)


def copiar(projeto: SupabaseLocal, destino: Path) -> Copiado:
    """O que há agora, copiado sem ninguém a mexer."""
    feito = executar(projeto, destino, mais={"SUPABASE_DB_URL": projeto.uri_banco})
    assert feito.codigo == 0, feito.tudo
    return copiado(destino)


def instantes(destino: Path) -> Counter[str]:
    """Quantos backups são de cada instante; vazio: do seu."""
    todos = Counter(str(m.get("instante", "")) for m in metadados(destino))
    for backup in metadados(destino):
        de_todas = "no instante de todas as empresas" in backup["consistencia_como"]
        assert de_todas == ("instante" in backup)
        assert backup["consistencia"] == "instantanea"
        if de_todas:
            assert backup["inicio"] == backup["instante"]
    return todos


FROTA = ("--frota", "local:2")
"""Na suíte, também com arquivos, em `test_frota`."""


@pytest.mark.parametrize("com", [(), FROTA] if CAMPANHA else [()])
def test_todas_as_empresas_sao_do_mesmo_instante(
    vivo: SupabaseLocal, era: Copiado, tmp_path: Path, com: tuple[str, ...]
) -> None:
    destino = tmp_path / "backups"
    with a_meio(vivo, lambda: executar_sql(vivo, MEXER)) as ambiente:
        um = ("--um-instante", "--conexoes", "1" if not com else "4", *com, "--json")
        feito = executar(vivo, destino, *um, mais=ambiente, novo=bool(com))
    assert feito.codigo == 0, feito.tudo
    assert copiado(destino) == era
    (instante,) = instantes(destino)
    documento = feito.json()
    assert documento["instante"] == instante
    assert documento["fora_do_instante"] == 0
    assert {e["instante"] for e in documento["empresas"]} == {instante}
    # A linha sem empresa, e as que entretanto saíram, não eram de antes: não há o que dizer.
    assert documento["sem_dono"] == {}
    assert sem_sobras(destino)


def derrubar_quem_segura(projeto: SupabaseLocal) -> None:
    """O servidor fecha a transação parada que há: a de quem segura o instante."""
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        quem = banco.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            " AND application_name = 'cofre' AND query LIKE '%%pg_export_snapshot%%'",
            [projeto.banco],
        ).fetchall()
    assert quem == [(True,)]


def test_se_o_instante_acaba_a_meio_diz_se_e_nada_passa_por_ele(
    vivo: SupabaseLocal, era: Copiado, tmp_path: Path
) -> None:
    destino = tmp_path / "backups"

    def cair_e_mexer() -> None:
        derrubar_quem_segura(vivo)
        executar_sql(vivo, MEXER)

    with a_meio(vivo, cair_e_mexer) as ambiente:
        um = ("--um-instante", "--conexoes", "1", "--json")
        feito = executar(vivo, destino, *um, mais=ambiente)
    assert feito.codigo == 4, feito.tudo
    documento = feito.json()
    primeiras = por_tarefa(EMPRESAS, JUNTAS_PELA_DIRETA, 1, 1)
    assert 0 < primeiras < EMPRESAS
    assert documento["fora_do_instante"] == EMPRESAS - primeiras
    (falha,) = documento["falhas"]
    assert falha.startswith(
        f"{EMPRESAS - primeiras} empresas não são do instante de todas, mas do seu:"
    )
    assert "quem o segurava caiu" in falha
    # As da primeira leitura são dele; das outras há backup, do instante delas.
    assert instantes(destino) == {
        documento["instante"]: primeiras,
        "": EMPRESAS - primeiras,
    }
    agora = copiar(vivo, tmp_path / "agora")
    copiadas = copiado(destino)
    dele = {m["user_id"] for m in metadados(destino) if "instante" in m}
    assert copiadas == {e: (era if e in dele else agora)[e] for e in copiadas}
    assert len(copiadas) == EMPRESAS


def test_a_empresa_com_um_backup_mais_novo_do_que_o_instante_fica_do_seu(
    vivo: SupabaseLocal, tmp_path: Path
) -> None:
    """Senão, o último backup dela mostraria menos do que o anterior."""
    destino, outro = tmp_path / "backups", list[Saida]()
    with psycopg.connect(vivo.uri_admin) as banco:
        (ultima,) = banco.execute(  # das que se leem no fim
            "SELECT user_id::text FROM empresas ORDER BY nome DESC LIMIT 1"
        ).fetchone() or ("",)
    assert ultima
    direta = {"SUPABASE_DB_URL": vivo.uri_banco}

    def outro_backup() -> None:
        executar_sql(vivo, MEXER)
        outro.append(executar(vivo, destino, "--empresa", ultima, mais=direta))

    with a_meio(vivo, outro_backup) as ambiente:
        um = ("--um-instante", "--conexoes", "1", "--json")
        feito = executar(vivo, destino, *um, mais=ambiente)
    assert [o.codigo for o in outro] == [0]
    assert feito.codigo == 4, feito.tudo
    (falha,) = feito.json()["falhas"]
    assert falha.startswith("1 empresa não é do instante de todas, mas do seu: enquanto se")
    dela = sorted((m for m in metadados(destino) if m["user_id"] == ultima), key=_inicio)
    assert len(dela) == 2
    assert not any("instante" in m for m in dela)
    assert json.dumps(dela[1]["total_registros"]) == json.dumps(dela[0]["total_registros"])


def _inicio(backup: dict[str, Any]) -> str:
    return str(backup["inicio"])


def test_o_que_quem_morreu_copiou_fora_do_instante_tambem_se_conta() -> None:
    """Feita outra vez, a tarefa só acha o backup, e não por que ele não é do instante."""
    em = datetime(2026, 11, 28, 2, tzinfo=UTC)
    resumo = Resumo(instante=Instante(em, "", "", ""))
    for carimbo, instante in [("20261128_020000", em.isoformat()), ("20261128_031500", "")]:
        resumo.somar(Resultado(Empresa("1", "Uma"), "pasta", carimbo, instante=instante))
    resumo.somar(Resultado(Empresa("2", "Não deu"), "pasta", impedida=FalhaDoServidor("caiu")))
    resumo.acabar(1.0)
    assert resumo.fora_do_instante.total() == 1
    assert resumo.falhas == [
        "Não deu: caiu",
        "1 empresa não é do instante de todas, mas do seu: copiou-as quem já não chegava a ele.",
    ]
    assert resumo.codigo == FalhaDoServidor.codigo


@pytest.mark.parametrize(
    ("opcoes", "porque"),
    [
        (("--via", "api"), "Pela API não se lê o projeto inteiro de um só instante"),
        (("--tipo", "agendado", "--cada", "15min"), "--um-instante não combina com --cada"),
        (("continuar",), "--um-instante não combina com continuar"),
    ],
    ids=["api", "cada", "continuar"],
)
def test_o_que_nao_combina_com_um_instante_diz_se(
    vivo: SupabaseLocal, tmp_path: Path, opcoes: tuple[str, ...], porque: str
) -> None:
    feito = executar(vivo, tmp_path, "--um-instante", *opcoes)
    assert feito.codigo == 2, feito.tudo
    assert porque in feito.erros
    assert metadados(tmp_path) == []
