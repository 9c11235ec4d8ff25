"""O que se pede para fotografar empresas, e o que se leu delas."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from cofre.base.erros import FalhaDoServidor
from cofre.base.modelo import Empresa, Tabela
from cofre.base.rascunho import Rascunho
from cofre.deposito.resumos import Anterior, ResumoDaTabela, Sementes
from cofre.deposito.resumos_por_linha import PorLinha
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.logins.contrato import Logins

Avanco = Callable[[str, int, int | None], None]
"""Recebe (tabela, linhas lidas até agora, total ou None)."""

Saida = Callable[[bytes], None]
"""Recebe as linhas de uma tabela, em blocos como os de `TabelaLida`, na ordem da chave."""

Entrega = Callable[[Tabela], contextlib.AbstractContextManager[Saida]]
"""Abre a saída de uma tabela, uma de cada vez; o que sai dela com um erro não vale."""


@dataclass(frozen=True, slots=True)
class Instante:
    """Um instante do banco em que muitas conexões podem ler, também de outros processos, enquanto
    alguém o segura. `em`: a hora daqui, com fuso, pouco antes dele; `nome`, o que o banco lhe deu,
    que não é segredo; `visto` e `servidor`, o que há de ser igual para ser ele."""

    em: datetime
    nome: str
    visto: str
    servidor: str


class InstantePerdido(FalhaDoServidor):
    """Já não se lê no instante que se pediu; `str(erro)` diz por quê."""


# -- o que se pede ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PorVer:
    """As colunas de uma tabela que alguém tem de ver em todas as linhas, e quem as recebe, em
    blocos como os de `TabelaLida`, na ordem."""

    colunas: Sequence[str]
    receber: Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Bases:
    """O que há de antes, por empresa e por tabela, para a via que sabe dizer o que mudou. `usar`
    põe já a tabela anterior no lugar da nova, se ainda tem os bytes que tinha, e diz se deu; sem
    ele, quem pediu a foto confere-a e fá-lo depois. `selado`: sem a chave, as tabelas anteriores
    não se leem, e do que se usou `por_ver` diz o que ainda há de vir do servidor; do que só se usa
    depois, `colunas_por_ver` diz, por tabela, as colunas que hão de ficar em `TabelaLida.vistas`.
    `ler_tudo`: nada se aproveita.
    """

    por_empresa: Mapping[str, Mapping[str, Anterior]]
    sementes: Sementes
    agora: datetime
    dizer: Callable[[str], None]
    usar: Callable[[Tabela, Anterior], bool] | None = None
    por_ver: Callable[[Tabela], PorVer | None] | None = None
    colunas_por_ver: Mapping[str, Sequence[str]] = field(default_factory=dict)
    selado: bool = False
    ler_tudo: bool = False


@dataclass(frozen=True, slots=True)
class PedidoDeFoto:
    """O que ler, e onde pôr o que se lê.

    `rascunho` cria um, para cada leitura que precise. `comecar`, se a empresa é uma só, permite
    entregar as linhas já, sem rascunho, à via que não as relê: cada chamada é um começo, e o que se
    entregou antes dela não vale mais.
    """

    empresas: Sequence[Empresa]
    tabelas: Mapping[str, TabelaNoEscopo]
    donos: Donos
    rascunho: Callable[[], Rascunho]
    avanco: Avanco
    comecar: Callable[[], Entrega] | None = None
    bases: Bases | None = None
    no_instante: Callable[[Logins], None] | None = None
    """Chamado depois das linhas, no mesmo instante do banco, pela via que as lê num só."""
    instante: Instante | None = None
    """O instante em que ler, se não é o de quando se lê."""
    seguida: bool = False
    """Se vêm outras fotos da mesma empresa, e cada uma pode partir da anterior: a via fica com os
    rascunhos, e fecha-os."""

    @property
    def ids(self) -> frozenset[str]:
        """Os ids das empresas."""
        return frozenset(e.id for e in self.empresas)


# -- o que se leu ----------------------------------------------------------------------------


IGUAL, EM_PARTE, INTEIRA = "igual", "em_parte", "inteira"
"""Como se leu uma tabela: é a de um backup anterior, pelo que o servidor diz das linhas; só se
leram as que mudaram desde ele; ou leu-se toda."""


class Trocadas(NamedTuple):
    """Contra o backup deste `carimbo`: quantas linhas são outras, e quantas não havia."""

    carimbo: str
    alteradas: int
    novas: int


@dataclass(frozen=True, slots=True)
class Reuso:
    """Como se leu uma tabela. `anterior`, a que serviu, se não se leu toda; `resumo`, o que o
    servidor disse das linhas, para a próxima vez, se o disse, e `por_linha` o de cada uma, se se
    guarda. `divergiu`: leu-se toda, e não era o que se aproveitaria sem a ler; e quando se tinha
    lido assim. `trocadas`: da que se leu em parte."""

    como: str = INTEIRA
    anterior: Anterior | None = None
    resumo: ResumoDaTabela | None = None
    divergiu: datetime | None = None
    trocadas: Trocadas | None = None
    por_linha: bytes | PorLinha | None = None


@dataclass(frozen=True, slots=True)
class TabelaLida:
    """O que se leu de uma tabela de uma empresa; `falha` diz por que não deu, se não deu.

    `em_ordem()` são as linhas, na ordem da chave, em blocos não vazios e já juntados (ver
    `cofre.base.linha.juntar`), enquanto os rascunhos em que estão não se fecham.
    Só existem se a via não as entregou já (`PedidoDeFoto.comecar`); `vistas()` são o mesmo, só das
    colunas que se pediram do que não se pode ler. As que o JSON não refaz trazem os textos (ver
    `cofre.base.textos`), menos os das colunas `sem_prova`: o JSON delas pode não dizer tudo. None:
    de nenhuma se sabe.
    """

    tabela: Tabela
    falha: FalhaDoServidor | None
    registros: int
    em_ordem: Callable[[], Iterator[bytes]]
    sem_prova: tuple[str, ...] | None = None
    reuso: Reuso = field(default_factory=Reuso)
    vistas: Callable[[], Iterator[bytes]] = lambda: iter(())


@dataclass(frozen=True, slots=True)
class EmpresaLida:
    """O que se leu de uma empresa. `instantanea`: é um instante só do banco, achado em `passadas`
    leituras; `metodo` diz como, nos metadados."""

    tabelas: Sequence[TabelaLida]
    instantanea: bool
    passadas: int
    metodo: str
