"""A guarda de uma escrita: o que ainda é como a foto viu, e o que se pede de volta para o saber.
Puras contas, sem pedido algum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from cofre.base.linha import NULO, abrir_linha, separar
from cofre.base.textos import CAMPO, escolher
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.escritor import Mudanca, colunas_de_dono
from cofre.plano.lotes import em_lotes
from cofre.plano.tabela import Acao
from cofre.via.api.consulta import Parametros, citar
from cofre.via.api.filtros import BYTES_DE_FILTRO, bytes_da_chave, bytes_dos_valores, do_mesmo_dono

CHAVES_POR_PEDIDO = 40
BYTES_POR_RELEITURA = 512 * 1024

T = TypeVar("T")


BYTES_CURTOS = 200
"""Até onde vale a pena pedir de volta o valor que se mandou."""
BYTES_DE_NOMES = 600
"""Dos nomes pedidos de volta, para que a URL caiba."""


def vetor(linhas: Sequence[bytes]) -> bytes:
    """O corpo de um pedido com estas linhas."""
    return b"[" + b",".join(linhas) + b"]"


def linhas_de(corpo: bytes) -> list[bytes] | None:
    """As linhas de uma resposta; None se ela se perdeu."""
    if not corpo:
        return None
    return [bytes(linha) for linha in separar(corpo)]


def conferindo(no_escopo: TabelaNoEscopo, *mais: str) -> Parametros:
    """O `select` do que a resposta de uma escrita traz: a chave, as colunas de dono e `mais`."""
    colunas = dict.fromkeys((*no_escopo.tabela.chave, *colunas_de_dono(no_escopo), *mais))
    return (("select", ",".join(citar(c) for c in colunas)),) if no_escopo.tabela.chave else ()


def curtas(valores: Mapping[str, msgspec.Raw]) -> Iterator[str]:
    """As colunas de valor curto, enquanto os nomes cabem."""
    cabem = BYTES_DE_NOMES
    for coluna, valor in valores.items():
        cabem -= len(quote(citar(coluna), safe="")) + len("%2C")
        if len(bytes(valor)) <= BYTES_CURTOS and cabem >= 0:
            yield coluna


def chaves_de(lote: Sequence[Mudanca]) -> list[tuple[Chave, bytes]]:
    """A chave de cada linha, e a linha como se crê que está."""
    return [(m.acao.chave, m.como_esta) for m in lote]


def por_dono(no_escopo: TabelaNoEscopo, acoes: Sequence[Acao]) -> dict[Parametros, list[Acao]]:
    """As ações pelo filtro do dono das suas linhas: quase sempre um só."""
    grupos: dict[Parametros, list[Acao]] = {}
    for acao in acoes:
        grupos.setdefault(do_mesmo_dono(no_escopo, acao.atual or b"{}"), []).append(acao)
    return grupos


def em_grupos(
    no_escopo: TabelaNoEscopo, itens: Iterator[T], ver: Callable[[T], tuple[Acao, bytes]]
) -> Iterator[list[T]]:
    """Os itens em grupos cujo filtro cabe numa URL, e que se releem numa página; `ver` dá a ação de
    um item e a linha como se crê que está."""

    def na_url(item: T) -> int:
        acao, linha = ver(item)
        if not no_escopo.tabela.chave:
            return bytes_dos_valores(no_escopo, linha)
        return bytes_da_chave(no_escopo.tabela, acao.chave)

    da_linha = (lambda item: len(ver(item)[1]), BYTES_POR_RELEITURA)
    yield from em_lotes(itens, CHAVES_POR_PEDIDO, (na_url, BYTES_DE_FILTRO), da_linha)


def ainda_nossa(no_escopo: TabelaNoEscopo, mudanca: Mudanca, linha: bytes) -> bool:
    """Se as colunas por onde se chega à empresa (e, de uma linha que acabou de entrar, as que citam
    outras, menos as que ficaram nulas para depois) são as que se creem."""
    esta, cria = abrir_linha(linha), abrir_linha(mudanca.como_esta)
    de_quem = set(no_escopo.colunas_de_ligacao)
    if mudanca.acao.atual is None:
        de_quem |= {c for fk in no_escopo.tabela.estrangeiras for c in fk.colunas}
        de_quem -= mudanca.valores.keys()
    return all(esta[c] == cria[c] for c in de_quem if c in esta and c in cria)


def que_valem(mudanca: Mudanca, linha: bytes) -> dict[str, msgspec.Raw]:
    """Os valores das colunas que ainda têm o que a foto viu, byte a byte; numa linha que acabou de
    entrar, os das que ainda esperam nulas."""
    esta, viu = abrir_linha(linha), abrir_linha(mudanca.acao.atual or b"{}")
    nulo = msgspec.Raw(NULO)
    colunas = [c for c in mudanca.valores if c in esta and esta[c] == viu.get(c, nulo)]
    return escolher(mudanca.valores, [c for c in colunas if c != CAMPO])


def todas_como(valores: Mapping[str, msgspec.Raw], linha: bytes) -> bool:
    """Se a linha tem todos estes valores, byte a byte."""
    esta = abrir_linha(linha)
    return all(esta.get(c) == v for c, v in valores.items() if c != CAMPO)


def alguma_como(valores: Mapping[str, msgspec.Raw], linha: bytes) -> bool:
    """Se a linha tem algum destes valores, byte a byte."""
    esta = abrir_linha(linha)
    return any(esta.get(c) == v for c, v in valores.items() if c != CAMPO)
