"""As linhas que diferem entre dois estados, achadas pela chave sem caberem na memória."""

from __future__ import annotations

import hashlib
import sqlite3
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

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
        self._banco.execute(
            "CREATE TABLE linhas (chave BLOB PRIMARY KEY, para BLOB, de BLOB, quantas INT)"
        )

    def guardar(self, tabela: str, chave: Sequence[str], pares: Iterable[Par]) -> int:
        """Acrescenta os pares (de, para) de uma tabela; devolve quantas linhas são."""
        quantas = 0

        def linhas() -> Iterator[tuple[bytes, bytes | None, bytes | None, int]]:
            nonlocal quantas
            for _, de, para in pares:
                quantas += 1
                yield (
                    marca_de(tabela, de if para is None else para, chave),
                    None if para is None else bytes(para),
                    None if de is None else bytes(de),
                    (para is not None) - (de is not None),
                )

        self._banco.execute("BEGIN")
        self._banco.executemany(
            "INSERT INTO linhas VALUES (?, ?, ?, ?)"
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
        para = next((a[0] for a in achadas if a[0] is not None), None)
        de = next((a[1] for a in achadas if a[1] is not None), None)
        return Mudada(_linha(para), _linha(de), achadas[0][2])

    def _uma(self, marca: bytes) -> tuple[bytes | None, bytes | None, int] | None:
        achada: tuple[bytes | None, bytes | None, int] | None = self._banco.execute(
            "SELECT para, de, quantas FROM linhas WHERE chave = ?", (marca,)
        ).fetchone()
        return achada


def _linha(bruta: bytes | None) -> Linha | None:
    return None if bruta is None else msgspec.Raw(bruta)


def marca_de(tabela: str, linha: Linha | None, chave: Sequence[str]) -> bytes:
    """O que basta para reconhecer a chave, ou a linha inteira de uma tabela que não a tem."""
    escrita = "\0".join((tabela, *chave_escrita(linha or msgspec.Raw(b"{}"), chave)))
    return hashlib.blake2b(escrita.encode("utf-8", "surrogatepass"), digest_size=16).digest()
