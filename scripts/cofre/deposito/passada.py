"""Uma passada por um arquivo de tabela: ele se lê uma vez só, para todos os que querem saber dele.

Cada observador diz as colunas de que precisa e vê as linhas em grupos, com só essas colunas
abertas. Enquanto uma foto se grava, os mesmos observadores veem os blocos que ainda estão na
memória: depois de gravado, o arquivo não se lê.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from cofre.base.linha import Campos, Leitor, leitor_de, tipo_com
from cofre.deposito.linhas import ler


@dataclass(frozen=True, slots=True)
class Grupo:
    """Linhas seguidas de uma tabela, com as colunas que os observadores pediram."""

    linhas: Sequence[Campos]
    _lidas: dict[str, list[bytes]] = field(default_factory=dict)

    def coluna(self, nome: str) -> list[bytes]:
        """Os bytes de JSON da coluna em cada linha (`null` onde falta)."""
        if nome not in self._lidas:
            campo = self.linhas[0].NOMES[nome] if self.linhas else ""
            self._lidas[nome] = list(map(bytes, map(attrgetter(campo), self.linhas)))
        return self._lidas[nome]

    def valores(self, colunas: Sequence[str]) -> list[tuple[bytes, ...]]:
        """Os valores destas colunas em cada linha."""
        if not colunas:
            return [()] * len(self.linhas)
        return list(zip(*map(self.coluna, colunas), strict=True))

    def juntos(self, colunas: Sequence[str]) -> list[bytes]:
        """Os mesmos valores, de cada linha num texto só."""
        if len(colunas) == 1:
            return self.coluna(colunas[0])
        return list(map(b",".join, self.valores(colunas)))


class Observador(Protocol):
    """Quem quer saber algo das linhas de uma tabela."""

    @property
    def colunas(self) -> Sequence[str]:
        """As de que precisa, em toda linha."""

    def ver(self, grupo: Grupo) -> None:
        """As próximas linhas, na ordem do arquivo."""


@dataclass(slots=True)
class Somas:
    """O tamanho e o sha256 do JSON, que só valem depois da última linha (`inteiras`)."""

    tamanho: int = 0
    inteiras: bool = False
    _resumo: hashlib._Hash = field(default_factory=hashlib.sha256)

    def somar(self, pedaco: bytes) -> None:
        """Mais um pedaço, na ordem; o vazio é o fim."""
        self.tamanho += len(pedaco)
        self.inteiras = not pedaco
        self._resumo.update(pedaco)

    @property
    def sha256(self) -> str:
        """Em hexadecimal."""
        return self._resumo.hexdigest()


class Passada:
    """Abre as colunas que os observadores pedem e lhes mostra as linhas."""

    def __init__(self, observadores: Sequence[Observador]) -> None:
        self._observadores = observadores
        self.leitor = leitor_das(tuple(dict.fromkeys(c for o in observadores for c in o.colunas)))

    def mostrar(self, linhas: Sequence[Campos]) -> None:
        """As próximas linhas, a todos."""
        grupo = Grupo(linhas)
        for observador in self._observadores:
            observador.ver(grupo)

    def bloco(self, bloco: bytes) -> None:
        """O mesmo, de um bloco já juntado (ver `linha.juntar`), que não se abre se ninguém o quer.
        Levanta msgspec.DecodeError."""
        if bloco and self._observadores:
            self.mostrar(self.leitor(b"[" + bloco + b"]"))


@functools.lru_cache(maxsize=512)  # as mesmas tabelas, em muitas empresas
def leitor_das(colunas: tuple[str, ...]) -> Leitor[Campos]:
    """Quem lê só estas colunas das linhas; a que falta vale nulo."""
    return leitor_de(tipo_com(colunas, opcionais=True))


def passar(caminho: Path, observadores: Sequence[Observador], somas: Somas | None = None) -> int:
    """Lê o arquivo, uma vez, para todos; devolve quantas linhas tem.

    Levanta BackupDanificado se não descompacta ou não é um vetor JSON em UTF-8 com um objeto por
    posição; só no segundo caso as somas ficam inteiras. OSError passa.
    """
    passada = Passada(observadores)
    quantas = 0
    for linhas in ler(caminho, passada.leitor, somas.somar if somas else None):
        quantas += len(linhas)
        passada.mostrar(linhas)
    return quantas
