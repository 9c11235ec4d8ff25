"""Os valores que passam de um módulo a outro: imutáveis, tipados, sem dependências."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TABELAS_CONHECIDAS = (
    "user_approvals",
    "empresas",
    "subscriptions",
    "produtos",
    "clientes",
    "vendas",
    "vendas_itens",
    "caixa",
    "categorias",
    "fornecedores",
    "despesas",
    "ordens_servico",
    "funcionarios",
)

SEM_CHAVE = ("tableoid", "ctid")
"""Onde não há chave primária, o endereço físico da linha serve de chave para ler em ordem.
O `tableoid` vem junto porque, numa tabela particionada, o `ctid` se repete em cada partição."""


def ordem_de_exibicao(tabela: str) -> tuple[int, str]:
    """As treze conhecidas primeiro, na ordem do manual; depois as outras, em ordem alfabética."""
    if tabela in TABELAS_CONHECIDAS:
        return TABELAS_CONHECIDAS.index(tabela), tabela
    return len(TABELAS_CONHECIDAS), tabela


@dataclass(frozen=True, slots=True)
class Empresa:
    """Uma empresa: o `id` é o `user_id` do dono; `registros` são as suas linhas de `empresas`.

    Cada registro leva o texto das colunas que outras tabelas referenciam (`id`, em geral).
    """

    id: str
    nome: str
    registros: tuple[Mapping[str, str], ...] = ()

    def valores(self, coluna: str) -> tuple[str, ...]:
        """Os valores da `coluna` de `empresas` nesta empresa, sem os nulos."""
        return tuple(r[coluna] for r in self.registros if coluna in r)


@dataclass(frozen=True, slots=True)
class Coluna:
    """`tipo` é o nome do PostgreSQL («uuid», «numeric», «text[]»); vazio se não se sabe."""

    nome: str
    tipo: str = ""
    anulavel: bool = True


@dataclass(frozen=True, slots=True)
class ChaveEstrangeira:
    """As `colunas` apontam para as `referencias` da `tabela` (vazias se não se sabe quais são)."""

    colunas: tuple[str, ...]
    tabela: str
    referencias: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tabela:
    """Uma tabela da API; `nao_gravaveis` são as colunas geradas e de identidade ALWAYS."""

    nome: str
    colunas: tuple[Coluna, ...]
    chave: tuple[str, ...] = ()
    estrangeiras: tuple[ChaveEstrangeira, ...] = ()
    nao_gravaveis: tuple[str, ...] = ()

    @property
    def ordem(self) -> tuple[str, ...]:
        """As colunas que ordenam e identificam as linhas."""
        return self.chave or SEM_CHAVE

    def coluna(self, nome: str) -> Coluna | None:
        """A coluna com este nome, ou None."""
        return next((c for c in self.colunas if c.nome == nome), None)


@dataclass(frozen=True, slots=True)
class Catalogo:
    """O que a API mostra.

    `ocultas` são tabelas que existem mas a chave não pode ler (nome → causa); `ausentes`, as
    conhecidas que este banco nunca teve; `completo` é falso quando a API não descreve nada e
    só as treze conhecidas puderam ser procuradas pelo nome.
    """

    tabelas: Mapping[str, Tabela]
    visoes: tuple[str, ...] = ()
    ocultas: Mapping[str, str] = field(default_factory=dict)
    ausentes: tuple[str, ...] = ()
    completo: bool = True


@dataclass(frozen=True, slots=True)
class DeixadaDeFora:
    """Uma tabela que não entra no backup, por quê, e a linha do cofre.toml que a traria."""

    tabela: str
    motivo: str
    sugestao: str = ""


@dataclass(frozen=True, slots=True)
class Contradicao:
    """Linhas de `tabela` que são desta empresa mas cujo elo `por` aponta para fora dela."""

    tabela: str
    por: str
    quantidade: int
    exemplos: tuple[str, ...] = ()
