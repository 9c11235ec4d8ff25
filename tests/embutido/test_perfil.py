"""O perfil de hoje do Supabase embutido: o que um servidor novo muda nas respostas."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from apoio.servidores import FabricaDeSupabase
from supabase_local.servidores.descricao import PRIMEIRA_DE_HOJE, VERSAO_DE_HOJE, como_hoje
from supabase_local.servidores.falhas import Repetida, Resposta, RespostaForcada
from supabase_local.servidores.perfil import UM_SO_OBJETO, erro_de_hoje
from supabase_local.servidores.servidor import SupabaseLocal

TABELAS = """
    CREATE TABLE maes (id bigint PRIMARY KEY, curta smallint, varias integer[], apikey text);
    CREATE TABLE filhas (
        id integer PRIMARY KEY, mae_id bigint UNIQUE REFERENCES maes,
        outra_id bigint REFERENCES maes
    );
    CREATE TABLE iguais (id bigint PRIMARY KEY REFERENCES maes, n int);
    INSERT INTO maes SELECT n, n, ARRAY[n], 'k' || n FROM generate_series(1, 3) n;
    GRANT ALL ON maes, filhas, iguais TO service_role;
    CREATE FUNCTION estourar() RETURNS int LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'too deep' USING ERRCODE = '54001'; END $$;
