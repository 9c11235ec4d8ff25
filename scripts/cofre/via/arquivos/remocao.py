"""O que se tira do Storage, e os baldes que se criam de novo."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cofre.base.palavras import visivel
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.cliente import no_caminho
from cofre.via.arquivos.erros import RecusaDoArmazem
from cofre.via.arquivos.objetos import Balde

POR_PEDIDO = 100
"""Nomes: o servidor os tira em transações de 500, e o corpo não passa de 1 MB (medido)."""


def remover(armazem: Armazem, balde: str, nomes: Collection[str]) -> None:
    """Tira estes objetos, pelo nome exato; um que já não está não é um erro. Levanta
    FalhaDoServidor."""
    if nomes:
        armazem.pedir(
            "DELETE",
            f"object/{no_caminho(balde)}",
            de_que=f"apagar no balde {visivel(balde)}",
            json={"prefixes": sorted(nomes)},
        )


def criar(armazem: Armazem, balde: Balde) -> None:
    """Cria o balde, ainda sem limites: o que se copiou antes de haver um limite pode passar dele.
    Se já existe, fica como está. Levanta FalhaDoServidor."""
    try:
        armazem.pedir(
            "POST",
            "bucket",
            de_que=f"criar o balde {visivel(balde.id)}",
            json={"id": balde.id, "name": balde.nome, "public": balde.publico},
        )
    except RecusaDoArmazem as e:
        if e.code != "BucketAlreadyExists":
            raise


def apagar_vazio(armazem: Armazem, balde: str) -> None:
    """Apaga o balde, se está vazio e ainda há. Levanta FalhaDoServidor."""
    try:
        armazem.pedir("DELETE", f"bucket/{no_caminho(balde)}", de_que=f"o balde {visivel(balde)}")
    except RecusaDoArmazem as e:
        if e.code not in ("ResourceNotEmpty", "NoSuchBucket"):
            raise


def limitar(armazem: Armazem, balde: Balde) -> None:
    """Dá ao balde os limites dele. Levanta FalhaDoServidor."""
    armazem.pedir(
        "PUT",
        f"bucket/{no_caminho(balde.id)}",
        de_que=f"os limites do balde {visivel(balde.id)}",
        json={
            "public": balde.publico,
            "file_size_limit": balde.limite,
            "allowed_mime_types": list(balde.tipos) if balde.tipos is not None else None,
        },
    )


def aos_poucos(nomes: Sequence[str]) -> Iterator[Sequence[str]]:
    """Em grupos que cabem num pedido."""
    for n in range(0, len(nomes), POR_PEDIDO):
        yield nomes[n : n + POR_PEDIDO]
