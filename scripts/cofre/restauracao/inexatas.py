"""O que a via não tem como gravar do que o plano repõe e altera, dito antes da primeira escrita."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from cofre.base.linha import abrir_linha, texto
from cofre.base.textos import CAMPO
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.plano import ALTERAR, REPOR, Acao, Plano, mudancas
from cofre.via.contrato import Via

EXEMPLOS = 3


@dataclass(slots=True)
class Inexata:
    """Uma coluna que, em `registros` linhas, não voltará como era. `exemplos`: as chaves (em texto)
    das primeiras."""

    tabela: str
    coluna: str
    registros: int = 0
    exemplos: list[str] = field(default_factory=list)


def inexatas(via: Via, plano: Plano, escopo: Mapping[str, TabelaNoEscopo]) -> list[Inexata]:
    """Por tabela e coluna, na ordem do plano."""
    achadas: dict[tuple[str, str], Inexata] = {}
    for nome in plano.contagens:
        tabela = escopo[nome].tabela
        if not via.sem_como_gravar(tabela, None):
            continue
        for acao, campos in _do_plano(plano, nome):
            for coluna in via.sem_como_gravar(tabela, campos):
                achada = achadas.setdefault((nome, coluna), Inexata(nome, coluna))
                achada.registros += 1
                if tabela.chave and len(achada.exemplos) < EXEMPLOS:
                    achada.exemplos.append(", ".join(texto(v) or "" for v in acao.chave))
    return list(achadas.values())


def sem_prova(plano: Plano, escopo: Mapping[str, TabelaNoEscopo]) -> dict[str, tuple[str, ...]]:
    """As colunas, por tabela, das linhas que o plano escreve e de que nada se prova."""
    escritas = (n for n, c in plano.contagens.items() if c.repor or c.alterar)
    return {n: colunas for n in escritas if (colunas := escopo[n].tabela.sem_prova)}


def _do_plano(plano: Plano, nome: str) -> Iterator[tuple[Acao, Mapping[str, msgspec.Raw]]]:
    """Cada ação que escreve, e o que ela escreveria."""
    da_tabela = plano.tabelas[nome]
    for acao in plano.acoes(nome, REPOR):
        campos = abrir_linha(acao.alvo or b"{}")
        yield acao, {c: v for c, v in campos.items() if c in da_tabela.colunas or c == CAMPO}
    for acao in plano.acoes(nome, ALTERAR):
        yield acao, mudancas(acao, da_tabela)
