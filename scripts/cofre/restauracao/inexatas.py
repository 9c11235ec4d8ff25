"""O que não voltará como era do que o plano repõe e altera, dito antes da primeira escrita."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cofre.base.linha import abrir_linha, texto
from cofre.base.textos import CAMPO
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REPOR, Acao, mudancas
from cofre.via.contrato import Via

EXEMPLOS = 3
SEM_PROVA, NAO_CONFERE = "sem prova", "a via não confere"
"""Por que de uma coluna inteira não se sabe: o backup pode não dizer tudo dela; ou diz, e esta via
não vê se o que está no banco é igual."""


@dataclass(slots=True)
class Inexata:
    """Uma coluna que, em `registros` linhas, não voltará como era, ou de que não se sabe; a
    `causa`, ver `cofre.via.contrato.NULO_DE_JSON` e SEM_PROVA. `exemplos`: as chaves (em texto) das
    primeiras."""

    tabela: str
    coluna: str
    causa: str
    registros: int = 0
    exemplos: list[str] = field(default_factory=list)

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "tabela": self.tabela,
            "coluna": self.coluna,
            "causa": self.causa,
            "registros": self.registros,
        }


def inexatas(via: Via, alvo: Alvo, plano: Plano) -> list[Inexata]:
    """Por tabela, coluna e causa, na ordem do plano."""
    achadas: dict[tuple[str, str, str], Inexata] = {}
    for nome, contagem in plano.contagens.items():
        tabela = alvo.escopo[nome].tabela
        if escritas := contagem.repor + contagem.alterar:
            for coluna, causa in _sem_saber(alvo, plano, nome).items():
                achadas[nome, coluna, causa] = Inexata(nome, coluna, causa, escritas)
        if not via.sem_como_gravar(tabela, None):
            continue
        for acao, campos in _do_plano(plano, nome):
            for coluna, causa in via.sem_como_gravar(tabela, campos).items():
                achada = achadas.setdefault((nome, coluna, causa), Inexata(nome, coluna, causa))
                achada.registros += 1
                if tabela.chave and len(achada.exemplos) < EXEMPLOS:
                    achada.exemplos.append(", ".join(texto(v) or "" for v in acao.chave))
    return list(achadas.values())


def _sem_saber(alvo: Alvo, plano: Plano, nome: str) -> dict[str, str]:
    """As colunas cujo JSON pode não dizer tudo e cujos textos não se comparam."""
    salva = alvo.backup.meta.tabelas.get(nome) if alvo.backup.meta else None
    com_texto = plano.tabelas[nome].com_texto
    formas = (coluna for coluna, _ in alvo.escopo[nome].tabela.formas)
    return {c: _por_que(salva, c) for c in formas if c not in com_texto}


def _por_que(salva: TabelaSalva | None, coluna: str) -> str:
    provada = salva is not None and (salva.exata or coluna not in (salva.sem_prova or (coluna,)))
    return NAO_CONFERE if provada else SEM_PROVA


def _do_plano(plano: Plano, nome: str) -> Iterator[tuple[Acao, Mapping[str, msgspec.Raw]]]:
    """Cada ação que escreve, e o que ela escreveria."""
    da_tabela = plano.tabelas[nome]
    for acao in plano.acoes(nome, REPOR):
        campos = abrir_linha(acao.alvo or b"{}")
        yield acao, {c: v for c, v in campos.items() if c in da_tabela.colunas or c == CAMPO}
    for acao in plano.acoes(nome, ALTERAR):
        yield acao, mudancas(acao, da_tabela)
