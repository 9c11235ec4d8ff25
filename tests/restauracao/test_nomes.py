"""Uma empresa com mais de uma linha em `empresas`: a matriz e as filiais do mesmo dono."""

from __future__ import annotations

from pathlib import Path

import pytest

from apoio.execucao import executar, metadados, restaurar
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.modelo import juntar_nomes
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

FILIAL = "Filial Centro"
AS_DUAS = f"Padaria Ação / {FILIAL}"


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    outras = f"""
        INSERT INTO empresas VALUES
            ('aaaa1111-eeee-4000-8000-000000000009', '{DONO}', '{FILIAL}'),
            ('aaaa1111-eeee-4000-8000-00000000000a', '{DONO}', 'Padaria Ação');
        UPDATE empresas SET nome = '{FILIAL} da Vizinha' WHERE user_id = '{VIZINHA}';
    """
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, outras))


def test_mostra_se_e_acha_se_por_qualquer_nome(projeto: SupabaseLocal, tmp_path: Path) -> None:
    for nome in ("Padaria Ação", FILIAL.lower(), AS_DUAS):
        feito = executar(projeto, tmp_path, "--empresa", nome)
        assert feito.codigo == 0, feito.tudo
        assert f"🏢 Empresa: {AS_DUAS}" in feito.saida
    todos = metadados(tmp_path)
    assert [(m["user_id"], m["nome"], m["nomes"]) for m in todos] == [
        (DONO, "Padaria Ação", ["Padaria Ação", FILIAL])
    ] * 3
    assert executar(projeto, tmp_path, "--empresa", VIZINHA).codigo == 0
    (da_vizinha,) = [m for m in metadados(tmp_path) if m["user_id"] == VIZINHA]
    assert (da_vizinha["nome"], "nomes" in da_vizinha) == (f"{FILIAL} da Vizinha", False)

    listou = executar(None, tmp_path, "listar", "--empresa", FILIAL, "--json")
    assert [e["nome"] for e in listou.json()["empresas"]] == [AS_DUAS]
    pagina = (tmp_path / "painel.html").read_text("utf-8")
    assert f">{AS_DUAS}<" in pagina
    for qual in ("padaria ação", FILIAL):
        menu = restaurar(projeto, tmp_path, "--simular", respostas=(qual, "0"))
        assert menu.codigo == 0, menu.tudo
        assert f". {AS_DUAS} (último backup: " in menu.saida
        direto = restaurar(projeto, tmp_path, "--simular", "--empresa", qual)
        assert direto.codigo == 0, direto.tudo
    # «padaria» só está no nome de uma; «filial» está no de duas.
    assert executar(None, tmp_path, "listar", "--empresa", "padaria").codigo == 0
    assert executar(None, tmp_path, "listar", "--empresa", "filial").codigo == 2


def test_muitos_nomes_cabem_numa_linha() -> None:
    assert juntar_nomes([]) == ""
    assert juntar_nomes(["Um"]) == "Um"
    assert juntar_nomes(["Um", "Dois", "Três", "Quatro", "Cinco"]) == "Um / Dois / Três e mais 2"
