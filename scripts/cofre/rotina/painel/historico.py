"""Os backups de uma empresa como a página os vê: lidos só os que fazem falta."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from cofre.base.erros import BackupDanificado
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.deposito import Deposito
from cofre.deposito.metadados import Cabecalho, ler_cabecalho
from cofre.deposito.no_disco import alem_das_linhas, estado_de
from cofre.deposito.ordem import Lembrado, Ordem, lembrados

DIAS = 60
"""De quantos dias é o calendário."""

PONTOS_ANTIGOS = 30
"""Quantos backups de antes desses dias entram no gráfico, espaçados por igual: com anos de backups
diários, o desenho é o mesmo e a página não cresce."""


MUITOS_NUM_DIA = 6
NOVOS = 20
"""Os que se dizem um a um na página, e com folga."""


@dataclass(frozen=True, slots=True)
class Ponto:
    """Um backup de rotina no tempo; `inteiro` é o que os metadados dizem dele."""

    carimbo: str
    quando: datetime
    registros: int
    bytes: int
    inteiro: bool

    @property
    def ordem(self) -> Ordem:
        """O que o põe antes ou depois de outro."""
        return self.quando, self.carimbo


class Historico:
    """Os backups de uma pasta, lidos só os que fazem falta."""

    def __init__(self, deposito: Deposito, pasta: Path, agora: datetime) -> None:
        self.deposito = deposito
        self.pasta = pasta
        todos = lembrados(pasta)
        self.quando = {lembrado.carimbo: lembrado.quando for lembrado in todos}
        self.carimbos = list(self.quando)
        self._lidos: dict[str, Cabecalho | None] = {}
        self._aberto: Backup | None = None
        self._estados: dict[str, tuple[str, str]] = {}
        antigos = [c for c in self.carimbos if self.quando[c] < agora - timedelta(days=DIAS)]
        self.mostrados = [*espacados(antigos, PONTOS_ANTIGOS), *de_cada_dia(todos[len(antigos) :])]

    def cabecalho(self, carimbo: str) -> Cabecalho | None:
        """None se não se lê. O mais novo abre-se todo, que dele se quer quase sempre o resto."""
        if carimbo not in self._lidos:
            aberto = self.aberto(carimbo).meta if carimbo == self.carimbos[-1] else None
            self._lidos[carimbo] = aberto
            if aberto is not None and aberto.cifrado is None:
                return aberto
            with contextlib.suppress(BackupDanificado, OSError):
                self._lidos[carimbo] = ler_cabecalho(arquivo_de_metadados(self.pasta, carimbo))
        return self._lidos[carimbo]

    def _do_mais_novo(self) -> Iterator[Cabecalho]:
        """Os legíveis, dos mostrados."""
        return filter(None, map(self.cabecalho, reversed(self.mostrados)))

    def donos(self) -> list[str]:
        """De quem são os backups; o nome da pasta, se nenhum se lê."""
        return list(dict.fromkeys(c.user_id for c in self._do_mais_novo())) or [self.pasta.name]

    def nome(self, dono: str) -> str:
        """O do backup mais novo que diz um."""
        nomes = (c.empresa.nome for c in self._do_mais_novo() if c.user_id == dono and c.nome)
        return next(nomes, f"({self.pasta.name})")

    def para(self) -> tuple[str, ...]:
        """As chaves que fecharam o mais novo, se está cifrado."""
        cifrado = lido.cifrado if (lido := self.cabecalho(self.carimbos[-1])) else None
        return cifrado.para if cifrado else ()

    def de_rotina(self, dono: str, carimbos: Sequence[str]) -> Iterator[Ponto]:
        """Os backups de rotina deste dono; os ilegíveis podem ser dele."""
        for carimbo in carimbos:
            c = self.cabecalho(carimbo)
            if c is None:
                yield Ponto(carimbo, self.quando[carimbo], 0, 0, inteiro=False)
            elif c.user_id == dono and c.de_rotina:
                yield Ponto(carimbo, self.quando[carimbo], c.total, c.total_bytes, c.inteiro)

    def mais_novo_inteiro(self, dono: str) -> Ponto | None:
        """O mais novo completo e com os arquivos no lugar, por mais antigo que seja."""
        inteiros = (p for p in self.de_rotina(dono, self.carimbos[::-1]) if p.inteiro)
        return next((p for p in inteiros if self.estado(p)[0] == "completo"), None)

    def alem_das_linhas(self, ponto: Ponto) -> str:
        """Os arquivos e os logins que o backup leva, em palavras."""
        return alem_das_linhas(self.aberto(ponto.carimbo))

    def estado(self, ponto: Ponto) -> tuple[str, str]:
        """O estado e a causa dele, vendo se os arquivos estão no lugar."""
        if ponto.carimbo not in self._estados:
            self._estados[ponto.carimbo] = estado_de(self.aberto(ponto.carimbo))
        return self._estados[ponto.carimbo]

    def aberto(self, carimbo: str) -> Backup:
        """O backup, com tudo; quase sempre se pergunta várias vezes pelo mesmo."""
        if self._aberto is None or self._aberto.carimbo != carimbo:
            self._aberto = self.deposito.abrir(self.pasta, carimbo)
        return self._aberto


def de_cada_dia(lembrados: Sequence[Lembrado]) -> list[str]:
    """Os carimbos destes backups; de um dia com mais que MUITOS_NUM_DIA, só o último inteiro e o
    último. Os NOVOS mais novos vão sempre."""
    dias = {dia: list(deles) for dia, deles in groupby(lembrados, lambda b: b.quando.date())}
    novos = {b.carimbo for b in lembrados[-NOVOS:]}
    ficam: list[str] = []
    for deles in dias.values():
        inteiros = [b.carimbo for b in deles if b.inteiro]
        do_dia = {*inteiros[-1:], deles[-1].carimbo}
        muitos = len(deles) > MUITOS_NUM_DIA
        ficam += [b.carimbo for b in deles if not muitos or b.carimbo in do_dia | novos]
    return ficam


def espacados(itens: Sequence[str], quantos: int) -> list[str]:
    """No máximo `quantos` dos itens, espaçados por igual, com o primeiro e o último."""
    if len(itens) <= quantos:
        return list(itens)
    passo = (len(itens) - 1) / (quantos - 1)
    return [itens[round(n * passo)] for n in range(quantos)]
