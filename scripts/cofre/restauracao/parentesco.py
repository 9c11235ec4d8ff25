"""Por que colunas as linhas de umas tabelas apontam para as de outras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cofre.base.linha import NULO
from cofre.base.modelo import ChaveEstrangeira, Tabela

_NULO = msgspec.Raw(NULO)


@dataclass(frozen=True, slots=True)
class Parentesco:
    """As chaves estrangeiras destas tabelas, como são hoje."""

    tabelas: Mapping[str, Tabela]

    def pontas(self, nome: str) -> list[tuple[str, ...]]:
        """As colunas desta tabela por que outras apontam para ela."""
        todas = (fk for t in self.tabelas.values() for fk in t.estrangeiras if fk.tabela == nome)
        return list(dict.fromkeys(filter(None, map(self.referencias, todas))))

    def referencias(self, fk: ChaveEstrangeira) -> tuple[str, ...]:
        """As colunas apontadas; vazio, se não se sabe quais são."""
        mae = self.tabelas.get(fk.tabela)
        referencias = fk.referencias or (mae.chave if mae else ())
        return referencias if len(referencias) == len(fk.colunas) else ()


def junto(campos: Mapping[str, msgspec.Raw], colunas: Sequence[str]) -> bytes:
    """Os valores destas colunas num só; vazio, se algum é nulo: não aponta para nada."""
    valores = [bytes(campos.get(c, _NULO)) for c in colunas]
    return b"" if NULO in valores else b",".join(valores)
