"""O que se fez de cada arquivo numa foto, anotado no disco, na ordem: podem ser muitos."""

from __future__ import annotations

import array
import hashlib
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from cofre.base.rascunho import Rascunho, Trecho
from cofre.deposito.conteudos.guarda import Guardado
from cofre.deposito.conteudos.marcas import Token
from cofre.via.arquivos.objetos import Objeto


class Nota(msgspec.Struct, frozen=True, array_like=True):
    """Um arquivo, e o conteúdo dele ou por que ficou de `fora`."""

    objeto: Objeto
    guardado: Guardado | None = None
    fora: str = ""


_LER = msgspec.json.Decoder(Nota)


class Caderno:
    """As notas de uma foto."""

    def __init__(self, pasta: Path) -> None:
        """`pasta`: onde fica o arquivo de trabalho, sem nome."""
        arquivo = tempfile.SpooledTemporaryFile(64 * 1024, "w+b", dir=str(pasta))  # noqa: SIM115
        self._rascunho = Rascunho(arquivo)
        self._onde = array.array("Q")
        self._por_token: dict[bytes, int] = {}
        weakref.finalize(self, arquivo.close)

    def anotar(self, nota: Nota) -> None:
        """A próxima, na ordem. OSError passa."""
        trecho = self._rascunho.guardar(msgspec.json.encode(nota))
        self._onde.append(trecho.inicio << 24 | trecho.tamanho)

    def __iter__(self) -> Iterator[Nota]:
        return map(self._ler, self._onde)

    def indexar(self, token_de: Callable[[Objeto], Token]) -> None:
        """Para que se ache o que se guardou, pelo token."""
        for onde in self._onde:
            nota = self._ler(onde)
            if nota.guardado is not None:
                self._por_token[curto(token_de(nota.objeto))] = onde

    def achar(self, token: Token) -> Nota | None:
        """A do arquivo com este token, se se guardou. OSError passa."""
        onde = self._por_token.get(curto(token))
        return None if onde is None else self._ler(onde)

    def _ler(self, onde: int) -> Nota:
        return _LER.decode(self._rascunho.ler(Trecho(onde >> 24, onde & 0xFFFFFF)))


def curto(token: Token) -> bytes:
    """Uma soma pequena de um token, para lembrar muitos."""
    return hashlib.blake2b("\0".join(token).encode(), digest_size=12).digest()
