"""O acaso que é sempre o mesmo para o mesmo valor, e que sem o segredo não se refaz."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
VOGAIS, CONSOANTES = "aeiou", "bcdfglmnprstvz"


class Sorteio:
    """Uma sequência de escolhas que só depende do segredo e do que se sorteia."""

    __slots__ = ("_ler", "_lidos", "_resto")

    def __init__(self, ler: Callable[[int], bytes]) -> None:
        self._ler, self._lidos, self._resto = ler, 0, 0

    def ate(self, quantos: int) -> int:
        """Um número de 0 a `quantos` - 1."""
        if self._resto < quantos << 16:  # o que sobra já não chega para sortear por igual
            self._lidos += 32
            self._resto = int.from_bytes(self._ler(self._lidos)[-32:], "big")
        self._resto, numero = divmod(self._resto, quantos)
        return numero

    def um_de(self, opcoes: Sequence[T]) -> T:
        """Um destes."""
        return opcoes[self.ate(len(opcoes))]

    def silabas(self, tamanho: int) -> str:
        """Uma palavra que se pronuncia, com tantas letras."""
        return "".join(self.um_de(VOGAIS if n % 2 else CONSOANTES) for n in range(tamanho))

    def algarismos(self, tamanho: int) -> str:
        """Tantos algarismos."""
        return "".join(self.um_de("0123456789") for _ in range(tamanho))


class Sorteador:
    """Faz os sorteios de um segredo."""

    def __init__(self, segredo: bytes) -> None:
        self._chave = hashlib.blake2b(segredo, person=b"cofre anonimo").digest()

    def de(self, especie: str, chave: str, tentativa: int) -> Sorteio:
        """O desta chave, à enésima tentativa."""
        dito = "\0".join((especie, chave, str(tentativa))).encode("utf-8", "surrogatepass")
        semente = hashlib.blake2b(dito, key=self._chave, digest_size=32).digest()
        return Sorteio(lambda ate: semente if ate == 32 else hashlib.shake_256(semente).digest(ate))
