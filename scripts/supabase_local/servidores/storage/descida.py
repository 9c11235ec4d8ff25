"""GET e HEAD de um objeto (arquivos.md, 3).

HEAD só olha a linha, e diz 200 mesmo sem conteúdo. Sem compressão. `If-Range`, `If-Match` e
`If-Unmodified-Since` não valem nada; `If-None-Match`, só com o texto exato.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

from psycopg.rows import DictRow

from supabase_local.servidores.falhas import Resposta
from supabase_local.servidores.storage.conteudos import PEDACO, em_fluxo
from supabase_local.servidores.storage.erros import faixa_invalida, sem_conteudo

FAIXA = re.compile(r"bytes=(\d*)-(\d*)")


def cabecalhos_de(linha: DictRow) -> list[tuple[str, str]]:
    """O tipo não é o guardado se contém `text/html`: vira `text/plain`."""
    metadata = linha["metadata"] or {}
    tipo = metadata.get("mimetype") or "application/octet-stream"
    mudado: datetime = linha["updated_at"]
    saem = [
        ("Accept-Ranges", "bytes"),
        ("Content-Type", "text/plain" if "text/html" in tipo else tipo),
        ("ETag", metadata.get("eTag") or '""'),
        ("Last-Modified", format_datetime(mudado.astimezone(UTC), usegmt=True)),
        ("Cache-Control", metadata.get("cacheControl") or "no-cache"),
    ]
    if metadata.get("xRobotsTag"):
        saem.append(("X-Robots-Tag", metadata["xRobotsTag"]))
    return saem


def cabeca(linha: DictRow) -> Resposta:
    """A resposta a um HEAD."""
    tamanho = str((linha["metadata"] or {}).get("size") or 0)
    return Resposta(200, (*cabecalhos_de(linha), ("Content-Length", tamanho)), _nada())


def corpo(linha: DictRow, lugar: Path, pedidos: Mapping[str, str], *, no_s3: bool) -> Resposta:
    """A resposta a um GET, com os cabeçalhos `pedidos` (em minúsculas). Levanta Recusa."""
    saem = cabecalhos_de(linha)
    if _ja_tem(dict(saem), pedidos):
        return Resposta(304, tuple(saem), b"")
    try:
        tamanho = lugar.stat().st_size
    except FileNotFoundError:
        raise sem_conteudo(no_s3=no_s3) from None
    inicio, fim, status = 0, tamanho, 200
    if "range" in pedidos:
        faixa = qual_faixa(pedidos["range"], tamanho)
        if faixa is None:
            raise faixa_invalida(no_s3=no_s3)
        inicio, fim, status = *faixa, 206
        saem.append(("Content-Range", f"bytes {inicio}-{fim - 1}/{tamanho}"))
    saem.append(("Content-Length", str(fim - inicio)))
    if fim - inicio <= PEDACO:
        return Resposta(status, tuple(saem), _parte(lugar, inicio, fim - inicio, no_s3=no_s3))
    return Resposta(status, tuple(saem), em_fluxo(lugar, inicio, fim - inicio))


def qual_faixa(texto: str, tamanho: int) -> tuple[int, int] | None:
    """(início, fim) de uma faixa só, com o fim encurtado ao que há; None se são várias, ou se
    começa depois do fim."""
    achada = FAIXA.fullmatch(texto.strip())
    if achada is None or not (achada[1] or achada[2]):
        return None
    if not achada[1]:
        quantos = min(int(achada[2]), tamanho)
        return (tamanho - quantos, tamanho) if quantos else None
    inicio = int(achada[1])
    fim = min(int(achada[2]) + 1, tamanho) if achada[2] else tamanho
    return (inicio, fim) if inicio < fim else None


def _ja_tem(saem: Mapping[str, str], pedidos: Mapping[str, str]) -> bool:
    if "if-none-match" in pedidos:
        return pedidos["if-none-match"] == saem["ETag"]
    try:
        desde = parsedate_to_datetime(pedidos["if-modified-since"])
    except (KeyError, ValueError):
        return False
    return parsedate_to_datetime(saem["Last-Modified"]) <= desde


def _parte(lugar: Path, inicio: int, quantos: int, *, no_s3: bool) -> bytes:
    try:
        with lugar.open("rb") as arquivo:
            arquivo.seek(inicio)
            return arquivo.read(quantos)
    except FileNotFoundError:
        raise sem_conteudo(no_s3=no_s3) from None


async def _nada() -> AsyncIterator[bytes]:
    for nada in (b"",):
        yield nada
