"""O que a restauração escreve: só o que ainda é como a foto viu, em pedidos que cabem na URL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apoio.campanha import amostra
from apoio.juntos import Juntos
from apoio.loja import DURANTE, Loja, antes_de, copiar_deposito, quer_gravar
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.restauracao.convergencia import PASSADAS
from supabase_local.servidores.falhas import Pedido

MAIOR_URL = 3 * 1024
NOVOS = (
    "INSERT INTO clientes"
    f" SELECT gen_random_uuid(), '{DONO}', 'Novo ' || n FROM generate_series(1, {{}}) n"
)
EDITAR = "UPDATE clientes SET nome = 'Editado por outra pessoa' WHERE nome = 'Novo 1'"
PRECOS = "UPDATE produtos SET preco = preco + 1 WHERE id <= 30"
TROCAS = "UPDATE vendas_itens SET produto_id = produto_id + 1 WHERE venda_id <= 30 AND item = 1"
CHAVES_LONGAS = """
CREATE TABLE etiquetas (
    user_id uuid NOT NULL, grupo text, "nome da etiqueta" text, valor int,
    PRIMARY KEY (grupo, "nome da etiqueta")
);
GRANT ALL ON etiquetas TO service_role;
"""
ETIQUETAS = (
    "INSERT INTO etiquetas SELECT '{}', 'coleção (verão)', repeat('ação \"à mão\", ', 6) || n, n"
    " FROM generate_series({}, {}) n"
)
IGNORA_EXCLUSAO = """
CREATE FUNCTION ignorar_exclusao() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RETURN NULL; END $$;
CREATE TRIGGER ignorar_exclusao BEFORE DELETE ON clientes
    FOR EACH ROW EXECUTE FUNCTION ignorar_exclusao();
"""


def _fotografados(loja: Loja, tabela: str) -> list[dict[str, Any]]:
    """As linhas de todas as fotos tiradas durante a restauração."""
    arquivos = [m["pasta"] / m["tabelas"][tabela]["arquivo"] for m in loja.backups(DURANTE, DONO)]
    return [linha for a in arquivos for linha in json.loads(a.read_bytes())]


@pytest.mark.parametrize(
    ("metodo", "tabela", "novos"),
    amostra(
        [
            ("PATCH", "produtos", 1),
            ("PATCH", "produtos", 3),
            ("DELETE", "clientes", 3),
            ("DELETE", "clientes", 1),
        ],
        2,
    ),
)
def test_o_que_outra_pessoa_mudou_antes_da_exclusao_fica_numa_foto(
    oficina: Loja, metodo: str, tabela: str, novos: int
) -> None:
    antes = antes_de(oficina, DONO)
    oficina.sql(NOVOS.format(novos), *([PRECOS] if metodo == "PATCH" else []))

    def intrometer(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            oficina.sql(EDITAR)

    with oficina.projeto.gateway.ao_pedir(intrometer, metodo=metodo, tabela=tabela):
        saida = oficina.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert "Editado por outra pessoa" in {c["nome"] for c in _fotografados(oficina, "clientes")}
    antes.conferir()


def test_servidor_que_manda_poucas_linhas_por_vez(
    criar_supabase: FabricaDeSupabase, backup_da_lojinha: Path, tmp_path: Path
) -> None:
    """O que não veio na releitura não passa por excluído."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,), max_linhas=10)
    oficina = Loja(projeto, copiar_deposito(backup_da_lojinha, tmp_path))
    antes = antes_de(oficina, DONO)
    oficina.sql(NOVOS.format(10 * (PASSADAS + 1)))
    saida = oficina.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert len(oficina.diarios()[0]["passadas"]) < PASSADAS // 2
    antes.conferir()


def test_gatilho_que_finge_excluir_e_dito_sem_insistir(oficina: Loja) -> None:
    oficina.sql(NOVOS.format(3), PRECOS, IGNORA_EXCLUSAO)
    antes = antes_de(oficina, DONO)
    saida = oficina.direto(dono=DONO)
    assert saida.codigo == 7, saida.tudo
    assert "clientes: ainda faltam 0, diferem 0, sobram 3" in saida.saida
    assert "o banco não apaga registros de clientes" in saida.saida
    antes.conferir()
    # Se fosse tida por mudada por outra pessoa, insistiria até a última passada.
    assert max(len(d["passadas"]) for d in oficina.diarios()) <= PASSADAS // 2


def test_chaves_longas_nao_fazem_urls_longas(oficina: Loja) -> None:
    """O mesmo ao excluir e ao procurar de quem são as chaves que voltam."""
    oficina.sql(CHAVES_LONGAS, ETIQUETAS.format(DONO, 1, 60))
    oficina.projeto.recarregar_esquema()
    assert oficina.copiar("--empresa", DONO).codigo == 0
    antes = antes_de(oficina, DONO)
    oficina.sql("DELETE FROM etiquetas", ETIQUETAS.format(DONO, 101, 160))
    oficina.projeto.gateway.esquecer_pedidos()
    saida = oficina.direto("--tabelas", "etiquetas", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    maior = max(
        len(f"{oficina.projeto.url}{p.caminho}?{p.consulta}")
        for p in oficina.projeto.gateway.pedidos
        if p.tabela == "etiquetas"
    )
    assert maior <= MAIOR_URL
    exclusoes = [e for e in oficina.escritas() if e[0] == "DELETE"]
    assert 2 <= len(exclusoes) <= 20, "cabem várias em cada pedido"


def test_alteracoes_vao_em_varias_conexoes(oficina: Loja) -> None:
    """E a linha que outra pessoa exclui no meio já não existe, que é o que se queria: nada a
    dizer."""
    antes = antes_de(oficina, DONO)
    oficina.sql(PRECOS, NOVOS.format(3))

    def intrometer(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            oficina.sql("DELETE FROM clientes WHERE nome = 'Novo 2'")

    alteracoes = Juntos(companhia=True)
    with (
        alteracoes.contar(oficina.projeto, metodo="PATCH", tabela="produtos", se=quer_gravar),
        oficina.projeto.gateway.ao_pedir(intrometer, metodo="DELETE", tabela="clientes"),
    ):
        saida = oficina.direto("--conexoes", "4", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert alteracoes.vistos[:2] == [1, 1], "a primeira vai só"
    assert 2 <= max(alteracoes.vistos) <= 4
    antes.conferir()


def test_com_a_mae_fora_do_plano_vai_uma_alteracao_de_cada_vez(oficina: Loja) -> None:
    """Um gatilho podia somar na venda: duas somas ao mesmo tempo não se veriam, e ninguém confere
    a venda, que não foi escolhida."""
    antes = antes_de(oficina, DONO)
    oficina.sql(TROCAS)
    alteracoes = Juntos(companhia=False)
    with alteracoes.contar(oficina.projeto, metodo="PATCH", tabela="vendas_itens", se=quer_gravar):
        saida = oficina.direto("--tabelas", "vendas_itens", "--conexoes", "4", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert max(alteracoes.vistos) == 1
    antes.conferir()
