"""O contrato entre quem executa um plano e cada via até o banco: poucas operações, e o que cada uma
promete."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from cofre.base.erros import ConsultaDemorada, ErroCofre, EscritaRecusada, PedidoGrande
from cofre.base.linha import NULO, abrir_linha, mesmos_valores
from cofre.base.textos import com_valores
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.lotes import metades
from cofre.plano.tabela import Acao, TabelaDoPlano

DONO_TROCADO = "dono trocado"
MUDOU = "mudou"
IGNORADA = "ignorada"
SEM_VERSAO = "sem versão"
INDIZIVEL = "indizível"
"""Códigos nossos, no lugar dos do PostgreSQL: um gatilho troca o dono; a linha não é mais como a
foto a viu; um gatilho faz de conta que a escrita aconteceu; não se sabe se a linha ainda é a que a
foto viu; a via não tem como escrever um valor, e nem tenta."""
DISPUTAS = frozenset({"40001", "40P01"})
"""SQLSTATEs de uma escrita que outra atrapalhou (serialização, impasse): passa sozinho. A trava que
não se obtém (55P03) é de cada via: pela API também passa, e direto se diz de quem ela é."""
POR_REVER = frozenset({MUDOU, SEM_VERSAO})
"""O que a próxima foto pode resolver, sem que o plano mude."""


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
    """O que houve com uma mudança: a recusa, ou as linhas `gravadas`. Não é `inteira` se ficou algo
    por mudar, porque a linha já não tem o que a foto viu."""

    mudanca: Mudanca
    gravadas: Sequence[bytes] = ()
    recusa: EscritaRecusada | None = None
    inteira: bool = True


SEM_EFEITO = (EscritaRecusada, ConsultaDemorada, PedidoGrande)
"""O que uma escrita levanta quando nada dela aconteceu: o banco a recusa, ela passou do tempo, ou é
grande demais. As duas últimas se resolvem com menos linhas."""


@dataclass(frozen=True, slots=True)
class Lote:
    """Linhas a inserir de uma vez: as ações, e o que vai ao banco por elas (os bytes de cada linha,
    e as `colunas` que valem)."""

    acoes: Sequence[Acao]
    linhas: Sequence[bytes]
    colunas: Sequence[str]

    def metades(self) -> tuple[Lote, ...]:
        """As duas metades; nenhuma se é uma linha só."""
        pares = zip(metades(self.acoes), metades(self.linhas), strict=True)
        return tuple(Lote(acoes, linhas, self.colunas) for acoes, linhas in pares)


@dataclass(frozen=True, slots=True)
class Inserido:
    """O que houve com um lote: o `erro` (um dos SEM_EFEITO), ou as linhas que entraram (nenhuma se
    a tabela não tem chave)."""

    lote: Lote
    gravadas: Sequence[bytes] = ()
    erro: ErroCofre | None = None


class Escritor(Protocol):
    """Uma via até o banco. As linhas que devolve trazem a chave e as colunas de dono como o banco
    as tem depois da escrita. Levanta um dos SEM_EFEITO, e FalhaDoServidor pelo resto."""

    def repor(
        self, no_escopo: TabelaNoEscopo, lotes: Iterator[Lote], *, em_paralelo: bool
    ) -> Iterator[Inserido]:
        """Insere cada lote, inteiro ou nada; responde por cada um, na ordem. Em paralelo, vários
        podem estar a caminho ao mesmo tempo, depois que o primeiro chegou."""

    def mudar(
        self, no_escopo: TabelaNoEscopo, quais: Iterator[Mudanca], *, em_paralelo: bool
    ) -> Generator[Mudada, None, None]:
        """Muda, de cada linha, o que ainda é como a foto viu; responde por cada uma, na ordem. Uma
        recusa vem na resposta (com IGNORADA, se o banco não mudou uma que ainda é). Em paralelo,
        várias podem estar a caminho ao mesmo tempo. Quem fecha o gerador não manda mais nada."""

    def lotes_a_apagar(
        self, no_escopo: TabelaNoEscopo, acoes: Iterator[Acao]
    ) -> Iterator[list[Acao]]:
        """As ações em grupos que cabem num `apagar`."""

    def apagar(self, no_escopo: TabelaNoEscopo, lote: Sequence[Acao]) -> Sequence[Acao]:
        """Apaga as linhas que ainda são como a foto as viu; devolve as que não são e ficaram.
        Levanta EscritaRecusada com IGNORADA se o banco não apagou alguma que ainda é."""

    def apagar_inserida(self, no_escopo: TabelaNoEscopo, linha: bytes) -> None:
        """Tira uma linha devolvida por `repor`, se ainda é do mesmo dono e o banco deixa."""


def colunas_de_dono(no_escopo: TabelaNoEscopo) -> tuple[str, ...]:
    """As colunas da própria tabela que dizem a empresa (nenhuma se ela é da mãe)."""
    da_tabela = next((r for r in no_escopo.ramos if not r.passos), None)
    return tuple(e.coluna for e in da_tabela.elos) if da_tabela else ()


def com_outro_dono(
    no_escopo: TabelaNoEscopo, mandadas: Sequence[Acao], gravadas: Sequence[bytes]
) -> list[bytes]:
    """As linhas que ficaram no banco com outro dono que o mandado: um gatilho o troca."""
    chave, donos = no_escopo.tabela.chave, colunas_de_dono(no_escopo)
    colunas = tuple(dict.fromkeys((*chave, *donos)))
    if not gravadas or mesmos_valores(gravadas, [_quis(a) for a in mandadas], colunas):
        return []  # quase sempre
    trocadas = []
    por_chave = {_chave_que_quis(a, chave): _quis(a) for a in mandadas}
    for gravada in gravadas:
        ficou = abrir_linha(gravada)
        mandada = por_chave.get(tuple(bytes(ficou[c]) for c in chave))
        quis = abrir_linha(mandada) if mandada is not None else ficou
        # Um dono nulo que o banco preenche fica na empresa: a próxima passada o devolve.
        if any(bytes(quis.get(c, ficou[c])) not in (NULO, bytes(ficou[c])) for c in donos):
            trocadas.append(gravada)
    return trocadas


def _chave_que_quis(acao: Acao, colunas: Sequence[str]) -> Chave:
    """A que a linha deve ter depois: pode ser outra, igual para o banco (ver `plano.mesmas`)."""
    campos = abrir_linha(_quis(acao))
    return tuple(bytes(campos[c]) for c in colunas) if campos else acao.chave


def _quis(acao: Acao) -> bytes:
    return acao.alvo or b"{}"


def com_nulas(linha: bytes, anular: Sequence[str]) -> bytes:
    """A linha com estas colunas nulas; sem nenhuma, os mesmos bytes."""
    if not anular:
        return linha
    campos = abrir_linha(linha)
    return com_valores(linha, {c: msgspec.Raw(NULO) for c in anular if c in campos})


def lote_de(tabela: TabelaDoPlano, acoes: Sequence[Acao], anular: Sequence[str]) -> Lote:
    """O que vai ao banco por estas ações, com as colunas a `anular` nulas."""
    tem = abrir_linha(_quis(acoes[0]))
    linhas = [com_nulas(_quis(a), anular) for a in acoes]
    return Lote(acoes, linhas, [c for c in tabela.colunas if c in tem])
