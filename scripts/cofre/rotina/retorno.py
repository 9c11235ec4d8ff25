"""O que fazer com o que parece ter sumido: o comando que o traz de volta, e o que diz que foi de
propósito."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby

from cofre.base.comandos import BACKUP, RESTAURACAO, comando
from cofre.base.modelo import Empresa
from cofre.rotina.encolhimento import Encolhimento
from cofre.rotina.mudanca import Mudanca

MUITAS = 5
"""Tabelas: com mais, é a empresa que se restaura."""


@dataclass(frozen=True, slots=True)
class Retorno:
    """De uma empresa: os comandos que a trazem de volta (um por backup de que se tira algo), e o
    que reconhece que foi de propósito (vazio: não há o que reconhecer)."""

    id: str
    nome: str
    comandos: tuple[str, ...]
    reconhecer: str

    def documento(self) -> dict[str, object]:
        """Para a saída --json e para `ultima_execucao.json`."""
        return {**asdict(self), "comandos": list(self.comandos)}


def retorno(empresa: Empresa, backups: Sequence[tuple[str, Sequence[str]]]) -> Retorno:
    """O desta empresa. `backups`: de que backups (carimbos) se tira, e de cada um quais tabelas
    (nenhuma: todas)."""
    de_quem = ("--empresa", empresa.id)
    return Retorno(
        empresa.id,
        empresa.nome,
        tuple(
            comando(RESTAURACAO, *de_quem, "--backup", carimbo, *_so(nomes))
            for carimbo, nomes in backups
        ),
        comando(BACKUP, "reconhecer", *de_quem),
    )


def mudado(empresa: Empresa, backups: Sequence[tuple[str, Sequence[str]]]) -> Retorno:
    """O de uma empresa em que só mudaram linhas: na noite seguinte já ninguém o diz."""
    return replace(retorno(empresa, backups), reconhecer="")


def de_que_backups(notadas: Sequence[Encolhimento | Mudanca]) -> list[tuple[str, list[str]]]:
    """De cada backup com que se comparou, as tabelas em que se notou algo desde ele. Só o total da
    empresa ter encolhido são todas."""
    das_tabelas = [e for e in notadas if e.tabela] or list(notadas)
    em_ordem = sorted(das_tabelas, key=lambda e: e.referencia, reverse=True)
    return [
        (carimbo, list(dict.fromkeys(e.tabela for e in deste if e.tabela)))
        for carimbo, deste in groupby(em_ordem, key=lambda e: e.referencia)
    ]


def _so(tabelas: Sequence[str]) -> tuple[str, ...]:
    # Um nome com vírgula não se pode pedir na lista.
    if not tabelas or len(tabelas) > MUITAS or any("," in t for t in tabelas):
        return ()
    return ("--tabelas", ",".join(tabelas))
