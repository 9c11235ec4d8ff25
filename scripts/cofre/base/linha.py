"""Uma linha em JSON: ler só algumas colunas, com os bytes de cada valor como estão."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, cast

import msgspec
from msgspec.structs import astuple

NULO = b"null"
ORDENS: dict[str, Callable[[bytes], Any]] = {
    # O texto de um uuid é hexadecimal minúsculo de tamanho fixo: a ordem dos bytes é a dele.
    "uuid": bytes,
    "integer": int,
    "bigint": int,
}
"""Por tipo de coluna, o que faz os bytes de um valor se compararem como no banco."""

PENDURADA = "linha_pendurada"


class Campos(msgspec.Struct):
    """As colunas lidas de uma linha: `linha["coluna"]` dá os bytes do valor."""

    NOMES: ClassVar[dict[str, str]] = {}

    def __getitem__(self, coluna: str) -> bytes:
        return bytes(getattr(self, self.NOMES[coluna]))


def tipo_com(
    colunas: Sequence[str], *, opcionais: bool = False, pendurada: tuple[str, type] | None = None
) -> type[Campos]:
    """Um tipo para o msgspec que lê estas colunas e pula as outras.

    `opcionais`: uma coluna que falta vale nulo. `pendurada`: (nome, tipo) de um objeto dentro da
    linha. Nomes com aspas ou barra invertida não são aceitos pelo msgspec (ValueError).
    """
    nomes = {c: f"c{i}" for i, c in enumerate(dict.fromkeys(colunas))}
    no_json = {campo: coluna for coluna, campo in nomes.items()}
    padrao: tuple[Any, ...] = (msgspec.Raw(NULO),) if opcionais else ()
    tipos: list[tuple[Any, ...]] = [(campo, msgspec.Raw, *padrao) for campo in no_json]
    if pendurada is not None:
        no_json[PENDURADA] = pendurada[0]
        tipos.append((PENDURADA, pendurada[1]))
    tipo = msgspec.defstruct(
        "Linha", tipos, bases=(Campos,), namespace={"NOMES": nomes}, rename=no_json, gc=False
    )
    return cast("type[Campos]", tipo)


def texto(valor: bytes) -> str | None:
    """Um escalar JSON como texto («"a"» → «a», «12» → «12»); None se é nulo."""
    if valor.startswith(b'"'):
        return msgspec.json.decode(valor, type=str)
    return None if valor == NULO else valor.decode("utf-8")


SEPARADOR = b",\n"


def juntar(linhas: Iterable[bytes | memoryview]) -> bytes:
    """Um bloco de linhas, sem o que vem antes da primeira nem depois da última."""
    return SEPARADOR.join(linhas)


Linha = msgspec.Raw
_LINHA = msgspec.json.Decoder(dict[str, msgspec.Raw])


def abrir_linha(linha: bytes | Linha) -> dict[str, msgspec.Raw]:
    """As colunas de uma linha, cada valor com os seus bytes."""
    return _LINHA.decode(linha)


def valores_de_todas(linhas: Sequence[bytes], colunas: Sequence[str]) -> list[tuple[bytes, ...]]:
    """Os bytes destas colunas em cada linha, na ordem; `null` onde faltam."""
    ler = _leitor(tuple(colunas))
    if ler is None:
        nulo = msgspec.Raw(NULO)
        abertas = map(abrir_linha, linhas)
        return [tuple([bytes(a.get(c, nulo)) for c in colunas]) for a in abertas]
    return [tuple(map(bytes, astuple(lida))) for lida in ler.decode(_vetor(linhas))]


def mesmos_valores(umas: Sequence[bytes], outras: Sequence[bytes], colunas: Sequence[str]) -> bool:
    """Se estas colunas têm os mesmos bytes, linha a linha; o que falta vale nulo."""
    ler = _leitor(tuple(colunas))
    if ler is None:
        return valores_de_todas(umas, colunas) == valores_de_todas(outras, colunas)
    return ler.decode(_vetor(umas)) == ler.decode(_vetor(outras))


def _vetor(linhas: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(linhas) + b"]"


@functools.lru_cache(maxsize=256)
def _leitor(colunas: tuple[str, ...]) -> msgspec.json.Decoder[list[Campos]] | None:
    """Quem lê de uma vez estas colunas de muitas linhas; None se há um nome que não aceita."""
    try:
        tipo = tipo_com(colunas, opcionais=True)
    except ValueError:
        return None
    return msgspec.json.Decoder(list[tipo])  # type: ignore[valid-type]
