"""As linhas que diferem entre dois estados, achadas pela chave sem caberem na memória."""

from __future__ import annotations

import hashlib
import sqlite3
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from cofre.base.derrame import novo_veu
from cofre.base.linha import Linha
from cofre.plano.lados import Par
from cofre.plano.recorte import chave_escrita


@dataclass(frozen=True, slots=True)
class Mudada:
    """Uma linha da mudança; sem chave, `quantas` iguais voltam (ou, negativo, saem)."""

    para: Linha | None
    de: Linha | None
    quantas: int


class Diferencas:
    """As linhas que diferem entre dois estados, pela tabela e pela chave, num arquivo temporário
    que some com elas."""

    def __init__(self) -> None:
        self._banco = sqlite3.connect("", isolation_level=None)
        self._fechar = weakref.finalize(self, self._banco.close)
        for ajuste in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000"):
            self._banco.execute(f"PRAGMA {ajuste}")
        self._veu = novo_veu()
        self._banco.execute(
            "CREATE TABLE linhas (chave BLOB PRIMARY KEY, para BLOB, para_onde INT, de BLOB,"
            " de_onde INT, quantas INT)"
        )

    def guardar(self, tabela: str, chave: Sequence[str], pares: Iterable[Par]) -> int:
        """Acrescenta os pares (de, para) de uma tabela; devolve quantas linhas são."""
        quantas = 0

        def linhas() -> Iterator[tuple[bytes | int | None, ...]]:
            nonlocal quantas
            for _, de, para in pares:
                quantas += 1
                yield (
                    self._veu.marca(marca_de(tabela, de if para is None else para, chave)),
                    *self._fechada(para),
                    *self._fechada(de),
                    (para is not None) - (de is not None),
                )

        self._banco.execute("BEGIN")
        self._banco.executemany(
            "INSERT INTO linhas VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (chave) DO UPDATE SET quantas = quantas + excluded.quantas",
            linhas(),
        )
        self._banco.execute("COMMIT")
        return quantas

    def achar(self, marcas: Collection[bytes]) -> Mudada | None:
        """A linha com uma destas marcas. A mesma linha para o banco pode ter a chave escrita de
        dois modos: então o que era está numa e o que ficou na outra."""
        achadas = [a for m in marcas if (a := self._uma(m)) is not None]
        if not achadas:
            return None
        para = next((a.para for a in achadas if a.para is not None), None)
        de = next((a.de for a in achadas if a.de is not None), None)
        return Mudada(para, de, achadas[0].quantas)

    def _uma(self, marca: bytes) -> Mudada | None:
        achada = self._banco.execute(
            "SELECT para, para_onde, de, de_onde, quantas FROM linhas WHERE chave = ?",
            (self._veu.marca(marca),),
        ).fetchone()
        if achada is None:
            return None
        para, para_onde, de, de_onde, quantas = achada
        return Mudada(self._aberta(para, para_onde), self._aberta(de, de_onde), quantas)

    def _fechada(self, linha: Linha | None) -> tuple[bytes | None, int]:
        return (None, 0) if linha is None else self._veu.fechar([bytes(linha)])[0]

    def _aberta(self, fechada: bytes | None, onde: int) -> Linha | None:
        return None if fechada is None else msgspec.Raw(self._veu.abrir(fechada, onde))


def marca_de(tabela: str, linha: Linha | None, chave: Sequence[str]) -> bytes:
    """O que basta para reconhecer a chave, ou a linha inteira de uma tabela que não a tem."""
    escrita = "\0".join((tabela, *chave_escrita(linha or msgspec.Raw(b"{}"), chave)))
    return hashlib.blake2b(escrita.encode("utf-8", "surrogatepass"), digest_size=16).digest()
