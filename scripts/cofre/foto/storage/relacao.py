"""A lista do Storage inteiro num instante, arrumada por empresa: no disco, porque pode ser grande.

Uma só serve a todas as empresas que se fotografam à volta dela.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cofre.base.rascunho import Rascunho, Trecho
from cofre.escopo.arquivos import DonosDeArquivos
from cofre.via.arquivos.objetos import Balde, Objeto

if TYPE_CHECKING:  # só quem fala com o Storage carrega o httpx
    from cofre.via.arquivos.armazem import Armazem

BLOCO = 32 * 1024
NA_MEMORIA = 2 * 1024 * 1024
"""Bytes de linhas por gravar, de todas as empresas; acima disso, todas vão para o disco."""
EXEMPLOS = 3

_CODIFICAR = msgspec.json.Encoder()
_OBJETO = msgspec.json.Decoder(Objeto)


def marca_de(balde: str, nome: str) -> int:
    """Um número que só este objeto tem: o que se lembra dele, quando são muitos."""
    dito = f"{balde}\0{nome}".encode()
    return int.from_bytes(hashlib.blake2b(dito, digest_size=8).digest())


@dataclass(slots=True)
class DeNinguem:
    """Os arquivos de um balde que não são de empresa alguma; dos `disputados`, mais de uma os
    reclama."""

    quantos: int = 0
    bytes: int = 0
    disputados: int = 0
    exemplos: list[str] = field(default_factory=list)

    def somar(self, objeto: Objeto, *, disputado: bool) -> None:
        """Mais um."""
        self.quantos += 1
        self.bytes += objeto.tamanho or 0
        self.disputados += disputado
        if len(self.exemplos) < EXEMPLOS:
            self.exemplos.append(objeto.nome)


@dataclass(slots=True)
class Soltos:
    """Dos arquivos que só uma linha diz de quem são, as marcas dos que alguém reclamou, e as dos
    que são de ninguém porque mais de uma empresa os nomeia."""

    reclamados: set[int] = field(default_factory=set)
    disputados: set[int] = field(default_factory=set)

    def somar(self, outros: Soltos) -> None:
        """Também estes."""
        self.reclamados |= outros.reclamados
        self.disputados |= outros.disputados


class _Parte:
    """Os arquivos de uma empresa: onde estão no rascunho, e a soma de todas as linhas."""

    __slots__ = ("bytes", "marca", "pendentes", "quantos", "tamanho", "trechos")

    def __init__(self) -> None:
        self.trechos: list[Trecho] = []
        self.pendentes: list[bytes] = []
        self.tamanho = 0
        self.quantos = 0
        self.bytes = 0
        self.marca = hashlib.blake2b(digest_size=16)


class Relacao:
    """Os objetos do Storage: os de cada empresa pela ordem da lista, e os soltos, por nome."""

    def __init__(
        self,
        donos: DonosDeArquivos,
        baldes: Sequence[Balde],
        pasta: Path,
        *,
        sem_armazem: bool = False,
    ) -> None:
        """`pasta`: onde fica o arquivo de trabalho, sem nome. `sem_armazem`: o projeto não tem
        Storage."""
        self.donos = donos
        self.baldes = tuple(baldes)
        self.comecou = time.monotonic()
        self.de_ninguem: dict[str, DeNinguem] = {}
        self.sem_armazem = sem_armazem
        self._partes: dict[str, _Parte] = {}
        self._soltos: dict[int, int] = {}
        arquivo = tempfile.SpooledTemporaryFile(64 * 1024, "w+b", dir=str(pasta))  # noqa: SIM115
        self._rascunho = Rascunho(arquivo)
        self._na_memoria = 0
        weakref.finalize(self, arquivo.close)

    @classmethod
    def fazer(cls, armazem: Armazem, donos: DonosDeArquivos, pasta: Path) -> Relacao:
        """Lista tudo. Levanta SemArmazem, Mudou e FalhaDoServidor; OSError passa."""
        relacao = cls(donos, armazem.baldes(), pasta)
        for objeto in armazem.listar():
            relacao._por(objeto)
        for parte in relacao._partes.values():
            relacao._gravar(parte)
        return relacao

    @property
    def ha_soltos(self) -> bool:
        """Se há arquivos que uma linha pode dizer de quem são."""
        return bool(self._soltos)

    def marcas_dos_soltos(self) -> Iterable[int]:
        """As de todos eles."""
        return self._soltos.keys()

    def sobras(self, vistos: Soltos) -> dict[str, DeNinguem]:
        """Por balde, o que não é de ninguém: também os soltos, menos os reclamados. OSError
        passa."""
        todas = {b: replace(s, exemplos=[*s.exemplos]) for b, s in self.de_ninguem.items()}
        for marca in self._soltos:
            if marca not in vistos.reclamados and (objeto := self.solto(marca)) is not None:
                sobra = todas.setdefault(objeto.balde, DeNinguem())
                sobra.somar(objeto, disputado=marca in vistos.disputados)
        return dict(sorted(todas.items()))

    def da_empresa(self, empresa: str) -> Iterator[Objeto]:
        """Os dela, pela ordem da lista. OSError passa."""
        parte = self._partes.get(empresa)
        for trecho in parte.trechos if parte else ():
            for linha in self._rascunho.ler(trecho).split(b"\n"):
                yield _OBJETO.decode(linha)

    def impressao(self, empresa: str) -> bytes:
        """A mesma em duas listas só se nada do que é dela mudou entre uma e a outra."""
        parte = self._partes.get(empresa)
        return parte.marca.digest() if parte else b""

    def total(self, empresa: str) -> tuple[int, int]:
        """Quantos são dela, e os bytes deles."""
        parte = self._partes.get(empresa)
        return (parte.quantos, parte.bytes) if parte else (0, 0)

    @property
    def empresas(self) -> tuple[str, ...]:
        """As que têm algum."""
        return tuple(self._partes)

    def solto(self, marca: int) -> Objeto | None:
        """O solto que tem esta marca. OSError passa."""
        onde = self._soltos.get(marca)
        if onde is None:
            return None
        return _OBJETO.decode(self._rascunho.ler(Trecho(onde >> 24, onde & 0xFFFFFF)))

    def e_solto(self, marca: int) -> bool:
        """Se há um solto com esta marca."""
        return marca in self._soltos

    def soltos(self) -> Iterator[Objeto]:
        """Todos eles, pela ordem da lista. OSError passa."""
        return (o for marca in self._soltos if (o := self.solto(marca)) is not None)

    def _por(self, objeto: Objeto) -> None:
        decisao = self.donos.decidir(objeto.balde, objeto.nome, objeto.dono)
        if decisao.empresa is not None:
            self._da(decisao.empresa, objeto)
        elif decisao.solto:
            trecho = self._rascunho.guardar(_CODIFICAR.encode(objeto))
            onde = trecho.inicio << 24 | trecho.tamanho
            self._soltos[marca_de(objeto.balde, objeto.nome)] = onde
        elif not self.donos.de_proposito(objeto.balde):
            sobra = self.de_ninguem.setdefault(objeto.balde, DeNinguem())
            sobra.somar(objeto, disputado=decisao.disputado)

    def _da(self, empresa: str, objeto: Objeto) -> None:
        parte = self._partes.setdefault(empresa, _Parte())
        linha = _CODIFICAR.encode(objeto)
        parte.marca.update(linha)
        parte.pendentes.append(linha)
        parte.quantos += 1
        parte.bytes += objeto.tamanho or 0
        parte.tamanho += len(linha)
        self._na_memoria += len(linha)
        if parte.tamanho >= BLOCO:
            self._gravar(parte)
        elif self._na_memoria >= NA_MEMORIA:
            for outra in self._partes.values():
                self._gravar(outra)

    def _gravar(self, parte: _Parte) -> None:
        if parte.pendentes:
            parte.trechos.append(self._rascunho.guardar(b"\n".join(parte.pendentes)))
            self._na_memoria -= parte.tamanho
            parte.pendentes, parte.tamanho = [], 0
