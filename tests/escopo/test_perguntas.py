"""O que o escopo pergunta aos dados, pela API: só o que pode mudar o caminho de uma linha, e de
várias tabelas ao mesmo tempo."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Final

import pytest

from apoio.execucao import PACIENCIA
from apoio.juntos import Juntos
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.retrato import fotografo
from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.servidores.falhas import Pedido, RespostaForcada

COM_MAIS: Final = f"""
    {LOJINHA}
    -- Sem dono próprio: por uma de duas mães, por uma só, e por nenhuma.
    CREATE TABLE recibos (
        id bigint PRIMARY KEY, user_id uuid, venda_id bigint REFERENCES vendas,
        produto_id bigint REFERENCES produtos
    );
    CREATE TABLE contatos (
        id bigint PRIMARY KEY, user_id uuid, cliente_id uuid REFERENCES clientes
    );
    CREATE TABLE avulsas (id bigint PRIMARY KEY, user_id uuid);
    INSERT INTO recibos VALUES (1, '{DONO}', 1, 1), (2, NULL, 2, 2), (3, NULL, NULL, 3);
    INSERT INTO avulsas VALUES (1, NULL);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""


def por_nulas(pedido: Pedido) -> bool:
    return "is.null" in pedido.consulta and pedido.parametros.get("limit") == "1"


def test_so_se_pergunta_por_linhas_sem_dono_a_quem_tem_mae_e_todas_ao_mesmo_tempo(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(COM_MAIS,))
    perguntas = Juntos(companhia=True)
    with perguntas.contar(projeto, se=por_nulas), fotografo(projeto, tmp_path) as pela_api:
        recibos = pela_api.fotografar(DONO, ["recibos"]).objetos("recibos")
        avulsas = pela_api.fotografar(DONO, ["avulsas"]).objetos("avulsas")
    assert ([r["id"] for r in recibos], avulsas) == ([1, 2, 3], [])
    feitas = [v.pedido for v in projeto.gateway.pedidos if por_nulas(v.pedido)]
    assert sorted((p.tabela, sorted(p.parametros)) for p in feitas) == [
        ("contatos", ["limit", "select", "user_id"]),
        ("recibos", ["limit", "select", "user_id"]),
        ("recibos", ["limit", "select", "user_id", "venda_id"]),
        ("vendas_itens", ["limit", "select", "user_id"]),
    ]
    assert max(perguntas.vistos) > 1


def por_empresas(pedido: Pedido) -> bool:
    return pedido.tabela == "empresas" and pedido.parametros.get("limit") == "1000"


def contando(pedido: Pedido) -> bool:
    return por_empresas(pedido) and pedido.cabecalhos["prefer"] == "count=exact"


def test_as_empresas_listam_se_enquanto_se_pergunta_o_resto(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,))
    listam_se, esperou = threading.Event(), []

    def chegou(pedido: Pedido, _vez: int) -> None:
        if por_empresas(pedido):
            listam_se.set()
        elif por_nulas(pedido):
            esperou.append(listam_se.wait(PACIENCIA))

    with projeto.gateway.ao_pedir(chegou), fotografo(projeto, tmp_path) as pela_api:
        assert [e.id for e in pela_api.inspecao.empresas] == [DONO, VIZINHA]
    assert esperou == [True]


@pytest.mark.parametrize(
    ("max_linhas", "conta", "paginas"),
    [(1000, True, 1), (1, True, 3), (1000, False, 3)],
    ids=["de uma vez", "uma linha de cada vez", "sem tempo de contar"],
)
def test_as_empresas_pedem_se_uma_vez_so_se_a_contagem_diz_que_vieram_todas(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, max_linhas: int, conta: bool, paginas: int
) -> None:
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,), max_linhas=max_linhas)
    demora = RespostaForcada(500, {"code": "57014", "message": "statement timeout"})
    with (
        contextlib.nullcontext()
        if conta
        else projeto.gateway.com_falha(demora, se=contando, vezes=None),
        fotografo(projeto, tmp_path) as pela_api,
    ):
        assert [e.id for e in pela_api.inspecao.empresas] == [DONO, VIZINHA]
    assert len([v for v in projeto.gateway.pedidos if por_empresas(v.pedido)]) == paginas
