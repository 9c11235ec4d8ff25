"""O arquivo de trabalho de uma leitura: blocos guardados numa ordem e lidos em outra."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import IO

from cofre.base import derrame


@dataclass(frozen=True, slots=True)
class Trecho:
    """Onde um bloco está no rascunho, em bytes."""

    inicio: int
    tamanho: int


class Rascunho:
    """Um arquivo de trabalho em que vários fios podem guardar ao mesmo tempo; cifrado, se é caso
    disso (ver `derrame`). OSError passa."""

    def __init__(self, arquivo: IO[bytes]) -> None:
        self._arquivo = arquivo
        self._fluxo = derrame.Fluxo() if derrame.cifrando() else None
        self._fim = 0
        self._trinco = threading.Lock()

    def guardar(self, bloco: bytes) -> Trecho:
        """Acrescenta o bloco e diz onde ficou."""
        with self._trinco:
            trecho = Trecho(self._fim, len(bloco))
            self._arquivo.seek(self._fim)
            self._arquivo.write(self._passar(bloco, self._fim))
            self._fim += len(bloco)
        return trecho

    def fechar(self) -> None:
        """O arquivo some, e o que se guardou com ele; fechá-lo outra vez não faz nada."""
        self._arquivo.close()

    def ler(self, trecho: Trecho) -> bytes:
        """O bloco guardado ali."""
        with self._trinco:
            self._arquivo.seek(trecho.inicio)
            lido = self._arquivo.read(trecho.tamanho)
        return self._passar(lido, trecho.inicio)

    def _passar(self, dados: bytes, posicao: int) -> bytes:
        return dados if self._fluxo is None else self._fluxo.passar(dados, posicao)
