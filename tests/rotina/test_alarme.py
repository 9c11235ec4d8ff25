"""O ping e o webhook, contra um servidor HTTP de verdade: o que chega, e o que não atrapalha."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apoio.avisos import SEGREDO, servidor_de_avisos
from cofre.base.config.limites import Destinatarios
from cofre.rotina.avisos import CORPO_DO_PING, Mensageiro, Prazos, com_sufixo
from cofre.rotina.boletim import MAIOR_TEXTO, mensagem_de, texto_de
from cofre.rotina.ultima import UltimaExecucao

CURTOS = Prazos(resposta=0.3, espera=0.01, fim=5.0)


def porta_fechada() -> int:
    with socket.socket() as tomada:
        tomada.bind(("127.0.0.1", 0))
        porta: int = tomada.getsockname()[1]
        return porta


# -- o endereço ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "esperada"),
    [
        ("https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"),
        ("https://hc-ping.com/uuid/", "https://hc-ping.com/uuid/fail"),
        ("https://hc-ping.com/chave/nome?create=1", "https://hc-ping.com/chave/nome/fail?create=1"),
        (
            "https://hc.exemplo:8000/ping/uuid//?a=b&c",
            "https://hc.exemplo:8000/ping/uuid/fail?a=b&c",
        ),
        ("http://[::1]:80/x", "http://[::1]:80/x/fail"),
    ],
)
def test_o_sufixo_vai_no_caminho(url: str, esperada: str) -> None:
    assert com_sufixo(url, "/fail") == esperada
    assert com_sufixo(url, "") == url


# -- o que chega -----------------------------------------------------------------------------


def test_comeco_fim_e_mensagem_chegam_nesta_ordem() -> None:
    with servidor_de_avisos() as servidor:
        para = Destinatarios(servidor.url("ping/?create=1"), servidor.url("gancho"))
        mensageiro = Mensageiro(para, CURTOS)
        mensageiro.comecar()
        entrega = mensageiro.terminar(("/fail", "faltou a Padaria Ação"), {"evento": "falha"})
    assert entrega.problemas == ()
    assert entrega.mensagem_chegou
    assert servidor.caminhos == ["ping/start?create=1", "ping/fail?create=1", "gancho"]
    assert [a.metodo for a in servidor.recebidos] == ["POST"] * 3
    assert [a.corpo for a in servidor.recebidos[:2]] == ["", "faltou a Padaria Ação"]
    assert json.loads(servidor.recebidos[2].corpo) == {"evento": "falha"}
    assert servidor.recebidos[2].tipo == "application/json"


def test_quem_nao_esta_no_env_nao_recebe() -> None:
    with servidor_de_avisos() as servidor:
        so_ping = Mensageiro(Destinatarios(ping=servidor.url("ping")), CURTOS)
        assert so_ping.terminar(("", "tudo"), {"evento": "normal"}).problemas == ()
        so_gancho = Mensageiro(Destinatarios(webhook=servidor.url("gancho")), CURTOS)
        so_gancho.comecar()
        assert so_gancho.terminar(("", "tudo"), None).mensagem_chegou
    assert servidor.caminhos == ["ping"]


def test_corpo_grande_e_cortado_sem_partir_uma_letra() -> None:
    with servidor_de_avisos() as servidor:
        mensageiro = Mensageiro(Destinatarios(ping=servidor.url("ping")), CURTOS)
        mensageiro.terminar(("/fail", "x" + "ç" * CORPO_DO_PING), None)
    assert servidor.recebidos[0].corpo == "x" + "ç" * ((CORPO_DO_PING - 1) // 2)


# -- o que dá errado -------------------------------------------------------------------------


@pytest.mark.parametrize("codigo", [500, 503, 429])
def test_uma_recusa_passageira_e_tentada_de_novo(codigo: int) -> None:
    with servidor_de_avisos([codigo, codigo]) as servidor:
        mensageiro = Mensageiro(Destinatarios(ping=servidor.url("ping")), CURTOS)
        assert mensageiro.terminar(("", ""), None).problemas == ()
    assert servidor.caminhos == ["ping"] * 3


@pytest.mark.parametrize(
    ("respostas", "pedidos", "causa"),
    [
        ([500] * 9, 3, "o servidor respondeu 500"),
        ([404] * 9, 1, "o servidor respondeu 404"),
        ([301] * 9, 1, "o endereço redireciona para outro (301); ponha o final no .env"),
        ([307] * 9, 1, "o endereço redireciona para outro (307); ponha o final no .env"),
    ],
)
def test_uma_recusa_que_nao_passa_e_dita(respostas: list[int], pedidos: int, causa: str) -> None:
    with servidor_de_avisos(respostas) as servidor:
        mensageiro = Mensageiro(Destinatarios(webhook=servidor.url("gancho")), CURTOS)
        entrega = mensageiro.terminar(None, {})
    assert entrega.problemas == (f"Não foi entregue a mensagem do webhook: {causa}.",)
    assert not entrega.mensagem_chegou
    assert servidor.caminhos == ["gancho"] * pedidos


def test_ninguem_na_porta() -> None:
    url = f"http://127.0.0.1:{porta_fechada()}/{SEGREDO}"
    mensageiro = Mensageiro(Destinatarios(url, url), CURTOS)
    mensageiro.comecar()
    problemas = mensageiro.terminar(("", ""), {}).problemas
    assert [p.rpartition(": ")[2] for p in problemas] == ["não consegui falar com o servidor."] * 3
    assert SEGREDO not in "".join(problemas)


def test_servidor_mudo_solta_no_prazo_e_o_comeco_nao_chega_depois_do_fim() -> None:
    with servidor_de_avisos() as servidor:
        servidor.mudo = True
        mensageiro = Mensageiro(Destinatarios(servidor.url("ping"), ""), CURTOS)
        mensageiro.comecar()
        problemas = mensageiro.terminar(("", ""), None).problemas
    assert problemas == (
        "Não foi entregue o ping do começo: o servidor não respondeu a tempo.",
        "Não foi entregue o ping do fim: o servidor não respondeu a tempo.",
    )
    # O do começo não é tentado de novo quando o fim já o espera.
    assert servidor.caminhos == ["ping/start", "ping", "ping", "ping"]


def test_um_servidor_lento_e_esperado() -> None:
    with servidor_de_avisos() as servidor:
        servidor.atraso = 0.2
        mensageiro = Mensageiro(Destinatarios(servidor.url("ping"), ""), Prazos(resposta=30))
        mensageiro.comecar()
        assert mensageiro.terminar(("", ""), None).problemas == ()
    assert servidor.caminhos == ["ping/start", "ping"]


def test_o_prazo_de_todos_juntos_vale_mais_que_o_de_cada_um() -> None:
    with servidor_de_avisos() as servidor:
        servidor.mudo = True
        prazos = Prazos(resposta=60, espera=0, fim=0.2)
        mensageiro = Mensageiro(Destinatarios(servidor.url("ping"), ""), prazos)
        problemas = mensageiro.terminar(("", ""), None).problemas
    assert problemas == ("Não foi entregue o ping do fim: o tempo para avisar acabou.",)


@pytest.mark.parametrize("url", [f"http://{'a' * 70}.exemplo/{SEGREDO}", f"http://%/{SEGREDO}"])
def test_um_endereco_impossivel_nao_levanta_nem_aparece(url: str) -> None:
    mensageiro = Mensageiro(Destinatarios(url, url), CURTOS)
    mensageiro.comecar()
    problemas = mensageiro.terminar(("", ""), {}).problemas
    assert len(problemas) == 3
    assert SEGREDO not in repr((problemas, Destinatarios(url, url)))


# -- as palavras -----------------------------------------------------------------------------

FIM = datetime(2026, 11, 24, 3, 5, 10, tzinfo=UTC)
FALHOU = UltimaExecucao(
    acao="backup",
    inicio=FIM - timedelta(minutes=5),
    fim=FIM,
    codigo=4,
    resumo={"total_empresas": 3, "empresas_completas": 2, "total_registros": 1962},
    falhas=("Padaria Ação: clientes",),
    encolhimentos=(
        {
            "id": "abc",
            "nome": "Loja X",
            "tabela": "clientes",
            "antes": 145,
            "agora": 0,
            "referencia": "20261123_030000",
        },
        {
            "id": "abc",
            "nome": "Loja X",
            "tabela": "",
            "antes": 1450,
            "agora": 1,
            "referencia": "20261123_030000",
        },
    ),
    sumidas=({"id": "def", "nome": "Foi-se", "ultimo": "20261122_030000"},),
    log="20261124_030010_backup.log",
)


def test_o_boletim_diz_tudo() -> None:
    assert texto_de(FALHOU).splitlines() == [
        f"❌ Backup com falhas (código 4), em {socket.gethostname()}",
        "De 24/11/2026 03:00:10 a 24/11/2026 03:05:10",
        "Empresas com backup: 2 de 3; registros: 1.962",
        "Falhas: 1",
        "  Padaria Ação: clientes",
        "Parece ter sumido: 2",
        "  Loja X: clientes: eram 145 registros em 23/11/2026 03:00; agora, nenhum",
        "  Loja X: a empresa inteira: eram 1.450 registros em 23/11/2026 03:00; agora, 1",
        "Não estão mais entre as empresas: 1",
        "  Foi-se (último backup em 22/11/2026 03:00)",
        "Log: 20261124_030010_backup.log",
    ]


@pytest.mark.parametrize(
    ("codigo", "evento", "titulo"),
    [
        (0, "normal", "✅ Backup inteiro, em "),
        (
            10,
            "encolhimento",
            "📉 Backup feito, mas há dados que parecem ter sumido (código 10), em ",
        ),
        (130, "falha", "❌ Backup com falhas (código 130), em "),
    ],
)
def test_a_mensagem_diz_o_evento(codigo: int, evento: str, titulo: str) -> None:
    mensagem = mensagem_de(replace(FALHOU, codigo=codigo))
    assert mensagem["evento"] == evento
    assert mensagem["codigo"] == codigo
    assert mensagem["text"] == mensagem["content"]
    assert mensagem["text"].startswith(titulo)
    no_fio = json.loads(json.dumps(mensagem))
    assert no_fio["falhas"] == ["Padaria Ação: clientes"]
    assert no_fio["encolhimentos"] == list(FALHOU.encolhimentos)


def test_com_mil_falhas_a_mensagem_continua_pequena() -> None:
    muitas = tuple(f"Empresa {n}: {'tabela, ' * 20}" for n in range(1000))
    mensagem: dict[str, Any] = mensagem_de(replace(FALHOU, falhas=muitas))
    assert len(mensagem["text"]) == MAIOR_TEXTO
    assert mensagem["falhas"] == muitas[:20]
    assert re.search(r"… e mais 980$", texto_de(replace(FALHOU, falhas=muitas)), re.MULTILINE)