"""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo("template1", sql=(TABELAS,), de_hoje=True)


@pytest.fixture(scope="module")
def antigo(criar_supabase_do_modulo: FabricaDeSupabase, projeto: SupabaseLocal) -> SupabaseLocal:
    """O mesmo banco, com o PostgREST como ele é."""
    return criar_supabase_do_modulo.sobre(projeto.banco, de_hoje=False)


def _cliente(projeto: SupabaseLocal, chave: str = "") -> httpx.Client:
    return httpx.Client(
        base_url=f"{projeto.url}/rest/v1/", headers={"apikey": chave or projeto.chave_secreta}
    )


def _colunas(projeto: SupabaseLocal, tabela: str) -> dict[str, Any]:
    definicoes = _cliente(projeto).get("").json()["definitions"]
    return dict(definicoes[tabela]["properties"])


COM_UM_PARA_UM, COM_INTEIROS_DE_HOJE = (12, 0, 3), (14, 8)
"""Desde que versão a descrição mostra as chaves um-para-um (CHANGELOG do PostgREST, #3418), e chama
int32 e int64 aos inteiros (#4641)."""


def _versao(projeto: SupabaseLocal) -> str:
    return str(_cliente(projeto).get("").json()["info"]["version"])


def _numeros(versao: str) -> tuple[int, ...]:
    """«12.0.2 (a4e00ff)» → (12, 0, 2)."""
    return tuple(int(n) for n in re.findall(r"\d+", versao.partition(" ")[0]))


def test_a_descricao_tem_os_tipos_as_chaves_e_a_versao_de_hoje(
    projeto: SupabaseLocal, antigo: SupabaseLocal
) -> None:
    maes, filhas = _colunas(projeto, "maes"), _colunas(projeto, "filhas")
    assert [maes[c]["format"] for c in ("id", "curta", "varias")] == ["int64", "int32", "integer[]"]
    assert "<fk table='maes' column='id'/>" in filhas["mae_id"]["description"]
    assert filhas["outra_id"]["description"].count("<fk ") == 1
    da_chave = _colunas(projeto, "iguais")["id"]["description"]
    assert "<pk/>" in da_chave
    assert "<fk table='maes' column='id'/>" in da_chave
    daqui = _versao(antigo)
    versao = VERSAO_DE_HOJE if _numeros(daqui) < (PRIMEIRA_DE_HOJE,) else daqui
    assert _versao(projeto) == versao
    # O que o PostgREST que se tem (o 12.0.2, ou outro que se aponte) já diz sozinho.
    ja_diz = "int64" if _numeros(daqui) >= COM_INTEIROS_DE_HOJE else "bigint"
    assert _colunas(antigo, "maes")["id"]["format"] == ja_diz
    com_chave = "<fk table='maes'" in _colunas(antigo, "filhas")["mae_id"].get("description", "")
    assert com_chave is (_numeros(daqui) >= COM_UM_PARA_UM)


def test_a_descricao_acompanha_o_esquema(criar_supabase: FabricaDeSupabase) -> None:
    projeto = criar_supabase("template1", sql=(TABELAS,), de_hoje=True)
    assert "<fk " not in str(_colunas(projeto, "iguais")["n"])
    projeto.cluster.executar(
        projeto.banco, "ALTER TABLE iguais ADD UNIQUE (n), ADD FOREIGN KEY (n) REFERENCES filhas"
    )
    projeto.recarregar_esquema()
    assert "<fk table='filhas' column='id'/>" in _colunas(projeto, "iguais")["n"]["description"]


def test_um_servidor_novo_de_verdade_fica_com_a_sua_versao() -> None:
    assert b'"14.18"' in como_hoje(b'{"info":{"version":"14.18"}}', ())
    assert b'"12.' not in como_hoje(b'{"info":{"version":"12.0.2"}}', ())


def test_os_erros_tem_os_codigos_as_palavras_e_os_cabecalhos_de_hoje(
    projeto: SupabaseLocal,
) -> None:
    cliente = _cliente(projeto)
    ausente = cliente.get("nao_ha")
    assert (ausente.status_code, ausente.json()["code"]) == (404, "PGRST205")
    assert ausente.headers["Proxy-Status"] == "PostgREST; error=PGRST205"
    varias = cliente.get("maes", headers={"Accept": "application/vnd.pgrst.object+json"})
    assert (varias.status_code, varias.json()["code"]) == (406, "PGRST116")
    assert varias.json()["message"] == UM_SO_OBJETO
    assert varias.json()["details"]
    outro = cliente.get("maes", headers={"Accept-Profile": "segredo"})
    assert (outro.status_code, outro.json()["code"]) == (406, "PGRST106")
    assert "public" in outro.json()["hint"]
    fundo = cliente.post("rpc/estourar")
    assert (fundo.status_code, fundo.json()["code"]) == (500, "54001")


def test_um_erro_que_ja_vem_como_os_de_hoje_fica_como_veio() -> None:
    """O de um PostgREST novo que se aponte."""
    dica = "Only the following schemas are exposed: public"
    novo = {"code": "PGRST106", "message": "Invalid schema: segredo", "hint": dica, "details": None}
    resposta = Resposta(406, (), json.dumps(novo).encode())
    assert json.loads(erro_de_hoje(resposta, "maes", minima=False).bytes) == novo


def test_toda_resposta_diz_o_seu_tamanho_e_de_que_depende(projeto: SupabaseLocal) -> None:
    resposta = _cliente(projeto).get("maes?select=id")
    assert int(resposta.headers["Content-Length"]) == len(resposta.content)
    assert "Prefer" in resposta.headers["Vary"]


def test_a_verbosidade_minima_so_tem_codigo_e_mensagem(
    criar_supabase_do_modulo: FabricaDeSupabase, projeto: SupabaseLocal
) -> None:
    minimo = criar_supabase_do_modulo.sobre(projeto.banco, de_hoje=True, minima=True)
    assert set(_cliente(minimo).get("maes?nada=eq.1").json()) == {"code", "message"}
    assert set(_cliente(projeto).get("maes?nada=eq.1").json()) > {"code", "message"}


def test_o_gateway_tira_apikey_da_consulta_e_deixa_o_nome_entre_aspas(
    projeto: SupabaseLocal,
) -> None:
    cliente = _cliente(projeto)
    assert len(cliente.get("maes?apikey=eq.k1&select=id").json()) == 3
    assert cliente.get('maes?"apikey"=eq.k1&select=id').json() == [{"id": 1}]
    assert cliente.get("maes?or=(apikey.eq.k2)&select=id").json() == [{"id": 2}]


@pytest.mark.parametrize("qual", ["publicavel", "anon"])
def test_a_raiz_so_se_mostra_a_uma_chave_secreta(
    projeto: SupabaseLocal, antigo: SupabaseLocal, qual: str
) -> None:
    def status(de_quem: SupabaseLocal) -> int:
        return _cliente(de_quem, getattr(de_quem, f"chave_{qual}")).get("").status_code

    assert (status(projeto), status(antigo)) == (403, 200)


# -- o pedido que o gateway repete ---------------------------------------------------------------


def test_repetida_grava_duas_vezes_e_so_a_segunda_resposta_se_ve(projeto: SupabaseLocal) -> None:
    cliente = _cliente(projeto)
    representa = {"Prefer": "return=representation"}
    with projeto.gateway.com_falha(Repetida(), vezes=None):
        criada = cliente.post("maes", json={"id": 50, "apikey": "x" * 100_000})
        mudada = cliente.patch("maes?id=eq.50&curta=is.null", json={"curta": 5}, headers=representa)
        excluida = cliente.delete("maes?id=eq.50", headers=representa)
    assert (criada.status_code, criada.json()["code"]) == (409, "23505")
    assert (mudada.status_code, mudada.json()) == (200, [])
    assert (excluida.status_code, excluida.json()) == (200, [])
    assert cliente.get("maes?id=eq.50").json() == []


def test_o_perfil_nao_muda_o_que_um_teste_manda_responder(projeto: SupabaseLocal) -> None:
    corpo = {"code": "42P01", "message": 'relation "public.maes" does not exist'}
    with projeto.gateway.com_falha(RespostaForcada(404, corpo)):
        assert _cliente(projeto).get("maes").json() == corpo
