"""Linhas de uma empresa que levam para fora dela, notadas enquanto a foto se grava."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cofre.base.linha import texto
from cofre.base.modelo import Contradicao, Tabela
from cofre.deposito.indice import EXEMPLOS
from cofre.deposito.ligacoes import Ligacoes
from cofre.deposito.passada import Grupo, Observador
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import Elo, TabelaNoEscopo

DE_PROPOSITO = ("user_approvals", "funcionarios")
"""A linha do empregado tem, de propósito, o login dele e a empresa."""


class Contradicoes:
    """As chaves estrangeiras que não fecham e os elos que dão em empresas diferentes."""

    def __init__(self, tabelas: Mapping[str, TabelaNoEscopo], donos: Donos) -> None:
        self._ligacoes = Ligacoes(
            {n: t.tabela.estrangeiras for n, t in tabelas.items()},
            tipos={n: {c.nome: c.tipo for c in t.tabela.colunas} for n, t in tabelas.items()},
        )
        self._divididos = {
            nome: ElosDivididos(t.tabela, elos, donos)
            for nome, t in tabelas.items()
            if nome not in DE_PROPOSITO and len(elos := elos_da_tabela(t)) > 1
        }

    def close(self) -> None:
        """Larga o que guardou; o que se achou já não se sabe."""
        self._ligacoes.close()

    def observadores(self, tabela: Tabela) -> list[Observador]:
        """Quem tem de ver as linhas desta tabela."""
        dividido = self._divididos.get(tabela.nome)
        das_ligacoes = self._ligacoes.observadores(tabela.nome, tabela.chave)
        return [*das_ligacoes, *([dividido] if dividido else [])]

    def achadas(self, gravadas: Collection[str]) -> Iterator[Contradicao]:
        """O que se achou nas tabelas `gravadas`."""
        abertas = self._ligacoes.abertas(gravadas)
        yield from abertas
        for nome in gravadas:
            dividido = self._divididos.get(nome)
            ja_ditas = {c.por.partition(" → ")[0] for c in abertas if c.tabela == nome}
            if dividido and dividido.quantas and not ja_ditas & set(dividido.nomes):
                yield dividido.contradicao()


def dependem_so_das_linhas(tabelas: Mapping[str, TabelaNoEscopo]) -> bool:
    """Se, com as mesmas linhas desta empresa, as contradições são sempre as mesmas: onde há vários
    elos, dependem também de quem são as outras."""
    return all(len(elos_da_tabela(t)) <= 1 or nome in DE_PROPOSITO for nome, t in tabelas.items())


def elos_da_tabela(no_escopo: TabelaNoEscopo) -> tuple[Elo, ...]:
    """As colunas da própria tabela que dizem a empresa."""
    return next((r.elos for r in no_escopo.ramos if not r.passos), ())


@dataclass(slots=True)
class ElosDivididos:
    """As linhas cujos elos dizem mais de uma empresa."""

    tabela: Tabela
    elos: tuple[Elo, ...]
    donos: Donos
    quantas: int = 0
    _exemplos: list[str] = field(default_factory=list)

    @property
    def nomes(self) -> tuple[str, ...]:
        """As colunas dos elos."""
        return tuple(e.coluna for e in self.elos)

    @property
    def colunas(self) -> Sequence[str]:
        return (*self.nomes, *self.tabela.chave)

    def ver(self, grupo: Grupo) -> None:
        linhas = grupo.valores(self.nomes)
        divididas = {v for v in set(linhas) if self._dividida(v)}
        if not divididas:
            return
        for valores, chave in zip(linhas, grupo.valores(self.tabela.chave), strict=True):
            if valores in divididas:
                self.quantas += 1
                if self.quantas <= EXEMPLOS:
                    self._exemplos.append(", ".join(texto(v) or "" for v in chave))

    def _dividida(self, valores: Sequence[bytes]) -> bool:
        pares = zip(self.elos, valores, strict=True)
        ditas = {self.donos.dono([elo], [texto(valor)]) for elo, valor in pares} - {None}
        return len(ditas) > 1

    def contradicao(self) -> Contradicao:
        """O que se achou, em palavras."""
        return Contradicao(
            self.tabela.nome, " ≠ ".join(self.nomes), self.quantas, tuple(self._exemplos)
        )
