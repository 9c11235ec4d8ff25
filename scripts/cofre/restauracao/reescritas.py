"""O que não ficou como se pediu, e por quê: o banco o reescreve (só andou no tempo, ou é outro
conteúdo), ou a via não o grava como era."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cofre.base.apelido import SEGREDOS, apelido, parece_segredo
from cofre.base.linha import abrir_linha, texto
from cofre.base.modelo import Tabela
from cofre.base.momentos import avancou
from cofre.base.palavras import como_se_diz
from cofre.base.textos import CAMPO, dito_em
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.impedimentos import Impedimento
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, mudancas
from cofre.via.contrato import QuemGrava

ESCONDIDO = "…"


@dataclass(frozen=True, slots=True)
class Reescrita:
    """Uma coluna que, em `registros` linhas, não ficou como se pediu. `avancou`: se é um momento, e
    só ficou mais tarde; senão, é outro conteúdo. `causa`: por que a via não o grava (ver
    `cofre.via.contrato.NULO_DE_JSON`); vazia se foi o banco. De uma dessas linhas, a `chave` (em
    texto), o valor que `era` no alvo, o que `ficou` no banco (em bytes de JSON) e o
    `apelido`."""

    tabela: str
    coluna: str
    registros: int
    avancou: bool
    causa: str
    chave: tuple[str, ...]
    era: bytes
    ficou: bytes
    apelido: str = field(default="", repr=False)

    @property
    def mostravel(self) -> bool:
        """Se os valores podem ser ditos na tela: não parecem um segredo."""
        return not parece_segredo(self.coluna, self.era, self.ficou)

    def documento(self) -> dict[str, Any]:
        """Para a saída --json e para o diário: nunca os valores."""
        return {
            "tabela": como_se_diz(self.tabela),
            "coluna": self.coluna,
            "chave": list(self.chave),
            "registros": self.registros,
            "so_avancou": self.avancou,
            "causa": self.causa or "banco",
        }


def reescritas(
    plano: Plano,
    escopo: Mapping[str, TabelaNoEscopo],
    recusadas: Sequence[Impedimento],
    via: QuemGrava,
) -> tuple[Reescrita, ...]:
    """O que ainda difere nas linhas que existem, por tabela e coluna, na ordem do plano. As linhas
    `recusadas` já são ditas uma a uma."""
    ditas = {(i.tabela, i.chave) for i in recusadas}
    achadas: dict[tuple[str, str, bool, str], Reescrita] = {}
    for nome, contagem in plano.contagens.items():
        if not contagem.alterar:
            continue
        tabela = escopo[nome].tabela
        for acao in plano.acoes(nome, ALTERAR):
            if (nome, tuple(texto(v) or "" for v in acao.chave)) in ditas:
                continue
            quer = mudancas(acao, plano.tabelas[nome])
            tem = abrir_linha(acao.atual or b"{}")
            causas = via.sem_como_gravar(tabela, quer)
            for coluna in (c for c in quer if c != CAMPO):
                era, ficou = dito_em(quer, coluna), dito_em(tem, coluna)
                so_avancou = avancou(tabela.tipo_de(coluna), era, ficou)
                causa = causas.get(coluna, "")
                qual = (nome, coluna, so_avancou, causa)
                antes = achadas.get(qual) or Reescrita(
                    *qual[:2],
                    0,
                    so_avancou,
                    causa,
                    _chave(tabela, acao.chave),
                    era,
                    ficou,
                    apelido(acao.alvo or b"{}"),
                )
                achadas[qual] = replace(antes, registros=antes.registros + 1)
    return tuple(achadas.values())


def _chave(tabela: Tabela, valores: Sequence[bytes]) -> tuple[str, ...]:
    pares = zip(tabela.chave, valores, strict=True)
    return tuple(ESCONDIDO if SEGREDOS.search(c) else texto(v) or "" for c, v in pares)
