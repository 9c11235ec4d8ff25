"""O rclone como destino: o que ele recusa, o ambiente de quem usa, as linhas que caem."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoio.destinos import SEGREDO
from apoio.execucao import RAIZ
from apoio.portas import porta_presa
from apoio.procurador import Destino as Corte
from apoio.procurador import passar, procurador
from apoio.servidores_rclone import LugarRclone, RemotosRclone, obscura
from apoio.servidores_s3 import programa
from cofre.base.config.copia import Copia, PastaDita, RcloneDito
from cofre.base.erros import DependenciaAusente
from cofre.remoto import erros, rclone, rclone_processo
from cofre.remoto.abrir import abrir
from cofre.remoto.pasta import DestinoPasta
from cofre.remoto.rclone import DestinoRclone
from cofre.remoto.rclone_processo import Rclone

NOME = "blobs/ab/abc1.age"
pytestmark = pytest.mark.usefixtures("sem_rclone_da_maquina")


@pytest.fixture
def disco(remotos_rclone: RemotosRclone, monkeypatch: pytest.MonkeyPatch) -> LugarRclone:
    return ligado(remotos_rclone, "rclone-local", monkeypatch)


@pytest.fixture
def dav(remotos_rclone: RemotosRclone, monkeypatch: pytest.MonkeyPatch) -> LugarRclone:
    return ligado(remotos_rclone, "rclone-webdav", monkeypatch)


def ligado(remotos: RemotosRclone, nome: str, monkeypatch: pytest.MonkeyPatch) -> LugarRclone:
    remoto = remotos[nome]
    for variavel, valor in remoto.variaveis.items():
        monkeypatch.setenv(variavel, valor)
    return remoto.nova_pasta()


@pytest.fixture
def sem_ninguem() -> Iterator[int]:
    """Uma porta em que ninguém atende."""
    with porta_presa() as porta:
        yield porta


@pytest.fixture
def arquivo(tmp_path: Path) -> Path:
    caminho = tmp_path / "daqui.age"
    caminho.write_bytes(os.urandom(20_000))
    return caminho


def calado(*_: object) -> None:
    pass


def test_os_destinos_escritos_viram_os_de_verdade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rclone_processo, "achar", lambda: "rclone")
    pasta, longe = abrir(
        Copia((PastaDita("pasta:/x", tmp_path), RcloneDito("rclone:r:/srv", "r", "/srv")))
    )

    assert pasta == DestinoPasta(tmp_path, "pasta:/x")
    assert longe == DestinoRclone("rclone:r:/srv", Rclone("rclone", "r", "rclone:r:/srv"), "/srv")
    assert (pasta.de_pasta, longe.de_pasta) == (True, False)


def test_sem_o_programa_diz_se_onde_esta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(DependenciaAusente, match="Falta o programa rclone") as falta:
        abrir(Copia((RcloneDito("rclone:r:", "r", ""),)))

    assert falta.value.codigo == 2
    assert "rclone.org" in falta.value.dica


@pytest.mark.parametrize(
    ("caminho", "nome", "fica"),
    [
        ("", "", "r:"),
        ("", "a/b.age", "r:a/b.age"),
        ("Cofre", "", "r:Cofre"),
        ("Cofre", "a/b.age", "r:Cofre/a/b.age"),
        ("/srv/c", "a/b.age", "r:/srv/c/a/b.age"),
        ("/", "a/b.age", "r:/a/b.age"),
        ("/", "", "r:/"),
    ],
)
def test_o_nome_como_o_rclone_o_entende(caminho: str, nome: str, fica: str) -> None:
    assert DestinoRclone("x", Rclone("rclone", "r", "x"), caminho)._la(nome) == fica


# -- o ambiente -------------------------------------------------------------------------------

HOSTIL = {
    "RCLONE_DRY_RUN": "true",
    "RCLONE_INTERACTIVE": "true",
    "RCLONE_IMMUTABLE": "true",
    "RCLONE_MAX_SIZE": "1b",
    "RCLONE_MIN_AGE": "9y",
    "RCLONE_EXCLUDE": "*",
    "RCLONE_FILTER": "- *",
    "RCLONE_IGNORE_EXISTING": "true",
    "RCLONE_BACKUP_DIR": "nada:",
    "RCLONE_SUFFIX": ".velho",
    "RCLONE_LOG_LEVEL": "ERROR",
    "RCLONE_LOG_FILE": "nao-ha/log",
    "RCLONE_QUIET": "true",
    "RCLONE_STATS": "0",
    "RCLONE_MAX_DEPTH": "1",
    "AWS_CA_BUNDLE": "/nao/ha",
}


def test_o_que_o_ambiente_manda_o_rclone_fazer_por_padrao_nao_vale(
    disco: LugarRclone, arquivo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disco.por(NOME, b"velho")
    for nome, valor in HOSTIL.items():
        monkeypatch.setenv(nome, valor)
    ouvido: list[tuple[str, int]] = []

    disco.destino.enviar([(NOME, arquivo)], lambda *dito: ouvido.append(dito))

    assert disco.conteudo() == {NOME: arquivo.read_bytes()}
    assert ouvido == [(NOME, 20_000)]
    assert [o.nome for o in disco.destino.listar("")] == [NOME]


# -- os lotes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("arquivos", "bytes_"), [(3, 10**9), (500, 45_000)])
def test_os_lotes_vao_todos_e_o_que_ja_foi_fica(
    disco: LugarRclone,
    arquivo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arquivos: int,
    bytes_: int,
) -> None:
    """Também o que é grande demais para se copiar, e vai como outro nome do mesmo."""
    provisoria = tmp_path / "provisoria"
    provisoria.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(provisoria))
    monkeypatch.setattr(rclone, "ARQUIVOS_POR_LOTE", arquivos)
    monkeypatch.setattr(rclone, "BYTES_POR_LOTE", bytes_)
    monkeypatch.setattr(rclone, "_COPIA_SE", 19_000)
    nomes = [f"blobs/ab/abc{n}.age" for n in range(7)]
    vivos: list[int] = []

    def dar() -> Iterator[tuple[str, Path]]:
        for nome in nomes:
            vivos.append(len(disco.conteudo()))
            yield nome, arquivo
        raise KeyError("acabou")

    with pytest.raises(KeyError):
        disco.destino.enviar(dar(), calado)

    assert vivos == [0, 0, 0, 3, 3, 3, 6]
    assert disco.conteudo() == dict.fromkeys(nomes[:6], arquivo.read_bytes())
    assert list(provisoria.iterdir()) == [], "nada fica para trás"


def test_a_pasta_provisoria_cheia_e_dita(
    disco: LugarRclone, arquivo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cheia(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", cheia)
    with pytest.raises(erros.FalhaDaCopia, match="A pasta temporária deste computador está cheia"):
        disco.destino.enviar([(NOME, arquivo)], calado)

    assert disco.conteudo() == {}


# -- as recusas ---------------------------------------------------------------------------------


def test_o_que_o_rclone_recusa_e_dito_sem_o_que_ele_diz(
    dav: LugarRclone,
    arquivo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sem_ninguem: int,
) -> None:
    fechada = tmp_path / "fechada.conf"
    fechada.write_text("[outro]\ntype = local\n", encoding="utf-8")
    fechar = ("config", "encryption", "set", "--password-command", f"echo {SEGREDO}")
    subprocess.run(
        [programa("rclone"), *fechar, "--config", str(fechada)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    recusas: list[tuple[dict[str, str], type[erros.FalhaDaCopia], str]] = [
        ({"RCLONE_CONFIG_WEBDAV_PASS": obscura("outra")}, erros.AcessoRecusado, "a credencial"),
        (
            {"RCLONE_CONFIG_WEBDAV_URL": f"http://ana:{SEGREDO}@127.0.0.1:{sem_ninguem}"},
            erros.DestinoFora,
            "não consigo chegar ao lugar",
        ),
        ({"RCLONE_CONFIG": str(fechada)}, erros.AcessoRecusado, "fechada com senha"),
    ]
    monkeypatch.setattr(rclone_processo, "SEMPRE", (*rclone_processo.SEMPRE, "--retries", "1"))
    for variaveis, tipo, causa in recusas:
        with monkeypatch.context() as so_aqui:
            for nome, valor in variaveis.items():
                so_aqui.setenv(nome, valor)
            for chamar in (
                lambda: list(dav.destino.listar("")),
                lambda: dav.destino.enviar([(NOME, arquivo)], calado),
            ):
                with pytest.raises(erros.FalhaDaCopia, match=causa) as falha:
                    chamar()
                assert type(falha.value) is tipo
                dito = "".join(traceback.format_exception(falha.value)) + falha.value.dica
                assert SEGREDO not in dito
                assert "127.0.0.1" not in dito
    assert dav.conteudo() == {}


@pytest.mark.parametrize(
    ("texto", "tipo"),
    [
        ("googleapi: Error 403: The user's Drive storage quota exceeded", erros.SemEspaco),
        ("oauth2: token expired and there's no refresh token", erros.AcessoRecusado),
        ("couldn't fetch token: invalid_grant", erros.AcessoRecusado),
        ("dial tcp: lookup nas: no such host", erros.DestinoFora),
        ("tls: failed to verify certificate: x509: unknown authority", erros.DestinoFora),
        ("AccessDenied: object protected by object lock", erros.Travado),
        ("write /mnt/x: no space left on device", erros.SemEspaco),
        ("Failed to deletefile: r:x is a directory or doesn't exist", rclone_processo.NaoHa),
        ("qualquer outra coisa", erros.FalhaDaCopia),
    ],
)
def test_o_que_outros_lugares_dizem(texto: str, tipo: type[erros.FalhaDaCopia]) -> None:
    with pytest.raises(erros.FalhaDaCopia) as falha:
        Rclone("rclone", "r", "rclone:r:")._conferir(1, texto)

    assert type(falha.value) is tipo
    assert "rclone lsd r:" in falha.value.dica


# -- as linhas ----------------------------------------------------------------------------------


def test_uma_leitura_que_cai_e_continuada(
    dav: LugarRclone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O rclone desiste à primeira, e cada recomeço pede só o que falta."""
    dados = os.urandom(8_000_000)
    dav.por(NOME, dados)
    sem_insistir = ("--retries", "1", "--low-level-retries", "1")
    monkeypatch.setattr(rclone_processo, "SEMPRE", (*rclone_processo.SEMPRE, *sem_insistir))
    porta = int(os.environ["RCLONE_CONFIG_WEBDAV_URL"].rpartition(":")[2])
    passados, cortes = 0, [2_000_000, 5_000_000]

    def voltar(pedaco: bytes) -> Corte:
        nonlocal passados
        passados += len(pedaco)
        if cortes and passados > cortes[0]:
            cortes.pop(0)
            return Corte.CORTAR
        return Corte.PASSAR

    with procurador(porta, passar, voltar) as outra:
        monkeypatch.setenv("RCLONE_CONFIG_WEBDAV_URL", f"http://127.0.0.1:{outra}")
        saida = io.BytesIO()
        dav.destino.ler(NOME, saida)

    assert saida.getvalue() == dados
    assert cortes == []
    assert passados < 2 * len(dados)


