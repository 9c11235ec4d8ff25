"""Achar um backup pela data que alguém escreve: a da tela, a que se fala, ou o carimbo."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cofre.base.palavras import na_tela
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO
from cofre.deposito.guardados import estes, lembrados_de
from cofre.deposito.ordem import Lembrado

EXEMPLOS_DE_DATA = "2026-11-26 03:00; 26/11; 26/11 03:00; ontem"
PALAVRAS = {"hoje": 0, "ontem": 1, "anteontem": 2}
"""Há quantos dias foi."""

_HORA = r"(?:(?: +|T| +às +)(\d{1,2})(?:h|:(\d\d)|h(\d\d))?(?::(\d\d))?)?"
_DA_TELA = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_HORA}")
_FALADA = re.compile(rf"(\d{{1,2}})/(\d{{1,2}})(?:/(\d{{4}}|\d\d))?{_HORA}")
_PALAVRA = re.compile(rf"({'|'.join(PALAVRAS)}){_HORA}", re.IGNORECASE)
_CARIMBO = re.compile(r"\d{4,8}|\d{8}_\d{0,6}")


def de_quando(texto: str, backups: Sequence[Backup], agora: datetime) -> list[Backup]:
    """Os backups que o texto pode querer dizer, na ordem dada. Uma data sem ano é a última que
    passou com algum backup. Vazio se nenhum é dessa data, ou se não é uma data. Os de rotina, se
    algum é (as fotos que as restaurações tiram, só se não há outro)."""
    texto = " ".join(texto.split())
    todos = lembrados_de(backups)
    achados = _do_carimbo(texto, todos) if _CARIMBO.fullmatch(texto) else []
    for prefixo in () if achados else _prefixos(texto, agora):
        achados = [b for b in todos if na_tela(b.quando).startswith(prefixo)]
        if achados:
            break
    de_rotina = [b for b in achados if b.de_rotina]
    return list(estes(backups, de_rotina or achados))


def e_data(texto: str) -> bool:
    """Se o texto é uma data, haja ou não backup dela."""
    formas = (_CARIMBO, _DA_TELA, _FALADA, _PALAVRA)
    return any(f.fullmatch(" ".join(texto.split())) for f in formas)


def ler_dia(texto: str, agora: datetime) -> datetime | None:
    """O começo do dia que o texto diz, na hora local; None se não é um dia. Sem ano, o último que
    passou."""
    for prefixo in _prefixos(" ".join(texto.split()), agora):
        with contextlib.suppress(ValueError):
            dia = datetime.fromisoformat(prefixo[:10]).astimezone()
            if dia <= agora:
                return dia
    return None


def _do_carimbo(texto: str, backups: Sequence[Lembrado]) -> list[Lembrado]:
    """Os de carimbo que começa assim; se nenhum, os dessa hora, que noutro fuso não é a do nome."""
    achados = [b for b in backups if b.carimbo.startswith(texto)]
    horas = {b.carimbo: f"{b.quando:{FORMATO_DO_CARIMBO}}" for b in backups}
    return achados or [b for b in backups if horas[b.carimbo].startswith(texto)]


def _prefixos(texto: str, agora: datetime) -> Iterator[str]:
    """Com o que começam, na tela, as datas que o texto pode querer dizer, da que mais parece."""
    if achada := _DA_TELA.fullmatch(texto):
        ano, mes, dia, *hora = achada.groups()
        yield _prefixo(ano, mes, dia, hora)
    elif achada := _PALAVRA.fullmatch(texto):
        quando = agora - timedelta(days=PALAVRAS[achada[1].lower()])
        yield _prefixo(quando.year, quando.month, quando.day, achada.groups()[1:])
    elif achada := _FALADA.fullmatch(texto):
        dia, mes, dito, *hora = achada.groups()
        anos = [int(dito) % 100 + 2000] if dito else range(agora.year, 1999, -1)
        for cada in anos:
            yield _prefixo(cada, mes, dia, hora)


def _prefixo(ano: str | int, mes: str | int, dia: str | int, hora: Sequence[str | None]) -> str:
    """«2026-11-26», com a hora, os minutos e os segundos que se disseram."""
    ditos = ":".join(f"{int(n):02}" for n in hora if n is not None)
    return f"{int(ano):04}-{int(mes):02}-{int(dia):02} {ditos}".rstrip()
