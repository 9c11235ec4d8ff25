"""O TLS que falta ao PostgreSQL embutido: um procurador que o termina, com um certificado nosso."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import trustme

PEDIDO_DE_TLS = struct.pack("!ii", 8, 80877103)


class ProcuradorTls:
    """Escuta em 127.0.0.1, aceita o SSLRequest, cifra, e passa tudo ao servidor em `para`."""

    def __init__(self, para: int, nome: str) -> None:
        self._para = para
        self.ca = trustme.CA()
        self._contexto = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(nome).configure_cert(self._contexto)
        self._escuta = socket.create_server(("127.0.0.1", 0))
        self.porta: int = self._escuta.getsockname()[1]
        self.cifradas = 0
        threading.Thread(target=self._atender, daemon=True).start()

    def fechar(self) -> None:
        self._escuta.close()

    def _atender(self) -> None:
        while True:
            try:
                cliente, _ = self._escuta.accept()
            except OSError:
                return
            threading.Thread(target=self._conversar, args=(cliente,), daemon=True).start()

    def _conversar(self, cliente: socket.socket) -> None:
        with contextlib.suppress(OSError), cliente:
            assert cliente.recv(8, socket.MSG_WAITALL) == PEDIDO_DE_TLS
            cliente.sendall(b"S")
            with (
                self._contexto.wrap_socket(cliente, server_side=True) as cifrado,
                socket.create_connection(("127.0.0.1", self._para)) as servidor,
            ):
                self.cifradas += 1
                ida = threading.Thread(target=_passar, args=(cifrado, servidor), daemon=True)
                ida.start()
                _passar(servidor, cifrado)


def _passar(de: socket.socket, para: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while dados := de.recv(65536):
            para.sendall(dados)
    with contextlib.suppress(OSError):
        para.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def com_tls(para: int, nome: str = "localhost") -> Iterator[ProcuradorTls]:
    """Um procurador à frente da porta `para`, com um certificado para `nome`."""
    procurador = ProcuradorTls(para, nome)
    try:
        yield procurador
    finally:
        procurador.fechar()


def gravar_ca(ca: trustme.CA, caminho: Path) -> Path:
    ca.cert_pem.write_to_path(str(caminho))
    return caminho
