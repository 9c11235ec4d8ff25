"""O que o banco reescreve do que se manda: explica uma linha que não ficou como se quis.

Uma mudança cuja resposta não diz que achou a linha pode ter sido feita assim mesmo: a resposta se
perdeu, ou é a da segunda vez de um pedido que o gateway repetiu. Se alguma coluna está como se
mandou, foi a nossa. Se nenhuma está, ou um gatilho as reescreveu todas, ou foi outra pessoa.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from cofre.base.linha import abrir_linha
from cofre.base.textos import CAMPO
from cofre.plano.lados import Chave


@dataclass(frozen=True, slots=True)
class Reescritas:
    """O que se aprende numa passada e vale na seguinte."""

    _colunas: set[tuple[str, str]] = field(default_factory=set)
    """(tabela, coluna) que já voltou diferente do que se mandou."""
    _duvidosas: set[tuple[str, Chave]] = field(default_factory=set)
    """As linhas de que não se soube quem as mudou."""

    def aprender(self, tabela: str, mandadas: Mapping[str, msgspec.Raw], gravada: bytes) -> None:
        """Compara o que se mandou com o que voltou; o que não voltou não se compara."""
        ficou = abrir_linha(gravada)
        self._colunas.update((tabela, c) for c, v in mandadas.items() if ficou.get(c, v) != v)

    def explicam(self, tabela: str, chave: Chave, mandadas: Mapping[str, msgspec.Raw]) -> bool:
        """Se a linha em que nada ficou como se mandou é a que se mandou: o banco reescreve todas
        estas colunas. Se isso não se sabe, a próxima foto guarda o que está lá, e só da segunda vez
        se crê."""
        if all((tabela, coluna) in self._colunas for coluna in mandadas if coluna != CAMPO):
            return True
        quem = (tabela, chave)
        de_novo = quem in self._duvidosas
        self._duvidosas.add(quem)
        return de_novo
