"""Onde estão as cópias, pelo que este computador viu da última vez: `copias.json` na raiz.

É o que a página e `listar` mostram, sem perguntar nada a ninguém, e é por onde se sabe que um lugar
vazio já não foi vazio, ou que sumiram os lacres mais novos.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from cofre.base import estado
from cofre.deposito.trava import breve
from cofre.remoto.disposicao import Endereco

ARQUIVO = "copias.json"


class NaCopia(msgspec.Struct, frozen=True, kw_only=True):
    """O backup mais novo de uma empresa que este computador sabe estar num destino."""

    carimbo: str
    escritor: str
    inicio: datetime


class Conferida(msgspec.Struct, frozen=True, kw_only=True):
    """Uma conferência da cópia: quando, quantos problemas achou, e que fração do conteúdo somou
    (vazia: só nomes, tamanhos e assinaturas)."""

    em: datetime
    achados: int = 0
    parte: str = ""


class Copia(msgspec.Struct, frozen=True, kw_only=True):
    """O que se sabe de um destino. `em_uso`: se é dos que o .env dizia da última vez. `enviada`: o
    último envio que chegou ao fim; `falha`: por que o último não chegou (vazia: chegou).
    `empresas`: pseudônimo → o mais novo dela que lá está. `podres`: as somas dos conteúdos, e os
    nomes dos lacres, que uma conferência achou estragados, e que hão de ir de novo.
    """

    em_uso: bool = True
    enviada: datetime | None = None
    falha: str = ""
    empresas: dict[str, NaCopia] = {}
    conferida: Conferida | None = None
    somada: Conferida | None = None
    podres: tuple[str, ...] = ()

    @property
    def usada(self) -> bool:
        """Se este computador já escreveu ali."""
        return self.enviada is not None or bool(self.empresas)

    @property
    def esperados(self) -> dict[str, Endereco]:
        """O último que se enviou de cada empresa."""
        return {e: Endereco(e, n.carimbo, n.escritor) for e, n in self.empresas.items()}


class Copias(msgspec.Struct, frozen=True, kw_only=True):
    """O arquivo: cada destino pelo seu nome, como o .env o diz."""

    destinos: dict[str, Copia] = {}


def ler(raiz: Path) -> Mapping[str, Copia]:
    """O que se sabe de cada destino. Um arquivo que não se lê vale como nenhum."""
    return (estado.ler(raiz / ARQUIVO, Copias) or Copias()).destinos


def anotar(raiz: Path, destino: str, mudar: Callable[[Copia], Copia]) -> None:
    """Muda o que se sabe de um destino, sem perder o que outra execução tenha anotado de outro.
    Levanta FalhaDeDisco ou TravaOcupada."""
    with breve(raiz, "copias"):
        destinos = dict(ler(raiz))
        destinos[destino] = mudar(destinos.get(destino, Copia()))
        estado.gravar(raiz / ARQUIVO, Copias(destinos=destinos))


def so_estes(raiz: Path, destinos: Collection[str]) -> None:
    """Os outros já não estão em uso: o que se sabe deles fica, e ninguém os espera em dia. Levanta
    FalhaDeDisco ou TravaOcupada."""
    if all(not c.em_uso or nome in destinos for nome, c in ler(raiz).items()):
        return
    with breve(raiz, "copias"):
        todos = {
            nome: msgspec.structs.replace(copia, em_uso=nome in destinos)
            for nome, copia in ler(raiz).items()
        }
        estado.gravar(raiz / ARQUIVO, Copias(destinos=todos))
