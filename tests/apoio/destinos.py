"""Lugares de verdade para as cópias, e o que há neles visto sem o nosso código."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cofre.remoto.destino import Destino
from cofre.remoto.pasta import DestinoPasta

SEGREDO = "segredo-que-ninguem-pode-ver"
"""Está na credencial de todo lugar que tem uma: nenhuma saída o pode levar."""


class Lugar(Protocol):
    """Um lugar vazio, o destino que leva a ele, e outro que leva a um que não existe."""

    @property
    def destino(self) -> Destino: ...

    @property
    def inexistente(self) -> Destino: ...

    def conteudo(self) -> dict[str, bytes]:
        """Tudo o que há lá, pelo nome."""

    def por(self, nome: str, dados: bytes) -> None:
        """Põe lá um arquivo, com um nome qualquer."""


@dataclass(frozen=True, slots=True)
class LugarPasta:
    """Uma pasta deste disco."""

    raiz: Path

    @property
    def destino(self) -> DestinoPasta:
        return DestinoPasta(self.raiz, "pasta:Cofre")

    @property
    def inexistente(self) -> DestinoPasta:
        return DestinoPasta(self.raiz / "desligado", "pasta:Desligado")

    def conteudo(self) -> dict[str, bytes]:
        return conteudo_da_pasta(self.raiz)

    def por(self, nome: str, dados: bytes) -> None:
        por_na_pasta(self.raiz, nome, dados)


def conteudo_da_pasta(raiz: Path) -> dict[str, bytes]:
    return {p.relative_to(raiz).as_posix(): p.read_bytes() for p in raiz.rglob("*") if p.is_file()}


def por_na_pasta(raiz: Path, nome: str, dados: bytes) -> None:
    caminho = raiz / nome
    caminho.parent.mkdir(parents=True, exist_ok=True)
    caminho.write_bytes(dados)
