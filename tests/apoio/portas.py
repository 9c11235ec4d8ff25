"""Portas só nossas: a que o sistema diz estar livre, outro teste pode tomá-la logo a seguir."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def porta_presa() -> Iterator[int]:
    """Uma porta em que ninguém atende, e que mais ninguém toma enquanto durar; só a abre quem pede
    justamente essa com SO_REUSEADDR, como fazem os servidores que a recebem (socket(7): podem-se
    atar duas à mesma, se nenhuma atende ainda)."""
    with socket.socket() as presa:
        presa.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        presa.bind(("127.0.0.1", 0))
        yield presa.getsockname()[1]
