"""O que fazer com o que parece ter sumido: o comando que o traz de volta, e o que diz que foi de
propósito."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby

from cofre.base.comandos import BACKUP, RESTAURACAO, comando
from cofre.base.modelo import Empresa
from cofre.base.palavras import como_se_diz
from cofre.plano.alvo import RECUPERAR
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


@dataclass(frozen=True, slots=True)
class Origem:
    """De que backup (carimbo) se tira, e quais tabelas dele (nenhuma: todas). `so_o_que_falta`: o
    que sumiu, sumiu aos poucos, e o que mudou desde então há de ficar."""

    carimbo: str
    tabelas: tuple[str, ...] = ()
    so_o_que_falta: bool = False


def retorno(empresa: Empresa, backups: Sequence[Origem]) -> Retorno:
    """O desta empresa. `backups`: de onde se tira."""
    de_quem = ("--empresa", empresa.id)
    return Retorno(
        empresa.id,
        empresa.nome,
        tuple(
            comando(RESTAURACAO, *de_quem, "--backup", b.carimbo, *_so(b.tabelas), *_modo(b))
            for b in backups
        ),
        comando(BACKUP, "reconhecer", *de_quem),
    )


def mudado(empresa: Empresa, backups: Sequence[Origem]) -> Retorno:
    """O de uma empresa em que só mudaram linhas: na noite seguinte já ninguém o diz."""
    return replace(retorno(empresa, backups), reconhecer="")


def de_que_backups(notadas: Sequence[Encolhimento | Mudanca]) -> list[Origem]:
    """De cada backup com que se comparou, as tabelas em que se notou algo desde ele. Só o total da
    empresa ter encolhido são todas."""
    das_tabelas = [e for e in notadas if e.tabela] or list(notadas)

    def de_onde(notada: Encolhimento | Mudanca) -> tuple[str, bool]:
        return notada.referencia, isinstance(notada, Encolhimento) and notada.aos_poucos

    return [
        Origem(carimbo, tuple(dict.fromkeys(e.tabela for e in deste if e.tabela)), poucos)
        for (carimbo, poucos), deste in groupby(
            sorted(das_tabelas, key=de_onde, reverse=True), key=de_onde
        )
    ]


def _modo(origem: Origem) -> tuple[str, ...]:
    return ("--modo", RECUPERAR) if origem.so_o_que_falta else ()


def _so(tabelas: Sequence[str]) -> tuple[str, ...]:
    # Um nome com vírgula não se pode pedir na lista.
    if not tabelas or len(tabelas) > MUITAS or any("," in t for t in tabelas):
        return ()
    return ("--tabelas", ",".join(map(como_se_diz, tabelas)))
