"""O arquivo de trabalho de uma leitura: blocos guardados numa ordem e lidos em outra."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True, slots=True)
class Trecho:
    """Onde um bloco está no rascunho, em bytes."""

    inicio: int
    tamanho: int


class Rascunho:
    """Um arquivo de trabalho em que vários fios podem guardar ao mesmo tempo. OSError passa."""

    def __init__(self, arquivo: IO[bytes]) -> None:
        self._arquivo = arquivo
        self._fim = 0
        self._trinco = threading.Lock()

    def guardar(self, bloco: bytes) -> Trecho:
        """Acrescenta o bloco e diz onde ficou."""
        with self._trinco:
            trecho = Trecho(self._fim, len(bloco))
            self._arquivo.seek(self._fim)
            self._arquivo.write(bloco)
            self._fim += len(bloco)
        return trecho

    def ler(self, trecho: Trecho) -> bytes:
        """O bloco guardado ali."""
        with self._trinco:
            self._arquivo.seek(trecho.inicio)
            return self._arquivo.read(trecho.tamanho)
