"""O contrato dos destinos: uma suíte só, que cada implementação cumpre num lugar de verdade."""

from __future__ import annotations

import hashlib
import io
import itertools
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA
from apoio.destinos import SEGREDO, Lugar, LugarPasta
from apoio.servidores_rclone import RCLONE, RemotosRclone
from apoio.servidores_s3 import S3, ServidoresS3
from cofre.remoto.destino import MAIOR_MARCA, MARCA, Situacao
from cofre.remoto.erros import DestinoErrado, DestinoFora, FalhaDaCopia, ObjetoAusente

GRANDE = 5 * 1024 * 1024 + 1
"""Bytes: num S3, já vai em duas partes."""
LUGARES = ("pasta", *S3, *(RCLONE if CAMPANHA else RCLONE[:1]))


@pytest.fixture(params=LUGARES)
def lugar(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    servidores_s3: ServidoresS3,
    remotos_rclone: RemotosRclone,
    sem_rclone_da_maquina: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Lugar:
    if request.param in S3:
        return servidores_s3[request.param].novo_balde()
    if request.param in RCLONE:
        remoto = remotos_rclone[request.param]
        for nome, valor in remoto.variaveis.items():
            monkeypatch.setenv(nome, valor)
        return remoto.nova_pasta()
    raiz = tmp_path / "lugar"
    raiz.mkdir()
    return LugarPasta(raiz)


@pytest.fixture
def em_uso(lugar: Lugar) -> Lugar:
    lugar.por(MARCA, b"{}\n")
    return lugar


class Daqui:
    """Os arquivos deste computador, e o que se ouviu ao enviá-los."""

    def __init__(self, pasta: Path) -> None:
        self.pasta = pasta
        self.pasta.mkdir()
        self.ouvido: dict[str, list[int]] = {}

    def item(self, nome: str, dados: bytes) -> tuple[str, Path]:
        caminho = self.pasta / nome.replace("/", "+")
        caminho.write_bytes(dados)
        return nome, caminho

    def itens(self, objetos: dict[str, bytes]) -> list[tuple[str, Path]]:
        return [self.item(nome, dados) for nome, dados in objetos.items()]

    def ouvir(self, nome: str, enviados: int) -> None:
        self.ouvido.setdefault(nome, []).append(enviados)


@pytest.fixture
def daqui(tmp_path: Path) -> Daqui:
    return Daqui(tmp_path / "daqui")


def blob(dados: bytes) -> str:
    soma = hashlib.sha256(dados).hexdigest()
    return f"blobs/{soma[:2]}/{soma}.age"


def de_bytes(quantos: int, semente: int = 0) -> bytes:
    """Bytes que não se repetem cedo, e com todos os valores."""
    bloco = b"".join(hashlib.sha256(f"{semente}.{n}".encode()).digest() for n in range(2_048))
    return (bloco * (quantos // len(bloco) + 1))[:quantos]


def lido(lugar: Lugar, nome: str, desde: int = 0) -> bytes:
    saida = io.BytesIO()
    lugar.destino.ler(nome, saida, desde)
    return saida.getvalue()


def nomes(lugar: Lugar, prefixo: str = "") -> set[str]:
    return {objeto.nome for objeto in lugar.destino.listar(prefixo)}


def test_o_que_se_envia_e_o_que_ha_la_e_o_que_se_le(em_uso: Lugar, daqui: Daqui) -> None:
    de_varios = [b"", b"\0", b"\r\n" * 9, de_bytes(70_000), de_bytes(GRANDE)]
    objetos = {blob(dados): dados for dados in de_varios}
    objetos["lacres/0123456789abcdef0123/20260116_182944-a1b2.json"] = '{"ç": 1}\n'.encode()

    em_uso.destino.enviar(daqui.itens(objetos), daqui.ouvir)

    assert em_uso.conteudo() == {MARCA: b"{}\n", **objetos}
    assert {nome: lido(em_uso, nome) for nome in objetos} == objetos
    vistos = {objeto.nome: objeto for objeto in em_uso.destino.listar("")}
    assert {nome: o.bytes for nome, o in vistos.items()} == {
        MARCA: 3,
        **{nome: len(dados) for nome, dados in objetos.items()},
    }
    agora = datetime.now(UTC)
    assert all(abs(agora - o.modificado) < timedelta(days=1) for o in vistos.values())
    assert {nome: passos[-1] for nome, passos in daqui.ouvido.items()} == {
        nome: len(dados) for nome, dados in objetos.items()
    }
    for nome, passos in daqui.ouvido.items():
        assert passos == sorted(passos)
        assert passos.count(len(objetos[nome])) == 1, "o total só se diz uma vez, no fim"


def test_a_lista_e_so_do_que_esta_debaixo_do_prefixo(em_uso: Lugar, daqui: Daqui) -> None:
    objetos = {
        nome: nome.encode()
        for nome in (
            "blobs/ab/abc1.age",
            "blobs/ab/abc2.bin",
            "blobs/ac/acd1.age",
            "blobs-velhos/ab/abc3.age",
            "lacres/0a/20260116_182944-w.json",
            "lacres/0b/20260116_182944-w.json",
            "cofre/ff.json",
        )
    }
    em_uso.destino.enviar(daqui.itens(objetos), daqui.ouvir)

    assert nomes(em_uso) == {MARCA, *objetos}
    assert nomes(em_uso, "blobs") == {n for n in objetos if n.startswith("blobs/")}
    assert nomes(em_uso, "blobs/ab/") == {"blobs/ab/abc1.age", "blobs/ab/abc2.bin"}
    assert nomes(em_uso, "lacres/0b") == {"lacres/0b/20260116_182944-w.json"}
    assert nomes(em_uso, "blobs/a") == set()
    assert nomes(em_uso, "nada") == set()


ESTRANHOS = (
    "blobs/ab/abc1 (1).age",
    "blobs/ab/abc1-DESKTOP.age",
    "blobs/ab/.enviando_0123",
    "blobs/ab/abc1.age.partial",
    "Leia-me.txt",
    "desktop.ini~",
)


def test_o_que_nao_tem_nome_nosso_nao_aparece_nem_atrapalha(em_uso: Lugar, daqui: Daqui) -> None:
    for nome in ESTRANHOS:
        em_uso.por(nome, b"x")
    em_uso.destino.enviar([daqui.item("blobs/ab/abc1.age", b"nosso")], daqui.ouvir)

    assert nomes(em_uso) == {MARCA, "blobs/ab/abc1.age"}
    assert em_uso.conteudo() == {
        MARCA: b"{}\n",
        "blobs/ab/abc1.age": b"nosso",
        **dict.fromkeys(ESTRANHOS, b"x"),
    }


def test_o_que_ha_com_o_nome_e_trocado_inteiro(em_uso: Lugar, daqui: Daqui) -> None:
    """Mesmo do mesmo tamanho: é como se cura um objeto que apodreceu."""
    antes = (b"", b"podre", b"maior do que devia ser")
    nomes = [f"blobs/ab/abc{n}.age" for n in range(len(antes))]
    for nome, dados in zip(nomes, antes, strict=True):
        em_uso.por(nome, dados)

    em_uso.destino.enviar(daqui.itens(dict.fromkeys(nomes, b"certo")), daqui.ouvir)

    assert em_uso.conteudo() == {MARCA: b"{}\n", **dict.fromkeys(nomes, b"certo")}


def test_o_erro_de_quem_da_os_itens_passa_e_nada_fica_pela_metade(
    em_uso: Lugar, daqui: Daqui
) -> None:
    class Acabou(Exception):
        pass

    antes = {f"blobs/ab/abc{n}.age": de_bytes(1_000 + n) for n in range(3)}

    def dar() -> Iterator[tuple[str, Path]]:
        yield from daqui.itens(antes)
        raise Acabou

    with pytest.raises(Acabou):
        em_uso.destino.enviar(dar(), daqui.ouvir)

    ficou = em_uso.conteudo()
    assert ficou.items() <= {MARCA: b"{}\n", **antes}.items()


def test_o_que_nao_se_le_aqui_e_dito_e_nao_aparece_la(em_uso: Lugar, daqui: Daqui) -> None:
    itens = [("blobs/ab/abc1.age", daqui.pasta / "não há")]

    with pytest.raises(FalhaDaCopia, match="não há neste computador"):
        em_uso.destino.enviar(itens, daqui.ouvir)

    assert em_uso.conteudo() == {MARCA: b"{}\n"}
    assert daqui.ouvido == {}


def test_le_se_de_onde_se_quer(em_uso: Lugar) -> None:
    dados = de_bytes(300_000)
    em_uso.por("blobs/ab/abc1.age", dados)

    for desde in (0, 1, 299_999, 300_000):
        assert lido(em_uso, "blobs/ab/abc1.age", desde) == dados[desde:]


def test_o_que_nao_ha_e_dito(em_uso: Lugar) -> None:
    saida = io.BytesIO()

    with pytest.raises(ObjetoAusente, match=r"não há blobs/ab/abc1\.age") as falha:
        em_uso.destino.ler("blobs/ab/abc1.age", saida)

    assert saida.getvalue() == b""
    assert falha.value.codigo == 13


def test_varios_fios_leem_ao_mesmo_tempo(em_uso: Lugar) -> None:
    objetos = {f"blobs/ab/abc{n}.age": de_bytes(50_000, n) for n in range(6)}
    for nome, dados in objetos.items():
        em_uso.por(nome, dados)

    with ThreadPoolExecutor(6) as fios:
        vistos = dict(zip(objetos, fios.map(lambda n: lido(em_uso, n), objetos), strict=True))

    assert vistos == objetos


def test_apagar_e_so_um_e_duas_vezes_e_como_uma(em_uso: Lugar) -> None:
    em_uso.por("blobs/ab/abc1.age", b"sai")
    em_uso.por("blobs/ab/abc2.age", b"fica")

    for _ in range(2):
        em_uso.destino.apagar("blobs/ab/abc1.age")

    assert em_uso.conteudo() == {MARCA: b"{}\n", "blobs/ab/abc2.age": b"fica"}


def test_a_sonda_diz_o_que_ha_e_nao_deixa_nada(lugar: Lugar, daqui: Daqui) -> None:
    def sondado() -> Situacao:
        antes = lugar.conteudo()
        situacao = lugar.destino.sondar()
        assert lugar.conteudo() == antes
        return situacao

    novo = sondado()
    assert (novo.marca, novo.vazio, novo.trava) == (None, True, None)

    lugar.destino.enviar([daqui.item(MARCA, b'{"formato": 1}\n')], daqui.ouvir)
    nosso = sondado()
    assert (nosso.marca, nosso.vazio) == (b'{"formato": 1}\n', False)


def test_uma_marca_enorme_nao_enche_a_memoria(lugar: Lugar) -> None:
    lugar.por(MARCA, b"x" * (MAIOR_MARCA + 300_000))

    assert lugar.destino.sondar().marca == b"x" * MAIOR_MARCA


def test_um_lugar_com_coisas_alheias_nao_esta_vazio(lugar: Lugar) -> None:
    lugar.por("Fotos/praia.jpg", b"x")

    situacao = lugar.destino.sondar()

    assert (situacao.marca, situacao.vazio) == (None, False)


def test_um_lugar_que_nao_existe_e_dito_com_a_cura(lugar: Lugar, daqui: Daqui) -> None:
    destino = lugar.inexistente
    item = daqui.item("blobs/ab/a.age", b"x")
    verbos: list[Callable[[], object]] = [
        lambda: list(destino.listar("blobs")),
        lambda: destino.enviar([item], daqui.ouvir),
        lambda: destino.ler("blobs/ab/a.age", io.BytesIO()),
        lambda: destino.apagar("blobs/ab/a.age"),
        lambda: destino.sondar(),
    ]

    for verbo in verbos:
        with pytest.raises((DestinoFora, DestinoErrado)) as falha:
            verbo()
        erro = falha.value
        assert str(erro).startswith(destino.nome)
        assert erro.codigo == 13
        assert erro.dica
        assert SEGREDO not in "".join(traceback.format_exception(erro)) + repr(erro) + erro.dica
    assert SEGREDO not in repr(destino)
    assert lugar.conteudo() == {}


ALHEIOS = ("", "../x.age", "/x.age", "blobs//x.age", "X.age", "x y.age", "c:x.age", "x.age.gz")


def test_um_nome_que_nao_e_nosso_nem_se_tenta(em_uso: Lugar, daqui: Daqui) -> None:
    _, arquivo = daqui.item("blobs/ab/abc1.age", b"x")
    destino = em_uso.destino
    verbos: list[Callable[[str], object]] = [
        lambda nome: destino.enviar([(nome, arquivo)], daqui.ouvir),
        lambda nome: destino.ler(nome, io.BytesIO()),
        lambda nome: destino.apagar(nome),
        lambda nome: destino.sondar(nome),
    ]

    for verbo, nome in itertools.product(verbos, ALHEIOS):
        with pytest.raises(ValueError, match="não é nome de objeto"):
            verbo(nome)

    assert em_uso.conteudo() == {MARCA: b"{}\n"}
