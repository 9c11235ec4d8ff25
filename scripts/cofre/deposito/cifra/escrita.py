"""Fechar: bytes que entram em claro e saem cifrados, sem nunca parar no disco em claro.

O `encrypt_io` do pyrage puxa o que vai cifrar, e quem escreve um backup empurra: por isso ele corre
noutro fio. E perde o erro da última gravação (medido no 1.4.0: até 8 KiB, num arquivo pequeno ele
inteiro): dele não se aceita que acabou. Quem grava é a nossa `_Saida`, que lembra o erro que teve,
e no fim o tamanho tem de ser o que o formato manda.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol, cast

from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.cifra.comprimento import BLOCO, do_corpo, fim_do_cabecalho

FILA = 8
"""Blocos que esperam entre os dois fios, no máximo: a memória não cresce com o arquivo."""


class Saida(Protocol):
    """O que se pede de onde vão os bytes cifrados."""

    def write(self, dados: bytes, /) -> int | None:
        """Grava, e diz quantos bytes (None: todos)."""

    def flush(self) -> None:
        """Só volta com tudo entregue ao sistema."""


class Fechado(io.BufferedIOBase):
    """Onde se escreve o que vai cifrado. Depois de `fechando`, `sha256` e `bytes` são os do arquivo
    cifrado."""

    def __init__(self, saida: Saida, para: Sequence[ChaveQueFecha]) -> None:
        super().__init__()
        self.sha256 = ""
        self.bytes = 0
        self._para = [chave.para_o_age() for chave in para]
        self._saida = _Saida(saida)
        self._entrada = _Entrada()
        self._junto = bytearray()
        self._falha: BaseException | None = None
        self._fio = threading.Thread(target=self._cifrar, name="cifra", daemon=True)
        self._fio.start()

    def writable(self) -> bool:
        return True

    def write(self, dados: object, /) -> int:
        """Acrescenta bytes. Levanta o que o disco recusou, assim que se sabe."""
        vista = memoryview(cast(bytes, dados))
        self._junto += vista
        if len(self._junto) >= BLOCO:
            self._entregar()
        return vista.nbytes

    def terminar(self) -> None:
        """Cifra o que falta e confere o que saiu. OSError passa."""
        self._entregar()
        self._entrada.acabar()
        self._fio.join()
        self._levantar()
        self._saida.conferir(self._entrada.lidos)
        self.sha256, self.bytes = self._saida.resumo.hexdigest(), self._saida.bytes

    def desistir(self) -> None:
        """Larga o que falta, se falta: o que já saiu não se abre até o fim."""
        self._entrada.cortar()
        self._fio.join()

    def _entregar(self) -> None:
        self._levantar()
        if self._junto:
            self._entrada.por(bytes(self._junto))
            self._junto.clear()

    def _levantar(self) -> None:
        # Primeiro o que a saída teve: o pyrage o esconde num EncryptError, ou o perde.
        falha = self._saida.falha or self._falha
        if falha is not None:
            raise falha

    def _cifrar(self) -> None:
        from cofre.deposito.cifra import age

        try:
            # Os tipos publicados pedem mais do que o pyrage usa: read, write e flush.
            entrada = cast(io.BufferedIOBase, self._entrada)
            age.encrypt_io(entrada, cast(io.BufferedIOBase, self._saida), self._para)
        except BaseException as e:  # levanta-se no fio de quem escreve
            self._falha = e
        finally:
            self._entrada.esvaziar()


@contextlib.contextmanager
def fechando(saida: Saida, para: Sequence[ChaveQueFecha]) -> Iterator[Fechado]:
    """Cifra para todas estas chaves o que se escrever no que entrega. OSError passa, também a de
    um disco que se encheu no fim; levanta DependenciaAusente. Um bloco que levanta deixa na saída
    um arquivo que nunca se abre inteiro: apague-o."""
    fechado = Fechado(saida, para)
    try:
        yield fechado
        fechado.terminar()
    finally:
        fechado.desistir()
    saida.flush()


class _Cortado(Exception):
    """Quem escreve desistiu."""


class _Entrada:
    """O que o `encrypt_io` puxa: blocos que chegam de outro fio, e um None no fim."""

    def __init__(self) -> None:
        self.lidos = 0
        self._fila: queue.Queue[bytes | None] = queue.Queue(FILA)
        self._resto = memoryview(b"")
        self._disse = self._ouviu = self._cortada = False

    def por(self, bloco: bytes) -> None:
        """Espera se a fila está cheia: há sempre quem a esvazie, até ouvir que acabou."""
        self._fila.put(bloco)

    def acabar(self) -> None:
        """Não vem mais nada."""
        if not self._disse:
            self._fila.put(None)  # um Ctrl+C aqui não deixa o outro fio à espera: diz-se de novo
            self._disse = True

    def cortar(self) -> None:
        """Não vem mais nada, e o que veio não é tudo."""
        if not self._disse:
            self._cortada = True
            self.acabar()

    def esvaziar(self) -> None:
        """Espera que acabe, sem guardar nada."""
        while not self._ouviu:
            self._ouviu = self._fila.get() is None

    def read(self, n: int = -1, /) -> bytes:
        if not self._resto and not self._ouviu:
            bloco = self._fila.get()
            self._ouviu = bloco is None
            self._resto = memoryview(bloco or b"")
        if self._cortada:
            raise _Cortado
        pedaco = self._resto if n < 0 else self._resto[:n]
        self._resto = self._resto[len(pedaco) :]
        self.lidos += len(pedaco)
        return bytes(pedaco)


class _Saida:
    """Por onde saem os bytes cifrados: conta, soma, e lembra o erro que teve."""

    def __init__(self, saida: Saida) -> None:
        self.falha: BaseException | None = None
        self.resumo = hashlib.sha256()
        self.bytes = 0
        self._saida = saida
        self._comeco = bytearray()
        self._cabecalho: int | None = None

    def write(self, dados: bytes, /) -> int:
        if self.falha is not None:
            raise self.falha
        try:
            self._gravar(dados)
        except BaseException as e:
            self.falha = e
            raise
        self.resumo.update(dados)
        self.bytes += len(dados)
        if self._cabecalho is None:
            self._comeco += dados
            self._cabecalho = fim_do_cabecalho(self._comeco)
        return len(dados)

    def _gravar(self, dados: bytes) -> None:
        resto = memoryview(dados)
        while resto:
            gravados = self._saida.write(cast(bytes, resto))
            if gravados == 0:
                raise OSError(errno.ENOSPC, "a saída não aceita mais nada")
            resto = resto[gravados:] if gravados is not None else memoryview(b"")

    def flush(self) -> None:
        """Nada: quem abriu a saída é que a despeja, e ouve o erro."""

    def conferir(self, conteudo: int) -> None:
        """Que saiu um arquivo inteiro de um conteúdo deste tamanho. Levanta OSError."""
        if self._cabecalho is None or self.bytes - self._cabecalho != do_corpo(conteudo):
            raise OSError(errno.EIO, "o arquivo cifrado saiu incompleto")
