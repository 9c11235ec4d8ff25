"""A empresa que se restaura, presa só enquanto se trabalha nela.

Antes da foto prende-se a empresa, e confere-se que o que se leu dela ainda é o que lá está. Cada
pergunta a solta, e a resposta a prende e a confere de novo: um menu aberto não segura ninguém.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from cofre.base.comandos import BACKUP, RESTAURACAO, comando
from cofre.base.erros import (
    ErroCofre,
    NadaEncontrado,
    RestauracaoIncompleta,
    RestauracaoRecusada,
)
from cofre.base.palavras import na_tela
from cofre.base.relato import Relato, RelatoSobre
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.diario import PREFIXO
from cofre.deposito.retrato import que_comecam
from cofre.deposito.trava import Espera, Trava, esperar

DE_VOLTA = 30
"""Minutos a esperar para prender de novo uma empresa que já se estava a restaurar."""

Marcas = Mapping[str, tuple[int, int]]
"""Nome de cada diário de uma pasta → quando foi gravado (ns) e o tamanho (bytes)."""


def marcas(pasta: Path) -> Marcas:
    """As dos diários que há na pasta; nenhuma, se ainda não há a pasta."""
    nomes: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        nomes = [nome for nome in que_comecam(pasta, PREFIXO) if nome.endswith(".json")]
    dos_diarios = ((nome, (pasta / nome).lstat()) for nome in nomes)
    return {nome: (info.st_mtime_ns, info.st_size) for nome, info in dos_diarios}


class Guarda:
    """A trava de uma empresa e o que tem de continuar igual enquanto não a temos: os diários da
    `pasta`, como eram ao ler (`vistas`), e os `backups` que se escolheram."""

    def __init__(
        self, trava: Trava, pasta: Path, vistas: Marcas, backups: tuple[Backup, ...]
    ) -> None:
        self._trava = trava
        self._pasta = pasta
        self._vistas = vistas
        self._backups = backups

    def prender(self, espera: Espera | None = None) -> None:
        """Levanta TravaOcupada, FalhaDeDisco, RestauracaoRecusada ou NadaEncontrado."""
        self._trava.tomar(espera)
        for backup in self._backups:
            if abrir_backup(backup.pasta, backup.carimbo).meta != backup.meta:
                raise NadaEncontrado(
                    f"O backup de {na_tela(backup.quando)} não é mais o que se escolheu.",
                    f"Nada foi alterado. Veja os que há com:\n  {comando(BACKUP, 'listar')}",
                )
        if marcas(self._pasta) != self._vistas:
            raise RestauracaoRecusada(
                "Outra execução mexeu numa restauração desta empresa enquanto esta esperava.",
                "Esta não alterou nada desde então. Comece de novo: o plano já é outro.",
            )

    def soltar(self) -> None:
        """Solta a empresa, se está presa."""
        if self._trava.presa:
            self._vistas = marcas(self._pasta)
            self._trava.soltar()

    @property
    def presa(self) -> bool:
        """Se é nossa, agora."""
        return self._trava.presa


class Interveio(RestauracaoIncompleta):
    """Outra execução ficou com a empresa enquanto uma restauração começada esperava uma resposta:
    o que falta dela, já não é esta que decide."""

    def __init__(self, causa: str) -> None:
        super().__init__(
            causa, f"Veja como ficou, e o que há por concluir:\n  {comando(RESTAURACAO)}"
        )


class RelatoComGuarda(RelatoSobre):
    """Um relato em que quem pergunta solta a empresa até ter a resposta."""

    def __init__(self, por_baixo: Relato) -> None:
        super().__init__(por_baixo)
        self.guarda: Guarda | None = None
        self._escrevendo = False

    @contextlib.contextmanager
    def escrevendo(self) -> Iterator[None]:
        """Enquanto dura, a restauração já pode ter escrito."""
        self._escrevendo = True
        try:
            yield
        finally:
            self._escrevendo = False

    def perguntar(self, pergunta: str) -> str | None:
        """Levanta o que `Guarda.prender` levanta; se já se podia ter escrito, Interveio."""
        guarda = self.guarda
        if guarda is None or not guarda.presa:
            return super().perguntar(pergunta)
        guarda.soltar()
        try:
            resposta = super().perguntar(pergunta)
        except BaseException:
            # O que falta é anotar no diário que parou; não se espera muito por isso.
            with contextlib.suppress(ErroCofre):
                guarda.prender(Espera(1.0))
            raise
        try:
            guarda.prender(esperar(DE_VOLTA, self.por_baixo))
        except ErroCofre as e:
            guarda.soltar()
            if self._escrevendo:
                raise Interveio(str(e)) from e
            raise
        return resposta
