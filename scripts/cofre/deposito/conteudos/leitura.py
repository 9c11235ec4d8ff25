"""Ler um conteúdo, em claro: o que se estragou lê-se curto, nunca inteiro e errado."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from cofre.base.erros import BackupDanificado
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.leitura import CifradoEstragado, abrindo
from cofre.deposito.conteudos.lugar import PASTA, mudou, tamanho_no_disco
from cofre.deposito.formato import CIFRADO

BLOCO = 256 * 1024
"""Bytes lidos de cada vez."""


@contextlib.contextmanager
def lendo(caminho: Path, guardado: str, soma: str) -> Iterator[BinaryIO]:
    """O conteúdo em claro do arquivo com a soma `guardado` (a dele, depois de aberto, é `soma`;
    vazia: não se sabe). O último bloco só sai com as somas conferidas. Ler levanta BackupDanificado
    e FaltaChave; abrir, BackupDanificado se não há nada ali. OSError passa."""
    if tamanho_no_disco(caminho) is None:
        raise BackupDanificado(f"o conteúdo {guardado[:12]}… não está na pasta")
    with contextlib.ExitStack() as pilha:
        no_disco = _Somado(pilha.enter_context(caminho.open("rb")))
        claro = no_disco
        if caminho.suffix == CIFRADO:
            chaves = chaveiro.que_abrem()
            claro = _Somado(pilha.enter_context(abrindo(cast(BinaryIO, no_disco), chaves)))
        conferido = _Conferido(claro, soma, no_disco, guardado)
        yield cast(BinaryIO, io.BufferedReader(conferido, BLOCO))


class _Legivel(Protocol):
    def read(self, n: int = -1, /) -> bytes:
        """Até `n` bytes; vazio é o fim."""


class _Somado:
    """O que se lê, somado de passagem."""

    def __init__(self, de: _Legivel) -> None:
        self._de = de
        self._resumo = hashlib.sha256()

    def read(self, n: int = -1, /) -> bytes:
        pedaco = self._de.read(n)
        self._resumo.update(pedaco)
        return pedaco

    def conferir(self, soma: str) -> None:
        """Lido até o fim, tem esta soma. Levanta BackupDanificado."""
        while self.read(BLOCO):
            pass
        if self._resumo.hexdigest() != soma:
            raise mudou(soma)


class _Conferido(io.RawIOBase):
    """Um conteúdo que traz sempre um bloco lido adiante: o último só se dá depois de conferido."""

    def __init__(self, claro: _Somado, soma: str, no_disco: _Somado, guardado: str) -> None:
        super().__init__()
        self._claro, self._soma = claro, soma
        self._no_disco, self._guardado = no_disco, guardado
        self._agora = memoryview(b"")
        self._depois: bytes | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, destino: object, /) -> int:
        vista = memoryview(cast(bytearray, destino))
        if self._depois is None:
            self._depois = self._bloco()
        if not self._agora and self._depois:
            self._agora, self._depois = memoryview(self._depois), self._bloco()
        pedaco = self._agora[: len(vista)]
        vista[: len(pedaco)] = pedaco
        self._agora = self._agora[len(pedaco) :]
        return len(pedaco)

    def _bloco(self) -> bytes:
        try:
            bloco = self._claro.read(BLOCO)
            if not bloco:
                self._no_disco.conferir(self._guardado)
                if self._soma:
                    self._claro.conferir(self._soma)
        except CifradoEstragado as e:
            raise BackupDanificado(f"um conteúdo de {PASTA}/ {e}") from e
        return bloco
