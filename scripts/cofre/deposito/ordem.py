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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from cofre.base import estado
from cofre.base.disco import criar_privado
from cofre.base.erros import BackupDanificado
from cofre.deposito.carimbo import ANOS, carimbo_de, carimbos_em, momento, nome_dos_metadados
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
    carimbos = carimbos_em(pasta)
    return carimbos if len(carimbos) < 2 else [carimbo for _, carimbo in _contados(pasta)]


def _contados(pasta: Path) -> list[tuple[int, str]]:
    """Os microssegundos desde 1970 e o carimbo de cada backup, em ordem."""
    achados = dict(_achados(pasta))
    lembrada = _lembrada(pasta) if len(achados) >= POR_LEMBRAR else {}
    sabidos: dict[str, _Sabido] = {}
    novos = 0
    for carimbo, (tamanho, data) in achados.items():
        sabido = lembrada.get(carimbo)
        if sabido is None or (sabido.tamanho, sabido.data) != (tamanho, data):
            sabido = _Sabido(tamanho, data, _lido(pasta, carimbo))
            novos += 1
        sabidos[carimbo] = sabido
    if novos >= POR_LEMBRAR:
        _lembrar(pasta, sabidos)
    return sorted((s.quando(carimbo), carimbo) for carimbo, s in sabidos.items())


class _Sabido(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """O que se leu de um arquivo de metadados com este `tamanho` (bytes) e esta `data` (ns): os
    microssegundos desde 1970, ou None se é o nome que diz quando."""

    tamanho: int
    data: int
    micros: int | None

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
    # De uma pasta que não se deixa ler nada se sabe: quem lista diz que ela está lá.
    with contextlib.suppress(PermissionError), os.scandir(pasta) as arquivos:
        for arquivo in arquivos:
            carimbo = carimbo_de(arquivo.name)
            if carimbo is not None:
                with contextlib.suppress(FileNotFoundError):  # acabou de sair numa poda
                    info = _informacao(arquivo)
                    yield carimbo, (info.st_size, info.st_mtime_ns)


def _informacao(arquivo: os.DirEntry[str]) -> os.stat_result:
    try:
        return arquivo.stat()
    except OSError:  # um atalho que não leva a nada também se lista, como danificado
        return arquivo.stat(follow_symlinks=False)


def _lido(pasta: Path, carimbo: str) -> int | None:
    try:
        dito = _dito(ler_cabecalho(pasta / nome_dos_metadados(carimbo)))
    except (BackupDanificado, OSError):
        return None
    return _em_micros(dito) if dito else None


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
