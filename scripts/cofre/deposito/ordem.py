"""Em que ordem se fizeram os backups de uma pasta: pelo instante que os metadados de cada um dizem.

A hora do nome é a do relógio de quem o fez, e só serve de nome: noutro fuso, ou na hora que volta a
passar quando o horário de verão acaba, um backup mais novo pode ter um nome menor. Os da primeira
versão não dizem o fuso: deles vale a hora do nome, na hora local de agora.

Para não ler todos os metadados a cada vez, a pasta guarda uma `lembranca` do que cada um dizia, que
só vale enquanto o arquivo tem o mesmo tamanho e a mesma data.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cofre.base.erros import BackupDanificado
from cofre.deposito.carimbo import (
    ANOS,
    METADADOS,
    carimbos_em,
    momento,
    nome_dos_metadados,
)
from cofre.deposito.lembranca import Dito, DoArquivo, lembrada, lembrar
from cofre.deposito.metadados import Cabecalho, ler, ler_cabecalho
from cofre.deposito.retrato import uma_vez

POR_LEMBRAR = 10
"""Só com tantos por ler de novo é que gravar a lembrança poupa algo: a pasta de uma empresa que
começa não tem nenhuma."""

Ordem = tuple[datetime, str]
"""O instante de um backup (com fuso) e, para desempatar, o carimbo dele."""

PRIMEIRA: Ordem = (datetime.min.replace(tzinfo=UTC), "")
"""Antes de todos."""

_EPOCA = datetime(1970, 1, 1, tzinfo=UTC)


def _em_micros(quando: datetime) -> int:
    return (quando - _EPOCA) // timedelta(microseconds=1)


_FIM = _em_micros(datetime(ANOS.stop, 1, 1, tzinfo=UTC))


def instante(cabecalho: Cabecalho | None, carimbo: str) -> datetime:
    """Quando o backup foi feito, na hora local, pelo que os metadados dizem; sem eles, pelo nome.
    Levanta ValueError se nem o nome é uma data."""
    dito = _dito(cabecalho) if cabecalho else None
    return dito.astimezone() if dito else momento(carimbo)


def em_ordem(pasta: Path) -> list[Ordem]:
    """Os backups de uma pasta, do mais antigo ao mais novo, lendo o mínimo. OSError passa."""
    return [lembrado.ordem for lembrado in lembrados(pasta)]


def carimbos_em_ordem(pasta: Path) -> list[str]:
    """Só os carimbos: de um só, não há o que ler. OSError passa."""
    achados = _achados(pasta)
    if len(achados) < 2:
        return list(achados)
    return [lembrado.carimbo for lembrado in lembrados(pasta)]


def lembrados(pasta: Path) -> list[Lembrado]:
    """Os backups de uma pasta em poucas palavras, do mais antigo ao mais novo, lendo só os que
    ainda não se leram. OSError passa."""

    def em_ordem_() -> list[Lembrado]:
        sabidos = _sabidos(pasta, _achados(pasta))
        todos = sorted((_quando(s, carimbo), carimbo, s.dito) for carimbo, s in sabidos.items())
        return [
            Lembrado((_EPOCA + timedelta(microseconds=m)).astimezone(), carimbo, *dito)
            for m, carimbo, dito in todos
        ]

    return uma_vez((lembrados, pasta), em_ordem_)


def _sabidos(pasta: Path, achados: Mapping[str, tuple[int, int]]) -> dict[str, DoArquivo]:
    """O que se sabe de cada um destes backups; o que se leu agora fica lembrado."""
    de_antes = lembrada(pasta) if len(achados) >= POR_LEMBRAR else {}
    sabidos: dict[str, DoArquivo] = {}
    novos = 0
    for carimbo, (tamanho, data) in achados.items():
        sabido = de_antes.get(carimbo)
        if sabido is None or (sabido.tamanho, sabido.data) != (tamanho, data):
            sabido = DoArquivo(tamanho, data, *_lido(pasta, carimbo))
            novos += 1
        sabidos[carimbo] = sabido
    if novos >= POR_LEMBRAR:
        lembrar(pasta, sabidos)
    return sabidos


INTEIRO, ROTINA, ENCOLHEU, MUDOU, POR_CONCLUIR, CIFRADO, ILEGIVEL = "irempcx"
"""O que se lembra de um backup, uma letra por coisa."""


@dataclass(frozen=True, slots=True)
class Lembrado:
    """Um backup: quando (hora local) e o que os metadados dizem dele (ver `Dito`)."""

    quando: datetime
    carimbo: str
    sinais: str
    dono: str = ""
    tabelas: tuple[str, ...] | None = None

    @property
    def ordem(self) -> Ordem:
        """O que o põe antes ou depois de outro."""
        return self.quando, self.carimbo

    @property
    def inteiro(self) -> bool:
        """Se tem tudo, pelo que os metadados dizem."""
        return INTEIRO in self.sinais

    @property
    def legivel(self) -> bool:
        """Se os metadados se leem."""
        return ILEGIVEL not in self.sinais

    @property
    def de_rotina(self) -> bool:
        """Se foi feito por alguém ou pela tarefa (um ilegível também conta: ninguém sabe)."""
        return ROTINA in self.sinais or not self.legivel


def lembrado_de(cabecalho: Cabecalho | None, carimbo: str, tabelas: Iterable[str]) -> Lembrado:
    """O mesmo, de um backup já aberto (None: não se lê)."""
    sinais = _sinais(cabecalho) if cabecalho else ILEGIVEL
    dono = cabecalho.user_id if cabecalho else ""
    return Lembrado(instante(cabecalho, carimbo), carimbo, sinais, dono, tuple(tabelas))


def _quando(sabido: DoArquivo, carimbo: str) -> int:
    """Em microssegundos, também quando é o nome que o diz, ou alguém mexeu na lembrança."""
    if sabido.micros is not None and 0 <= sabido.micros < _FIM:
        return sabido.micros
    return _em_micros(momento(carimbo))


def _dito(cabecalho: Cabecalho) -> datetime | None:
    """O instante que os metadados dizem com o fuso, em UTC; None se não dizem."""
    if cabecalho.da_primeira_versao:
        return None
    for texto in (cabecalho.inicio, cabecalho.data_backup):
        with contextlib.suppress(ValueError, OverflowError):
            quando = datetime.fromisoformat(str(texto))
            if quando.tzinfo is not None and quando.year in ANOS:
                return quando.astimezone(UTC)
    return None


def _achados(pasta: Path) -> dict[str, tuple[int, int]]:
    """O carimbo de cada backup; o tamanho e a data dos metadados dele."""

    def procurar() -> dict[str, tuple[int, int]]:
        achados = {}
        comeco = f"{pasta}{os.sep}{METADADOS}"
        for carimbo in carimbos_em(pasta):
            with contextlib.suppress(PermissionError, FileNotFoundError):  # saiu numa poda
                info = _informacao(f"{comeco}{carimbo}.json")
                achados[carimbo] = (info.st_size, info.st_mtime_ns)
        return achados

    return uma_vez((_achados, pasta), procurar)


def _informacao(arquivo: str) -> os.stat_result:
    try:
        return os.stat(arquivo)  # noqa: PTH116
    except OSError:  # um atalho que não leva a nada também se lista, como danificado
        return os.lstat(arquivo)


def _lido(pasta: Path, carimbo: str) -> tuple[int | None, Dito]:
    caminho = pasta / nome_dos_metadados(carimbo)
    cabecalho: Cabecalho | None = None
    dito = Dito(ILEGIVEL, "", None)
    with contextlib.suppress(BackupDanificado, OSError):
        cabecalho = lido = ler(caminho)
        tabelas = None if lido.da_primeira_versao else tuple(sorted(lido.tabelas))
        dito = Dito(_sinais(lido), lido.user_id, tabelas)
    if cabecalho is None:  # de um que não presta, ainda se pode saber quando foi
        with contextlib.suppress(BackupDanificado, OSError):
            cabecalho = ler_cabecalho(caminho)
    instante_dito = _dito(cabecalho) if cabecalho else None
    return (_em_micros(instante_dito) if instante_dito else None), dito


def _sinais(cabecalho: Cabecalho) -> str:
    ditos = {
        INTEIRO: cabecalho.inteiro,
        ROTINA: cabecalho.de_rotina,
        ENCOLHEU: bool(cabecalho.encolhimentos),
        MUDOU: bool(cabecalho.mudancas),
        POR_CONCLUIR: cabecalho.restauracao_por_concluir,
        CIFRADO: cabecalho.cifrado is not None,
    }
    return "".join(sinal for sinal, sim in ditos.items() if sim)