INTERROMPIDO = """
import pathlib, sys
sys.path[:0] = [SCRIPTS]
from cofre.remoto.rclone import DestinoRclone
from cofre.remoto.rclone_processo import Rclone
destino = DestinoRclone("rclone:webdav:x", Rclone(PROGRAMA, "webdav", "rclone:webdav:x"), "x")
try:
    VERBO
except KeyboardInterrupt:
    print("interrompido")
"""


@pytest.mark.skipif(os.name != "posix", reason="no Windows o Ctrl+C vai a todos")
@pytest.mark.parametrize(
    "verbo",
    ["destino.enviar([('blobs/a.age', pathlib.Path(sys.executable))], print)", "destino.sondar()"],
    ids=["enviar", "sondar"],
)
def test_o_ctrl_c_leva_o_rclone_junto(
    dav: LugarRclone, monkeypatch: pytest.MonkeyPatch, verbo: str
) -> None:
    chegou, solta = threading.Event(), threading.Event()

    def olhar(_: bytes) -> Corte:
        chegou.set()
        solta.wait(60)
        return Corte.CORTAR

    porta = int(os.environ["RCLONE_CONFIG_WEBDAV_URL"].rpartition(":")[2])
    texto = INTERROMPIDO.replace("VERBO", verbo).replace("PROGRAMA", repr(programa("rclone")))
    texto = texto.replace("SCRIPTS", repr(str(RAIZ / "scripts")))
    with procurador(porta, olhar) as outra:
        monkeypatch.setenv("RCLONE_CONFIG_WEBDAV_URL", f"http://127.0.0.1:{outra}")
        processo = subprocess.Popen(
            [sys.executable, "-c", texto],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert chegou.wait(60)
        processo.send_signal(signal.SIGINT)  # só a nós, e não ao rclone
        saida, _ = processo.communicate(timeout=60)  # o cano só fecha se o rclone também acabou
        solta.set()

    assert (processo.returncode, saida) == (0, "interrompido\n")
