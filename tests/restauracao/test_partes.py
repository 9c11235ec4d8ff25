"""Um backup incompleto, ou com uma tabela danificada, ainda serve para as que tem inteiras."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from apoio.danos import arquivo_de, metadados_de
from apoio.execucao import ultimo_backup
from apoio.impressoes import Impressoes
from apoio.loja import PELAS_DUAS_VIAS, TANTO_FAZ, Loja
from apoio.lojinha import DONO, VIZINHA
from cofre.via.contrato import DIRETA
from supabase_local.servidores.postgres import ADMINISTRADOR

VIA = TANTO_FAZ

Metadados = dict[str, Any]


@pytest.fixture
def loja(oficina: Loja) -> Loja:
    """A lojinha, com um backup de cada empresa; depois, os clientes do DONO mudaram."""
    oficina.sql(f"UPDATE clientes SET nome = 'novo ' || nome WHERE user_id = '{DONO}'")
    return oficina


def incompleto(loja: Loja) -> Metadados:
    """Mais um backup do DONO, de verdade, numa hora em que `vendas` não se deixa ler."""
    revogar = (
        "REVOKE ALL ON vendas FROM service_role, postgres; REVOKE pg_read_all_data FROM postgres"
    )
    cluster, banco = loja.projeto.cluster, loja.projeto.banco
    cluster.executar(
        banco, f"ALTER TABLE vendas OWNER TO supabase_auth_admin; {revogar}", ADMINISTRADOR
    )
    saida = loja.copiar("--empresa", DONO)
    devolver = "ALTER TABLE vendas OWNER TO postgres; GRANT ALL ON vendas TO service_role;"
    cluster.executar(banco, f"{devolver} GRANT pg_read_all_data TO postgres", ADMINISTRADOR)
    assert saida.codigo == 4, saida.tudo
    backup = ultimo_backup(loja.destino, DONO)
    assert set(backup["falhas"]) >= {"vendas"}
    return backup


def danificado(loja: Loja) -> Metadados:
    """Mais um backup do DONO, inteiro, em que um byte de `vendas` virou."""
    assert loja.copiar("--empresa", DONO).codigo == 0
    backup = ultimo_backup(loja.destino, DONO)
    arquivo = arquivo_de(backup, "vendas")
    dados = bytearray(arquivo.read_bytes())
    dados[len(dados) // 2] ^= 1
    arquivo.unlink()  # o nome pode ser de um arquivo que outro backup também tem
    arquivo.write_bytes(dados)
    return backup


def carimbo_de(backup: Metadados) -> str:
    achado = re.search(r"\d{8}_\d{6}", metadados_de(backup).name)
    assert achado
    return achado[0]


def acidente(loja: Loja) -> None:
    """Some um cliente que venda nenhuma cita, e um produto muda."""
    loja.sql(
        f"INSERT INTO clientes VALUES (md5('solto')::uuid, '{DONO}', 'a mais')",
        f"UPDATE clientes SET nome = 'estragado' WHERE user_id = '{DONO}' AND nome LIKE '%7'",
        f"UPDATE produtos SET nome = 'estragado' WHERE user_id = '{DONO}' AND id < 9",
    )


def so_mudaram(antes: Impressoes, depois: Impressoes) -> set[tuple[str, str]]:
    return {quem for quem in antes | depois if antes.get(quem) != depois.get(quem)}


RUINS: dict[str, Callable[[Loja], Metadados]] = {"incompleto": incompleto, "danificado": danificado}


@PELAS_DUAS_VIAS
@pytest.mark.parametrize("como", RUINS)
def test_sem_dialogo_vale_o_mais_novo_que_tem_as_tabelas_pedidas(loja: Loja, como: str) -> None:
    """E só elas mudam: nem a que falta, nem a danificada, nem as outras, nem as outras empresas."""
    ruim = RUINS[como](loja)
    novos = loja.impressoes()
    acidente(loja)
    estragados = loja.impressoes()
    saida = loja.direto("--tabelas", "Clientes", "--json", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert so_mudaram(estragados, loja.impressoes()) == {("clientes", DONO)}
    assert loja.impressoes()["clientes", DONO] == novos["clientes", DONO]
    usado = saida.json()["backup"]
    assert (usado["carimbo"], usado["estado"]) == (carimbo_de(ruim), como)
    if como == "incompleto":
        assert (usado["danos"], "vendas" in usado["faltam"]) == ([], True)
        assert "é incompleto: não tem vendas" in saida.erros
    else:
        assert [d["tabela"] for d in usado["danos"]] == ["vendas"]
        assert "vendas está danificada e não volta dele: o conteúdo mudou" in saida.erros


@pytest.mark.parametrize("como", RUINS)
def test_de_uma_tabela_que_nao_esta_inteira_nada_volta(loja: Loja, como: str) -> None:
    ruim = RUINS[como](loja)
    acidente(loja)
    antes = loja.impressoes()
    de_la = ("--backup", carimbo_de(ruim), "--tabelas", "vendas,clientes")
    saida = loja.direto(*de_la, dono=DONO)
    assert saida.codigo == (2 if como == "incompleto" else 6), saida.tudo
    assert loja.impressoes() == antes
    if como == "danificado":
        toda = loja.direto("--backup", carimbo_de(ruim), dono=DONO)
        assert toda.codigo == 6, toda.tudo
        assert "ou só o que está inteiro neste: --tabelas empresas,produtos,clientes" in toda.erros
        assert loja.impressoes() == antes


def test_sem_tabelas_pedidas_vale_o_completo(loja: Loja) -> None:
    """Como antes: o incompleto é mais novo, e não é tudo o que se pede."""
    incompleto(loja)
    saida = loja.direto("--simular", "--json", dono=DONO)
    assert saida.codigo == 9, saida.tudo
    assert saida.json()["backup"]["estado"] == "completo"
    assert saida.json()["tabelas"]["clientes"]["alterar"] == 40


def test_no_dialogo_o_mais_novo_e_oferecido_com_o_que_lhe_falta(loja: Loja) -> None:
    ruim = incompleto(loja)
    novos = loja.impressoes()
    acidente(loja)
    recusado = loja.restaurar(respostas=("1", "clientes", "n", "q"))
    assert recusado.codigo == 130, recusado.tudo
    assert "mais novo, com a tabela escolhida:\n   incompleto: sem vendas" in recusado.saida
    aceito = loja.restaurar(respostas=("1", "clientes", "s", "RESTAURAR"))
    assert aceito.codigo == 0, aceito.tudo
    assert f"PLANO (backup de {_na_tela(ruim)})" in aceito.saida
    assert loja.impressoes()["clientes", DONO] == novos["clientes", DONO]
    datas = loja.restaurar(respostas=("1", "d", "", "q"))
    # De um para o outro, todos os clientes mudaram: a lista diz as duas coisas.
    # Pela direta os itens de uma venda que não se leu também não se leem.
    sem = "vendas, vendas_itens" if loja.via == DIRETA else "vendas"
    dita = rf"^1\. .* incompleto, sem {sem}  🔁 mudou muito$"
    assert re.search(dita, datas.saida, re.M), datas.tudo
    # O que o mais novo não tem não se oferece dele.
    outra = loja.restaurar(respostas=("1", "vendas", "q"))
    assert "mais novo" not in outra.saida


def test_no_dialogo_a_data_danificada_oferece_so_o_que_esta_inteiro(loja: Loja) -> None:
    ruim = danificado(loja)
    novos = loja.impressoes()
    acidente(loja)
    saida = loja.restaurar(respostas=("1", "d", "1", "vendas", "clientes", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert "⚠️ Esse backup está danificado; só voltam dele as outras tabelas:" in saida.saida
    assert "   ⚠️ danificado: não voltam dele vendas\n" in saida.saida
    depois = saida.saida.partition("só voltam dele as outras")[2].partition("d escolhe outra")[0]
    assert re.findall(r"^\d\. (\S+)", depois, re.M) == [
        "[TODAS",
        "empresas",
        "produtos",
        "clientes",
        "vendas_itens",
        "vazia",
    ]
    assert loja.impressoes()["clientes", DONO] == novos["clientes", DONO]
    assert _na_tela(ruim) in saida.saida


def test_sem_nenhum_completo_o_dialogo_comeca_pelo_que_ha(loja: Loja) -> None:
    for backup in loja.backups("manual", DONO):
        metadados_de(backup).unlink()
    incompleto(loja)
    novos = loja.impressoes()
    acidente(loja)
    sem_dizer = loja.direto(dono=DONO)
    assert sem_dizer.codigo == 3, sem_dizer.tudo
    assert "só as tabelas que quer com --tabelas" in sem_dizer.erros
    saida = loja.restaurar(respostas=("1", "clientes", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert "   ⚠️ incompleto: sem vendas" in saida.saida
    assert loja.impressoes()["clientes", DONO] == novos["clientes", DONO]


def test_de_um_v1_cujas_empresas_uma_gemea_sobrescreveu_voltam_as_outras(loja: Loja) -> None:
    """Duas empresas com o mesmo começo de id, na primeira versão, gravavam na mesma pasta."""
    pasta = loja.destino / "empresa_aaaa1111"
    clientes = json.loads(arquivo_de(ultimo_backup(loja.destino, DONO), "clientes").read_bytes())
    gemea = [{"id": "1", "user_id": "aaaa1111-ffff-4000-8000-000000000009", "nome": "Gêmea"}]
    for velho in pasta.iterdir():
        velho.unlink()
    for tabela, linhas in (("clientes", clientes), ("empresas", gemea)):
        texto = json.dumps(linhas, ensure_ascii=False, indent=2)
        (pasta / f"{tabela}_20260116_182900.json").write_text(texto, "utf-8")
    meta = {
        "empresa_id": "x",
        "user_id": DONO,
        "nome": "Padaria Ação",
        "data_backup": "2026-01-16T18:29:47",
        "tabelas_backup": ["clientes", "empresas"],
        "tabelas_falha": [],
        "total_registros": 41,
        "tabelas": {"clientes": 40, "empresas": 1},
    }
    (pasta / "backup_metadata_20260116_182947.json").write_text(json.dumps(meta), "utf-8")
    estragados = loja.impressoes()
    toda = loja.direto(dono=DONO)
    assert toda.codigo == 6, toda.tudo
    assert "empresas: 1 registro de outra empresa" in toda.erros
    assert loja.impressoes() == estragados
    saida = loja.direto("--tabelas", "clientes", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert so_mudaram(estragados, loja.impressoes()) == {("clientes", DONO)}
    assert (
        loja.valor(f"SELECT count(*) FROM clientes WHERE user_id = '{DONO}' AND nome LIKE 'novo%'")
        == 0
    )
    assert (
        loja.valor(f"SELECT nome FROM clientes WHERE user_id = '{VIZINHA}'") == "Cliente da vizinha"
    )


def _na_tela(backup: Metadados) -> str:
    """A hora em que ele começou: a do nome pode ser a seguinte, se a dela já era de outro."""
    return f"{datetime.fromisoformat(backup['inicio']).astimezone():%Y-%m-%d %H:%M:%S}"
