"""O resumo de cada linha de uma tabela, como o servidor o deu, pela ordem do arquivo dela.

Só das tabelas de que alguma vez se leu uma parte: com eles, acha-se o que mudou numa passada só do
servidor. Estão em `.resumo_linhas.<carimbo>`, oito bytes de cada uma, as tabelas seguidas; onde
está cada uma, e a soma dos bytes dela, di-lo o `.resumo.<carimbo>` (ver `resumos_guardados`). As
sementes são as mesmas, e valem os mesmos cuidados.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

DE_CADA = 8
"""Bytes de cada linha."""
MAIS_LINHAS = 1_000_000
"""De todas as tabelas de uma empresa, juntas: o servidor e nós temo-los de uma vez na memória."""


class Onde(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """No arquivo: em que byte começam os de uma tabela, de quantas linhas são, e a soma deles."""

    inicio: int
    linhas: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PorLinha:
    """Os de uma tabela de um backup."""

    caminho: Path
    onde: Onde

    def ler(self) -> bytes:
        """Seguidos; nenhum, se já não são os que se guardaram."""
        try:
            with self.caminho.open("rb") as arquivo:
                arquivo.seek(self.onde.inicio)
                lidos = arquivo.read(self.onde.linhas * DE_CADA)
        except OSError:
            return b""
        return lidos if _soma(lidos) == self.onde.sha256 else b""


def escrever(arquivo: BinaryIO, tabelas: Mapping[str, bytes]) -> dict[str, Onde]:
    """Os destas tabelas, seguidos; devolve onde ficaram. OSError passa."""
    ficaram, inicio = {}, 0
    for nome, resumos in tabelas.items():
        arquivo.write(resumos)
        ficaram[nome] = Onde(inicio, len(resumos) // DE_CADA, _soma(resumos))
        inicio += len(resumos)
    return ficaram


def _soma(resumos: bytes) -> str:
    return hashlib.sha256(resumos).hexdigest()
