"""Um serviço S3 que responde como se manda: o que nenhum servidor de verdade faz à vontade."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Pedido:
    """Um pedido que chegou, antes do corpo."""

    metodo: str
    caminho: str
    consulta: str
    cabecalhos: Mapping[str, str]
    tamanho: int


@dataclass(frozen=True, slots=True)
class Resposta:
    """O que se responde; com `codigo`, o corpo é o XML de um erro do S3. Fonte: «Error responses»,
    na API do Amazon S3."""

    status: int = 200
    codigo: str = ""
    mensagem: str = ""
    corpo: bytes = b""
    cabecalhos: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        if not self.codigo:
            return self.corpo
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
            f"<Code>{self.codigo}</Code><Message>{self.mensagem}</Message></Error>"
        ).encode()


Regra = Callable[[Pedido], Resposta]


@dataclass(slots=True)
class ServicoTorto:
    """`pedidos` são os que chegaram, na ordem."""

    porta: int = 0
    pedidos: list[Pedido] = field(default_factory=list)


@contextlib.contextmanager
def servico_torto(regra: Regra, tls: ssl.SSLContext | None = None) -> Iterator[ServicoTorto]:
    """Um serviço que dura o contexto; com `tls`, só atende por https."""
    nosso = ServicoTorto()

    class Atendente(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _atender(self) -> None:
            partes = urlsplit(self.path)
            tamanho = int(self.headers.get("Content-Length") or 0)
            cabecalhos = {n.lower(): v for n, v in self.headers.items()}
            pedido = Pedido(self.command, partes.path, partes.query, cabecalhos, tamanho)
            nosso.pedidos.append(pedido)
            resposta = regra(pedido)
            with contextlib.suppress(OSError):
                self.rfile.read(tamanho)
            corpo = b"" if self.command == "HEAD" else resposta.bytes
            self.send_response(resposta.status)
            for nome, valor in resposta.cabecalhos.items():
                self.send_header(nome, valor)
            if "Content-Length" not in resposta.cabecalhos:
                self.send_header("Content-Length", str(len(corpo)))
            self.end_headers()
            self.wfile.write(corpo)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _atender  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nada na tela dos testes."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Atendente) as servidor:
        servidor.daemon_threads = True
        if tls is not None:
            servidor.socket = tls.wrap_socket(servidor.socket, server_side=True)
        nosso.porta = servidor.server_address[1]
        threading.Thread(target=servidor.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield nosso
        finally:
            servidor.shutdown()


def envio_em_partes(pedido: Pedido) -> Resposta | None:
    """As respostas de um envio em partes que dá certo; None se o pedido não é de um. Fonte:
    «CreateMultipartUpload» e «CompleteMultipartUpload», na API do Amazon S3."""
    if pedido.metodo == "POST" and re.fullmatch("uploads=?", pedido.consulta):
        resultado = "InitiateMultipartUploadResult"
        corpo = f"<{resultado}><UploadId>um</UploadId></{resultado}>"
        return Resposta(corpo=corpo.encode())
    if pedido.metodo == "POST" and "uploadId" in pedido.consulta:
        resultado = "CompleteMultipartUploadResult"
        return Resposta(corpo=f'<{resultado}><ETag>"e"</ETag></{resultado}>'.encode())
    return None
