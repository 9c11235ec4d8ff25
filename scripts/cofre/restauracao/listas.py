"""As listas de uma empresa (os arquivos dela, os logins) ao lado das tabelas, ao restaurar.

Para o plano, uma lista é uma tabela como outra. Quem a escreve é outro: uma `Lista`. Quem fala com
o banco nunca a vê: `ViaComListas` é uma via que só pergunta à de baixo o que é de tabelas.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from cofre.base.config.valores import Regras
from cofre.base.modelo import LISTAS, Tabela
from cofre.deposito.diario import Diario
from cofre.escopo.escopo import Escopo, TabelaNoEscopo
from cofre.plano.alvo import Alvo
from cofre.plano.impedimentos import Impedimento
from cofre.plano.plano import Plano
from cofre.plano.tabela import Acao
from cofre.via.contrato import (
    Dependente,
    EmpresaLida,
    Escrita,
    Inspecao,
    PedidoDeFoto,
    Prova,
    Via,
)

if TYPE_CHECKING:
    from cofre.restauracao.risco import Risco
    from cofre.restauracao.riscos import Caso

AoAvancar = Callable[[str, str, int], None]
T = TypeVar("T")


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

    def conferir(self, plano: Plano) -> None:
        """Levanta BackupDanificado se o que o plano põe não é desta empresa."""

    def riscos(self, caso: Caso) -> Iterator[Risco]:
        """O que impediria esta parte do plano. Levanta FalhaDoServidor."""

    def avisos(self, caso: Caso) -> Sequence[str]:
        """O que se diz dela no plano, e não impede nada. Levanta FalhaDoServidor."""

    def executar(self, plano: Plano, ao_avancar: AoAvancar, aceitos: Set[str]) -> list[Impedimento]:
        """Executa uma vez o plano desta lista; devolve o que não se fez, e por quê. Levanta
        FalhaDoServidor."""

    def terminar(self) -> None:
        """Chegou-se ao alvo: o que só se faz no fim. Levanta FalhaDoServidor."""


@dataclass(frozen=True, slots=True)
class _ComListas:
    """O que da via de baixo (`de`) se pergunta do mesmo modo, aberta para escrever ou não."""

    de: Via
    listas: Mapping[str, Lista]

    @property
    def nome(self) -> str:
        return self.de.nome

    @property
    def origem(self) -> str:
        return self.de.origem

    def com_ramos_de_agora(self, escopo: Escopo, inspecao: Inspecao, regras: Regras) -> Escopo:
        return self.de.com_ramos_de_agora(escopo, inspecao, regras)

    def fotografar(self, pedido: PedidoDeFoto) -> Mapping[str, EmpresaLida]:
        return self.de.fotografar(pedido)

    def existentes(
        self, no_escopo: TabelaNoEscopo, chaves: Sequence[tuple[bytes, ...]]
    ) -> list[bytes]:
        """De uma lista, nenhuma: a chave dela escreve-se de um modo só."""
        return [] if _e_lista(no_escopo.tabela) else self.de.existentes(no_escopo, chaves)

    def sem_como_gravar(
        self, tabela: Tabela, campos: Mapping[str, msgspec.Raw] | None
    ) -> Mapping[str, str]:
        return {} if _e_lista(tabela) else self.de.sem_como_gravar(tabela, campos)


@dataclass(frozen=True, slots=True)
class ViaComListas(_ComListas):
    """Uma `cofre.via.contrato.Via` que, além das tabelas da de baixo, escreve estas listas."""

    @property
    def atomica(self) -> bool:
        return self.de.atomica

    def fechar(self) -> None:
        self.de.fechar()

    def inspecionar(self, regras: Regras) -> Inspecao:
        return self.de.inspecionar(regras)

    def com_nao_gravaveis(self, escopo: Escopo) -> Escopo:
        return self.de.com_nao_gravaveis(escopo)

    def contar(self, tabela: str) -> int | None:
        return self.de.contar(tabela)

    @contextlib.contextmanager
    def escrevendo(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Iterator[Escrita]:
        """Ver `Via.escrevendo`: ou tabelas, ou listas, que não se escrevem numa transação."""
        if quais := [self.listas[nome] for nome in tabelas if nome in self.listas]:
            yield EscritaDasListas(self.de, self.listas, quais)
            return
        with self.de.escrevendo(tabelas) as escrita:
            yield escrita

    def como_escreve(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Sequence[str]:
        das_linhas = {n: t for n, t in tabelas.items() if n not in LISTAS}
        return self.de.como_escreve(das_linhas) if das_linhas else ()

    def colunas_gravaveis(self, tabela: Tabela) -> tuple[str, ...]:
        if tabela.nome in self.listas:
            return self.listas[tabela.nome].colunas_gravaveis()
        return self.de.colunas_gravaveis(tabela)

    def indiziveis(self, tabela: Tabela, campos: Mapping[str, msgspec.Raw]) -> Collection[str]:
        return () if _e_lista(tabela) else self.de.indiziveis(tabela, campos)

    def dependentes_de_fora(
        self, no_escopo: TabelaNoEscopo, linhas: Sequence[bytes], dentro: Collection[str]
    ) -> Sequence[Dependente]:
        if _e_lista(no_escopo.tabela):
            return ()
        nomes = [nome for nome in dentro if nome not in LISTAS]
        return self.de.dependentes_de_fora(no_escopo, linhas, nomes)

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
        return self.de.provar(no_escopo, lotes, colunas, alterando=alterando)


@dataclass(frozen=True, slots=True)
class EscritaDasListas(_ComListas):
    """Uma `cofre.via.contrato.Escrita` que só escreve listas, cada uma por quem sabe."""

    que_se_escrevem: Sequence[Lista]

    def executar(
        self,
        plano: Plano,
        _escopo: Mapping[str, TabelaNoEscopo],
        ao_avancar: AoAvancar,
        aceitos: Set[str] = frozenset(),
    ) -> list[Impedimento]:
        impedimentos: list[Impedimento] = []
        for lista in self.que_se_escrevem:
            impedimentos += lista.executar(plano.so_de([lista.nome]), ao_avancar, aceitos)
        return impedimentos

    def confirmar(self) -> None:
        for lista in self.que_se_escrevem:
            lista.terminar()


def _e_lista(tabela: Tabela) -> bool:
    return tabela.nome in LISTAS
