"""Uma pasta como destino: o disco que sai, o que enche, o que não é o certo."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from apoio.destinos import conteudo_da_pasta
from apoio.disco_proprio import MONTAR
from apoio.execucao import RAIZ
from cofre.remoto.destino import MARCA
from cofre.remoto.erros import DestinoErrado, DestinoFora, FalhaDaCopia, ObjetoAusente
from cofre.remoto.pasta import BLOCO, DestinoPasta


@pytest.fixture
def disco(tmp_path: Path) -> Path:
    """Um disco externo ligado, com a marca."""
    raiz = tmp_path / "externo"
    raiz.mkdir()
    (raiz / MARCA).write_bytes(b"{}\n")
    return raiz


@pytest.fixture
def arquivo(tmp_path: Path) -> Path:
    """Três blocos e um resto."""
    caminho = tmp_path / "daqui.age"
    caminho.write_bytes(os.urandom(3 * BLOCO + 5))
    return caminho


def desligar(disco: Path) -> Path:
    """O disco sai, e fica o ponto de montagem: uma pasta vazia, do disco daqui."""
    fora = disco.with_name("na gaveta")
    disco.rename(fora)
    disco.mkdir()
    return fora


NOME = "blobs/ab/abc1.age"


@pytest.mark.parametrize("no_bloco", [0, 1, 2])
def test_o_disco_que_sai_no_meio_nada_ganha_nem_o_de_ca(
    disco: Path, arquivo: Path, no_bloco: int
) -> None:
    destino = DestinoPasta(disco, "pasta:Externo")
    passos = 0

    def sair(nome: str, enviados: int) -> None:
        nonlocal passos
        if passos == no_bloco:
            desligar(disco)
        passos += 1

    with pytest.raises(FalhaDaCopia, match=r"^pasta:Externo: "):
        destino.enviar([(NOME, arquivo), ("blobs/ab/abc2.age", arquivo)], sair)

    assert conteudo_da_pasta(disco) == {}
    la = conteudo_da_pasta(disco.with_name("na gaveta"))
    assert {n for n in la if ".enviando_" not in n} == {MARCA}


def test_uma_pasta_que_nao_e_a_da_copia_e_recusada_e_fica_como_estava(
    tmp_path: Path, arquivo: Path
) -> None:
    outra = tmp_path / "outro disco"
    (outra / "blobs" / "ab").mkdir(parents=True)
    (outra / NOME).write_bytes(b"de outro")
    destino = DestinoPasta(outra, "pasta:Externo")

    tentativas: list[Callable[[], object]] = [
        lambda: list(destino.listar("")),
        lambda: destino.enviar([(NOME, arquivo)], lambda *_: None),
        lambda: destino.ler(NOME, io.BytesIO()),
        lambda: destino.apagar(NOME),
    ]
    for tentar in tentativas:
        with pytest.raises(DestinoErrado, match="não é a da cópia") as falha:
            tentar()
        assert "Ligue o disco certo" in falha.value.dica

    assert conteudo_da_pasta(outra) == {NOME: b"de outro"}
    assert destino.sondar().vazio is False


@pytest.mark.parametrize("nome", ["System Volume Information", "$RECYCLE.BIN", "lost+found"])
def test_um_disco_novo_esta_vazio_apesar_do_que_o_sistema_poe(tmp_path: Path, nome: str) -> None:
    (tmp_path / nome).mkdir()

    assert DestinoPasta(tmp_path, "pasta:Novo").sondar().vazio is True


def test_o_que_alguem_poe_no_lugar_de_um_objeto_nao_prende_nem_leva_a_outro(disco: Path) -> None:
    """Um cano sem ninguém na outra ponta, uma pasta, um atalho para a raiz."""
    pasta = disco / "blobs" / "ab"
    pasta.mkdir(parents=True)
    os.mkfifo(pasta / "abc1.age")
    (pasta / "abc2.age").mkdir()
    (pasta / "volta").symlink_to(disco)
    destino = DestinoPasta(disco, "pasta:Externo")

    assert [o.nome for o in destino.listar("")] == [MARCA]
    for nome in ("blobs/ab/abc1.age", "blobs/ab/abc2.age"):
        with pytest.raises(ObjetoAusente):
            destino.ler(nome, io.BytesIO())
    with pytest.raises(FalhaDaCopia):
        destino.apagar("blobs/ab/abc2.age")
    (disco / MARCA).unlink()
    os.mkfifo(disco / MARCA)
    with pytest.raises(DestinoErrado):
        destino.sondar()


def test_a_raiz_nunca_e_criada(tmp_path: Path, arquivo: Path) -> None:
    destino = DestinoPasta(tmp_path / "desligado", "pasta:Externo")

    with pytest.raises(DestinoFora, match="não existe"):
        destino.enviar([(MARCA, arquivo)], lambda *_: None)

    assert not (tmp_path / "desligado").exists()


def test_o_que_uma_queda_deixou_sai_um_dia_depois(disco: Path, arquivo: Path) -> None:
    pasta = disco / "blobs" / "ab"
    pasta.mkdir(parents=True)
    ontem = time.time() - 2 * 24 * 3600
    for nome, quando in ((".enviando_velho", ontem), (".enviando_novo", time.time())):
        (pasta / nome).write_bytes(b"meio")
        os.utime(pasta / nome, (quando, quando))

    DestinoPasta(disco, "pasta:Externo").enviar([(NOME, arquivo)], lambda *_: None)

    assert sorted(p.name for p in pasta.iterdir()) == [".enviando_novo", "abc1.age"]


@pytest.mark.parametrize(("codigo", "tolerado"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_uma_pasta_de_rede_pode_nao_saber_levar_ao_disco(
    disco: Path, arquivo: Path, monkeypatch: pytest.MonkeyPatch, codigo: int, tolerado: bool
) -> None:
    def recusar(_: int) -> None:
        raise OSError(codigo, os.strerror(codigo))

    monkeypatch.setattr(os, "fsync", recusar)
    destino = DestinoPasta(disco, "pasta:NAS")
    if tolerado:
        destino.enviar([(NOME, arquivo)], lambda *_: None)
    else:
        with pytest.raises(DestinoFora, match="deixou de responder"):
            destino.enviar([(NOME, arquivo)], lambda *_: None)

    chegou = {NOME: arquivo.read_bytes()} if tolerado else {}
    assert conteudo_da_pasta(disco) == {MARCA: b"{}\n", **chegou}


def test_o_que_a_pasta_nao_guardou_inteiro_nao_ganha_nome(
    disco: Path, arquivo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perder(copia: BinaryIO) -> None:
        copia.truncate(BLOCO)

    monkeypatch.setattr("cofre.remoto.pasta.para_o_disco", perder)
    with pytest.raises(FalhaDaCopia, match="não ficou inteiro"):
        DestinoPasta(disco, "pasta:NAS").enviar([(NOME, arquivo)], lambda *_: None)

    assert conteudo_da_pasta(disco) == {MARCA: b"{}\n"}


NUM_DISCO = (
    MONTAR
    + """
