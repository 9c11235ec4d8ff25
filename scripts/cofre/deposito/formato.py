"""O formato de um arquivo de tabela: um vetor JSON em UTF-8, uma linha do banco por linha.

::

    [
    {"id":1,...},
    {"id":2,...}
    ]

Vazio é `[]`. Quem lê aceita qualquer vetor JSON (o da primeira versão era indentado), em pedaços:
a memória usada não cresce com o arquivo. Uma coluna `json` pode ter quebras de linha próprias, e
por isso quem lê separa pelo JSON, nunca pelas linhas do arquivo. Um arquivo cujo nome termina em
`.gz` é o mesmo vetor em gzip; em `.gz.age`, o gzip cifrado (ver `cifra`), que só se abre com uma
das chaves dadas a este processo.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import msgspec

from cofre.base import derrame
from cofre.base.erros import BackupDanificado
from cofre.base.linha import SEPARADOR, Leitor, Linha, separar
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.cifra.escrita import Fechado, fechando
from cofre.deposito.cifra.leitura import CifradoEstragado, abrindo

PEDACO = 256 * 1024
"""Bytes lidos do disco de cada vez."""

T = TypeVar("T")

NAO_E_OBJETO = "há uma posição que não é um objeto"

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


def ler_linhas(
    caminho: Path, somar: Callable[[bytes], None] | None = None
) -> Iterator[list[msgspec.Raw]]:
    """As linhas do arquivo, em grupos, com os bytes que estão lá. `somar`: ver `ler`.

    Levanta BackupDanificado se não descompacta ou não é um vetor JSON em UTF-8 com um objeto por
    posição; um BOM no começo é aceito. OSError passa.
    """
    return ler(caminho, _OBJETOS, somar)


def ler_soltas(
    caminho: Path, somar: Callable[[bytes], None] | None = None
) -> Iterator[list[bytes]]:
    """As linhas de um arquivo gravado por `Gravador`, de que se sabe que nenhuma tem quebras de
    linha próprias: separam-se sem as ler, e o que está nelas confere-o quem as soma. Levanta
    NaoESolto se o arquivo não é assim, e BackupDanificado se não descompacta. OSError passa."""
    with abrir(caminho) as arquivo:
        pedacos = _pedacos(arquivo, somar or _nada)
        resto = next(pedacos, b"")
        if not resto.startswith(ABRE):
            raise NaoESolto(f"{caminho.name} não começa como os de hoje")
        resto = resto[len(ABRE) :]
        for pedaco in pedacos:
            *linhas, resto = (resto + pedaco).split(SEPARADOR)
            if linhas:
                yield linhas
        if not resto.endswith(FECHA):
            raise NaoESolto(f"{caminho.name} não acaba como os de hoje")
        yield resto[: -len(FECHA)].split(SEPARADOR)


class NaoESolto(BackupDanificado):
    """O arquivo não tem uma linha do banco em cada linha de texto."""


def ler(
    caminho: Path, leitor: Leitor[T], somar: Callable[[bytes], None] | None = None
) -> Iterator[list[T]]:
    """As linhas do arquivo, em grupos, como o `leitor` as lê: um tipo do msgspec lê só as colunas
    que interessam, sem passar por cada linha em Python. Levanta como `ler_linhas`.

    `somar` recebe todo o conteúdo, sem o BOM, em pedaços, e um vazio no fim: também o que vem
    depois do ponto em que deixa de ser um vetor JSON.
    """
    with abrir(caminho) as arquivo:
        pedacos = _pedacos(arquivo, somar or _nada)
        try:
            yield from _separar(_conferidos(pedacos), leitor)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            for _ in pedacos:
                pass
            causa = NAO_E_OBJETO if isinstance(e, msgspec.ValidationError) else e
            raise BackupDanificado(f"{caminho.name} não é um vetor JSON em UTF-8: {causa}") from e


def _nada(_pedaco: bytes) -> None:
    """Ninguém soma."""


def _pedacos(arquivo: io.BufferedIOBase, somar: Callable[[bytes], None]) -> Iterator[bytes]:
    """O conteúdo, sem o BOM que um editor tenha posto."""
    pedaco = arquivo.read(PEDACO).removeprefix(codecs.BOM_UTF8)
    while pedaco:
        somar(pedaco)
        yield pedaco
        pedaco = arquivo.read(PEDACO)
    somar(b"")


def _conferidos(pedacos: Iterator[bytes]) -> Iterator[bytes]:
    """Os mesmos, se são UTF-8."""
    conferir = codecs.getincrementaldecoder("utf-8")()
    for pedaco in pedacos:
        conferir.decode(pedaco)
        yield pedaco
    conferir.decode(b"", final=True)


_ESPACO = b" \t\r\n"


def _separar(pedacos: Iterator[bytes], leitor: Leitor[T]) -> Iterator[list[T]]:
    """Acumula até haver linhas inteiras e as solta; o resto espera o próximo pedaço."""
    resto = b""
    aberto = depois_de_virgula = False
    tentar_com = 0  # bytes: uma linha enorme não é varrida de novo a cada pedaço que chega
    for pedaco in pedacos:
        resto += pedaco
        if not aberto:
            resto = resto.lstrip(_ESPACO)
            if not resto:
                continue
            if resto[:1] != b"[":
                raise msgspec.DecodeError("não começa com [")
            aberto, resto = True, resto[1:]
        if len(resto) < tentar_com:
            continue
        grupo, resto = _inteiras(resto, leitor)
        tentar_com = 0 if grupo else 2 * len(resto)
        if grupo:
            depois_de_virgula = True
            yield grupo
    if not aberto:
        raise msgspec.DecodeError("está vazio")
    ultimas = leitor(b"[" + resto)
    if ultimas:
        yield ultimas
    elif depois_de_virgula:
        raise msgspec.DecodeError("há uma vírgula a mais")


def _inteiras(texto: bytes, leitor: Leitor[T]) -> tuple[list[T], bytes]:
    """As linhas inteiras do começo do texto e o que sobra depois da vírgula que as segue."""
    corte = texto.rfind(b"}" + SEPARADOR)
    if corte >= 0:
        try:
            return leitor.depressa(b"[" + texto[: corte + 1] + b"]"), texto[corte + 3 :]
        except (msgspec.DecodeError, RecursionError):
            pass  # a vírgula achada é de dentro de um valor json, ou há um estranho: com cuidado
    corte = _ultima_virgula(texto)
    if corte < 0:
        return [], texto
    grupo = leitor(b"[" + texto[:corte] + b"]")
    if not grupo:
        raise msgspec.DecodeError("há uma vírgula a mais")
    return grupo, texto[corte + 1 :]


_SINAL = re.compile(rb'"(?:[^"\\]|\\.)*+"|["\[\]{},]', re.DOTALL)


def _ultima_virgula(texto: bytes) -> int:
    """A última vírgula entre duas linhas (fora de qualquer chave, colchete ou texto), ou -1."""
    fundo, achada = 0, -1
    for sinal in _SINAL.finditer(texto):
        caractere = sinal.group()
        if caractere in b"{[":
            fundo += 1
        elif caractere in b"}]":
            fundo -= 1
        elif caractere == b'"':
            break  # um texto que só termina no próximo pedaço
        elif caractere == b"," and fundo == 0:
            achada = sinal.start()
    return achada


def _objetos(texto: bytes) -> list[Linha]:
    linhas = separar.depressa(texto)
    if not {memoryview(linha)[0] for linha in linhas} <= _ABRE:
        raise msgspec.ValidationError(NAO_E_OBJETO)
    return linhas


_ABRE = {*b"{"}


def _objeto(linha: Linha) -> Linha:
    if bytes(memoryview(linha)[:1]) != b"{":
        raise msgspec.ValidationError(NAO_E_OBJETO)
    return linha


_OBJETOS = Leitor(_objetos, lambda linha: _objeto(separar.uma(linha)))


def sha256_do_arquivo(caminho: Path) -> tuple[str, int]:
    """O sha256 em hexadecimal e o tamanho em bytes do JSON, sem o BOM que um editor tenha posto.
    Levanta BackupDanificado se o arquivo não descompacta; OSError passa."""
    resumo, tamanho = hashlib.sha256(), 0
    with abrir(caminho) as arquivo:
        for pedaco in _pedacos(arquivo, resumo.update):
            tamanho += len(pedaco)
    return resumo.hexdigest(), tamanho


def sha256_no_disco(caminho: Path) -> tuple[str, int]:
    """O sha256 em hexadecimal e o tamanho em bytes do arquivo como está no disco. OSError passa."""
    with caminho.open("rb") as arquivo:
        return hashlib.file_digest(arquivo, "sha256").hexdigest(), arquivo.tell()
