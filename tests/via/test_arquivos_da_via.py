"""O Storage lido pelo programa: a lista inteira, cada conteúdo como é, e o que se recusa a crer."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import CAMPANHA, exemplos
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.storage import Storage, armazem_de
from cofre.base.erros import (
    ChaveRecusada,
    ConfiguracaoInvalida,
    FalhaDoServidor,
    RespostaInvalida,
)
from cofre.via.arquivos import descida
from cofre.via.arquivos.cliente import cabecalhos_de, no_caminho
from cofre.via.arquivos.erros import Mudou, NomeRecusado, ObjetoAusente, SemArmazem, SemConteudo
from cofre.via.arquivos.objetos import Balde, Objeto
from supabase_local.servidores.falhas import Falha, Pedido, Resposta, RespostaForcada, Seguir
from supabase_local.servidores.linha_ruim import DescidaCortada, LinhaLenta
from supabase_local.servidores.servidor import SupabaseLocal

NOMES = (
    " espaço no começo e no fim ".replace("ç", "c").replace("ã", "a"),
    "?interrogacao?",
    "a&b",
    "a+b",
    "a'b",
    "a//b",
    "a/",
    "/a",
    "a",
    "a/b",
    "A",
    "a!b (1)*$@;:,=-_.txt",
    "/".join(["x" * 225] * 4)[:900],
)
"""Os que o servidor aceita, e em que um programa costuma tropeçar."""

PERMITIDOS = "abzABZ059_/!-.*'() &$=@;:+,?"
"""De cada espécie que o servidor aceita num nome."""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO)


@pytest.fixture(scope="module")
def storage(projeto: SupabaseLocal) -> Iterator[Storage]:
    storage = Storage(projeto)
    storage.balde("nomes e mais")
    for i, nome in enumerate(NOMES):
        storage.enviar("nomes e mais", nome, f"conteúdo {i}".encode(), metadados={"n": i})
    yield storage
    storage.fechar()


@pytest.mark.parametrize("direto", [False, True])
def test_todo_nome_que_o_servidor_aceita_se_lista_e_desce(
    projeto: SupabaseLocal, storage: Storage, direto: bool
) -> None:
    with armazem_de(projeto, direto=direto) as armazem:
        assert [b.id for b in armazem.baldes()] == ["nomes e mais"]
        objetos = list(armazem.listar())
        assert [o.nome for o in objetos] == sorted(NOMES, key=str.encode)
        for objeto in objetos:
            i = NOMES.index(objeto.nome)
            recebido = bytearray()
            assert armazem.descer(objeto, recebido.extend) is True
            assert recebido == f"conteúdo {i}".encode()
            completo = armazem.completar(objeto)
            assert (completo.metadados, completo.tipo) == ({"n": i}, "image/png")
            assert (completo.versao is not None, completo.cache) == (True, "max-age=60")
            assert objeto.etag == hashlib.md5(bytes(recebido)).hexdigest()


def test_o_que_nao_existe_nao_se_confunde(projeto: SupabaseLocal, storage: Storage) -> None:
    with armazem_de(projeto) as armazem:
        assert armazem.info("nomes e mais", "a/b/c") is None
        assert armazem.info("outro balde", "a") is None
        assert armazem.info("nomes e mais", "a") is not None
        assert armazem.info("nomes e mais", "a") != Objeto("nomes e mais", "a")


def _desce(pedido: Pedido) -> bool:
    return pedido.metodo == "GET" and "/object/authenticated/" in pedido.caminho


@pytest.fixture
def um(storage: Storage) -> Iterator[Objeto]:
    """Um arquivo de 3 MB, como a lista o diz."""
    storage.balde("grandes")
    storage.enviar("grandes", "um.bin", conteudo := random.Random(7).randbytes(3 * 1024**2 + 5))
    md5 = hashlib.md5(conteudo, usedforsecurity=False).hexdigest()
    yield Objeto("grandes", "um.bin", tamanho=len(conteudo), etag=md5)
    storage.apagar("grandes", "um.bin")
    storage.cliente.pedir("DELETE", "bucket/grandes", de_que="um balde")


def test_uma_linha_que_cai_tres_vezes_continua_de_onde_parou(
    projeto: SupabaseLocal, um: Objeto
) -> None:
    recebido = bytearray()
    with (
        armazem_de(projeto, tentativas=1) as armazem,
        projeto.gateway.com_falha(DescidaCortada(1024**2 - 7), se=_desce, vezes=3) as regra,
    ):
        assert armazem.descer(um, recebido.extend) is True
    assert hashlib.md5(recebido, usedforsecurity=False).hexdigest() == um.etag
    assert regra.disparos == 3


MEGA = 1024**2
TAMANHO, VELOCIDADE = (60, 4) if CAMPANHA else (6, 12)
"""Megabytes do maior arquivo, e por segundo."""


def test_um_arquivo_grande_por_uma_linha_lenta_que_cai_tres_vezes(
    projeto: SupabaseLocal, storage: Storage, um: Objeto
) -> None:
    conteudo = random.Random(60).randbytes(TAMANHO * MEGA)
    storage.enviar("grandes", "um.bin", conteudo)
    corte = DescidaCortada(TAMANHO * MEGA // 5 + 1)
    with armazem_de(projeto, tentativas=1) as armazem:
        grande = armazem.info("grandes", "um.bin")
        assert grande is not None
        resumo = hashlib.sha256()
        with (
            projeto.gateway.com_falha(LinhaLenta(VELOCIDADE * MEGA), se=_desce, vezes=None),
            projeto.gateway.com_falha(corte, se=_desce, vezes=3) as regra,
        ):
            armazem.descer(grande, resumo.update)
        assert regra.disparos == 3
    assert resumo.digest() == hashlib.sha256(conteudo).digest()


def test_os_pedacos_de_ponto_chegam_ao_servidor_como_sao(
    projeto: SupabaseLocal, storage: Storage
) -> None:
    """Um servidor sobre S3 aceita-os, e o httpx resolvia-os: «a/../b» era pedido como «b»."""
    nomes = ("a/../b", "a/./b", "../b", "b", "..", "c/..", "./.../.d")
    projeto.storage.projeto.no_s3 = True
    storage.balde("pontos")
    try:
        for nome in nomes:
            storage.enviar("pontos", nome, nome.encode())
        with armazem_de(projeto) as armazem:
            recebidos: dict[str, bytearray] = {}
            for objeto in armazem.listar():
                if objeto.balde == "pontos":
                    armazem.descer(objeto, recebidos.setdefault(objeto.nome, bytearray()).extend)
        assert recebidos == {nome: nome.encode() for nome in nomes}
    finally:
        projeto.storage.projeto.no_s3 = False
        storage.esvaziar_balde("pontos")


@given(st.lists(st.text(PERMITIDOS, min_size=1, max_size=40), min_size=1, max_size=8, unique=True))
@settings(max_examples=exemplos(15))
def test_qualquer_nome_permitido_vai_e_volta(
    projeto: SupabaseLocal, storage: Storage, nomes: list[str]
) -> None:
    bons = [n for n in nomes if not {".", ".."} & set(n.split("/"))]
    if not any(b.id == "acaso" for b in _baldes(projeto)):
        storage.balde("acaso")
    storage.esvaziar_balde("acaso", o_balde=False)
    for nome in bons:
        storage.enviar("acaso", nome, nome.encode())
    with armazem_de(projeto) as armazem:
        recebidos: dict[str, bytearray] = {}
        for objeto in armazem.listar():
            if objeto.balde == "acaso":
                armazem.descer(objeto, recebidos.setdefault(objeto.nome, bytearray()).extend)
    assert recebidos == {nome: nome.encode() for nome in bons}
    storage.esvaziar_balde("acaso")


def _baldes(projeto: SupabaseLocal) -> list[Balde]:
    with armazem_de(projeto) as armazem:
        return armazem.baldes()


def test_o_que_muda_entre_um_pedaco_e_o_outro_nao_se_cola(
    projeto: SupabaseLocal, storage: Storage, um: Objeto
) -> None:
    recebido = bytearray()

    def receber(parte: bytes) -> None:
        if not recebido:
            storage.enviar("grandes", "um.bin", b"x" * (um.tamanho or 0))
        recebido.extend(parte)

    corte = DescidaCortada(1024**2)
    with (
        armazem_de(projeto) as armazem,
        projeto.gateway.com_falha(corte, se=_desce),
        pytest.raises(Mudou),
    ):
        armazem.descer(um, receber)


@dataclass(frozen=True, slots=True)
class DaCdn(Falha):
    """Uma resposta guardada de uma versão anterior, inteira e bem formada."""

    corpo: bytes

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        await (await seguir(pedido)).inteira()
        md5 = hashlib.md5(self.corpo, usedforsecurity=False).hexdigest()
        return Resposta(200, (("ETag", f'"{md5}"'), ("cf-cache-status", "HIT")), self.corpo)


def test_o_que_a_cdn_ainda_tem_de_antes_nao_se_aceita(
    projeto: SupabaseLocal, um: Objeto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descida, "ESPERAS", (0.0, 0.0, 0.0))
    velha = DaCdn(b"v" * (um.tamanho or 0))
    esperas: list[float] = []
    with armazem_de(projeto) as armazem:
        armazem.ao_esperar = lambda _objeto, espera: esperas.append(espera)
        recebido = bytearray()
        with projeto.gateway.com_falha(velha, se=_desce, vezes=2):
            armazem.descer(um, recebido.extend)
        assert hashlib.md5(recebido, usedforsecurity=False).hexdigest() == um.etag
        assert len(esperas) == 2
        recebido.clear()
        with (
            projeto.gateway.com_falha(velha, se=_desce, vezes=None),
            pytest.raises(Mudou, match="continua sendo o de outra versão"),
        ):
            armazem.descer(um, recebido.extend)
        assert not recebido
    assert sum(descida.ESPERAS) == 0.0


def test_a_espera_pela_cdn_passa_de_um_minuto() -> None:
    assert 60 < sum(descida.ESPERAS) <= 70


def test_um_etag_que_nao_e_o_da_lista_porque_o_arquivo_mudou_diz_isso(
    projeto: SupabaseLocal, storage: Storage, um: Objeto
) -> None:
    storage.enviar("grandes", "um.bin", b"outro")
    with armazem_de(projeto) as armazem, pytest.raises(Mudou, match="Mudou, depois de listado"):
        armazem.descer(um, lambda _parte: None)


@pytest.mark.parametrize("no_s3", [False, True])
def test_uma_linha_sem_conteudo_nao_se_confunde_com_um_arquivo_apagado(
    projeto: SupabaseLocal, storage: Storage, um: Objeto, no_s3: bool
) -> None:
    projeto.storage.projeto.no_s3 = no_s3
    try:
        storage.perder("grandes", "um.bin")
        with armazem_de(projeto, tentativas=8) as armazem:
            with pytest.raises(SemConteudo):
                armazem.descer(um, lambda _parte: None)
            with pytest.raises(ObjetoAusente):
                armazem.descer(replace(um, nome="nunca houve"), lambda _parte: None)
            with pytest.raises(NomeRecusado):
                armazem.descer(replace(um, nome="coração"), lambda _parte: None)
    finally:
        projeto.storage.projeto.no_s3 = False


def test_um_envio_em_partes_desce_sem_md5_que_conferir(
    projeto: SupabaseLocal, storage: Storage, um: Objeto
) -> None:
    storage.sql(
        "UPDATE storage.objects SET metadata = jsonb_set(metadata, '{eTag}', %s) WHERE name = %s",
        *('"\\"abcdef-2\\""', "um.bin"),
    )
    with armazem_de(projeto) as armazem:
        (objeto,) = (o for o in armazem.listar() if o.nome == "um.bin")
        assert objeto.etag == "abcdef-2"
        assert armazem.descer(objeto, lambda _parte: None) is None


def test_tres_mil_nomes_que_a_outra_lista_perderia(
    projeto: SupabaseLocal, storage: Storage
) -> None:
    storage.balde("muitos")
    nomes = [f"r{n:04}{fim}" for n in range(1000) for fim in ("", ".txt", "-1")]
    nomes += [f"Dir{c}/{n}" for n in range(3) for c in ("", "a", " ")] + ["dir/0", "DIR/0", "dir"]
    storage.sql(
        "INSERT INTO storage.objects (bucket_id, name, metadata) SELECT 'muitos', n, %s"
        " FROM unnest(%s::text[]) n",
        *(json.dumps({"size": 1}), nomes),
    )
    with armazem_de(projeto) as pela_api, armazem_de(projeto, direto=True) as pelo_banco:
        for armazem in (pela_api, pelo_banco):
            achados = [o.nome for o in armazem.listar() if o.balde == "muitos"]
            assert achados == sorted(nomes, key=str.encode)
        pelo_banco.conferir_numeros()
        projeto.gateway.esquecer_pedidos()
        list(pela_api.listar())
        listas = [p for p in projeto.gateway.pedidos if "list-v2/muitos" in p.caminho]
        assert len(listas) == 4


@dataclass(frozen=True, slots=True)
class Torta(Falha):
    """Muda o JSON de uma resposta."""

    mudar: Callable[[Any], Any]

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        resposta = await (await seguir(pedido)).inteira()
        fora = [(c, v) for c, v in resposta.cabecalhos if c.lower() != "content-length"]
        corpo = json.dumps(self.mudar(json.loads(resposta.bytes))).encode()
        return replace(resposta, cabecalhos=tuple(fora), corpo=corpo)


@pytest.mark.parametrize(
    "mudar",
    [
        lambda x: {**x, "objects": x["objects"] + x["objects"][-1:]},
        lambda x: {**x, "objects": x["objects"][::-1]},
        lambda x: {**x, "folders": [{"name": "a/"}]},
        lambda x: {**x, "hasNext": True},
        lambda x: {**x, "objects": [{"name": "pasta", "id": None}]},
        lambda x: {"data": x},
    ],
    ids=["repete", "volta atrás", "traz pastas", "não continua", "sem id", "sem objetos"],
)
def test_uma_lista_que_nao_e_como_devia_levanta(
    projeto: SupabaseLocal, storage: Storage, mudar: Callable[[Any], Any]
) -> None:
    def lista(pedido: Pedido) -> bool:
        return "list-v2/nomes" in pedido.caminho

    with (
        armazem_de(projeto) as armazem,
        projeto.gateway.com_falha(Torta(mudar), se=lista, vezes=None),
        pytest.raises(RespostaInvalida, match="A lista do balde nomes e mais não serve"),
    ):
        list(armazem.listar())


def test_um_balde_que_some_a_meio_nao_e_um_balde_vazio(
    projeto: SupabaseLocal, storage: Storage
) -> None:
    a_mais = Torta(lambda baldes: [*baldes, {**baldes[0], "id": "z", "name": "z"}])
    with (
        armazem_de(projeto) as armazem,
        projeto.gateway.com_falha(a_mais, se=lambda p: p.caminho.endswith("/bucket"), vezes=None),
        pytest.raises(Mudou, match="O balde z sumiu"),
    ):
        list(armazem.listar())


def test_so_a_chave_de_servico_serve(projeto: SupabaseLocal, storage: Storage) -> None:
    """Com outra, o servidor responde 200 e vazio: seria um backup sem nada, e sem erro."""
    for chave in (projeto.chave_anon, projeto.chave_publicavel, projeto.jwt("authenticated")):
        with pytest.raises(ConfiguracaoInvalida), armazem_de(projeto, chave=chave):
            pass
    de_outro = projeto.jwt("service_role")[:-4] + "AAAA"
    with armazem_de(projeto, chave=de_outro) as armazem, pytest.raises(ChaveRecusada) as erro:
        armazem.baldes()
    assert de_outro not in str(erro.value) + erro.value.dica
    with armazem_de(projeto, chave=projeto.chave_secreta) as armazem:
        assert armazem.info("nomes e mais", "a") is not None


def test_a_sb_secret_so_vai_em_apikey() -> None:
    assert cabecalhos_de("sb_secret_abc") == {"apikey": "sb_secret_abc"}
    assert cabecalhos_de("a.b.c") == {"apikey": "a.b.c", "authorization": "Bearer a.b.c"}


def test_sem_storage_nao_e_o_mesmo_que_o_storage_fora_do_ar(
    projeto: SupabaseLocal, storage: Storage
) -> None:
    def nele(pedido: Pedido) -> bool:
        return "/storage/" in pedido.caminho

    nenhum = RespostaForcada(404, b'{"code":"PGRST125","message":"Invalid path"}')
    caiu = RespostaForcada(503, b"")
    with armazem_de(projeto, tentativas=2) as armazem:
        with projeto.gateway.com_falha(nenhum, se=nele, vezes=None), pytest.raises(SemArmazem):
            armazem.baldes()
        with (
            projeto.gateway.com_falha(caiu, se=nele, vezes=None),
            pytest.raises(FalhaDoServidor) as erro,
        ):
            armazem.baldes()
        assert not isinstance(erro.value, SemArmazem)
        with projeto.gateway.com_falha(caiu, se=nele):
            assert armazem.baldes()
    with (
        armazem_de(projeto, direto=True) as armazem,
        projeto.gateway.com_falha(nenhum, se=nele, vezes=None),
        pytest.raises(FalhaDoServidor, match="O banco tem baldes"),
    ):
        armazem.baldes()


def test_uma_conexao_direta_que_nao_ve_o_storage_nao_e_um_storage_vazio(
    projeto: SupabaseLocal, storage: Storage
) -> None:
    storage.sql("CREATE ROLE so_linhas LOGIN PASSWORD 'x'")
    try:
        with armazem_de(projeto, direto=True) as armazem:
            assert armazem.tabelas is not None
            de_antes = armazem.tabelas.conectar

            @contextmanager
            def como_outro() -> Iterator[psycopg.Connection]:
                with de_antes() as conexao:
                    conexao.execute("SET ROLE so_linhas")
                    yield conexao

            armazem.tabelas.conectar = como_outro
            with pytest.raises(FalhaDoServidor, match="não vê as tabelas do Storage"):
                armazem.baldes()
    finally:
        storage.sql("DROP ROLE so_linhas")


def test_a_api_de_um_projeto_e_o_banco_de_outro_nao_passam(
    projeto: SupabaseLocal, storage: Storage
) -> None:
    falta_um = Torta(lambda x: {**x, "objects": x["objects"][1:]})
    with (
        armazem_de(projeto, direto=True) as armazem,
        projeto.gateway.com_falha(falta_um, se=lambda p: "list-v2" in p.caminho, vezes=None),
        pytest.raises(FalhaDoServidor, match="não mostram os mesmos arquivos"),
    ):
        armazem.conferir_numeros()


def test_um_nome_no_caminho_nao_muda_de_sentido() -> None:
    assert no_caminho("a/../b/./c..d/..") == "a/%2E%2E/b/%2E/c..d/%2E%2E"
    assert no_caminho(" é?#%&+'") == "%20%C3%A9%3F%23%25%26%2B%27"


@pytest.mark.parametrize("outro", [{"name": "a/b"}, {"bucket_id": "outro"}])
def test_uma_resposta_que_e_de_outro_objeto_nao_serve(
    projeto: SupabaseLocal, storage: Storage, outro: dict[str, str]
) -> None:
    """Um proxy que resolve «x/../a» levaria à pasta de outra empresa."""
    dito = {"id": "1", "bucket_id": "nomes e mais", "name": "a", "size": 1, **outro}
    falha = RespostaForcada(200, json.dumps(dito).encode())
    with (
        armazem_de(projeto) as armazem,
        projeto.gateway.com_falha(falha, se=lambda p: "/object/info/" in p.caminho, vezes=None),
        pytest.raises(RespostaInvalida, match="respondeu por outro"),
    ):
        armazem.info("nomes e mais", "a")
