"""Um arquivo que sobe ao Storage: igual ao que era, e só por cima do que se viu."""

from __future__ import annotations

import contextlib
import io
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import pytest

from apoio.campanha import CAMPANHA
from apoio.servidores import FabricaDeSupabase
from cofre.base.config.valores import Acesso, AcessoDireto
from cofre.base.erros import BackupDanificado, EscritaRecusada
from cofre.via.arquivos import identidade, remocao, subida
from cofre.via.arquivos.a_subir import Abrir, ASubir
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.cliente import Cliente
from cofre.via.arquivos.erros import Mudou
from cofre.via.arquivos.identidade import Identidade
from cofre.via.arquivos.objetos import Balde, Objeto
from cofre.via.arquivos.subida import Subida, recusa_do_balde
from cofre.via.direta.conexao import conectar
from cofre.via.direta.endereco import interpretar
from supabase_local.servidores.falhas import CorteDepois, Pedido
from supabase_local.servidores.linha_ruim import SubidaCortada
from supabase_local.servidores.servidor import SupabaseLocal

BALDE = "fotos"
MB = 1024 * 1024
UMA_PESSOA = "0b6ef5f0-5a3e-4f0f-9d53-0d6a1c3a9d11"


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo()


@pytest.fixture(scope="module")
def armazem(projeto: SupabaseLocal) -> Iterator[Armazem]:
    acesso = Acesso(projeto.url, projeto.chave_service_role)
    cliente = Cliente(acesso, 4, 3, threading.Event(), lambda *_: None)
    armazem = Armazem(cliente)
    remocao.criar(armazem, Balde(BALDE, BALDE))
    yield armazem
    armazem.fechar()


def conteudo(bytes_: bytes) -> Abrir:
    @contextlib.contextmanager
    def abrir() -> Iterator[BinaryIO]:
        yield io.BytesIO(bytes_)

    return abrir


def subir(
    armazem: Armazem, objeto: Objeto, bytes_: bytes, antes: Objeto | None = None
) -> str | None:
    a_subir = ASubir(replace(objeto, tamanho=len(bytes_)), conteudo(bytes_))
    return Subida(armazem, a_subir, antes).subir()


def descer(armazem: Armazem, objeto: Objeto) -> bytes:
    partes: list[bytes] = []
    armazem.descer(objeto, partes.append)
    return b"".join(partes)


def ver(armazem: Armazem, nome: str) -> Objeto:
    achado = armazem.info(BALDE, nome)
    assert achado is not None
    return achado


@pytest.mark.parametrize(
    "nome",
    [
        " com espaços nas pontas ".replace("ç", "c"),
        "a?b&c+d'e=f;g,h:i@j!k(l)*$",
        "//duas//barras",
        "/comeca/e/acaba/",
        "a",
        "a/b",
        "A/B",
        "a.b/.x/..y",
        "n" * 200 + "/" + "m" * 200,
    ],
)
def test_volta_igual_com_qualquer_nome(armazem: Armazem, nome: str) -> None:
    objeto = Objeto(
        BALDE,
        nome,
        tipo="text/html; charset=utf-8",
        cache="public, max-age=3",
        metadados={"não": [1, 2.5, None]},
    )
    id_ = subir(armazem, objeto, nome.encode() * 3)
    ficou = ver(armazem, nome)
    assert ficou.id == id_
    assert (ficou.tipo, ficou.cache, ficou.metadados) == (
        objeto.tipo,
        objeto.cache,
        objeto.metadados,
    )
    assert descer(armazem, ficou) == nome.encode() * 3


def test_um_arquivo_vazio_e_um_sem_cache_nem_metadados(armazem: Armazem) -> None:
    subir(
        armazem,
        Objeto(BALDE, "pasta/.emptyFolderPlaceholder", tipo="application/octet-stream"),
        b"",
    )
    ficou = ver(armazem, "pasta/.emptyFolderPlaceholder")
    assert (ficou.tamanho, ficou.cache, ficou.metadados or None) == (0, "no-cache", None)


def test_metadados_que_nao_cabem_num_cabecalho_vao_num_formulario(armazem: Armazem) -> None:
    metadados = {"texto": "é" * 20_000}
    objeto = Objeto(
        BALDE, "grandes-metadados", tipo="image/png", cache="max-age=60", metadados=metadados
    )
    subir(armazem, objeto, b"\r\n--bytes--\r\n")
    ficou = ver(armazem, objeto.nome)
    assert (ficou.tipo, ficou.cache, ficou.metadados) == ("image/png", "max-age=60", metadados)
    assert descer(armazem, ficou) == b"\r\n--bytes--\r\n"


