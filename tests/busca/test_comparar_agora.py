"""Comparar um backup com o banco como está agora, pelas duas vias: nada se publica nem se toca."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from apoio.execucao import Saida, executar, fotografia_do_disco
from apoio.impressoes import executar_sql
from apoio.lojinha import DONO, VIZINHA
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.servidor import SupabaseLocal

DUAS_VIAS = pytest.mark.parametrize("via", [API, DIRETA])


@pytest.fixture(scope="module")
def destino(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um backup das duas empresas; depois dele, as duas mudam."""
    pasta = tmp_path_factory.mktemp("agora")
    fim = executar(projeto, pasta)
    assert fim.codigo == 0, fim.tudo
    executar_sql(
        projeto,
        f"UPDATE produtos SET preco = 0.01 WHERE user_id = '{DONO}' AND id <= 3",
        "DELETE FROM vendas_itens WHERE venda_id = 7 AND item = 2",
        f"INSERT INTO vendas VALUES (61, '{DONO}', NULL)",
        "ALTER TABLE clientes ADD COLUMN apelido text",
        "ALTER TABLE vazia RENAME TO outra",
        f"UPDATE produtos SET preco = 9 WHERE user_id = '{VIZINHA}'",
    )
    projeto.recarregar_esquema()
    return pasta


def comparar(projeto: SupabaseLocal, destino: Path, via: str, *argumentos: str) -> Saida:
    antes = fotografia_do_disco(destino)
    mais = {"SUPABASE_DB_URL": projeto.uri_banco} if via == DIRETA else {}
    saida = executar(projeto, destino, "comparar", DONO, *argumentos, "--via", via, mais=mais)
    assert fotografia_do_disco(destino) == antes
    return saida


@DUAS_VIAS
def test_o_que_mudou_ate_agora(projeto: SupabaseLocal, destino: Path, via: str) -> None:
    projeto.gateway.esquecer_pedidos()
    saida = comparar(projeto, destino, via, "agora")
    assert (saida.codigo, saida.erros) == (9, ""), saida.tudo
    pedidos = [v.pedido for v in projeto.gateway.pedidos]
    perguntas = Counter((p.caminho, p.consulta) for p in pedidos if p.metodo == "GET")
    assert max(perguntas.values(), default=1) == 1  # nada se pergunta duas vezes
    linhas = saida.saida.splitlines()
    assert linhas[0] == "🔎 Padaria Ação: o que mudou"
    assert linhas[2].startswith("   para agora (")
    assert [linha for linha in linhas[4:] if not linha.startswith("⚠️")] == [
        "   produtos: +0 ~3 −0 =297",
        "      ~ preco em 3",
        "          Pão 1 (id 1): 1,123456789012345 → 0,010000000000000",
        "          Pão 2 (id 2): 2,123456789012345 → 0,010000000000000",
        "          Pão 3 (id 3): 3,123456789012345 → 0,010000000000000",
        "      ~ dobro em 3",
        "          Pão 1 (id 1): 2,246913578024690 → 0,020000000000000",
        "          Pão 2 (id 2): 4,246913578024690 → 0,020000000000000",
        "          Pão 3 (id 3): 6,246913578024690 → 0,020000000000000",
        "   clientes: +0 ~0 −0 =40",
        "      coluna nova: apelido",
        "   vendas: +1 ~0 −0 =60",
        "      + id 61",
        "   vendas_itens: +0 ~0 −1 =119",
        "      − venda_id 7, item 2",
        "   1 tabela igual (1 registro)",
        "   (+ apareceu, ~ mudou, − sumiu, = igual)",
    ]
    avisos = [linha for linha in linhas if linha.startswith("⚠️")]
    assert any(linha.startswith("⚠️ outra: só há em agora (") for linha in avisos)
    assert any(linha.startswith("⚠️ vazia: só há em 2") for linha in avisos)


@DUAS_VIAS
def test_de_agora_para_o_backup_e_o_contrario(
    projeto: SupabaseLocal, destino: Path, via: str
) -> None:
    (carimbo,) = {b["backup"] for b in _backups(projeto, destino)}
    saida = comparar(
        projeto, destino, via, "agora", carimbo, "--tabela", "vendas", "--registros", "--json"
    )
    assert saida.codigo == 9, saida.tudo
    documento = saida.json()
    assert (documento["antes"]["backup"], documento["depois"]["backup"]) == (None, carimbo)
    assert list(documento["tabelas"]) == ["vendas"]
    assert documento["registros"] == [
        {
            "tabela": "vendas",
            "o_que": "sumiu",
            "nome": "id 61",
            "chave": {"id": "61"},
            "antes": {"id": "61", "user_id": DONO, "cliente_id": None},
        }
    ]


def _backups(projeto: SupabaseLocal, destino: Path) -> list[dict[str, str]]:
    documento = executar(projeto, destino, "comparar", DONO, "--quando", "vendas", "--json").json()
    quando: list[dict[str, str]] = documento["quando"]
    return quando


def test_uma_tabela_que_nao_se_le_e_falha_e_o_resto_se_compara(
    projeto: SupabaseLocal, destino: Path
) -> None:
    executar_sql(projeto, "REVOKE SELECT ON clientes FROM service_role")
    try:
        saida = comparar(projeto, destino, API, "agora", "--tabela", "clientes,vendas")
    finally:
        executar_sql(projeto, "GRANT SELECT ON clientes TO service_role")
    assert saida.codigo == 4, saida.tudo
    assert "   vendas: +1 ~0 −0 =60" in saida.saida.splitlines()
    assert "⚠️ clientes: não se comparou: " in saida.saida


def test_sem_servidor_e_falha(projeto: SupabaseLocal, destino: Path) -> None:
    chave = projeto.chave_service_role
    nenhum = {"SUPABASE_URL": "http://127.0.0.1:9", "SUPABASE_SERVICE_ROLE_KEY": chave}
    antes = fotografia_do_disco(destino)
    saida = executar(None, destino, "comparar", DONO, "agora", "--tentativas", "1", mais=nenhum)
    assert fotografia_do_disco(destino) == antes
    assert (saida.codigo, chave in saida.tudo) == (4, False), saida.tudo
