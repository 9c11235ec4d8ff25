"""O gateway do Supabase embutido: quem entra, o que passa intacto e como se comporta mal."""

from __future__ import annotations

import gc
import socket
import threading
import time

import httpx
import pytest

from apoio.servidores import FabricaDeSupabase
from supabase_local.servidores.chaves import gerar_chaves
from supabase_local.servidores.falhas import (
    Atraso,
    CorpoCortado,
    CorpoEncurtado,
    CorteAntes,
    CorteDepois,
    Falha,
    ParametroIgnorado,
    Pedido,
    Regra,
    RespostaForcada,
    SemDefinicoes,
    quando,
)
from supabase_local.servidores.fluxo import Visto
from supabase_local.servidores.gateway import Gateway
from supabase_local.servidores.processos import esperar
from supabase_local.servidores.servidor import SupabaseLocal

PRAZO = 60.0
"""Segundos para um registro que já devia estar lá."""

TABELA = """
    CREATE TABLE coisas (id bigint PRIMARY KEY, texto text);
    INSERT INTO coisas SELECT n, 'coisa ' || n FROM generate_series(1, 20) AS n;
    GRANT ALL ON coisas TO service_role;
"""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo("template1", sql=(TABELA,))


def registro_de(projeto: SupabaseLocal, metodo: str, consulta: str) -> Visto:
    """O registro de um pedido. É escrito depois da resposta: pode chegar depois dela, e
    o de um teste anterior ainda pode estar por escrever."""

    def achados() -> list[Visto]:
        return [r for r in projeto.gateway.pedidos if (r.metodo, r.consulta) == (metodo, consulta)]

    assert esperar(lambda: bool(achados()), PRAZO)
    return achados()[-1]


@pytest.fixture(autouse=True)
def _limpo(projeto: SupabaseLocal) -> None:
    projeto.gateway.retirar_todas()
    projeto.gateway.esquecer_pedidos()


@pytest.fixture
def cliente(projeto: SupabaseLocal) -> httpx.Client:
    return httpx.Client(
        base_url=f"{projeto.url}/rest/v1/",
        headers={"apikey": projeto.chave_secreta, "User-Agent": "teste"},
    )


# -- quem entra ------------------------------------------------------------------------------


def test_sem_chave(projeto: SupabaseLocal) -> None:
    resposta = httpx.get(f"{projeto.url}/rest/v1/coisas")
    assert resposta.status_code == 401
    assert resposta.json()["message"] == "No API key found in request"


def test_chave_desconhecida(projeto: SupabaseLocal) -> None:
    resposta = httpx.get(f"{projeto.url}/rest/v1/coisas", headers={"apikey": "sb_secret_outra"})
    assert (resposta.status_code, resposta.json()["message"]) == (401, "Invalid API key")


def test_chave_secreta_num_navegador(projeto: SupabaseLocal) -> None:
    navegador = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
    url = f"{projeto.url}/rest/v1/coisas"
    recusada = httpx.get(url, headers={"apikey": projeto.chave_secreta, **navegador})
    assert recusada.status_code == 401
    assert "browser" in recusada.json()["message"]
    # A restrição é das chaves sb_secret_; o JWT antigo não a tem.
    aceita = httpx.get(url, headers={"apikey": projeto.chave_service_role, **navegador})
    assert aceita.status_code == 200


def test_outros_caminhos_nao_existem(projeto: SupabaseLocal) -> None:
    assert httpx.get(f"{projeto.url}/functions/v1/ola").status_code == 404


def test_url_e_cabecalhos_acima_de_16_kb(cliente: httpx.Client) -> None:
    def pedir(quantos: int) -> int:
        return cliente.get(f"coisas?id=in.({','.join(['1'] * quantos)})").status_code

    assert (pedir(1000), pedir(9000)) == (200, 414)


def test_servidor_parado_e_502(criar_supabase: FabricaDeSupabase) -> None:
    projeto = criar_supabase("template1")
    url = projeto.url
    projeto.postgrest.parar()
    resposta = httpx.get(f"{url}/rest/v1/", headers={"apikey": projeto.chave_secreta})
    assert resposta.status_code == 502


# -- o que passa intacto ---------------------------------------------------------------------


