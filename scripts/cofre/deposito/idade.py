"""Há quanto tempo cada empresa não tem um backup inteiro: o silêncio também é um alarme."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cofre.base.comandos import BACKUP, comando
from cofre.base.modelo import Empresa
from cofre.base.palavras import plural, visivel
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.cobertura import visto_em
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import mais_novo

DITAS_UMA_A_UMA = 5
"""Com mais empresas atrasadas que isto, uma linha diz quantas e qual a pior."""


@dataclass(frozen=True, slots=True)
class Idade:
    """O último backup inteiro de uma empresa (None se não há), há quanto tempo se sabe que o banco
    era assim, e se passou do limite. Um de data futura (o relógio voltou) tem idade zero. `visto`:
    a última vez, depois de feito, em que se viu igual ao banco."""

    ultimo: Backup | None
    tempo: timedelta | None
    velho: bool
    visto: datetime | None = None

    @property
    def em_palavras(self) -> str:
        """«há 3 dias», «nenhum»."""
        return "nenhum" if self.tempo is None else f"há {ha_quanto(self.tempo)}"

    def documento(self) -> dict[str, str | int | bool | None]:
        """Para a saída --json: quando foi, e não há quanto tempo, que muda a cada vez que se lê."""
        return {
            "carimbo": self.ultimo.carimbo if self.ultimo else None,
            "quando": self.ultimo.quando.isoformat() if self.ultimo else None,
            "visto": self.visto.isoformat() if self.visto else None,
            "velho": self.velho,
        }


def idade_de(ultimo: Backup | None, limite: timedelta, agora: datetime) -> Idade:
    """A idade em `agora` do último backup inteiro de uma empresa."""
    if ultimo is None:
        return Idade(None, None, velho=True)
    visto = visto_em(ultimo)
    tempo = max(agora - (visto or ultimo.quando), timedelta())
    return Idade(ultimo, tempo, velho=tempo > limite, visto=visto)


def as_horas(visto: datetime) -> str:
    """«visto igual às 14:45»: é sempre do dia do backup, que no dia seguinte já se fez outro."""
    return f"visto igual às {visto.astimezone():%H:%M}"


def avisos_de_velhos(idades: Sequence[tuple[Empresa, Idade]], limite: timedelta) -> Iterator[str]:
    """Uma frase por empresa atrasada; uma só, se são muitas."""
    velhas = [(e, i) for e, i in idades if i.velho]
    if len(velhas) > DITAS_UMA_A_UMA:
        pior, idade = max(velhas, key=lambda par: par[1].tempo or timedelta.max)
        yield (
            f"{plural(len(velhas), 'empresa', 'empresas')} sem backup inteiro há mais de"
            f" {ha_quanto(limite)}. A pior é {visivel(pior.nome)}: {_frase(idade)}."
            f" Veja todas com:\n{comando(BACKUP, 'listar')}"
        )
        return
    for empresa, idade in velhas:
        yield f"{visivel(empresa.nome)}: {_frase(idade)} (o limite é {ha_quanto(limite)})."


def _frase(idade: Idade) -> str:
    return f"último backup inteiro {idade.em_palavras}" if idade.ultimo else "nenhum backup inteiro"


def ha_quanto(tempo: timedelta) -> str:
    """«40 min», «36 h», «3 dias»: a maior unidade que ainda diz bem, sem arredondar para cima."""
    minutos = int(tempo.total_seconds()) // 60
    if minutos < 120:
        return f"{minutos} min"
    if minutos < 72 * 60:
        return f"{minutos // 60} h"
    return f"{minutos // (24 * 60)} dias"


def idades(
    deposito: Deposito, limite: timedelta, agora: datetime
) -> Iterator[tuple[Empresa, Idade]]:
    """Cada empresa do depósito e a idade do último backup inteiro dela. De cada pasta só se leem
    os backups mais novos, até achar um inteiro."""
    for pasta in deposito.pastas():
        do_mais_novo, para_o_nome = itertools.tee(deposito.do_mais_novo(pasta))
        ultimo = mais_novo(do_mais_novo)
        if ultimo is None and _so_trazida(deposito.do_mais_novo(pasta)):
            continue
        legivel = next((b.meta for b in para_o_nome if b.meta), None)
        if legivel or deposito.carimbos(pasta):
            empresa = legivel.empresa if legivel else Empresa(pasta.name, f"({pasta.name})")
            yield empresa, idade_de(ultimo, limite, agora)


def _so_trazida(backups: Iterator[Backup]) -> bool:
    """Se é de uma empresa que se trouxe de outro projeto, e de que aqui nunca se fez um backup: de
    uma cópia para testes ninguém os espera."""
    metas = [b.meta for b in backups]
    rotina = any(m is None or m.de_rotina for m in metas)
    return not rotina and any(m is not None and m.clone_de for m in metas)


def avisar_das_velhas(deposito: Deposito, limite: timedelta, relato: Relato) -> None:
    """Diz, ao começar, que empresas não têm backup inteiro há mais que o `limite`."""
    todas = list(idades(deposito, limite, datetime.now().astimezone()))
    for aviso in avisos_de_velhos(todas, limite):
        relato.aviso(aviso)
