"""O que um plano faria, em poucos números e exemplos: o que a tela e o --json dizem dele.

Tira-se do plano enquanto ele existe, e não cresce com ele: contagens, e uns poucos apelidos.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cofre.base.apelido import primeiros
from cofre.base.palavras import como_se_diz
from cofre.deposito.tabela_salva import SEM_CONTAGEM
from cofre.plano.alvo import RECUPERAR, Alvo, Arquivos
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, Contagem

EXEMPLOS = 3


@dataclass(frozen=True, slots=True)
class TabelaResumida:
    """Uma tabela do plano. `no_backup`: quantos registros há nele; `colunas`: em quantos registros
    cada uma muda, das que mudam em mais às que mudam em menos; `voltam`, `mudam` e `saem`: os
    apelidos dos primeiros de cada ação; `diferem`: os que, só repondo o que falta, ficam como estão
    hoje, diferentes do backup."""

    nome: str
    contagem: Contagem
    no_backup: int
    colunas: Mapping[str, int] = field(default_factory=dict)
    voltam: tuple[str, ...] = ()
    mudam: tuple[str, ...] = ()
    saem: tuple[str, ...] = ()
    diferem: int = 0

    @property
    def agora(self) -> int:
        """Quantos registros há nela hoje."""
        return self.contagem.alterar + self.contagem.remover + self.contagem.iguais


@dataclass(frozen=True, slots=True)
class Resumo:
    """Um plano inteiro, tabela a tabela, na ordem dele."""

    tabelas: tuple[TabelaResumida, ...]

    @property
    def total(self) -> Contagem:
        """A soma de todas as tabelas."""
        todas = [t.contagem for t in self.tabelas]
        return Contagem(
            sum(c.repor for c in todas),
            sum(c.alterar for c in todas),
            sum(c.remover for c in todas),
            sum(c.iguais for c in todas),
        )

    @property
    def sobrescreve(self) -> bool:
        """Se o plano altera ou remove algo do que há hoje."""
        return bool(self.total.alterar or self.total.remover)

    @property
    def diferem(self) -> int:
        """Quantos registros ficam diferentes do backup."""
        return sum(t.diferem for t in self.tabelas)

    def documento(self) -> dict[str, Any]:
        """Para a saída --json: por tabela, as colunas que mudam, e o que fica diferente."""
        return {
            "colunas": {como_se_diz(t.nome): dict(t.colunas) for t in self.tabelas if t.colunas},
            "diferem": {como_se_diz(t.nome): t.diferem for t in self.tabelas if t.diferem},
        }


def resumir(alvo: Alvo, plano: Plano, diferem: Mapping[str, int] | None = None) -> Resumo:
    """O resumo de um plano até este alvo (ver `que_diferem`)."""
    return Resumo(
        tuple(
            TabelaResumida(
                nome,
                alvo.do_que_se_quer(nome, contagem),
                _no_backup(alvo, nome, alvo.do_que_se_quer(nome, contagem)),
                em_quantos(plano, nome),
                primeiros((a.alvo for a in plano.acoes(nome, REPOR)), EXEMPLOS),
                primeiros((a.alvo for a in plano.acoes(nome, ALTERAR)), EXEMPLOS),
                primeiros((a.atual for a in plano.acoes(nome, REMOVER)), EXEMPLOS),
                (diferem or {}).get(nome, 0),
            )
            for nome, contagem in plano.contagens.items()
        )
    )


def em_quantos(plano: Plano, nome: str) -> dict[str, int]:
    """Em quantos registros cada coluna muda, das que mudam em mais às que mudam em menos; as de
    tantos como outra, na ordem da tabela."""
    quantos = plano.colunas_diferentes(nome)
    na_ordem = [c for c in plano.tabelas[nome].colunas if c in quantos]
    return {c: quantos[c] for c in sorted(na_ordem, key=lambda c: -quantos[c])}


def _no_backup(alvo: Alvo, nome: str, contagem: Contagem) -> int:
    """Só repondo o que falta, o plano não diz quantos são, e os metadados dizem (menos os da
    primeira versão, que não os contavam por tabela)."""
    salvas = alvo.backup.meta.tabelas if alvo.backup.meta else {}
    inteira = nome not in alvo.fatias
    if (
        inteira
        and alvo.modo == RECUPERAR
        and nome in salvas
        and salvas[nome].registros != SEM_CONTAGEM
    ):
        return salvas[nome].registros
    return contagem.repor + contagem.alterar + contagem.iguais


def que_diferem(alvo: Alvo, foto: Arquivos) -> dict[str, int]:
    """Quantos registros de cada tabela, só repondo o que falta, ficam diferentes do backup. Levanta
    BackupDanificado se um arquivo não se lê."""
    if alvo.modo != RECUPERAR:
        return {}
    with alvo.ate_o_backup(alvo.tabelas, foto) as inteiro:
        return {n: c.alterar for n, c in inteiro.contagens.items() if c.alterar}
