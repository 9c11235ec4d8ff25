"""Poucas linhas contra muitas: a memória e o custo de cada linha, nas quatro operações."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from desempenho.cenarios.restauracao import APAGAR, Palco, palco
from desempenho.corrida import Corrida, mediana
from desempenho.dados import DONO
from desempenho.projeto import Banca
from desempenho.quadro import Linha, decimal, inteiro

LIMITE_MB = 100
FOLGA_DE_MEMORIA = 1.10
FOLGA_POR_LINHA = 1.15
NOTA_DA_MEMORIA = (
    "O pico de memória do processo (`ru_maxrss`): com poucas linhas na coluna da referência, com "
    "muitas na nossa. A restauração é com tudo faltando."
)
NOTA_DO_CUSTO = (
    "O comando inteiro, menos o mesmo comando numa empresa de uma linha (o custo fixo), dividido "
    "pelas linhas. A razão é a do maior custo pelo menor, entre todos os tamanhos."
)


@dataclass(frozen=True, slots=True)
class Operacao:
    """Um dos dois scripts, por uma das duas vias."""

    restaurar: bool
    direta: bool

    def __str__(self) -> str:
        nome = "restauração" if self.restaurar else "backup"
        return f"{nome} pela {'direta' if self.direta else 'API'}"

    def correr(self, cena: Palco) -> Corrida:
        """Roda uma vez; a restauração, com tudo faltando."""
        if self.restaurar:
            return cena.restaurar(APAGAR, direta=self.direta)
        return cena.projeto.copiar_e_apagar(DONO, direta=self.direta)


OPERACOES = [Operacao(r, d) for r in (False, True) for d in (False, True)]

Corridas = dict[Operacao, list[Corrida]]


def tamanhos(banca: Banca) -> Iterator[Linha]:
    """memória e custo por linha, com poucas e com muitas linhas."""
    opcoes = banca.opcoes
    quantas = sorted({opcoes.linhas_poucas, opcoes.linhas, opcoes.linhas_demais})
    corridas = {n: _correr(banca, n) for n in (1, *quantas)}
    for qual in OPERACOES:
        yield _memoria(qual, corridas[quantas[0]][qual], corridas[quantas[-1]][qual], quantas)
    for qual in OPERACOES:
        fixo = mediana(corridas[1][qual])
        yield _custo(qual, {n: (mediana(corridas[n][qual]) - fixo) / n for n in quantas})


def _correr(banca: Banca, linhas: int) -> Corridas:
    """As corridas de um tamanho. A maior é cara, e só se mede uma vez."""
    o = banca.opcoes
    vezes = 1 if linhas >= o.linhas_demais else o.repeticoes
    vezes = o.repeticoes_das_curtas if linhas <= o.linhas_poucas else vezes
    corridas: Corridas = {}
    with palco(banca, linhas) as cena:
        for operacao in OPERACOES:
            banca.dizer(f"{operacao}, {inteiro(linhas)} linhas")
            corridas[operacao] = [operacao.correr(cena) for _ in range(vezes)]
    return corridas


def _memoria(
    operacao: Operacao, poucas: Sequence[Corrida], muitas: Sequence[Corrida], n: Sequence[int]
) -> Linha:
    antes, depois = (statistics.median(c.pico_mb for c in cs) for cs in (poucas, muitas))
    razao = depois / antes
    return Linha(
        medida=f"memória, {operacao}: {inteiro(n[-1])} contra {inteiro(n[0])} linhas",
        nosso=f"{decimal(depois, 1)} MB",
        referencia=f"{decimal(antes, 1)} MB",
        razao=razao,
        meta=f"≤ {LIMITE_MB} MB e ≤ 1,10",
        cumprida=depois <= LIMITE_MB and razao <= FOLGA_DE_MEMORIA,
        nota=NOTA_DA_MEMORIA,
    )


def _custo(operacao: Operacao, por_linha: dict[int, float]) -> Linha:
    """Com pouquíssimas linhas, o custo delas some no ruído e pode sair negativo: não há razão."""
    menor, maior = min(por_linha.values()), max(por_linha.values())
    razao = maior / menor if menor > 0 else None
    n = sorted(por_linha)
    return Linha(
        medida=f"custo por linha, {operacao}: {' · '.join(inteiro(q) for q in n)}",
        nosso=" · ".join(f"{decimal(por_linha[q] * 1e6, 1)}" for q in n) + " µs",
        razao=razao,
        meta="≤ 1,15",
        cumprida=razao is not None and razao <= FOLGA_POR_LINHA,
        nota=NOTA_DO_CUSTO,
    )
