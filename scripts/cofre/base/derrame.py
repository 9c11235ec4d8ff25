"""O que transborda da memória para o disco enquanto se trabalha: rascunhos e índices temporários.

Somem ao fechar, mas os bytes deles ficam no disco até que outros os cubram. Quando se cifra (ou se
abre o cifrado), nada transborda em claro: cada um vai com uma chave nova, que só está na memória
deste processo e morre com ele.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

BLOCO = 16
"""Bytes do bloco do AES."""
_EM_CIFRA = threading.Event()


def cifrar() -> None:
    """Daqui em diante, tudo o que este processo derramar vai cifrado."""
    _EM_CIFRA.set()


def em_claro() -> None:
    """O contrário; é como um processo começa."""
    _EM_CIFRA.clear()


def cifrando() -> bool:
    """Se o que se derrama vai cifrado."""
    return _EM_CIFRA.is_set()


class Fluxo:
    """AES-CTR de uma chave nova: o mesmo byte da mesma posição sai sempre igual, e por isso cada
    posição só se escreve uma vez."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.ciphers.algorithms import AES

        self._chave: AES = AES(secrets.token_bytes(32))

    def passar(self, dados: bytes, posicao: int) -> bytes:
        """Cifra, ou decifra, os bytes que estão nesta posição."""
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.modes import CTR

        bloco, pulo = divmod(posicao, BLOCO)
        fluxo = Cipher(self._chave, CTR(bloco.to_bytes(BLOCO, "big"))).encryptor()
        if pulo:
            fluxo.update(bytes(pulo))
        return fluxo.update(dados)


Fechado = tuple[bytes, int]
"""Um valor como vai para o disco, e a posição dele no fluxo."""


class Veu(ABC):
    """Como os valores de um índice vão para o disco, e voltam."""

    @abstractmethod
    def marca(self, valor: bytes) -> bytes:
        """O que, no disco, está no lugar de um valor que só se compara."""

    @abstractmethod
    def fechar(self, valores: Sequence[bytes]) -> list[Fechado]:
        """Valores que se querem de volta."""

    @abstractmethod
    def abrir(self, fechado: bytes, posicao: int) -> bytes:
        """Um deles, de volta."""


class _SemVeu(Veu):
    def marca(self, valor: bytes) -> bytes:
        return valor

    def fechar(self, valores: Sequence[bytes]) -> list[Fechado]:
        return [(valor, 0) for valor in valores]

    def abrir(self, fechado: bytes, posicao: int) -> bytes:
        return fechado


class _ComVeu(Veu):
    """A marca é uma soma com chave, de 16 bytes: a de dois valores diferentes não coincide."""

    def __init__(self) -> None:
        self._segredo = secrets.token_bytes(32)
        self._fluxo = Fluxo()
        self._fim = 0

    def marca(self, valor: bytes) -> bytes:
        return hashlib.blake2b(valor, digest_size=16, key=self._segredo).digest()

    def fechar(self, valores: Sequence[bytes]) -> list[Fechado]:
        # Num só passo: abrir o AES para cada valor levaria mais tempo do que gravá-lo.
        inicio, juntos = self._fim, b"".join(valores)
        fechados = self._fluxo.passar(juntos, inicio)
        self._fim += -(-len(juntos) // BLOCO) * BLOCO
        saida: list[Fechado] = []
        onde = 0
        for valor in valores:
            saida.append((fechados[onde : onde + len(valor)], inicio + onde))
            onde += len(valor)
        return saida

    def abrir(self, fechado: bytes, posicao: int) -> bytes:
        return self._fluxo.passar(fechado, posicao)


def novo_veu() -> Veu:
    """O de um índice novo: transparente, se nada se cifra."""
    return _ComVeu() if cifrando() else _SemVeu()
