"""As somas dos resumos das linhas de uma tabela, por bloco, e o que delas se conclui."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cofre.deposito.resumos import NENHUMA, ResumoDaTabela


@dataclass(slots=True)
class Resumida:
    """O que o servidor disse de uma tabela de uma empresa, por bloco. `duvidosa`: a ordem das
    linhas não está provada; `alheias`: entre elas passaram outras, que não são da empresa."""

    por_bloco: dict[int, Soma] = field(default_factory=dict)
    duvidosa: bool = False
    alheias: bool = False

    @property
    def linhas(self) -> int:
        """Quantas são."""
        return sum(s.linhas for s in self.por_bloco.values())

    def somar(self, bloco: int, soma: Sequence[Any], ramo: str) -> None:
        """Mais linhas de um bloco: (quantas, a soma, a outra, a ordem) das de um ramo."""
        linhas, uma, outra, ordem = soma
        antes = self.por_bloco.get(bloco, NADA)
        ordens = {*antes.ordem.split("+"), f"{ramo}:{ordem}"} - {""} if ordem else ()
        self.por_bloco[bloco] = Soma(
            antes.linhas + linhas,
            antes.uma + int(uma),
            antes.outra + int(outra),
            "+".join(sorted(ordens)),
        )

    def de(self, bloco: int) -> str:
        """O resumo de um bloco, como se guarda."""
        return str(self.por_bloco.get(bloco, NADA))

    def que_diferem(self, resumo: ResumoDaTabela) -> set[int] | None:
        """Os blocos que já não são os que eram; None se não se sabe quais."""
        if self.duvidosa:
            return None
        eram = {n: b.resumo for n, b in enumerate(resumo.blocos)}
        todos = {*eram, *self.por_bloco}
        return {n for n in todos if self.de(n) != eram.get(n, str(NADA))}

    def mesmas(self, resumo: ResumoDaTabela) -> bool:
        """Se são as mesmas linhas, por muito que os blocos fossem outros."""
        if self.duvidosa:
            return False
        eram = {n: b.resumo for n, b in enumerate(resumo.blocos)}
        if eram == {n: str(soma) for n, soma in self.por_bloco.items()}:
            return True  # quase sempre, e quase sempre num bloco só
        somas = [Soma.lida(b.resumo) for b in resumo.blocos]
        if any(s.ordem for s in somas):
            return not self.que_diferem(resumo)
        return _total(somas) == _total(list(self.por_bloco.values()))


@dataclass(frozen=True, slots=True)
class Soma:
    """De umas linhas: quantas, as duas somas, e o resumo delas por ordem (vazio: não importa)."""

    linhas: int
    uma: int
    outra: int
    ordem: str = ""

    @classmethod
    def lida(cls, guardada: str) -> Soma:
        """O contrário de `str`. Levanta ValueError."""
        linhas, uma, outra, *ordem = guardada.split()
        return cls(int(linhas), int(uma), int(outra), *ordem)

    def __str__(self) -> str:
        return f"{self.linhas} {self.uma} {self.outra} {self.ordem}".rstrip()


NADA = Soma(0, 0, 0)
assert str(NADA) == NENHUMA


def _total(somas: Sequence[Soma]) -> Soma:
    return Soma(
        sum(s.linhas for s in somas), sum(s.uma for s in somas), sum(s.outra for s in somas)
    )
