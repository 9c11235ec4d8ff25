"""Uma execução por vez em cada pasta de backups.

A trava é do sistema operacional (filelock): um processo que morre a solta sozinho. Quem a tem
escreve ao lado quem é, para a segunda execução poder dizer.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cofre.base import estado
from cofre.base.disco import erros_de_disco
from cofre.base.erros import TravaOcupada
from cofre.base.maquina import maquina, usuario
from cofre.base.palavras import na_tela

ARQUIVO = ".trava"
QUEM = ".trava.json"


@contextlib.contextmanager
def travar(raiz: Path, acao: str) -> Iterator[None]:
    """Segura a pasta `raiz` durante o contexto. Levanta TravaOcupada (dizendo quem a tem) ou
    FalhaDeDisco."""
    import filelock  # aqui dentro, se ele faltar, a falha ainda vai para o log e para os avisos

    with erros_de_disco(raiz):
        raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
        trava = filelock.FileLock(raiz / ARQUIVO, timeout=0, mode=0o600)
        try:
            trava.acquire()
        except filelock.Timeout:
            raise TravaOcupada(f"A pasta {raiz} está em uso{_quem(raiz)}.") from None
    try:
        with erros_de_disco(raiz):
            (raiz / QUEM).write_bytes(estado.em_bytes(_eu(acao)))
        yield
    finally:
        with contextlib.suppress(OSError):
            (raiz / QUEM).unlink()
        trava.release()


@dataclass(frozen=True, slots=True)
class _Quem:
    acao: str
    pid: int
    maquina: str
    usuario: str
    desde: str


def _eu(acao: str) -> _Quem:
    desde = na_tela(datetime.now().astimezone())
    return _Quem(acao, os.getpid(), maquina(), usuario(), desde)


def _quem(raiz: Path) -> str:
    q = estado.ler(raiz / QUEM, _Quem)
    if q is None:
        return " por outra execução"
    return f" por {q.acao} (processo {q.pid}, {q.usuario} em {q.maquina}, desde {q.desde})"
