"""O que se manda ao Storage: um objeto, e de onde vem o conteúdo dele."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from cofre.via.arquivos.objetos import Objeto

SEM_TIPO = "application/octet-stream"
"""O tipo de um objeto que não diz nenhum."""
Abrir = Callable[[], contextlib.AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True)
class ASubir:
    """O que se manda: um objeto (valem `balde`, `nome`, `tamanho`, `tipo`, `cache` e `metadados`) e
    quem abre o conteúdo dele, do começo, a cada tentativa."""

    objeto: Objeto
    abrir: Abrir

    @property
    def tamanho(self) -> int:
        """Em bytes."""
        return self.objeto.tamanho or 0
