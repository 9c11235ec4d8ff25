"""A lembrança de uma pasta (`.ordem.json`): o que os metadados de cada backup dela diziam, para não
os ler todos a cada vez. Pode ser apagada; e a que não se lê é como não haver nenhuma."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from cofre.base import estado
from cofre.base.disco import criar_privado

ARQUIVO = ".ordem.json"


class Dito(NamedTuple):
    """O que os metadados dizem, em letras (o que encolheu ou mudou, ainda por reconhecer ou não), o
    id da empresa (vazio: não se leem) e as tabelas que há (None: não as dizem)."""

    sinais: str
    dono: str
    tabelas: tuple[str, ...] | None


class DoArquivo(NamedTuple):
    """O que se leu de um arquivo de metadados com este `tamanho` (bytes) e esta `data` (ns), e que
    só vale enquanto ele os tem: os microssegundos desde 1970, ou None se é o nome que diz quando; e
    o que diz."""

    tamanho: int
    data: int
    micros: int | None
    dito: Dito


class _NoDisco(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """De um backup; `dono` e `tabelas` são posições nas listas (-1: nenhuma)."""

    tamanho: int
    data: int
    micros: int | None
    sinais: str
    dono: int
    tabelas: int


class _Lembranca(msgspec.Struct, frozen=True):
    """O que se repete em quase todos os backups vai uma vez só."""

    donos: tuple[str, ...]
    tabelas: tuple[tuple[str, ...], ...]
    backups: dict[str, _NoDisco]


def lembrada(pasta: Path) -> dict[str, DoArquivo]:
    """O que se guardou, por carimbo; nada, se não se lê ou alguém mexeu nela."""
    lida = estado.ler(pasta / ARQUIVO, _Lembranca)
    if lida is None:
        return {}
    donos, tabelas = (*lida.donos, ""), (*lida.tabelas, None)
    with contextlib.suppress(IndexError):
        return {
            carimbo: DoArquivo(
                b.tamanho, b.data, b.micros, Dito(b.sinais, donos[b.dono], tabelas[b.tabelas])
            )
            for carimbo, b in lida.backups.items()
        }
    return {}


def _por_lembrar(sabidos: Mapping[str, DoArquivo]) -> _Lembranca:
    """O mesmo, como vai para o arquivo: cada dono e cada rol de tabelas, uma vez só."""
    donos = list(dict.fromkeys(s.dito.dono for s in sabidos.values() if s.dito.dono))
    tabelas = list(dict.fromkeys(t for s in sabidos.values() if (t := s.dito.tabelas) is not None))
    do_dono = {dono: n for n, dono in enumerate(donos)}
    das_tabelas: dict[tuple[str, ...] | None, int] = {t: n for n, t in enumerate(tabelas)}
    return _Lembranca(
        tuple(donos),
        tuple(tabelas),
        {
            carimbo: _NoDisco(
                s.tamanho,
                s.data,
                s.micros,
                s.dito.sinais,
                do_dono.get(s.dito.dono, -1),
                das_tabelas.get(s.dito.tabelas, -1),
            )
            for carimbo, s in sabidos.items()
        },
    )


def lembrar(pasta: Path, sabidos: dict[str, DoArquivo]) -> None:
    """Quem só lê também a grava: se não puder, lê-se tudo outra vez na próxima. Duas execuções ao
    mesmo tempo podem deixar uma que não se lê, e é como não haver nenhuma."""
    novo = pasta / f"{ARQUIVO}.novo"
    with contextlib.suppress(OSError):
        novo.unlink(missing_ok=True)
        try:
            with criar_privado(novo) as arquivo:
                arquivo.write(msgspec.json.encode(_por_lembrar(sabidos)))
            novo.replace(pasta / ARQUIVO)
        except OSError:
            novo.unlink(missing_ok=True)
            raise
