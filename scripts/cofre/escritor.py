"""O contrato entre quem executa um plano e cada via até o banco: poucas operações, e o que cada uma
promete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from cofre.campos import NULO
from cofre.erros import EscritaRecusada
from cofre.escopo import TabelaNoEscopo
from cofre.modelo import Tabela
from cofre.plano import Acao, abrir_linha

DONO_TROCADO = "dono trocado"
MUDOU = "mudou"
IGNORADA = "ignorada"
"""Códigos nossos, no lugar dos do PostgreSQL: um gatilho troca o dono; a linha não é mais como a
foto a viu; um gatilho faz de conta que a exclusão aconteceu."""


@dataclass(frozen=True, slots=True)
class Mudanca:
    """Os `valores` novos de uma linha. A ação diz a chave e como a foto a viu (`atual`; None se ela
    acabou de ser inserida como o `alvo`)."""

    acao: Acao
    valores: Mapping[str, msgspec.Raw]

    @property
    def como_esta(self) -> bytes:
        """A linha como se crê que está no banco."""
        return self.acao.atual or self.acao.alvo or b"{}"


@dataclass(frozen=True, slots=True)
class Mudada:
    """O que houve com uma mudança: a recusa, ou as linhas `gravadas` (nenhuma: a linha não é mais
    como a foto a viu; None: não se sabe, a resposta se perdeu)."""

    mudanca: Mudanca
    gravadas: Sequence[bytes] | None = None
    recusa: EscritaRecusada | None = None


class Escritor(Protocol):
    """Uma via até o banco. As linhas que devolve trazem a chave e as colunas de dono como o banco
    as tem depois da escrita. Levanta EscritaRecusada pelo que o banco recusa, ConsultaDemorada se
    passou do tempo (nos dois casos, nada do pedido aconteceu), e FalhaDeLeitura pelo resto."""

    def inserir(
        self, alvo: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
    ) -> Sequence[bytes]:
        """Insere todas ou nenhuma; devolve as que entraram (nenhuma se a tabela não tem chave)."""

    def mudar(
        self, alvo: TabelaNoEscopo, quais: Iterator[Mudanca], *, em_paralelo: bool
    ) -> Iterator[Mudada]:
        """Muda as linhas que ainda são como a foto as viu; responde por cada uma, na ordem. Uma
        recusa vem na resposta. Em paralelo, várias podem estar a caminho ao mesmo tempo."""

    def lotes_a_apagar(self, tabela: Tabela, acoes: Iterator[Acao]) -> Iterator[list[Acao]]:
        """As ações em grupos que cabem num `apagar`."""

    def apagar(self, tabela: Tabela, lote: Sequence[Acao]) -> Sequence[Acao]:
        """Apaga as linhas que ainda são como a foto as viu; devolve as que não são e ficaram.
        Levanta EscritaRecusada com IGNORADA se o banco não apagou alguma que ainda é."""

    def apagar_inserida(self, alvo: TabelaNoEscopo, linha: bytes) -> None:
        """Tira uma linha devolvida por `inserir`, se ainda é do mesmo dono e o banco deixa."""


def colunas_de_dono(alvo: TabelaNoEscopo) -> tuple[str, ...]:
    """As colunas da própria tabela que dizem a empresa (nenhuma se ela é da mãe)."""
    da_tabela = next((r for r in alvo.ramos if not r.passos), None)
    return tuple(e.coluna for e in da_tabela.elos) if da_tabela else ()


def com_nulas(linha: bytes, anular: Sequence[str]) -> bytes:
    """A linha com estas colunas nulas; sem nenhuma, os mesmos bytes."""
    if not anular:
        return linha
    nulo = msgspec.Raw(NULO)
    campos = abrir_linha(linha)
    return msgspec.json.encode({c: nulo if c in anular else v for c, v in campos.items()})
