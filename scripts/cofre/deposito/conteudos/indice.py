"""O que se sabe de cem mil arquivos, em poucos megabytes: uma ficha de bytes por arquivo, em ordem.

Uma ficha é a chave (16 bytes do resumo do token, ou da marca) e, depois, a soma e o tamanho do
conteúdo; de um cifrado, também os do arquivo que o guarda.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable

from cofre.deposito.conteudos.guarda import Guardado
from cofre.deposito.conteudos.marcas import Token

CHAVE, SOMA, TAMANHO = 16, 32, 8
"""Bytes."""


def do_token(token: Token) -> bytes:
    """A chave de um arquivo de um backup em claro."""
    partes = (p.encode("utf-8", "surrogatepass") for p in token)
    return hashlib.blake2b(b"\0".join(partes), digest_size=CHAVE).digest()


def da_marca(marca: str) -> bytes:
    """A de um de um backup cifrado."""
    return bytes.fromhex(marca)[:CHAVE]


def ficha(chave: bytes, g: Guardado) -> bytes:
    """O que o índice guarda."""
    dito = chave + bytes.fromhex(g.soma) + g.tamanho.to_bytes(TAMANHO)
    return dito + bytes.fromhex(g.guardado) + g.no_disco.to_bytes(TAMANHO) if g.cifrado else dito


class Indice:
    """As fichas, por chave e por soma. `bytes`: os que guardam ao todo, no disco."""

    def __init__(self) -> None:
        self.bytes = 0
        self._fichas: list[bytes] = []
        self._por_soma: list[bytes] | None = None

    def acrescentar(self, fichas: Iterable[bytes]) -> None:
        """Mais estas; a de uma chave que já cá está não conta."""
        novas = [f for f in fichas if self._da_chave(f[:CHAVE]) is None]
        self.bytes += sum(_lida(f).no_disco for f in novas)
        self._fichas.extend(novas)
        self._fichas.sort()
        self._por_soma = None

    def achar(self, chave: bytes) -> Guardado | None:
        """O que a ficha com esta chave diz."""
        achada = self._da_chave(chave)
        return _lida(achada) if achada is not None else None

    def com_soma(self, soma: str) -> Guardado | None:
        """Um cifrado com esta soma do conteúdo."""
        if self._por_soma is None:
            cifradas = (f for f in self._fichas if len(f) > CHAVE + SOMA + TAMANHO)
            self._por_soma = sorted(f[CHAVE : CHAVE + SOMA] + f[:CHAVE] for f in cifradas)
        procurada = bytes.fromhex(soma)
        onde = bisect_left(self._por_soma, procurada)
        achada = self._por_soma[onde] if onde < len(self._por_soma) else b""
        return self.achar(achada[SOMA:]) if achada.startswith(procurada) else None

    def _da_chave(self, chave: bytes) -> bytes | None:
        onde = bisect_left(self._fichas, chave)
        achada = self._fichas[onde] if onde < len(self._fichas) else b""
        return achada if achada.startswith(chave) else None


def _lida(dita: bytes) -> Guardado:
    ditos = []
    for comeco in range(CHAVE, len(dita), SOMA + TAMANHO):
        meio = comeco + SOMA
        tamanho = int.from_bytes(dita[meio : meio + TAMANHO])
        ditos += [dita[comeco:meio].hex(), tamanho]
    return Guardado(*ditos) if len(ditos) > 2 else Guardado(*ditos, *ditos)  # type: ignore[arg-type]
