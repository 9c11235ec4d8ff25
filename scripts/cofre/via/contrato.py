"""O contrato das duas vias até os dados: a API (`api`) e o PostgreSQL (`direta`).

Quem fotografa, copia e restaura conhece só isto, e não qual das duas está por trás.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import msgspec

from cofre.base.config.valores import Regras
from cofre.base.erros import ErroCofre, EscritaRecusada
from cofre.base.modelo import Catalogo, Empresa, Tabela
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import Cada, Escopo, Sondas, TabelaNoEscopo, definir, uma_a_uma
from cofre.plano.escritor import SEM_EFEITO
from cofre.plano.impedimentos import Impedimento
from cofre.plano.plano import Plano
from cofre.plano.tabela import Acao
from cofre.via.leitura import EmpresaLida, Instante, PedidoDeFoto
from cofre.via.logins.contrato import Logins
from cofre.via.logins.login import Login

API, DIRETA = "api", "direta"

EMPRESAS_JUNTAS, JUNTAS_PELA_DIRETA = 32, 50
"""Quantas empresas se leem de uma vez: pela API, o dobro de 32 ids ainda cabe numa URL; pela
direta, cada vez são três idas ao servidor, seja de quantas for."""

NULO_DE_JSON, OUTRA_ESCRITA = "null de JSON", "outra escrita"
"""Por que um valor não fica como era: é um `null` de JSON, que a API não escreve; ou um JSON que
ela escreve de outro modo (outros escapes, sem os espaços em volta)."""

AoTentarDeNovo = Callable[[str, float, int, int], None]
"""Recebe (o que houve, segundos de espera, tentativa, tentativas)."""


@dataclass(frozen=True, slots=True)
class Inspecao:
    """O que se sabe do projeto antes de fotografar."""

    catalogo: Catalogo
    escopo: Escopo
    empresas: tuple[Empresa, ...]
    donos: Donos


Entre = tuple[datetime, datetime]
"""Dois instantes, com fuso; os dois contam."""


@dataclass(frozen=True, slots=True)
class Dependente:
    """Linhas de uma `tabela` que apontam para outras; `ao_remover` é o que o banco faria com elas
    («CASCADE», «SET NULL»...) se aquelas saíssem."""

    tabela: str
    ao_remover: str
    quantidade: int


@dataclass(frozen=True, slots=True)
class Prova:
    """O que o banco faria de um lote: `erro` é um dos SEM_EFEITO, ou None se aceitaria tudo."""

    lote: Sequence[Acao]
    erro: ErroCofre | None


def prova_de(
    provar: Callable[[Sequence[bytes]], EscritaRecusada | None], lote: Sequence[Acao]
) -> Prova:
    """O prova de um lote por quem sabe provar as linhas dele."""
    try:
        return Prova(lote, provar([a.alvo or b"{}" for a in lote]))
    except SEM_EFEITO as e:
        return Prova(lote, e)


class ViaDeFotos(Protocol):
    """O que se pede para fotografar uma empresa."""

    @property
    def nome(self) -> str:
        """API ou DIRETA: vai para `origem.via` nos metadados."""

    @property
    def origem(self) -> str:
        """O endereço do projeto, sem segredo algum: vai para `origem.url` nos metadados, e diz se
        um backup é deste projeto."""

    @property
    def logins(self) -> Logins:
        """Os do projeto, como esta via os vê."""

    def com_ramos_de_agora(self, escopo: Escopo, inspecao: Inspecao, regras: Regras) -> Escopo:
        """O mesmo escopo, com os caminhos até a empresa que os dados de agora pedem."""

    def fotografar(self, pedido: PedidoDeFoto) -> Mapping[str, EmpresaLida]:
        """As empresas, por id, lidas juntas, para que muitas pequenas custem poucos pedidos. Uma
        tabela que falha traz a `falha`. Só falta no resultado a empresa que mudou enquanto se liam
        várias: fotografada sozinha, ela não falta."""


class ViaDeLeitura(ViaDeFotos, Protocol):
    """O que o backup pede de uma via. Uma só para a execução inteira; vários fios a usam."""

    def fechar(self) -> None:
        """Encerra conexões e fios."""

    def segurar_instante(self) -> contextlib.AbstractContextManager[Instante]:
        """Um instante do banco, seguro até sair: o que lá se ler, em muitas fotos e muitos
        processos, é todo dele. Levanta FalhaDoServidor, ou ErroDeUso se a via não o sabe fazer."""

    def inspecionar(self, regras: Regras, instante: Instante | None = None) -> Inspecao:
        """Catálogo, escopo e empresas (as deste instante, se dito). Levanta FalhaDoServidor."""

    def conhecer(self, inspecao: Inspecao) -> None:
        """O que `inspecionar` deixaria sabido, quando outro processo já inspecionou."""

    def com_nao_gravaveis(self, escopo: Escopo) -> Escopo:
        """O mesmo escopo, sabendo as colunas que não podem ser escritas (nada é escrito), ou quais
        tabelas ficaram `sem_resposta`. Levanta FalhaDoServidor."""

    def varrer(self, tabela: Tabela, colunas: Sequence[str], padrao: str = "") -> Iterator[bytes]:
        """As linhas da tabela, de todas as empresas: em JSON, só a ordem dela e estas colunas.
        Com `padrao`, só as que têm alguma das colunas, de texto, que casa com esta expressão
        regular (do PostgreSQL). Levanta FalhaDoServidor."""

    def contar(self, tabela: str, instante: Instante | None = None) -> int | None:
        """Todas as linhas da tabela, de todas as empresas (neste instante, se dito e ainda se lá
        chega); None se o servidor não conta a tempo."""


class Perguntas(Protocol):
    """O que se pergunta ao banco sobre as chaves de uma tabela."""

    def existentes(
        self, no_escopo: TabelaNoEscopo, chaves: Sequence[tuple[bytes, ...]]
    ) -> list[bytes]:
        """As linhas com estas chaves (iguais para o banco) que existem na tabela, de qualquer
        empresa: em JSON, só a chave e as colunas de ligação."""


class QuemGrava(Protocol):
    """O que se pergunta do que não fica como era."""

    def sem_como_gravar(
        self, tabela: Tabela, campos: Mapping[str, msgspec.Raw] | None
    ) -> Mapping[str, str]:
        """As colunas destes `campos` (com os textos; ver `cofre.base.textos`) cujo valor não fica
        como era, e por quê: NULO_DE_JSON ou OUTRA_ESCRITA. Sem campos, as que podem ter um
        assim."""


class Escrita(ViaDeFotos, Perguntas, QuemGrava, Protocol):
    """Uma via aberta para escrever; o que se fotografa por ela já mostra o que ela escreveu."""

    def executar(
        self,
        plano: Plano,
        escopo: Mapping[str, TabelaNoEscopo],
        ao_avancar: Callable[[str, str, int], None],
        aceitos: Set[str] = frozenset(),
    ) -> list[Impedimento]:
        """Executa um plano uma vez; devolve o que o banco recusou. Por muitas recusas com o mesmo
        código desiste-se de uma tabela, a não ser que seja um dos `aceitos`. Levanta
        FalhaDoServidor."""

    def confirmar(self) -> None:
        """Faz valer o que se escreveu, se ainda não vale. Levanta RestauracaoRecusada se alguma
        ligação não fecha, DesfechoIncerto ou FalhaDoServidor."""


class Via(ViaDeLeitura, Perguntas, QuemGrava, Protocol):
    """O que a restauração pede, além de ler."""

    @property
    def atomica(self) -> bool:
        """Se uma restauração acontece inteira ou não acontece."""

    def escrevendo(
        self, tabelas: Mapping[str, TabelaNoEscopo]
    ) -> contextlib.AbstractContextManager[Escrita]:
        """A via, aberta para escrever nestas tabelas. Na atômica, o que não for confirmado até
        sair é desfeito."""

    def supondo(self, logins: Sequence[Login]) -> Via:
        """A mesma via, em que as provas supõem que estes logins já existem."""

    def como_escreve(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Sequence[str]:
        """O que o usuário precisa saber antes: os gatilhos, e o que fica travado."""

    def colunas_gravaveis(self, tabela: Tabela) -> tuple[str, ...]:
        """As colunas que esta via pode escrever."""

    def indiziveis(self, tabela: Tabela, campos: Mapping[str, msgspec.Raw]) -> Collection[str]:
        """As colunas destes `campos` (com os textos) em que há um JSON que o banco guarda e esta
        via não tem como escrever."""

    def dependentes_de_fora(
        self, no_escopo: TabelaNoEscopo, linhas: Sequence[bytes], dentro: Collection[str]
    ) -> Sequence[Dependente]:
        """O que aponta para estas linhas em tabelas que não são as de `dentro`; nada, se a via não
        o vê."""

    def ha_recentes(
        self, tabela: Tabela, dono: str, fora: Sequence[str], datas: Sequence[str], entre: Entre
    ) -> bool:
        """Se há na tabela alguma linha, com um `dono` (a coluna) que não é um destes, em que uma
        das `datas` (colunas) cai `entre` estes instantes. Na dúvida, sim."""

    def provar(
        self,
        no_escopo: TabelaNoEscopo,
        lotes: Iterator[Sequence[Acao]],
        colunas: Sequence[str],
        *,
        alterando: bool,
    ) -> Iterator[Prova]:
        """O que o banco recusaria se as linhas do alvo de cada lote fossem inseridas, ou, se está
        `alterando`, se linhas que existem ficassem assim. Na ordem dos lotes; nada fica gravado."""


def ramos_de_agora(
    escopo: Escopo, inspecao: Inspecao, regras: Regras, sondas: Sondas, cada: Cada = uma_a_uma
) -> Escopo:
    """O mesmo escopo, com os caminhos até a empresa que os dados de agora pedem: uma tabela que não
    tinha linhas sem dono pode ter passado a ter. `cada`: ver `definir`."""
    novo = definir(inspecao.catalogo, regras, sondas, cada).tabelas
    tabelas = {
        n: replace(t, ramos=novo[n].ramos) if n in novo else t for n, t in escopo.tabelas.items()
    }
    return replace(escopo, tabelas=tabelas)
