"""O que se pode descer do Storage nesta execução: o total é dito antes, e tem de caber no disco.

Descer é pago (a saída de dados do projeto, «egress»): acima de LIVRE, só com BACKUP_ARQUIVOS=sim.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cofre.base.config.valores import Arquivos
from cofre.base.erros import FalhaDeDisco
from cofre.base.palavras import plural, tamanho
from cofre.base.relato import Relato
from cofre.deposito.conteudos.lugar import PASTA

LIVRE = 2 * 1024**3
"""Bytes que se descem sem que ninguém tenha dito que sim."""
FOLGA = 64 * 1024**2
"""Bytes que ficam livres no disco para o resto do backup."""


@dataclass(slots=True)
class Franquia:
    """Decidida uma vez por execução, antes do primeiro conteúdo. Usada por vários fios."""

    arquivos: Arquivos
    destino: Path
    relato: Relato
    livre: int = LIVRE
    so_listar: bool = False
    """Se nada desce: só se quer saber que arquivos há."""
    _trinco: threading.Lock = field(default_factory=threading.Lock)
    _recusa: str | FalhaDeDisco | None = None

    def pedir(self, quantos: int, bytes_: int) -> str:
        """Se se pode descer o que falta de tantos arquivos, com tantos bytes ao todo: vazio, ou por
        que não. Só a primeira pergunta da execução conta. Levanta FalhaDeDisco se não cabe."""
        if self.so_listar:
            return "só se quis a lista"
        with self._trinco:
            if self._recusa is None:
                self._recusa = self._decidir(quantos, bytes_)
        if isinstance(self._recusa, FalhaDeDisco):
            raise self._recusa
        return self._recusa

    def grande_demais(self, bytes_: int | None) -> str:
        """Por que um arquivo deste tamanho fica de fora; vazio se não fica."""
        maximo = self.arquivos.maximo
        if maximo is None or bytes_ is None or bytes_ <= maximo:
            return ""
        return f"passa de BACKUP_ARQUIVOS_MAXIMO ({tamanho(maximo)})"

    def _decidir(self, quantos: int, bytes_: int) -> str | FalhaDeDisco:
        """Por que estes arquivos não descem (vazio: descem); a falha, se não cabem no disco."""
        sobra = shutil.disk_usage(self.destino).free - FOLGA
        # Percorrer o que há só vale a pena quando o total, sozinho, já seria demais.
        demais = bytes_ > sobra or (self.arquivos.quer is None and bytes_ > self.livre)
        ja = sum(_tamanhos(self.destino)) if demais else 0
        por_descer = max(0, bytes_ - ja)
        total = plural(quantos, "arquivo", "arquivos")
        self.relato.linha(f"📎 No Storage, das empresas: {total}, {tamanho(bytes_)}")
        if por_descer > sobra:
            return FalhaDeDisco(
                f"Faltam uns {tamanho(por_descer)} de arquivos do Storage, e em {self.destino} há"
                f" {tamanho(max(0, sobra))} livres.",
                "Libere espaço, ponha BACKUP_DIR noutro disco, ou deixe os maiores de fora com\n"
                "BACKUP_ARQUIVOS_MAXIMO no .env.",
            )
        if self.arquivos.quer is None and por_descer > self.livre:
            return (
                f"faltam {tamanho(por_descer)} por descer, e a saída de dados do Supabase é paga:"
                f" acima de {tamanho(self.livre)}, só com BACKUP_ARQUIVOS=sim no .env"
            )
        return ""


def _tamanhos(destino: Path) -> Iterator[int]:
    """Os bytes de cada conteúdo que as pastas das empresas já têm."""
    for pasta in destino.glob(f"*/{PASTA}"):
        for raiz, _pastas, nomes in os.walk(pasta):
            yield from ((Path(raiz) / nome).lstat().st_size for nome in nomes)
