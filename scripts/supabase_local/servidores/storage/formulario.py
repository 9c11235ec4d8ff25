"""Um envio em `multipart/form-data`, como o storage3 faz (arquivos.md, 4).

`cacheControl` é um número, guardado como `max-age=<valor>`: «public, max-age=3» vira disparate.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from supabase_local.servidores.storage.erros import pedido_invalido

FRONTEIRA = re.compile(r'boundary="?([^";]+)"?')
NOME = re.compile(rb'\bname="([^"]*)"')
TIPO = re.compile(rb"^content-type:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
CAMPOS = ("cacheControl", "metadata", "contentType")
MAIOR_CAMPO = 1024**2


@dataclass(frozen=True, slots=True)
class Formulario:
    """O arquivo, e o que os campos dizem dele."""

    dados: bytes
    tipo: str
    cache: str
    metadados: dict[str, Any]


def ler(tipo: str, corpo: bytes) -> Formulario:
    """Levanta Recusa."""
    fronteira = FRONTEIRA.search(tipo)
    if fronteira is None:
        raise pedido_invalido("Multipart: Boundary not found")
    campos: dict[str, bytes] = {}
    arquivo: tuple[bytes, str] | None = None
    for parte in corpo.split(b"--" + fronteira[1].encode())[1:-1]:
        cabecalhos, _, dados = parte.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        dados = dados.removesuffix(b"\r\n")
        nome = NOME.search(cabecalhos)
        if nome is not None and nome[1].decode() in CAMPOS:
            if len(dados) > MAIOR_CAMPO:
                raise pedido_invalido("request file too large")
            campos[nome[1].decode()] = dados
        else:
            do_arquivo = TIPO.search(cabecalhos)
            arquivo = (dados, do_arquivo[1].decode() if do_arquivo else "application/octet-stream")
    if arquivo is None:
        raise pedido_invalido("No file provided")
    cache = campos.get("cacheControl", b"").decode()
    return Formulario(
        arquivo[0],
        campos["contentType"].decode() if "contentType" in campos else arquivo[1],
        f"max-age={cache}" if cache else "no-cache",
        _objeto(campos.get("metadata", b"{}")),
    )


def _objeto(texto: bytes) -> dict[str, Any]:
    try:
        lido = json.loads(texto)
    except ValueError:
        return {}
    return lido if isinstance(lido, dict) else {}
