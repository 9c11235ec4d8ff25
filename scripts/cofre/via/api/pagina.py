"""Uma página: as linhas que uma resposta da API traz, e se ela chegou inteira."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx
import msgspec

from cofre.base.erros import PedidoGrande, RespostaInvalida
from cofre.base.linha import separar
from cofre.via.api.insistir import Passageiro

L = TypeVar("L")
Abrir = Callable[[bytes], list[L]]
"""Lê um vetor JSON inteiro. Levanta msgspec.DecodeError se o texto não é um."""


@dataclass(frozen=True, slots=True)
class Pagina(Generic[L]):
    """As linhas de uma resposta, como quem as pediu as abre, e o corpo inteiro.

    `total` é a contagem exata de tudo o que o filtro pega, se foi pedida e dada.
    """

    corpo: bytes
    linhas: list[L]
    total: int | None


class PaginaGrande(PedidoGrande):
    """A resposta passou do tamanho aceito e foi abandonada: peça menos linhas."""


def receber(resposta: httpx.Response, maximo: int | None) -> bytes:
    """O corpo de uma resposta em fluxo. Levanta PaginaGrande se passa de `maximo` bytes."""
    partes: list[bytes] = []
    tamanho = 0
    for parte in resposta.iter_bytes():
        tamanho += len(parte)
        if maximo is not None and tamanho > maximo:
            raise PaginaGrande(f"A resposta passou de {maximo} bytes.")
        partes.append(parte)
    return b"".join(partes)


def abrir_pagina(abrir: Abrir[L], tabela: str, corpo: bytes, faixa: str) -> Pagina[L]:
    """Abre as linhas; um corpo cortado, mesmo que bem formado, merece outra tentativa."""
    try:
        linhas = _abertas(abrir, tabela, corpo)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise estragada("a resposta chegou cortada ou não é JSON") from None
    prometidas, total = _content_range(faixa)
    if prometidas is not None and prometidas != len(linhas):
        raise estragada(f"o servidor anunciou {prometidas} linhas e chegaram {len(linhas)}")
    return Pagina(corpo, linhas, total)


def _abertas(abrir: Abrir[L], tabela: str, corpo: bytes) -> list[L]:
    """Levanta RespostaInvalida se é um vetor, mas não das linhas que se pediram."""
    try:
        return abrir(corpo)
    except msgspec.ValidationError as e:
        separar(corpo)
        raise RespostaInvalida(f"Não entendi as linhas de {tabela}: {e}") from e


def estragada(causa: str) -> Passageiro:
    """O que levantar de uma resposta que não chegou inteira."""
    return Passageiro(
        RespostaInvalida(f"Resposta inválida: {causa}.", "Verifique a internet e tente de novo.")
    )


def _content_range(valor: str) -> tuple[int | None, int | None]:
    """«0-24/1000» → (25, 1000); «*/0» → (0, 0); o que não se sabe vira None."""
    faixa, _barra, total = valor.partition("/")
    inicio, _traco, fim = faixa.partition("-")
    if faixa == "*":
        linhas: int | None = 0
    elif inicio.isdigit() and fim.isdigit():
        linhas = int(fim) - int(inicio) + 1
    else:
        linhas = None
    return linhas, int(total) if total.isdigit() else None
