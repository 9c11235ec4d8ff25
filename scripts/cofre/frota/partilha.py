"""O que o banco aguenta, dividido pelos trabalhadores: conexões e pedidos por segundo.

Um limite que se disse é o de todos juntos. Divide-se pelos que há quando se começa, e uns tantos
lugares (um semáforo do Dask, que os devolve quando quem os tem morre) impedem que os que chegam
depois somem mais. Sem limite dito, cada trabalhador usa o de um processo só.
"""

from __future__ import annotations

from dataclasses import dataclass

DE_CADA = 4
"""Pedidos ao mesmo tempo de cada trabalhador, se não se diz um limite."""
MAIS_CONEXOES = 32
"""As que um processo só pode ter."""


@dataclass(frozen=True, slots=True)
class Parte:
    """O que cada trabalhador pode, e quantos podem ao mesmo tempo (`lugares`; 0: todos).
    `todos_cabem`: se há lugar para os que havia no começo."""

    conexoes: int
    por_segundo: float | None = None
    lugares: int = 0
    todos_cabem: bool = True


@dataclass(frozen=True, slots=True)
class Limites:
    """Os que se disseram, de todos juntos (None: não se disse)."""

    conexoes: int | None = None
    por_segundo: int | None = None

    def de_todos(self, trabalhadores: int) -> int:
        """Quantos pedidos ao mesmo tempo fazem tantos trabalhadores."""
        if self.conexoes is not None:
            return self.conexoes
        return min(DE_CADA * trabalhadores, MAIS_CONEXOES)

    def partilhar(self, trabalhadores: int) -> Parte:
        """A parte de cada um de tantos."""
        if self.conexoes is None and self.por_segundo is None:
            return Parte(DE_CADA)
        lugares = min(trabalhadores, self.conexoes or trabalhadores)
        conexoes = DE_CADA if self.conexoes is None else self.conexoes // lugares
        por_segundo = self.por_segundo / lugares if self.por_segundo else None
        return Parte(conexoes, por_segundo, lugares, lugares == trabalhadores)
