"""Quem está a trabalhar, e onde: para o log, o diário e a trava."""

from __future__ import annotations

import getpass
import socket
from functools import cache


@cache
def usuario() -> str:
    """O nome de quem executa; «?» onde não há (contêiner sem usuário, Windows sem variáveis)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "?"


@cache
def maquina() -> str:
    """O nome desta máquina."""
    return socket.gethostname()
