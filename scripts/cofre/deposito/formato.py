"""O formato de um arquivo de tabela: um vetor JSON em UTF-8, uma linha do banco por linha.

::

    [
    {"id":1,...},
    {"id":2,...}
    ]

Vazio é `[]`. Um arquivo cujo nome termina em `.gz` é o mesmo vetor em gzip; em `.gz.age`, o gzip
cifrado (ver `cifra`), que só se abre com uma das chaves dadas a este processo. Como se separam as
linhas, ver `linhas`.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from cofre.base import derrame
from cofre.base.erros import BackupDanificado
from cofre.base.linha import SEPARADOR
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.cifra.escrita import Fechado, fechando
from cofre.deposito.cifra.leitura import CifradoEstragado, abrindo

PEDACO = 256 * 1024
"""Bytes lidos do disco de cada vez."""

COMPACTADO, CIFRADO = ".gz", ".age"
"""Como acaba o nome de um arquivo compactado, e o de um cifrado."""

NIVEL_DO_GZIP = 6
"""O 9 leva o dobro do tempo para tirar 3 % a mais de um JSON."""


ABRE, FECHA = b"[\n", b"\n]\n"


class Gravador:
    """Escreve um arquivo de tabela a partir de blocos já juntados, contando e somando."""

    def __init__(self, saida: BinaryIO) -> None:
        self._saida = saida
        self._resumo = hashlib.sha256()
        self._vazio = True
        self.bytes = 0

    def bloco(self, bloco: bytes) -> None:
        """Acrescenta um bloco; o vazio não muda nada."""
        if bloco:
            self._escrever(ABRE if self._vazio else SEPARADOR)
            self._escrever(bloco)
            self._vazio = False

    def terminar(self) -> str:
        """Fecha o vetor e devolve o sha256 de tudo, em hexadecimal."""
        self._escrever(b"[]\n" if self._vazio else FECHA)
        return self._resumo.hexdigest()

    def _escrever(self, dados: bytes) -> None:
        self._saida.write(dados)
        self._resumo.update(dados)
        self.bytes += len(dados)


@contextlib.contextmanager
def compactando(saida: BinaryIO) -> Iterator[BinaryIO]:
    """Onde escrever o que vai compactado para `saida`. O mesmo conteúdo dá sempre os mesmos bytes:
    sem data nem nome dentro."""
    with gzip.GzipFile("", "wb", NIVEL_DO_GZIP, saida, mtime=0) as compactado:
        yield cast(BinaryIO, compactado)


@contextlib.contextmanager
def gravando_cifrado(
    saida: BinaryIO, para: Sequence[ChaveQueFecha]
) -> Iterator[tuple[BinaryIO, Fechado]]:
    """Onde escrever o que vai compactado e cifrado para `saida`, e o que, ao sair, diz a soma e o
    tamanho do arquivo. OSError passa; levanta DependenciaAusente."""
    with fechando(saida, para) as fechado, compactando(cast(BinaryIO, fechado)) as compactado:
        yield compactado, fechado


@contextlib.contextmanager
def de_passagem(pasta: Path, nome: str) -> Iterator[tuple[Path, BinaryIO]]:
    """Um arquivo de tabela que só este processo vai ler, e onde o escrever. Se o que se derrama vai
    cifrado, fecha-se com uma chave que só existe na memória. OSError passa."""
    if not derrame.cifrando():
        caminho = pasta / f"{nome}.json"
        with caminho.open("xb") as arquivo:
            yield caminho, arquivo
        return
    caminho = pasta / f"{nome}.json{COMPACTADO}{CIFRADO}"
    para = [chaveiro.de_passagem().publica]
    with caminho.open("xb") as arquivo, gravando_cifrado(arquivo, para) as (saida, _):
        yield caminho, saida


@contextlib.contextmanager
def abrir(caminho: Path) -> Iterator[io.BufferedIOBase]:
    """O JSON do arquivo, compactado, cifrado ou nem um nem outro. Levanta BackupDanificado se não
    descompacta ou se o cifrado se estragou, e FaltaChave se nenhuma das dadas o abre."""
    with contextlib.ExitStack() as pilha:
        arquivo: io.BufferedIOBase = pilha.enter_context(caminho.open("rb"))
        nome = caminho.name
        try:
            if nome.endswith(CIFRADO):
                aberto = abrindo(cast(BinaryIO, arquivo), chaveiro.que_abrem())
                arquivo, nome = pilha.enter_context(aberto), nome.removesuffix(CIFRADO)
            if nome.endswith(COMPACTADO):
                arquivo = pilha.enter_context(gzip.GzipFile(fileobj=cast(BinaryIO, arquivo)))
            yield arquivo
        except (gzip.BadGzipFile, EOFError, zlib.error) as e:
            raise BackupDanificado(f"{caminho.name} está cortado ou corrompido (gzip)") from e
        except CifradoEstragado as e:
            raise BackupDanificado(f"{caminho.name} {e}") from e


def em_pedacos(
    arquivo: io.BufferedIOBase, somar: Callable[[bytes], None] | None = None
) -> Iterator[bytes]:
    """O conteúdo, sem o BOM que um editor tenha posto. `somar` recebe cada pedaço, e um vazio no
    fim."""
    somar = somar or _nada
    pedaco = arquivo.read(PEDACO).removeprefix(codecs.BOM_UTF8)
    while pedaco:
        somar(pedaco)
        yield pedaco
        pedaco = arquivo.read(PEDACO)
    somar(b"")


def _nada(_pedaco: bytes) -> None:
    """Ninguém soma."""


def sha256_do_arquivo(caminho: Path) -> tuple[str, int]:
    """O sha256 em hexadecimal e o tamanho em bytes do JSON, sem o BOM que um editor tenha posto.
    Levanta BackupDanificado se o arquivo não descompacta; OSError passa."""
    resumo, tamanho = hashlib.sha256(), 0
    with abrir(caminho) as arquivo:
        for pedaco in em_pedacos(arquivo, resumo.update):
            tamanho += len(pedaco)
    return resumo.hexdigest(), tamanho


def sha256_no_disco(caminho: Path) -> tuple[str, int]:
    """O sha256 em hexadecimal e o tamanho em bytes do arquivo como está no disco. OSError passa."""
    with caminho.open("rb") as arquivo:
        return hashlib.file_digest(arquivo, "sha256").hexdigest(), arquivo.tell()
