"""O que o banco aguenta, dividido pelos trabalhadores: conexões e pedidos por segundo.

Um limite que se disse é o de todos juntos. Divide-se pelos que há quando se começa, e uns tantos
lugares (um semáforo do Dask, que os devolve quando quem os tem morre) impedem que os que chegam
depois somem mais. Sem limite dito, cada trabalhador usa o de um processo só.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parte:
    """O que cada trabalhador pode, e quantos podem ao mesmo tempo (`lugares`; 0: todos).
    `todos_cabem`: se há lugar para os que havia no começo."""

    conexoes: int
    por_segundo: float | None = None
    lugares: int = 0
    todos_cabem: bool = True


def partilhar(
    trabalhadores: int, conexoes: int | None, por_segundo: int | None, padrao: int
) -> Parte:
    """A parte de cada um; `conexoes` e `por_segundo`, os limites ditos, e `padrao`, as conexões de
    um processo a quem não se diz quantas."""
    if conexoes is None and por_segundo is None:
        return Parte(padrao)
    lugares = trabalhadores if conexoes is None else min(trabalhadores, conexoes)
    de_cada = padrao if conexoes is None else conexoes // lugares
    de_cada_por_segundo = por_segundo / lugares if por_segundo else None
    return Parte(de_cada, de_cada_por_segundo, lugares, lugares == trabalhadores)