MS_RDONLY, MS_REMOUNT = 1, 32
ponto, opcoes, programa = sys.argv[1:]
libc = montar(ponto, "4m")
with open(os.path.join(ponto, "cofre.json"), "w") as arquivo:
    arquivo.write("{}")
if opcoes == "so-leitura":
    libc.mount(b"tmpfs", ponto.encode(), b"tmpfs", MS_REMOUNT | MS_RDONLY, b"size=4m")
exec(programa)
"""
)
"""Um disco de 4 MB com a marca da cópia."""

ENVIAR = """
import pathlib
sys.path.insert(0, SCRIPTS)
from cofre.remoto.erros import FalhaDaCopia
from cofre.remoto.pasta import DestinoPasta
destino = DestinoPasta(pathlib.Path(ponto), "pasta:Externo")
itens = [(f"blobs/ab/abc{n}.age", pathlib.Path(ARQUIVO)) for n in range(3)]
try:
    destino.enviar(itens, lambda *_: None)
except FalhaDaCopia as e:
    print(type(e).__name__, e, e.dica.splitlines()[0], sep="|")
print(sorted((o.nome, o.bytes) for o in destino.listar("")))
print(sorted(str(p.relative_to(ponto)) for p in pathlib.Path(ponto).rglob("*")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="montar um disco só nosso é do Linux")
@pytest.mark.parametrize(
    ("opcoes", "dito", "chegou"),
    [
        ("", "SemEspaco|pasta:Externo: o disco da cópia está cheio.|Libere espaço nele.", 1),
        (
            "so-leitura",
            "AcessoRecusado|pasta:Externo: o disco da cópia é só de leitura.|"
            "Destrave-o (há cartões e discos com uma chave) ou use outro.",
            0,
        ),
    ],
)
def test_o_disco_cheio_ou_so_de_leitura(
    tmp_path: Path, arquivo: Path, opcoes: str, dito: str, chegou: int
) -> None:
    ponto = tmp_path / "ponto"
    ponto.mkdir()
    programa = ENVIAR.replace("SCRIPTS", repr(str(RAIZ / "scripts")))
    programa = programa.replace("ARQUIVO", repr(str(arquivo)))
    feito = subprocess.run(
        [sys.executable, "-c", NUM_DISCO, str(ponto), opcoes, programa],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert feito.returncode == 0, feito.stdout + feito.stderr
    disse, ha, nomes = feito.stdout.splitlines()
    assert disse == dito
    inteiros = [(NOME.replace("1", str(n)), 3 * BLOCO + 5) for n in range(chegou)]
    assert ha == str([*inteiros, (MARCA, 2)])
    assert "enviando" not in nomes