def test_so_o_formulario_e_os_pedacos_perdem_um_cache_que_nao_seja_em_segundos() -> None:
    grandes = {"x": "y" * 20_000}
    for objeto, perde in (
        (Objeto(BALDE, "a", 1, cache="public, max-age=3"), False),
        (Objeto(BALDE, "a", 1, cache="public, max-age=3", metadados=grandes), True),
        (Objeto(BALDE, "a", 1, cache="max-age=3", metadados=grandes), False),
        (Objeto(BALDE, "a", 100, cache="public, max-age=3"), True),
        (Objeto(BALDE, "a", 100, cache="no-cache"), False),
    ):
        assert subida.perde_o_cache(objeto, de_um_pedido=50) == perde


def test_o_que_nao_cabe_num_pedido_vai_aos_pedacos_e_segue_de_onde_parou(
    projeto: SupabaseLocal, armazem: Armazem
) -> None:
    bytes_ = bytes(range(256)) * (3 * 4 * 1024 * 16) + b"fim"  # dois pedaços de 6 MB, e três bytes
    objeto = Objeto(
        BALDE,
        "pasta/aos pedacos?",
        len(bytes_),
        tipo="video/mp4",
        cache="max-age=60",
        metadados={"é": 1},
    )
    with projeto.gateway.com_falha(SubidaCortada(1_000_000), metodo="PATCH", no_pedido=2):
        Subida(armazem, ASubir(objeto, conteudo(bytes_)), None, de_um_pedido=1024).subir()
    ficou = ver(armazem, objeto.nome)
    assert (ficou.tipo, ficou.cache, ficou.metadados) == ("video/mp4", "max-age=60", {"é": 1})
    assert descer(armazem, ficou) == bytes_


