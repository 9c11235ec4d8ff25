"""O `conteudos_<carimbo>.json` de um backup: que conteúdos ele cita, legível também sem chave.

Uma linha por conteúdo; de um backup cifrado, uma por arquivo, com o que só o segredo deste PC
entende (ver `conhecidos`). É o que a poda, o lacre e quem envia para fora leem.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import Leitor
from cofre.base.modelo import ARQUIVOS
from cofre.base.moldes import leitor_de
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos import lugar
from cofre.deposito.linhas import ler
from cofre.deposito.tabela_salva import TabelaSalva

Soma = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{0,256}\Z")]
T = TypeVar("T", bound=msgspec.Struct)


class Citado(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Um conteúdo citado. `guardado` e `bytes` são do arquivo que está no disco; `marca` e
    `mascara`, ver `marcas`."""

    guardado: Soma
    bytes: Bytes
    marca: _Hex = ""
    mascara: _Hex = ""


class Citacoes:
    """Que conteúdos cita cada backup: o arquivo que vários têm igual lê-se uma vez."""

    def __init__(self) -> None:
        self._lidas: dict[str, Mapping[str, int]] = {}

    def de(self, backup: Backup) -> Mapping[str, int]:
        """`guardado` → bytes no disco; vazio se não leva arquivos. Levanta BackupDanificado;
        OSError passa."""
        salvos = dos_conteudos(backup)
        if salvos is None:
            return {}
        if salvos.sha256 not in self._lidas:
            self._lidas[salvos.sha256] = citados_por(backup.caminho(salvos), salvos.sha256)
        return self._lidas[salvos.sha256]


def bytes_citados(backup: Backup) -> int:
    """Quantos bytes, no disco, guardam os arquivos do backup. Levanta BackupDanificado; OSError
    passa."""
    qual = _qual(backup)
    return _bytes(qual) if qual else 0


def quantos_faltam(backup: Backup) -> int:
    """Quantos dos conteúdos que o backup cita não estão na pasta, pelo nome. Levanta
    BackupDanificado; OSError passa."""
    qual = _qual(backup)
    return _faltam(qual, backup.cifrado, *lugar.impressao(backup.pasta)) if qual else 0


def _qual(backup: Backup) -> _Qual | None:
    salvos = dos_conteudos(backup)
    return _Qual(salvos.sha256, backup.caminho(salvos)) if salvos is not None else None


@dataclass(frozen=True, slots=True)
class _Qual:
    """A soma diz tudo o que o arquivo diz, esteja onde estiver."""

    sha256: str
    caminho: Path = field(compare=False)


@functools.lru_cache(maxsize=4)
def _lembrados(qual: _Qual) -> Mapping[str, int]:
    return citados_por(qual.caminho, qual.sha256)


@functools.lru_cache(maxsize=64)
def _bytes(qual: _Qual) -> int:
    return sum(_lembrados(qual).values())


@functools.lru_cache(maxsize=64)
def _faltam(
    qual: _Qual, cifrado: bool, pastas: tuple[Path, ...], mudaram_em: tuple[int, ...]
) -> int:
    ha = lugar.nomes_em(pastas, mudaram_em)
    return sum(lugar.nome_de(g, cifrado=cifrado) not in ha for g in _lembrados(qual))


def dos_conteudos(backup: Backup) -> TabelaSalva | None:
    """O arquivo que diz que conteúdos o backup cita; None se não há um."""
    lista = backup.meta.tabelas.get(ARQUIVOS) if backup.meta else None
    return lista.conteudos if lista is not None else None


def citados_por(caminho: Path, sha256: str) -> dict[str, int]:
    """Os conteúdos que o arquivo cita, cada um uma vez: `guardado` → bytes no disco. Levanta como
    `citados_em`, e também se ele diz dois tamanhos do mesmo."""
    citados: dict[str, int] = {}
    for citado in citados_em(caminho, sha256):
        if citados.setdefault(citado.guardado, citado.bytes) != citado.bytes:
            raise BackupDanificado(f"{caminho.name} diz dois tamanhos do mesmo conteúdo")
    return citados


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
