"""Um procurador entre o cofre e um servidor, que faz algo, ou corta a conexão, na hora certa."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
from collections.abc import Callable, Iterator


class Destino(enum.Enum):
    """O que fazer com o que o cliente mandou."""

    PASSAR = 1
    CORTAR = 2
    PASSAR_E_CORTAR = 3
    """O servidor recebe e cumpre; o cliente fica sem a resposta."""


Olhar = Callable[[bytes], Destino]


def passar(_: bytes) -> Destino:
    """Olha e deixa."""
    return Destino.PASSAR


@contextlib.contextmanager
def procurador(para: int, olhar: Olhar, voltar: Olhar = passar) -> Iterator[int]:
    """A porta de um procurador à frente da porta `para`; `olhar` vê cada pedaço do que o cliente
    manda antes de o servidor o ver, e `voltar`, o que o servidor responde antes do cliente."""
    escuta = socket.create_server(("127.0.0.1", 0))
    argumentos = (escuta, para, olhar, voltar)
    threading.Thread(target=_atender, args=argumentos, daemon=True).start()
    try:
        yield escuta.getsockname()[1]
    finally:
        escuta.close()


def _atender(escuta: socket.socket, para: int, olhar: Olhar, voltar: Olhar) -> None:
    while True:
        try:
            cliente, _ = escuta.accept()
        except OSError:
            return
        servidor = socket.create_connection(("127.0.0.1", para))
        mudo = threading.Event()
        threading.Thread(target=_ida, args=(cliente, servidor, olhar, mudo), daemon=True).start()
        volta = (servidor, cliente, voltar, mudo)
        threading.Thread(target=_volta, args=volta, daemon=True).start()


def _ida(
    cliente: socket.socket, servidor: socket.socket, olhar: Olhar, mudo: threading.Event
) -> None:
    with contextlib.suppress(OSError):
        while dados := cliente.recv(65536):
            destino = olhar(dados)
            if destino is Destino.CORTAR:
                break
            if destino is Destino.PASSAR_E_CORTAR:
                mudo.set()
            servidor.sendall(dados)
    _encerrar(cliente if not mudo.is_set() else servidor, servidor)


def _volta(
    servidor: socket.socket, cliente: socket.socket, voltar: Olhar, mudo: threading.Event
) -> None:
    """Depois de `mudo`, a resposta chega, é jogada fora, e a conexão acaba."""
    with contextlib.suppress(OSError):
        while dados := servidor.recv(65536):
            if mudo.is_set() or voltar(dados) is not Destino.PASSAR:
                break
            cliente.sendall(dados)
    _encerrar(servidor, cliente)


def _encerrar(*lados: socket.socket) -> None:
    for lado in lados:
        with contextlib.suppress(OSError):
            lado.shutdown(socket.SHUT_RDWR)
