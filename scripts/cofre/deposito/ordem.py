"""Em que ordem se fizeram os backups de uma pasta: pelo instante que os metadados de cada um dizem.

A hora do nome é a do relógio de quem o fez, e só serve de nome: noutro fuso, ou na hora que volta a
passar quando o horário de verão acaba, um backup mais novo pode ter um nome menor. Os da primeira
versão não dizem o fuso: deles vale a hora do nome, na hora local de agora.

Para não ler todos os metadados a cada vez, a pasta guarda uma lembrança (`.ordem.json`) do que cada
um dizia, que só vale enquanto o arquivo tem o mesmo tamanho e a mesma data. Pode ser apagada.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from cofre.base import estado
from cofre.base.disco import criar_privado
from cofre.base.erros import BackupDanificado
from cofre.deposito.carimbo import (
    ANOS,
    METADADOS,
    carimbo_de,
    momento,
    nome_dos_metadados,
)
from cofre.deposito.metadados import Cabecalho, ler_cabecalho

ARQUIVO = ".ordem.json"
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
    return [
        ((_EPOCA + timedelta(microseconds=micros)).astimezone(), carimbo)
        for micros, carimbo in _contados(pasta)
    ]


def carimbos_em_ordem(pasta: Path) -> list[str]:
    """Só os carimbos: de um só, não há o que ler. OSError passa."""
    achados = dict(_achados(pasta))
    if len(achados) < 2:
        return list(achados)
    return [carimbo for _, carimbo, _ in _em_ordem(_sabidos(pasta, achados))]


def lembrados(pasta: Path) -> list[Lembrado]:
    """Os backups de uma pasta em poucas palavras, do mais antigo ao mais novo, lendo só os que
    ainda não se leram. OSError passa."""
    return [
        Lembrado((_EPOCA + timedelta(microseconds=micros)).astimezone(), carimbo, sabido.sinais)
        for micros, carimbo, sabido in _em_ordem(_sabidos(pasta, dict(_achados(pasta))))
    ]


def _contados(pasta: Path) -> list[tuple[int, str]]:
    """Os microssegundos desde 1970 e o carimbo de cada backup, em ordem."""
    return [
        (micros, carimbo)
        for micros, carimbo, _ in _em_ordem(_sabidos(pasta, dict(_achados(pasta))))
    ]


def _em_ordem(sabidos: dict[str, _Sabido]) -> list[tuple[int, str, _Sabido]]:
    todos = ((s.quando(carimbo), carimbo, s) for carimbo, s in sabidos.items())
    return sorted(todos, key=lambda item: item[:2])


def _sabidos(pasta: Path, achados: Mapping[str, tuple[int, int]]) -> dict[str, _Sabido]:
    """O que se sabe de cada um destes backups; o que se leu agora fica lembrado."""
    lembrada = _lembrada(pasta) if len(achados) >= POR_LEMBRAR else {}
    sabidos: dict[str, _Sabido] = {}
    novos = 0
    for carimbo, (tamanho, data) in achados.items():
        sabido = lembrada.get(carimbo)
        if sabido is None or (sabido.tamanho, sabido.data) != (tamanho, data) or not sabido.sinais:
            sabido = _Sabido(tamanho, data, *_lido(pasta, carimbo))
            novos += 1
        sabidos[carimbo] = sabido
    if novos >= POR_LEMBRAR:
        _lembrar(pasta, sabidos)
    return sabidos


INTEIRO, ROTINA, ENCOLHEU, MUDOU, POR_CONCLUIR, ILEGIVEL, NADA = "irempx-"
"""O que se lembra de um backup, uma letra por coisa."""


@dataclass(frozen=True, slots=True)
class Lembrado:
    """Um backup: quando (hora local) e o que os metadados dizem dele, em letras. O que encolheu ou
    mudou, ainda por reconhecer ou não."""

    quando: datetime
    carimbo: str
    sinais: str

    @property
    def ordem(self) -> Ordem:
        """O que o põe antes ou depois de outro."""
        return self.quando, self.carimbo

    @property
    def inteiro(self) -> bool:
        """Se tem tudo, pelo que os metadados dizem."""
        return INTEIRO in self.sinais


class _Sabido(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """O que se leu de um arquivo de metadados com este `tamanho` (bytes) e esta `data` (ns): os
    microssegundos desde 1970, ou None se é o nome que diz quando; e os sinais (nenhum: é de antes
    de se lembrarem, ou não há o que dizer)."""

    tamanho: int
    data: int
    micros: int | None
    sinais: str = ""

    def quando(self, carimbo: str) -> int:
        """Em microssegundos, também quando é o nome que o diz, ou alguém mexeu na lembrança."""
        if self.micros is not None and 0 <= self.micros < _FIM:
            return self.micros
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


def _achados(pasta: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """O carimbo de cada backup; o tamanho e a data dos metadados dele."""
    # De uma pasta que não se deixa ler nada se sabe: quem lista diz que ela está lá. E a de uma
    # empresa nova some com a foto que se recomeça.
    with contextlib.suppress(PermissionError, FileNotFoundError), os.scandir(pasta) as arquivos:
        for arquivo in arquivos:
            seu = arquivo.name.startswith(METADADOS)
            if seu and (carimbo := carimbo_de(arquivo.name)) is not None:
                with contextlib.suppress(FileNotFoundError):  # acabou de sair numa poda
                    info = _informacao(arquivo)
                    yield carimbo, (info.st_size, info.st_mtime_ns)


def _informacao(arquivo: os.DirEntry[str]) -> os.stat_result:
    try:
        return arquivo.stat()
    except OSError:  # um atalho que não leva a nada também se lista, como danificado
        return arquivo.stat(follow_symlinks=False)


def _lido(pasta: Path, carimbo: str) -> tuple[int | None, str]:
    try:
        cabecalho = ler_cabecalho(pasta / nome_dos_metadados(carimbo))
    except (BackupDanificado, OSError):
        return None, ILEGIVEL
    dito = _dito(cabecalho)
    return (_em_micros(dito) if dito else None), _sinais(cabecalho)


def _sinais(cabecalho: Cabecalho) -> str:
    ditos = {
        INTEIRO: cabecalho.inteiro,
        ROTINA: cabecalho.de_rotina,
        ENCOLHEU: bool(cabecalho.encolhimentos),
        MUDOU: bool(cabecalho.mudancas),
        POR_CONCLUIR: cabecalho.restauracao_por_concluir,
    }
    return "".join(sinal for sinal, sim in ditos.items() if sim) or NADA


def _lembrada(pasta: Path) -> dict[str, _Sabido]:
    return estado.ler(pasta / ARQUIVO, dict[str, _Sabido]) or {}


def _lembrar(pasta: Path, sabidos: dict[str, _Sabido]) -> None:
    """Quem só lê também a grava: se não puder, lê-se tudo outra vez na próxima. Duas execuções ao
    mesmo tempo podem deixar uma que não se lê, e é como não haver nenhuma."""
    novo = pasta / f"{ARQUIVO}.novo"
    with contextlib.suppress(OSError):
        novo.unlink(missing_ok=True)
        try:
            with criar_privado(novo) as arquivo:
                arquivo.write(msgspec.json.encode(sabidos))
            novo.replace(pasta / ARQUIVO)
        except OSError:
            novo.unlink(missing_ok=True)
            raise
