"""Uma execução por vez em cada pasta de backups.

A trava é do sistema operacional (filelock): um processo que morre a solta sozinho. Quem a tem
escreve ao lado quem é, para a segunda execução poder dizer.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import filelock

from cofre.base.disco import erros_de_disco
from cofre.base.erros import TravaOcupada
from cofre.base.palavras import na_tela

ARQUIVO = ".trava"
QUEM = ".trava.json"


@contextlib.contextmanager
def travar(raiz: Path, acao: str) -> Iterator[None]:
    """Segura a pasta `raiz` durante o contexto. Levanta TravaOcupada (dizendo quem a tem) ou
    FalhaDeDisco."""
    with erros_de_disco(raiz):
        raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
        trava = filelock.FileLock(raiz / ARQUIVO, timeout=0, mode=0o600)
        try:
            trava.acquire()
        except filelock.Timeout:
            raise TravaOcupada(f"A pasta {raiz} está em uso{_quem(raiz)}.") from None
        (raiz / QUEM).write_text(json.dumps(_eu(acao), ensure_ascii=False), encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (raiz / QUEM).unlink()
        trava.release()


def _eu(acao: str) -> dict[str, str | int]:
    try:
        usuario = getpass.getuser()
    except (KeyError, OSError, ImportError):  # contêiner sem usuário, Windows sem variáveis
        usuario = "?"
    return {
        "acao": acao,
        "pid": os.getpid(),
        "maquina": socket.gethostname(),
        "usuario": usuario,
        "desde": na_tela(datetime.now().astimezone()),
    }


def _quem(raiz: Path) -> str:
    try:
        q = json.loads((raiz / QUEM).read_text(encoding="utf-8"))
        return (
            f" por {q['acao']} (processo {q['pid']}, {q['usuario']} em {q['maquina']},"
            f" desde {q['desde']})"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return " por outra execução"
