"""Um servidor HTTP de verdade, nesta máquina, que recebe os avisos e responde como se manda."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEGREDO = "f3b1c9d2-token-que-ninguem-pode-ver"


@dataclass(frozen=True, slots=True)
class Aviso:
    """Um pedido que chegou."""

    metodo: str
    caminho: str
    corpo: str
    tipo: str


@dataclass(slots=True)
class ServidorDeAvisos:
    """`respostas` são os códigos, em ordem; acabados, 200. Enquanto `mudo`, ninguém tem resposta
    até `soltar`; `atraso`, em segundos, é o de cada resposta."""

    porta: int = 0
    recebidos: list[Aviso] = field(default_factory=list)
    respostas: list[int] = field(default_factory=list)
    mudo: bool = False
    atraso: float = 0.0
    soltar: threading.Event = field(default_factory=threading.Event)

    def url(self, caminho: str) -> str:
        """O endereço de um caminho, com um segredo nele."""
        return f"http://127.0.0.1:{self.porta}/{SEGREDO}/{caminho}"

    @property
    def caminhos(self) -> list[str]:
        """O que vem depois do segredo, na ordem em que chegou."""
        return [a.caminho.removeprefix(f"/{SEGREDO}/") for a in self.recebidos]


@contextlib.contextmanager
def servidor_de_avisos(respostas: Sequence[int] = ()) -> Iterator[ServidorDeAvisos]:
    """Um servidor que dura o contexto."""
    nosso = ServidorDeAvisos(respostas=list(respostas))

    class Atendente(BaseHTTPRequestHandler):
        def _atender(self) -> None:
            corpo = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            tipo = self.headers.get("Content-Type") or ""
            nosso.recebidos.append(Aviso(self.command, self.path, corpo.decode("utf-8"), tipo))
            if nosso.mudo:
                nosso.soltar.wait(60)
                return
            nosso.soltar.wait(nosso.atraso)
            codigo = nosso.respostas.pop(0) if nosso.respostas else 200
            self.send_response(codigo)
            if 300 <= codigo < 400:
                self.send_header("Location", nosso.url("outro"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _atender  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Calado."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Atendente) as servidor:
        servidor.daemon_threads = True
        nosso.porta = servidor.server_address[1]
        fio = threading.Thread(target=servidor.serve_forever, args=(0.05,))
        fio.start()
        try:
            yield nosso
        finally:
            nosso.soltar.set()
            servidor.shutdown()
            fio.join()
