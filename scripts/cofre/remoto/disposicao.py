"""Como os backups se arrumam num destino: só nomes, e o que há debaixo deles.

::

    cofre.json                              de quem é (ver `marco`)
    cofre/<16 hex>.json                     as chaves que mudaram desde então
    blobs/ab/abcd…64 hex.age                um conteúdo, pelo sha256 dos bytes (.bin: em claro)
    lacres/<empresa>/<carimbo>-<escritor>.json      escrito por último: sem ele não há backup

Nada se escreve por cima de nada: um nome ou diz o conteúdo, ou é de um escritor só. O que tiver
outro nome não é nosso, e não se vê.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cofre.deposito.carimbo import CARIMBO, e_carimbo
from cofre.remoto.destino import Destino, Objeto

BLOBS, LACRES = "blobs", "lacres"
CIFRADO, EM_CLARO = ".age", ".bin"
_BLOB = re.compile(rf"{BLOBS}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}})(?:\.age|\.bin)")
_LACRE = re.compile(rf"{LACRES}/([0-9a-f]{{20}})/({CARIMBO})-([0-9a-z]{{1,64}})\.json")


def nome_do_blob(sha256: str, *, cifrado: bool) -> str:
    """Onde se guarda um conteúdo com esta soma (64 hexadecimais minúsculos)."""
    return f"{BLOBS}/{sha256[:2]}/{sha256}{CIFRADO if cifrado else EM_CLARO}"


def soma_no_nome(nome: str) -> str | None:
    """O sha256 que o nome de um conteúdo diz; None se não é o de um."""
    casa = _BLOB.fullmatch(nome)
    return casa[2] if casa else None


@dataclass(frozen=True, slots=True, order=True)
class Endereco:
    """De quem, de quando e de que computador é um lacre, como o nome dele o diz."""

    empresa: str
    carimbo: str
    escritor: str

    @property
    def nome(self) -> str:
        """O nome do objeto."""
        return f"{LACRES}/{self.empresa}/{self.carimbo}-{self.escritor}.json"


def endereco_no_nome(nome: str) -> Endereco | None:
    """O endereço que o nome de um lacre diz; None se não é o de um."""
    casa = _LACRE.fullmatch(nome)
    return Endereco(*casa.groups()) if casa and e_carimbo(casa[2]) else None


@dataclass(frozen=True, slots=True)
class Conteudo:
    """O que há num destino: os lacres e os conteúdos (pelo sha256 do nome), cada um por ler."""

    lacres: Mapping[Endereco, Objeto]
    blobs: Mapping[str, Objeto]

    def tem(self, sha256: str, tamanho: int) -> bool:
        """Se o conteúdo está lá, com o tamanho certo (em bytes)."""
        blob = self.blobs.get(sha256)
        return blob is not None and blob.bytes == tamanho

    @property
    def empresas(self) -> Iterator[str]:
        """As que têm lacre, em ordem."""
        return iter(sorted({e.empresa for e in self.lacres}))


def olhar(destino: Destino) -> Conteudo:
    """Lista o destino inteiro, os lacres ao lado dos conteúdos: cada mil objetos são um pedido, e
    os pedidos de uma listagem só podem ir um depois do outro. Levanta FalhaDaCopia."""
    with ThreadPoolExecutor(1, thread_name_prefix="listar") as fio:
        # Os lacres primeiro: um que se escreva agora não cita conteúdo que ainda não se viu.
        a_caminho = fio.submit(lambda: lacres_de(destino))
        return Conteudo(a_caminho.result(), blobs_de(destino))


def lacres_de(destino: Destino) -> dict[Endereco, Objeto]:
    """Os lacres que há, por endereço. Levanta FalhaDaCopia."""
    achados = ((endereco_no_nome(o.nome), o) for o in destino.listar(LACRES))
    return {endereco: objeto for endereco, objeto in achados if endereco}


def blobs_de(destino: Destino) -> dict[str, Objeto]:
    """Os conteúdos que há, por sha256. Levanta FalhaDaCopia."""
    achados = ((soma_no_nome(o.nome), o) for o in destino.listar(BLOBS))
    return {soma: objeto for soma, objeto in achados if soma}
