"""Muitos documentos parecidos à espera de serem ditos: apertados na memória, e nunca no disco."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any


class Fardo:
    """Documentos para o JSON do fim: o de cada uma de dezenas de milhares de empresas, em objetos,
    não cabe; comprimidos juntos, ocupam umas dezenas de bytes cada."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj()
        self._apertado: list[bytes] = []

    def por(self, documento: Mapping[str, Any]) -> None:
        """Mais um."""
        self._apertar(json.dumps(documento).encode("ascii") + b"\n")

    def tirar(self) -> Iterator[dict[str, Any]]:
        """Todos, na ordem em que se puseram; nada mais se põe."""
        self._apertado.append(self._compressor.flush())
        abridor, resto = zlib.decompressobj(), b""
        for parte in self._apertado:
            *linhas, resto = (resto + abridor.decompress(parte)).split(b"\n")
            yield from map(json.loads, linhas)

    def _apertar(self, dados: bytes) -> None:
        if apertado := self._compressor.compress(dados):
            self._apertado.append(apertado)
