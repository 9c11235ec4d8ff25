"""Quem herda de quem, que a API não diz: achado pelas linhas, com poucos pedidos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from apoio.impressoes import executar_sql
from apoio.retrato import fotografo, fotografo_direto
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.valores import Regras
from cofre.via.contrato import Inspecao

DONO: Final = "a1000000-0000-4000-8000-000000000001"
IGUAIS: Final = 9
HERDAM: Final = (1, 2, 4)
"""Das iguais, as que herdam da primeira."""


def esquema() -> str:
    """Nove tabelas com as mesmas colunas, de que três herdam de outra, e uma, da que herda."""
    partes = [
        "CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text);"
        f" INSERT INTO empresas VALUES ('{DONO}', '{DONO}', 'Uma');"
        " CREATE TABLE t0 (id int PRIMARY KEY, user_id uuid, nome text);"
    ]
    for n in range(1, IGUAIS):
        mae = "t0" if n in HERDAM else ""
        herda = f"(PRIMARY KEY (id)) INHERITS ({mae})" if mae else "(LIKE t0 INCLUDING ALL)"
        partes.append(f"CREATE TABLE t{n} {herda};")
    partes.append("CREATE TABLE neta (PRIMARY KEY (id)) INHERITS (t2);")
    partes.append("CREATE TABLE vazia (PRIMARY KEY (id)) INHERITS (t0);")
    for nome in ("neta", *(f"t{n}" for n in range(IGUAIS))):
        partes.append(f"INSERT INTO {nome} SELECT n, '{DONO}', 'x' FROM generate_series(1, 3) n;")
    return "".join(partes) + "GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;"


def herdeiras(inspecao: Inspecao) -> dict[str, set[tuple[str, str]]]:
    """Por mãe, as filhas que têm linhas, e o `tableoid` delas."""
    todas = {n: set(t.tabela.herdeiras) for n, t in inspecao.escopo.tabelas.items()}
    return {n: suas for n, suas in todas.items() if suas}


@pytest.mark.parametrize("max_linhas", [1, 1000])
def test_acham_se_todas_com_tres_pedidos_por_tabela(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, max_linhas: int
) -> None:
    projeto = criar_supabase(VAZIO, sql=(esquema(),), max_linhas=max_linhas)
    with fotografo_direto(projeto, tmp_path) as direto:
        certas = herdeiras(direto.inspecao)
    certas = {m: {par for par in suas if par[0] != "vazia"} for m, suas in certas.items()}
    assert {n for n, _ in certas["t0"]} == {"t1", "t2", "t4", "neta"}
    projeto.gateway.esquecer_pedidos()
    with fotografo(projeto, tmp_path) as pela_api:
        assert herdeiras(pela_api.inspecao) == certas
    pedidos = [p for p in projeto.gateway.pedidos if "tableoid" in p.consulta]
    # A quem só deixa ver uma linha de cada vez, pergunta-se mais uma vez por filha que se acha.
    achadas = sum(map(len, certas.values()))
    assert len(pedidos) <= 3 * (IGUAIS + 2) + achadas * (1 if max_linhas > 1 else 2)


def test_so_se_pergunta_outra_vez_o_que_pode_ser_outro(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(esquema(),))
    with fotografo(projeto, tmp_path) as pela_api:
        via, inspecao = pela_api.via, pela_api.inspecao
        # A que não tinha linhas passa a ter, e só então se vê de quem herda.
        executar_sql(projeto, f"INSERT INTO vazia VALUES (9, '{DONO}', 'x')")
        agora = via.com_ramos_de_agora(inspecao.escopo, inspecao, Regras())
        projeto.gateway.esquecer_pedidos()
        assert via.com_ramos_de_agora(agora, inspecao, Regras()) == agora
    pedidos = [p for p in projeto.gateway.pedidos if "tableoid" in p.consulta]
    # Das que não herdam de nenhuma, e por elas, nada.
    assert {p.tabela for p in pedidos} == {"t0", "t1", "t2", "t4", "neta", "vazia"}
    with fotografo_direto(projeto, tmp_path) as direto:
        certas = herdeiras(direto.inspecao)
    assert "vazia" in {n for n, _ in certas["t0"]}
    assert herdeiras(replace(inspecao, escopo=agora)) == certas
