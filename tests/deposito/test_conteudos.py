"""Os conteúdos dos arquivos: cada um uma vez, pelo que é, e nunca inteiro e errado."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio import age
from apoio.danos import virar_um_bit
from cofre.base.erros import BackupDanificado, FalhaDeDisco
from cofre.deposito.cifra import chaveiro, cifra
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos import lugar
from cofre.deposito.conteudos.citados import Citado, citados_em
from cofre.deposito.conteudos.guarda import Conteudos, Guardado
from cofre.deposito.conteudos.marcas import (
    abrir_mascara,
    identidade,
    linha_de_conteudo,
    marca_de,
)
from cofre.deposito.formato import Gravador

pytestmark = pytest.mark.usefixtures("perfil_proprio")
CHAVE, RESERVA, OUTRA = gerar(), gerar(), gerar()
CIFRA = Cifra((CHAVE.publica, RESERVA.publica))
COMO = pytest.mark.parametrize("como", [None, CIFRA], ids=["em claro", "cifrado"])
GRANDE = os.urandom(700_001)


def soma(dados: bytes) -> str:
    return hashlib.sha256(dados).hexdigest()


def no_disco(pasta: Path) -> dict[str, bytes]:
    arquivos = (a for a in (pasta / lugar.PASTA).rglob("*") if a.is_file())
    return {a.relative_to(pasta / lugar.PASTA).as_posix(): a.read_bytes() for a in arquivos}


def lido(pasta: Path, g: Guardado) -> bytes:
    with Conteudos(pasta, None).abrir(g.guardado, g.soma) as arquivo:
        return arquivo.read()


@COMO
@settings(max_examples=25)
@given(partes=st.lists(st.binary(max_size=70_000), max_size=6))
def test_o_que_se_guarda_e_o_que_se_abre(
    tmp_path: Path, como: Cifra | None, partes: list[bytes]
) -> None:
    chaveiro.guardar(RESERVA)
    inteiro = b"".join(partes)
    g = Conteudos(tmp_path, como).guardar(partes)
    assert (g.soma, g.tamanho) == (soma(inteiro), len(inteiro))
    assert lido(tmp_path, g) == inteiro
    fim = ".age" if como else ""
    dados = no_disco(tmp_path)[f"{g.guardado[:2]}/{g.guardado}{fim}"]
    assert (g.guardado, g.no_disco) == (soma(dados), len(dados))
    Conteudos(tmp_path, None).conferir(g.guardado, g.no_disco)


def test_um_cifrado_abre_se_so_com_o_age(tmp_path: Path) -> None:
    g = Conteudos(tmp_path, CIFRA).guardar([GRANDE])
    (dados,) = no_disco(tmp_path).values()
    assert age.decifrar(dados, CHAVE.texto()) == GRANDE
    with pytest.raises(FaltaChave):
        lido(tmp_path, g)
    chaveiro.guardar(OUTRA)
    with pytest.raises(FaltaChave):
        lido(tmp_path, g)


@COMO
def test_o_mesmo_conteudo_guarda_se_uma_vez(tmp_path: Path, como: Cifra | None) -> None:
    conteudos = Conteudos(tmp_path, como)
    um, outro = conteudos.guardar([b"foto"]), conteudos.guardar([b"fo", b"to"])
    assert um == outro
    assert len(no_disco(tmp_path)) == 1


def test_guardar_de_novo_cura_o_que_se_estragou(tmp_path: Path) -> None:
    g = Conteudos(tmp_path, None).guardar([b"foto"])
    Conteudos(tmp_path, None).caminho(g.guardado).write_bytes(b"fxto")
    assert Conteudos(tmp_path, None).guardar([b"foto"]) == g
    assert lido(tmp_path, g) == b"foto"


@COMO
def test_um_erro_no_meio_nao_deixa_nada(tmp_path: Path, como: Cifra | None) -> None:
    def cortado() -> Iterator[bytes]:
        yield GRANDE
        raise ConnectionError("a linha caiu")

    with pytest.raises(ConnectionError, match="a linha caiu"):
        Conteudos(tmp_path, como).guardar(cortado())
    assert no_disco(tmp_path) == {}


@pytest.mark.skipif(os.name != "posix", reason="as permissões do POSIX")
@COMO
def test_so_o_dono_le(tmp_path: Path, como: Cifra | None) -> None:
    Conteudos(tmp_path, como).guardar([b"foto"])
    raiz = tmp_path / lugar.PASTA
    for achado in (raiz, *raiz.rglob("*")):
        assert stat.S_IMODE(achado.stat().st_mode) == (0o700 if achado.is_dir() else 0o600)


@COMO
@pytest.mark.parametrize("onde", [0, 300_000, -1])
def test_o_estragado_le_se_curto_e_nunca_inteiro(
    tmp_path: Path, como: Cifra | None, onde: int
) -> None:
    chaveiro.guardar(CHAVE)
    conteudos = Conteudos(tmp_path, como)
    g = conteudos.guardar([GRANDE])
    virar_um_bit(conteudos.caminho(g.guardado), onde)
    saiu: list[bytes] = []
    with pytest.raises(BackupDanificado), conteudos.abrir(g.guardado, g.soma) as arquivo:
        saiu.extend(iter(lambda: arquivo.read(4096), b""))
    assert len(b"".join(saiu)) < len(GRANDE)
    with pytest.raises(BackupDanificado):
        conteudos.conferir(g.guardado, g.no_disco)


def test_um_cifrado_no_lugar_de_outro_nao_se_le(tmp_path: Path) -> None:
    """Cada um abre-se bem; o que não é, é o que o nome diz."""
    chaveiro.guardar(CHAVE)
    conteudos = Conteudos(tmp_path, CIFRA)
    um, outro = conteudos.guardar([b"a minha"]), conteudos.guardar([b"a outra"])
    de, para = (conteudos.caminho(g.guardado) for g in (outro, um))
    para.write_bytes(de.read_bytes())
    with pytest.raises(BackupDanificado), conteudos.abrir(um.guardado) as arquivo:
        arquivo.read()
    with pytest.raises(BackupDanificado), conteudos.abrir(outro.guardado, um.soma) as arquivo:
        arquivo.read()


@pytest.mark.parametrize(
    "dito", ["", "..", "../../fora", "A" * 64, "a" * 63, "a" * 64 + "\n", "/etc/passwd"]
)
def test_o_que_nao_e_uma_soma_nao_da_caminho(tmp_path: Path, dito: str) -> None:
    conteudos = Conteudos(tmp_path, None)
    for fazer in (
        lambda: conteudos.tem(dito, 0),
        lambda: conteudos.conferir(dito, 0),
        lambda: conteudos.abrir(dito),
    ):
        with pytest.raises(BackupDanificado):
            fazer()


@pytest.mark.skipif(os.name != "posix", reason="sem elos simbólicos")
def test_um_elo_para_fora_nao_e_um_conteudo(tmp_path: Path) -> None:
    alheio = tmp_path / "alheio"
    alheio.write_bytes(b"foto")
    conteudos = Conteudos(tmp_path, None)
    caminho = conteudos.caminho(soma(b"foto"), soma(b"foto"))
    caminho.parent.mkdir(parents=True)
    caminho.symlink_to(alheio)
    assert not conteudos.tem(soma(b"foto"), 4)
    with pytest.raises(BackupDanificado):
        conteudos.conferir(soma(b"foto"), 4)


def test_o_que_um_morto_deixou_some_e_o_resto_fica(tmp_path: Path) -> None:
    conteudos = Conteudos(tmp_path, None)
    g = conteudos.guardar([b"foto"])
    (tmp_path / lugar.PASTA / f"{lugar.PROVISORIO}abcd").write_bytes(b"meia fo")
    lugar.recolher(tmp_path)
    assert list(no_disco(tmp_path)) == [f"{g.guardado[:2]}/{g.guardado}"]


def test_o_disco_cheio_e_dito_e_nao_deixa_nada(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cheio(_arquivo: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cofre.deposito.conteudos.guarda.para_o_disco", cheio)
    with pytest.raises(FalhaDeDisco, match="cheio"):
        Conteudos(tmp_path, None).guardar([b"foto"])
    assert no_disco(tmp_path) == {}


# -- as marcas -------------------------------------------------------------------------------

TOKEN = identidade("https://x.supabase.co", "fotos", "a/b.jpg", "id-1", "v1", '"e"', 4)
PEDACO = st.none() | st.text(max_size=20)
PARTES = st.tuples(st.text(max_size=20), PEDACO, PEDACO, PEDACO)


def linha(g: Guardado, como: Cifra | None = CIFRA) -> Citado:
    return msgspec.json.decode(linha_de_conteudo(g, TOKEN, como), type=Citado)


@given(PARTES, PARTES)
def test_dois_arquivos_diferentes_nunca_tem_a_mesma_marca(
    um: tuple[str | None, ...], outro: tuple[str | None, ...]
) -> None:
    def marca(partes: tuple[str | None, ...]) -> str:
        nome, id_, versao, etag = partes
        return marca_de(CIFRA, identidade("o", "b", nome or "", id_, versao, etag, 1))

    assert (marca(um) == marca(outro)) == (um == outro)


def test_a_mascara_so_se_abre_com_o_segredo_e_as_mesmas_chaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    g = Conteudos(tmp_path, CIFRA).guardar([b"foto"])
    citada = linha(g)
    assert abrir_mascara(citada) == g
    assert citada.marca == marca_de(CIFRA, TOKEN)
    assert citada.marca != marca_de(Cifra((CHAVE.publica,)), TOKEN)
    assert g.soma not in citada.mascara
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "outro"))
    cifra.segredo.cache_clear()
    assert abrir_mascara(citada) is None


def test_uma_marca_nao_serve_a_outro_conteudo(tmp_path: Path) -> None:
    """Quem mexe no disco trocaria assim, amanhã, um arquivo por outro da mesma empresa."""
    conteudos = Conteudos(tmp_path, CIFRA)
    a, b = conteudos.guardar([b"foto"]), conteudos.guardar([b"nota"])
    citada, outra = linha(a), linha(b)
    for trocada in (
        Citado(b.guardado, citada.bytes, citada.marca, citada.mascara),
        Citado(citada.guardado, 9, citada.marca, citada.mascara),
        Citado(outra.guardado, outra.bytes, "00" * 32, outra.mascara),
        Citado(citada.guardado, citada.bytes, citada.marca, "00" + citada.mascara[2:]),
        Citado(citada.guardado, citada.bytes, citada.marca, citada.mascara[:-2]),
        Citado(citada.guardado, citada.bytes, citada.marca, "0"),
        Citado(citada.guardado, citada.bytes),
    ):
        assert abrir_mascara(trocada) is None


# -- o que um backup cita --------------------------------------------------------------------


def gravado(caminho: Path, *linhas: bytes) -> str:
    with caminho.open("wb") as arquivo:
        gravador = Gravador(arquivo)
        gravador.bloco(b",\n".join(linhas))
        return gravador.terminar()


def test_as_linhas_leem_se_como_se_escreveram(tmp_path: Path) -> None:
    g = Conteudos(tmp_path, None).guardar([b"foto"])
    arquivo = tmp_path / "conteudos.json"
    assert list(citados_em(arquivo, gravado(arquivo))) == []
    escrita = linha_de_conteudo(g, TOKEN, None)
    assert escrita == b'{"guardado":"%s","bytes":4}' % g.guardado.encode()
    assert list(citados_em(arquivo, gravado(arquivo, escrita))) == [Citado(g.guardado, 4)]


@pytest.mark.parametrize(
    "ma",
    [
        b"{}",
        b'{"guardado":"../../x","bytes":1}',
        b'{"guardado":"%s","bytes":-1}' % (b"a" * 64),
        b'{"guardado":"%s","bytes":1.5}' % (b"a" * 64),
        b'{"guardado":"%s","bytes":1}' % (b"A" * 64),
        b'{"guardado":"%s","bytes":1,"marca":"zz"}' % (b"a" * 64),
        b"[]",
        b'{"guardado":"%s","bytes":1,"x":%s}' % (b"a" * 64, b"[" * 9000 + b"]" * 9000),
    ],
)
def test_uma_linha_hostil_e_recusada(tmp_path: Path, ma: bytes) -> None:
    arquivo = tmp_path / "conteudos.json"
    certa = gravado(arquivo, ma)
    with pytest.raises(BackupDanificado):
        list(citados_em(arquivo, certa))


def test_o_que_mudou_depois_de_gravado_e_recusado(tmp_path: Path) -> None:
    arquivo = tmp_path / "conteudos.json"
    certa = gravado(arquivo, b'{"guardado":"%s","bytes":1}' % (b"a" * 64))
    gravado(arquivo, b'{"guardado":"%s","bytes":2}' % (b"a" * 64))
    with pytest.raises(BackupDanificado, match="soma"):
        list(citados_em(arquivo, certa))
