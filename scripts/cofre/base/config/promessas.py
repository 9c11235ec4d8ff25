"""O que se promete de cada empresa: quanto se pode perder, e em quanto tempo ela volta."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Promessa:
    """`perder`: o trabalho que, no máximo, se perde; `voltar`: em quanto tempo, no máximo, a
    empresa inteira volta. None: nada se promete."""

    perder: timedelta | None = None
    voltar: timedelta | None = None

    @property
    def vazia(self) -> bool:
        """Se nada se promete."""
        return self.perder is None and self.voltar is None


NENHUMA = Promessa()


@dataclass(frozen=True, slots=True)
class Promessas:
    """A de todas (do .env), e a das que têm a sua (do cofre.toml), pelo id ou pelo nome."""

    de_todas: Promessa = NENHUMA
    de_cada: Mapping[str, Promessa] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def vazias(self) -> bool:
        """Se nada se promete de empresa nenhuma."""
        return self.de_todas.vazia and not self.de_cada

    def de(self, user_id: str, nomes: Collection[str]) -> Promessa:
        """A desta empresa: o que não se diz dela é o de todas. O id vale mais que o nome."""
        ditos = {nome.casefold(): promessa for nome, promessa in self.de_cada.items()}
        pelos_nomes = (ditos.get(n.casefold()) for n in (user_id, *nomes))
        dela = next((p for p in pelos_nomes if p is not None), NENHUMA)
        return Promessa(
            dela.perder if dela.perder is not None else self.de_todas.perder,
            dela.voltar if dela.voltar is not None else self.de_todas.voltar,
        )


SEM_PROMESSAS = Promessas()