def test_os_bytes_passam_intactos_nos_dois_sentidos(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    texto = 'açaí 🛠️ \\ " \n' * 40_000
    corpo = {"id": 1000, "texto": texto}
    assert cliente.post("coisas", json=corpo).status_code == 201
    volta = cliente.get("coisas?id=eq.1000&select=texto")
    direto = httpx.get(
        f"{projeto.postgrest.url}/coisas?id=eq.1000&select=texto",
        headers={"Authorization": f"Bearer {projeto.chave_service_role}"},
    )
    assert volta.content == direto.content
    assert volta.json() == [{"texto": texto}]
    cliente.delete("coisas?id=eq.1000")


def test_o_caminho_e_a_consulta_passam_como_vieram(cliente: httpx.Client) -> None:
    assert cliente.get("coisas?texto=eq.coisa%20%31").json()[0]["id"] == 1


def test_head_e_contagem(cliente: httpx.Client) -> None:
    resposta = cliente.head("coisas", headers={"Prefer": "count=exact"})
    assert (resposta.status_code, resposta.headers["Content-Range"]) == (200, "0-19/20")


def test_conta_os_pedidos_e_nao_guarda_chaves(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    cliente.get("coisas?id=eq.3", headers={"Prefer": "count=exact"})
    registro = registro_de(projeto, "GET", "id=eq.3")
    assert (registro.metodo, registro.tabela, registro.consulta) == ("GET", "coisas", "id=eq.3")
    assert (registro.status, registro.bytes_enviados) == (200, len('[{"id":3,"texto":"coisa 3"}]'))
    assert registro.pedido.cabecalhos["prefer"] == "count=exact"
    guardado = repr(registro) + repr(dict(registro.pedido.cabecalhos))
    assert projeto.chave_secreta not in guardado
    assert projeto.chave_service_role not in guardado


def test_se_outro_tem_a_porta_que_se_prefere_serve_numa_qualquer() -> None:
    """Duas demonstrações ao mesmo tempo: a segunda não pode falhar por chegar a seguir."""
    with (
        Gateway("http://127.0.0.1:1", gerar_chaves()) as um,
        Gateway("http://127.0.0.1:1", gerar_chaves(), porta=um.porta) as outro,
    ):
        assert outro.porta not in (0, um.porta)
        with socket.create_connection(("127.0.0.1", outro.porta)):
            pass


# -- como se comporta mal --------------------------------------------------------------------


def test_atraso(projeto: SupabaseLocal, cliente: httpx.Client) -> None:
    with projeto.gateway.com_falha(Atraso(0.3)):
        inicio = time.monotonic()
        assert cliente.get("coisas").status_code == 200
        assert time.monotonic() - inicio >= 0.3


def test_um_atraso_maior_do_que_a_paciencia_do_cliente(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    projeto.gateway.acrescentar(Regra(Atraso(1), quando()))
    with pytest.raises(httpx.ReadTimeout):
        cliente.get("coisas", timeout=httpx.Timeout(PRAZO, read=0.1))


def test_resposta_forcada_com_cabecalhos_e_corpo(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    falha = RespostaForcada(429, {"message": "devagar"}, {"Retry-After": "7"})
    with projeto.gateway.com_falha(falha):
        resposta = cliente.get("coisas")
        assert (resposta.status_code, resposta.headers["Retry-After"]) == (429, "7")
        assert resposta.json() == {"message": "devagar"}
        assert cliente.get("coisas").status_code == 200


@pytest.mark.parametrize(
    ("falha", "erro"),
    [
        (CorteAntes(), httpx.RemoteProtocolError),
        (CorteAntes(com_reset=True), httpx.ReadError),
        (CorteDepois(), httpx.RemoteProtocolError),
        (CorteDepois(com_reset=True), httpx.ReadError),
        (CorpoCortado(), httpx.RemoteProtocolError),
    ],
)
def test_cortes(
    projeto: SupabaseLocal, cliente: httpx.Client, falha: Falha, erro: type[Exception]
) -> None:
    with projeto.gateway.com_falha(falha), pytest.raises(erro):
        cliente.get("coisas")
    assert len(cliente.get("coisas").json()) == 20


@pytest.mark.parametrize(
    ("falha", "ficou"), [(CorteAntes(), 0), (CorteDepois(), 1), (CorteDepois(True), 1)]
)
def test_o_corte_antes_nada_grava_e_o_depois_ja_gravou(
    projeto: SupabaseLocal, cliente: httpx.Client, falha: Falha, ficou: int
) -> None:
    with (
        projeto.gateway.com_falha(falha, metodo="POST", tabela="coisas"),
        pytest.raises(httpx.TransportError),
    ):
        cliente.post("coisas", json={"id": 2000})
    assert len(cliente.get("coisas?id=eq.2000").json()) == ficou
    cliente.delete("coisas?id=eq.2000")


def test_corpo_encurtado_e_http_certo_com_json_errado(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    with projeto.gateway.com_falha(CorpoEncurtado(0.5)):
        resposta = cliente.get("coisas")
    assert resposta.status_code == 200
    assert int(resposta.headers["Content-Length"]) == len(resposta.content)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        resposta.json()


def test_parametro_ignorado(projeto: SupabaseLocal, cliente: httpx.Client) -> None:
    with projeto.gateway.com_falha(ParametroIgnorado("id")):
        assert len(cliente.get("coisas?id=eq.1&select=id").json()) == 20


def test_raiz_sem_definicoes(projeto: SupabaseLocal, cliente: httpx.Client) -> None:
    assert "coisas" in cliente.get("").json()["definitions"]
    with projeto.gateway.com_falha(SemDefinicoes()):
        assert cliente.get("").json()["definitions"] == {}


# -- a que pedidos uma falha se aplica -------------------------------------------------------


def test_no_enesimo_pedido_e_por_tantas_vezes(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    with projeto.gateway.com_falha(RespostaForcada(503), no_pedido=2, vezes=2) as regra:
        respostas = [cliente.get("coisas").status_code for _ in range(5)]
    assert respostas == [200, 503, 503, 200, 200]
    assert (regra.vistos, regra.disparos) == (5, 2)


def test_sempre_e_so_para_o_metodo_a_tabela_e_a_condicao(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    def com_filtro(pedido: Pedido) -> bool:
        return pedido.parametros.get("id") == "eq.1"

    with projeto.gateway.com_falha(
        RespostaForcada(500), metodo="GET", tabela="coisas", se=com_filtro, vezes=None
    ):
        assert [cliente.get("coisas?id=eq.1").status_code for _ in range(3)] == [500] * 3
        assert cliente.get("coisas?id=eq.2").status_code == 200
        assert cliente.head("coisas?id=eq.1").status_code == 200
    assert cliente.get("coisas?id=eq.1").status_code == 200


def test_falhas_se_somam(projeto: SupabaseLocal, cliente: httpx.Client) -> None:
    inicio = time.monotonic()
    with (
        projeto.gateway.com_falha(Atraso(0.2)),
        projeto.gateway.com_falha(RespostaForcada(500)),
    ):
        assert cliente.get("coisas").status_code == 500
    assert time.monotonic() - inicio >= 0.2


def test_ganchos_antes_e_depois_do_servidor(projeto: SupabaseLocal, cliente: httpx.Client) -> None:
    def linhas() -> int:
        with projeto.cluster.conectar(projeto.banco) as conexao:
            consulta = conexao.execute("SELECT count(*) FROM coisas").fetchone()
        assert consulta is not None
        return int(consulta[0])

    visto: list[tuple[str, int, int]] = []
    with projeto.gateway.ao_pedir(
        lambda pedido, n: visto.append((pedido.metodo, n, linhas())),
        lambda pedido, n: visto.append((pedido.metodo, n, linhas())),
        metodo="POST",
    ):
        cliente.get("coisas")
        cliente.post("coisas", json={"id": 3000})
    assert visto == [("POST", 1, 20), ("POST", 1, 21)]
    cliente.delete("coisas?id=eq.3000")


def test_um_gancho_que_espera_nao_para_os_outros_pedidos(
    projeto: SupabaseLocal, cliente: httpx.Client
) -> None:
    solto = threading.Event()
    with projeto.gateway.ao_pedir(lambda pedido, n: solto.wait(PRAZO), metodo="HEAD"):
        preso = threading.Thread(target=lambda: cliente.head("coisas", timeout=PRAZO))
        preso.start()
        assert cliente.get("coisas").status_code == 200
        solto.set()
        preso.join()


def test_um_gancho_que_devolve_false_corta(projeto: SupabaseLocal, cliente: httpx.Client) -> None:
    with (
        projeto.gateway.ao_pedir(lambda pedido, n: False),
        pytest.raises(httpx.TransportError),
    ):
        cliente.post("coisas?columns=id", json={"id": 4000})
    assert cliente.get("coisas?id=eq.4000").json() == []
    assert registro_de(projeto, "POST", "columns=id").status == 0
    assert registro_de(projeto, "GET", "id=eq.4000").status == 200


def test_parar_nao_deixa_atendimentos_pela_metade(caplog: pytest.LogCaptureFixture) -> None:
    """O de um cliente que já foi embora, também: o laço que se fecha com ele reclama no fim."""
    chegou = threading.Event()
    with (
        Gateway("http://127.0.0.1:9", chaves := gerar_chaves()) as gateway,
        gateway.ao_pedir(lambda _p, _n: chegou.set()),
        gateway.com_falha(Atraso(3600)),
    ):
        with socket.create_connection(("127.0.0.1", gateway.porta)) as cliente:
            pedido = f"GET /rest/v1/coisas HTTP/1.1\r\nHost: x\r\napikey: {chaves.secreta}\r\n\r\n"
            cliente.sendall(pedido.encode())
            assert chegou.wait(PRAZO)
        # Quando este se responde, o laço já viu que aquele cliente se foi.
        assert httpx.get(f"{gateway.url}/rest/v1/coisas").status_code == 401
    gc.collect()
    assert caplog.text == ""