def test_um_envio_cortado_vai_de_novo(projeto: SupabaseLocal, armazem: Armazem) -> None:
    """Na campanha, de 60 MB, por uma linha que cai duas vezes."""
    bytes_ = random.Random("cortado").randbytes(60 * MB if CAMPANHA else 2 * MB)
    with (
        projeto.gateway.com_falha(SubidaCortada(len(bytes_) // 3), se=_envio),
        projeto.gateway.com_falha(SubidaCortada(len(bytes_) - 1), se=_envio, no_pedido=2),
    ):
        subir(armazem, Objeto(BALDE, "cortado"), bytes_)
    assert descer(armazem, ver(armazem, "cortado")) == bytes_


def test_um_envio_cuja_resposta_se_perdeu_nao_se_repete(
    projeto: SupabaseLocal, armazem: Armazem
) -> None:
    pedidos: list[Pedido] = []

    def contar(pedido: Pedido) -> bool:
        pedidos.extend([pedido] if _envio(pedido) else [])
        return _envio(pedido)

    with projeto.gateway.com_falha(CorteDepois(), se=contar):
        id_ = subir(armazem, Objeto(BALDE, "perdida"), b"uma vez")
    assert ver(armazem, "perdida").id == id_
    assert len(pedidos) == 1


def test_so_se_escreve_por_cima_do_que_se_viu(armazem: Armazem) -> None:
    subir(armazem, Objeto(BALDE, "disputado"), b"como era")
    visto = ver(armazem, "disputado")
    subir(armazem, Objeto(BALDE, "disputado"), b"de outra pessoa", visto)
    for antes in (visto, None):
        with pytest.raises(Mudou):
            subir(armazem, Objeto(BALDE, "disputado"), b"como era", antes)
    with pytest.raises(Mudou):
        subir(armazem, Objeto(BALDE, "sumiu"), b"como era", Objeto(BALDE, "sumiu", id=UMA_PESSOA))
    assert descer(armazem, ver(armazem, "disputado")) == b"de outra pessoa"


def test_um_conteudo_estragado_nunca_chega_inteiro(armazem: Armazem) -> None:
    class Estragado(io.BytesIO):
        def read(self, n: int | None = -1, /) -> bytes:
            if self.tell():
                raise BackupDanificado("estragado")
            return super().read(100)

    @contextlib.contextmanager
    def abrir() -> Iterator[BinaryIO]:
        yield Estragado(b"x" * 1000)

    with pytest.raises(BackupDanificado):
        Subida(armazem, ASubir(Objeto(BALDE, "estragado", 1000), abrir), None).subir()
    assert armazem.info(BALDE, "estragado") is None


def test_o_que_o_balde_nao_aceita_e_recusa_de_um_arquivo(armazem: Armazem) -> None:
    so_fotos = Balde("so-fotos", "so-fotos", limite=10, tipos=("image/*", "text/plain"))
    remocao.criar(armazem, so_fotos)
    subir(armazem, Objeto("so-fotos", "antes", tipo="video/mp4"), b"maior que dez bytes")
    remocao.limitar(armazem, so_fotos)
    assert so_fotos in armazem.baldes()
    for objeto, bytes_, code in (
        (Objeto("so-fotos", "a", tipo="image/png"), b"maior que dez bytes", subida.GRANDE),
        (Objeto("so-fotos", "b", tipo="text/plain;charset=utf-8"), b"x", subida.TIPO),
        (Objeto("so-fotos", "maçã", tipo="image/png"), b"x", subida.NOME),
        (Objeto("so-fotos", "d/.emptyFolderPlaceholder", tipo="text/plain"), b"x", subida.GRANDE),
        (Objeto("nao-ha", "c"), b"x", subida.SEM_BALDE),
    ):
        with pytest.raises(EscritaRecusada) as recusa:
            subir(armazem, objeto, bytes_)
        assert recusa.value.codigo_sql == code
        if code != subida.SEM_BALDE:
            com_tamanho = Objeto(objeto.balde, objeto.nome, len(bytes_), objeto.tipo)
            assert recusa_do_balde(com_tamanho, so_fotos.limite, so_fotos.tipos) == code
    subir(armazem, Objeto("so-fotos", "d", tipo="image/PNG"), b"x")


def test_o_banco_devolve_o_id_o_dono_e_a_data_e_o_arquivo_continua_la(
    projeto: SupabaseLocal, armazem: Armazem
) -> None:
    endereco = interpretar(AcessoDireto(projeto.uri_banco))

    @contextlib.contextmanager
    def direto() -> Iterator[object]:
        with conectar(endereco) as conexao:
            yield conexao

    quer = Objeto(
        BALDE,
        "com-dono",
        dono=UMA_PESSOA,
        id="7e1f0a52-6a0b-4d5f-8b07-3f9a9a3f0001",
        criado="2024-02-03T04:05:06.123456+00:00",
    )
    id_ = subir(armazem, quer, b"o mesmo")
    versao = ver(armazem, "com-dono").versao
    outro = subir(armazem, Objeto(BALDE, "com-id-alheio"), b"outro")
    assert id_
    assert outro
    alheio = Objeto(BALDE, "com-id-alheio", dono="não é um uuid", id=quer.id, criado=quer.criado)
    recusados = identidade.devolver(direto, [Identidade(quer, id_), Identidade(alheio, outro)])  # type: ignore[arg-type]
    assert [(i.quer.nome, e.codigo_sql) for i, e in recusados] == [("com-id-alheio", "23505")]
    with projeto.cluster.conectar(projeto.banco) as conexao:
        linha = conexao.execute(
            "SELECT id::text, owner::text, owner_id, created_at AT TIME ZONE 'UTC', version"
            " FROM storage.objects WHERE name = 'com-dono'"
        ).fetchone()
    assert linha is not None
    assert linha[:3] == (quer.id, UMA_PESSOA, UMA_PESSOA)
    assert f"{linha[3]:%Y-%m-%dT%H:%M:%S.%f}+00:00" == quer.criado
    assert linha[4] == versao
    assert descer(armazem, ver(armazem, "com-dono")) == b"o mesmo"


def test_sai_so_o_nome_exato(armazem: Armazem) -> None:
    for nome in ("sai", "sai/b", "SAI"):
        subir(armazem, Objeto(BALDE, nome), b"x")
    remocao.remover(armazem, BALDE, ["sai", "nao-ha"])
    assert [armazem.info(BALDE, n) is None for n in ("sai", "sai/b", "SAI")] == [True, False, False]


def _envio(pedido: Pedido) -> bool:
    return pedido.metodo == "POST" and pedido.caminho.startswith(f"/storage/v1/object/{BALDE}/")
