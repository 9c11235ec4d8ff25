"""Abrir: o conteúdo de um arquivo cifrado, em pedaços, sem nunca parar no disco.

O `decrypt_io` do pyrage empurra, e quem lê um backup puxa: por isso ele corre noutro fio. O age
confere cada 64 KiB antes de os dar: do que se estragou sai o começo, certo, e depois o erro; nunca
um byte trocado. Só quem lê até o fim sabe que está inteiro.
"""

from __future__ import annotations

import contextlib
import io
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from cofre.base.erros import BackupDanificado
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.chaves import ChaveQueAbre
from cofre.deposito.cifra.comprimento import BLOCO, comprimento_certo

__all__ = ("abrindo", "comprimento_certo")

FILA = 8
"""Blocos que esperam entre os dois fios, no máximo: a memória não cresce com o arquivo."""
_NENHUMA_SERVE = "No matching keys found"


@contextlib.contextmanager
def abrindo(arquivo: BinaryIO, com: Sequence[ChaveQueAbre]) -> Iterator[io.BufferedIOBase]:
    """O conteúdo em claro, para ler até o fim. Ler levanta CifradoEstragado se o arquivo foi
    cortado, mudado ou não é um cifrado, e FaltaChave se nenhuma destas chaves o abre; OSError
    passa. Levanta DependenciaAusente."""
    if not com:
        raise FaltaChave("Este backup está cifrado, e nenhuma chave que abre foi dada.")
    aberto = _Aberto(arquivo, com)
    try:
        yield io.BufferedReader(aberto, BLOCO)
    finally:
        aberto.largar()


class CifradoEstragado(BackupDanificado):
    """O arquivo foi cortado ou mudado, ou não é um cifrado."""


class _Largado(Exception):
    """Quem lê não quer mais nada."""


class _Aberto(io.RawIOBase):
    """O que se lê; o outro fio abre e põe na fila, com um None no fim."""

    def __init__(self, arquivo: BinaryIO, com: Sequence[ChaveQueAbre]) -> None:
        super().__init__()
        self._com = [chave.para_o_age() for chave in com]
        self._origem = _Origem(arquivo)
        self._destino = _Destino()
        self._resto = memoryview(b"")
        self._acabou = False
        self._falha: BaseException | None = None
        self._fio = threading.Thread(target=self._abrir, name="cifra", daemon=True)
        self._fio.start()

    def readable(self) -> bool:
        return True

    def readinto(self, destino: object, /) -> int:
        vista = memoryview(cast(bytearray, destino))
        if not self._resto and not self._acabou:
            bloco = self._destino.fila.get()
            self._acabou = bloco is None
            self._resto = memoryview(bloco or b"")
        if self._acabou and self._falha is not None:
            raise self._falha
        pedaco = self._resto[: len(vista)]
        vista[: len(pedaco)] = pedaco
        self._resto = self._resto[len(pedaco) :]
        return len(pedaco)

    def largar(self) -> None:
        """Não se lê mais: o outro fio para."""
        self._destino.largado = True
        while not self._acabou:
            self._acabou = self._destino.fila.get() is None
        self._fio.join()

    def _abrir(self) -> None:
        from cofre.deposito.cifra import age

        try:
            # Os tipos publicados pedem mais do que o pyrage usa: read, write e flush.
            origem, destino = cast(io.BufferedIOBase, self._origem), self._destino
            age.decrypt_io(origem, cast(io.BufferedIOBase, destino), self._com)
            destino.entregar()
        except BaseException as e:  # levanta-se no fio de quem lê
            self._falha = self._em_palavras(e)
        finally:
            self._destino.fila.put(None)

    def _em_palavras(self, e: BaseException) -> BaseException:
        from cofre.deposito.cifra import age

        if self._origem.falha is not None:
            return self._origem.falha
        if isinstance(e, age.DecryptError) and _NENHUMA_SERVE in str(e):
            return FaltaChave("Nenhuma das chaves que abrem dadas abre este backup.")
        # Um OSError sem número é do pyrage, e diz que o conteúdo não confere.
        if isinstance(e, age.DecryptError) or (isinstance(e, OSError) and e.errno is None):
            return CifradoEstragado("está cortado, foi mudado, ou não é um arquivo cifrado")
        return e


class _Origem:
    """O arquivo cifrado, que lembra o erro que teve: o pyrage o esconde no dele."""

    def __init__(self, arquivo: BinaryIO) -> None:
        self.falha: BaseException | None = None
        self._arquivo = arquivo

    def read(self, n: int = -1, /) -> bytes:
        try:
            return self._arquivo.read(n)
        except BaseException as e:
            self.falha = e
            raise


class _Destino:
    """Por onde chega, no outro fio, o que se abriu: junta-o em blocos e põe-nos na fila."""

    def __init__(self) -> None:
        self.fila: queue.Queue[bytes | None] = queue.Queue(FILA)
        self.largado = False
        self._junto = bytearray()

    def write(self, dados: bytes, /) -> int:
        if self.largado:
            raise _Largado
        self._junto += dados
        if len(self._junto) >= BLOCO:
            self.entregar()
        return len(dados)

    def entregar(self) -> None:
        """O que ainda está junto."""
        if self._junto:
            self.fila.put(bytes(self._junto))
            self._junto.clear()

    def flush(self) -> None:
        """Nada: no fim, `entregar`."""
