"""O `conteudos_<carimbo>.json` de um backup: que conteúdos ele cita, legível também sem chave.

Uma linha por conteúdo; de um backup cifrado, uma por arquivo, com o que só o segredo deste PC
entende (ver `conhecidos`). É o que a poda, o lacre e quem envia para fora leem.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import Leitor
from cofre.base.moldes import leitor_de
from cofre.deposito.formato import ler

Soma = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
T = TypeVar("T", bound=msgspec.Struct)
_Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{0,256}\Z")]


class Citado(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Um conteúdo citado. `guardado` e `bytes` são do arquivo que está no disco; `marca` e
    `mascara`, ver `conhecidos`."""

    guardado: Soma
    bytes: Bytes
    marca: _Hex = ""
    mascara: _Hex = ""


def citados_em(caminho: Path, sha256: str) -> Iterator[Citado]:
    """As linhas do arquivo, de que se sabe a soma do JSON: só depois da última se sabe que é ela.
    Levanta BackupDanificado; OSError passa."""
    return linhas_de(caminho, Citado, sha256)


def linhas_de(caminho: Path, tipo: type[T], sha256: str) -> Iterator[T]:
    """As linhas de um arquivo como o das tabelas, com a forma conferida. Levanta como
    `citados_em`."""
    resumo = hashlib.sha256()
    leitor = Leitor(leitor_de(list[tipo]).decode, leitor_de(tipo).decode)  # type: ignore[valid-type]
    try:
        for grupo in ler(caminho, leitor, resumo.update):
            yield from grupo
    except RecursionError as e:
        raise BackupDanificado(f"{caminho.name} não se lê: tem um valor fundo demais") from e
    if resumo.hexdigest() != sha256:
        raise BackupDanificado(f"{caminho.name} mudou: a soma sha256 não confere")
