"""As listas de uma foto: o que uma empresa tem além das linhas, lido de uma fonte e gravado como
mais uma tabela."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from cofre.base.erros import ErroCofre
from cofre.base.modelo import Empresa, Tabela
from cofre.deposito.passada import Observador
from cofre.deposito.publicacao import Montagem
from cofre.via.logins.contrato import Logins


class Colheita(Protocol):
    """A lista de uma empresa, numa foto dela."""

    def observadores(self, tabela: Tabela) -> Sequence[Observador]:
        """Quem quer ver as linhas desta tabela, à medida que se gravam. Pedidos outra vez, o que já
        se viu dela não vale mais: a leitura recomeçou."""

    def colher(self, empresa: Empresa, montagem: Montagem) -> Colhida:
        """A lista, depois das linhas. O que falhar vai nela; só FalhaDeDisco se levanta."""


@runtime_checkable
class NoInstante(Protocol):
    """Uma colheita que lê os logins no mesmo instante das linhas, se a via as lê num só."""

    def no_instante(self, logins: Logins) -> None:
        """Lê-os. Chamado outra vez, o que se leu antes não vale mais. O que falhar lê-se depois."""


@dataclass(frozen=True, slots=True)
class Colhida:
    """O que se leu de uma lista. `linhas`: em blocos, na ordem da chave, como os de
    `via.leitura.TabelaLida`; `conteudos`, o mesmo do arquivo dos conteúdos (None: não há um).

    `falha`: por que a lista não se leu, e então o backup fica incompleto, como com uma tabela.
    `ausente`: por que não há lista sem ser falha, para se dizer («»: há; «-»: não há o que dizer).
    `incompleta`: a lista há, mas falta-lhe algo que devia ter, e o backup fica incompleto.
    `mudou`: entre antes e depois das linhas algo se moveu, e a foto vale a pena recomeçar.
    """

    tabela: Tabela
    linhas: Iterable[bytes] = ()
    notas: Mapping[str, Any] = field(default_factory=dict)
    falha: ErroCofre | None = None
    ausente: str = ""
    conteudos: Iterable[bytes] | None = None
    mudou: bool = False
    incompleta: ErroCofre | None = None


class ListasMudaram(ErroCofre):
    """Enquanto se liam várias empresas, algo desta se moveu: fotografa-se sozinha."""
