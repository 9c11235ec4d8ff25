"""As listas de uma empresa (os arquivos dela, os logins) ao lado das tabelas, ao restaurar.

Para o plano, uma lista é uma tabela como outra. Quem a escreve é outro: uma `Lista`. Quem fala com
o banco nunca a vê: `com_listas` faz uma via que só pergunta à de baixo o que é de tabelas.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import msgspec

from cofre.base.linha import Linha
from cofre.base.modelo import LISTAS, Tabela
from cofre.deposito.backup import Backup
from cofre.deposito.diario import Diario
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.foto.arquivos import FotoMontada
from cofre.plano.alvo import Alvo
from cofre.plano.impedimentos import Impedimento
from cofre.plano.plano import Plano
from cofre.plano.tabela import Acao
from cofre.restauracao.risco import Risco
from cofre.via.contrato import (
    Dependente,
    Escrita,
    Prova,
    Via,
)
from cofre.via.logins.login import Login

AoAvancar = Callable[[str, str, int], None]


@dataclass(frozen=True, slots=True)
class Caso:
    """O que se avalia antes de escrever: um plano feito da foto de agora até o alvo, por uma via, e
    quem escreve as listas dele. `nao_voltam`: os logins que faltam, e continuarão a faltar."""

    via: Via
    alvo: Alvo
    plano: Plano
    foto: FotoMontada
    listas: Mapping[str, Lista] = field(default_factory=dict)
    nao_voltam: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Dito:
    """O que se diz de uma lista: as `frases`, na tela, e o `documento`, na saída --json."""

    frases: tuple[str, ...] = ()
    documento: Mapping[str, Any] = field(default_factory=dict)


class Lista(Protocol):
    """Quem escreve uma lista da empresa que se restaura: depois de as linhas valerem, numa etapa só
    sua."""

    @property
    def nome(self) -> str:
        """Uma das LISTAS."""

    @property
    def no_escopo(self) -> TabelaNoEscopo:
        """A lista como se fosse uma tabela: as colunas e a chave dela, e nenhum ramo."""

    def comecar(self, alvo: Alvo, diario: Diario | None) -> None:
        """O alvo a que daqui em diante se quer levá-la, e o diário em que se anota (None: só se
        planeja)."""

    def colunas_gravaveis(self) -> tuple[str, ...]:
        """As que se comparam e se podem escrever, com as da chave."""

    def nao_via(self, backup: Backup, linha: Linha) -> bool:
        """Se este backup, como se fez, não podia ver esta linha de hoje."""

    def conferir(self, plano: Plano) -> None:
        """Levanta BackupDanificado se o que o plano põe não é desta empresa."""

    def riscos(self, caso: Caso) -> Iterator[Risco]:
        """O que impediria esta parte do plano. Levanta FalhaDoServidor."""

    def ditos(self, caso: Caso) -> Dito:
        """O que se diz dela no plano, e não impede nada. Levanta FalhaDoServidor."""

    def executar(self, plano: Plano, ao_avancar: AoAvancar, aceitos: Set[str]) -> list[Impedimento]:
        """Executa uma vez o plano desta lista; devolve o que não se fez, e por quê. Levanta
        FalhaDoServidor."""

    def sem_identidade(self, repostos: int) -> int:
        """Destes que o plano repôs, quantos são outros, com o mesmo conteúdo."""

    def terminar(self) -> None:
        """Chegou-se ao alvo: o que só se faz no fim. Levanta FalhaDoServidor."""


def com_listas(via: Via, listas: Mapping[str, Lista]) -> Via:
    """A mesma via, que além das tabelas escreve estas listas."""
    return cast("Via", _ComListas(via, listas)) if listas else via


class _SemAsListas:
    """O que se pergunta à via de baixo (`_de`), que das listas nada sabe; o resto é dela."""

    def __init__(self, via: Via, listas: Mapping[str, Lista]) -> None:
        self._de = via
        self._listas = listas

    def __getattr__(self, nome: str) -> Any:
        return getattr(self._de, nome)

    def existentes(
        self, no_escopo: TabelaNoEscopo, chaves: Sequence[tuple[bytes, ...]]
    ) -> list[bytes]:
        """De uma lista, nenhuma: a chave dela escreve-se de um modo só."""
        return [] if _e_lista(no_escopo.tabela) else self._de.existentes(no_escopo, chaves)

    def sem_como_gravar(
        self, tabela: Tabela, campos: Mapping[str, msgspec.Raw] | None
    ) -> Mapping[str, str]:
        return {} if _e_lista(tabela) else self._de.sem_como_gravar(tabela, campos)


class _ComListas(_SemAsListas):
    """Uma `cofre.via.contrato.Via`."""

    @contextlib.contextmanager
    def escrevendo(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Iterator[Escrita]:
        """Ver `Via.escrevendo`: ou tabelas, ou listas, que não se escrevem numa transação."""
        if quais := [self._listas[nome] for nome in tabelas if nome in self._listas]:
            yield cast("Escrita", _Escrita(self._de, self._listas, quais))
            return
        with self._de.escrevendo(tabelas) as escrita:
            yield escrita

    def supondo(self, logins: Sequence[Login]) -> Via:
        return com_listas(self._de.supondo(logins), self._listas)

    def como_escreve(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Sequence[str]:
        das_linhas = {n: t for n, t in tabelas.items() if n not in LISTAS}
        return self._de.como_escreve(das_linhas) if das_linhas else ()

    def colunas_gravaveis(self, tabela: Tabela) -> tuple[str, ...]:
        if tabela.nome in self._listas:
            return self._listas[tabela.nome].colunas_gravaveis()
        return self._de.colunas_gravaveis(tabela)

    def indiziveis(self, tabela: Tabela, campos: Mapping[str, msgspec.Raw]) -> Collection[str]:
        return () if _e_lista(tabela) else self._de.indiziveis(tabela, campos)

    def dependentes_de_fora(
        self, no_escopo: TabelaNoEscopo, linhas: Sequence[bytes], dentro: Collection[str]
    ) -> Sequence[Dependente]:
        if _e_lista(no_escopo.tabela):
            return ()
        nomes = [nome for nome in dentro if nome not in LISTAS]
        return self._de.dependentes_de_fora(no_escopo, linhas, nomes)

    def provar(
        self,
        no_escopo: TabelaNoEscopo,
        lotes: Iterator[Sequence[Acao]],
        colunas: Sequence[str],
        *,
        alterando: bool,
    ) -> Iterator[Prova]:
        """De uma lista, o que a impediria diz ela mesma (ver `Lista.riscos`)."""
        if _e_lista(no_escopo.tabela):
            return (Prova(lote, None) for lote in lotes)
        return self._de.provar(no_escopo, lotes, colunas, alterando=alterando)


class _Escrita(_SemAsListas):
    """Uma `cofre.via.contrato.Escrita` que só escreve listas, cada uma por quem sabe."""

    def __init__(
        self, via: Via, listas: Mapping[str, Lista], que_se_escrevem: Sequence[Lista]
    ) -> None:
        super().__init__(via, listas)
        self._que_se_escrevem = que_se_escrevem

    def executar(
        self,
        plano: Plano,
        _escopo: Mapping[str, TabelaNoEscopo],
        ao_avancar: AoAvancar,
        aceitos: Set[str] = frozenset(),
    ) -> list[Impedimento]:
        impedimentos: list[Impedimento] = []
        for lista in self._que_se_escrevem:
            impedimentos += lista.executar(plano.so_de([lista.nome]), ao_avancar, aceitos)
        return impedimentos

    def confirmar(self) -> None:
        for lista in self._que_se_escrevem:
            lista.terminar()


def _e_lista(tabela: Tabela) -> bool:
    return tabela.nome in LISTAS
