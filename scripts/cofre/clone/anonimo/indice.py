"""Os nomes que se conhecem, e onde algum deles está num texto.

Um nome de duas palavras ou mais acha-se pelas duas primeiras; o de uma só, por ela. Comparam-se
sem acentos, sem caixa e sem pontuação: «D'Ávila» são «d» e «avila».
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cofre.base.selecao import sem_acentos

_PALAVRA = re.compile(r"(?<!&)(?<![^\W_])[^\W_]+|(?<=&)[^\W_]+(?!;)(?![^\W_])")
"""Não a de uma entidade de XML ou HTML: «Zé &amp; Filhos» são «ze» e «filhos»."""
CURTO = 3
"""Um nome com menos letras do que estas não se procura: «Zé» está em toda parte."""


def palavras(texto: str) -> list[str]:
    """As do texto, como se comparam."""
    return _PALAVRA.findall(texto if texto.isascii() and texto.islower() else _simples(texto))


def _simples(texto: str) -> str:
    return sem_acentos(texto).casefold()


class Indice:
    """Os nomes de uma empresa."""

    def __init__(self) -> None:
        self._soltos: set[str] = set()
        self._inteiros: dict[str, str] = {}
        self._tamanhos: dict[str, tuple[int, ...]] = {}

    def incluir(self, chave: str) -> None:
        """Mais um nome (ver `feitio.chave_do_texto`)."""
        ditas = palavras(chave)
        if len(ditas) == 1 and len(ditas[0]) >= CURTO:
            self._soltos.add(ditas[0])
        if len(ditas) < 2 or sum(map(len, ditas)) < CURTO:
            return
        self._inteiros[" ".join(ditas)] = chave
        duas = f"{ditas[0]} {ditas[1]}"
        sabidos = self._tamanhos.get(duas, ())
        if len(ditas) not in sabidos:
            self._tamanhos[duas] = tuple(sorted((*sabidos, len(ditas)), reverse=True))

    def tem(self, texto: str) -> bool:
        """Se algum dos nomes, também de uma palavra só, está no texto."""
        ditas = palavras(texto)
        return not self._soltos.isdisjoint(ditas) or next(self._achar(ditas), None) is not None

    def onde(self, texto: str) -> Iterator[tuple[int, int, str]]:
        """Cada nome de duas palavras ou mais: onde começa no texto, onde acaba, e a chave dele."""
        if not self._tamanhos:
            return
        lugares = [(m.start(), m.end()) for m in _PALAVRA.finditer(texto)]
        if len(lugares) < 2:
            return
        ditas = [_simples(texto[i:f]) for i, f in lugares]
        for primeira, quantas, chave in self._achar(ditas):
            yield lugares[primeira][0], lugares[primeira + quantas - 1][1], chave

    def _achar(self, ditas: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        n = 0
        while n < len(ditas) - 1:
            for quantas in self._tamanhos.get(f"{ditas[n]} {ditas[n + 1]}", ()):
                chave = self._inteiros.get(" ".join(ditas[n : n + quantas]))
                if chave is not None and n + quantas <= len(ditas):
                    yield n, quantas, chave
                    n += quantas - 1
                    break
            n += 1
