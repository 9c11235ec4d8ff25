"""A lista dos objetos pela API: inteira, ou um erro.

Só a `list-v2` plana e por nome não perde objeto algum (medido: a v1, e qualquer uma com
delimitador, perde em silêncio os nomes cujo próximo caractere vem antes de «/»; por data, perde e
repete os do mesmo milissegundo). Aqui se confere o que ela promete: nomes que só crescem, nenhuma
pasta, e o balde ainda lá no fim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cofre.base.erros import RespostaInvalida
from cofre.base.palavras import visivel
from cofre.via.arquivos import baldes as os_baldes
from cofre.via.arquivos.cliente import Cliente, no_caminho
from cofre.via.arquivos.erros import Mudou
from cofre.via.arquivos.objetos import Balde, Objeto

POR_PAGINA = 1000
"""O máximo do servidor, que corta em silêncio o que se pede a mais (medido)."""


def listar(cliente: Cliente, baldes: Sequence[Balde]) -> Iterator[Objeto]:
    """Os objetos de todos os baldes, pela ordem dos bytes de (balde, nome). Levanta Mudou se um
    balde sumiu enquanto se lia, e FalhaDoServidor."""
    for balde in baldes:
        yield from do_balde(cliente, balde.id)
        if not os_baldes.existe(cliente, balde.id):
            raise Mudou(f"O balde {visivel(balde.id)} sumiu enquanto se listava.", "")


def do_balde(cliente: Cliente, balde: str) -> Iterator[Objeto]:
    """Os objetos de um balde; nenhum, também se ele não existe. Levanta FalhaDoServidor."""
    caminho, de_que = f"object/list-v2/{no_caminho(balde)}", f"a lista do balde {visivel(balde)}"
    pedido = {"prefix": "", "limit": POR_PAGINA, "sortBy": {"column": "name", "order": "asc"}}
    cursor, ultimo = "", b""
    while True:
        com = {**pedido, "cursor": cursor} if cursor else pedido
        pagina = cliente.pedir_json("POST", caminho, de_que=de_que, json=com)
        objetos = _objetos(balde, pagina)
        for objeto in objetos:
            nome = objeto.nome.encode()
            if nome <= ultimo:
                raise _estranha(balde, "um nome se repete ou volta atrás")
            ultimo = nome
            yield objeto
        if not pagina.get("hasNext"):
            return
        proximo = pagina.get("nextCursor")
        if not isinstance(proximo, str) or not proximo or proximo == cursor or not objetos:
            raise _estranha(balde, "há mais, mas não se diz onde continua")
        cursor = proximo


def _objetos(balde: str, pagina: Any) -> list[Objeto]:
    if not isinstance(pagina, dict) or not isinstance(pagina.get("objects"), list):
        raise _estranha(balde, "a resposta não traz objetos")
    if pagina.get("folders"):
        raise _estranha(balde, "vieram pastas onde não se pediram")
    return [_objeto(balde, lido) for lido in pagina["objects"]]


def _objeto(balde: str, lido: Any) -> Objeto:
    # O nome inteiro está em `name` (medido); os tipos do storage-js têm também `key`, que o é
    # sempre.
    nome = (lido.get("key") or lido.get("name")) if isinstance(lido, dict) else None
    if not isinstance(nome, str) or not nome or lido.get("id") is None:
        raise _estranha(balde, "não entendi um objeto")
    return objeto_de(
        balde,
        nome,
        lido.get("metadata"),
        id=str(lido["id"]),
        criado=lido.get("created_at"),
        mudado=lido.get("updated_at"),
    )


def objeto_de(balde: str, nome: str, metadata: Any, **outros: Any) -> Objeto:
    """Um objeto pela coluna `metadata` da linha dele, que pode ser nula ou trazer qualquer coisa:
    há linhas feitas por SQL (medido)."""
    dito = metadata if isinstance(metadata, dict) else {}
    tamanho = dito.get("size")
    return Objeto(
        balde,
        nome,
        tamanho=tamanho if isinstance(tamanho, int) and not isinstance(tamanho, bool) else None,
        tipo=_texto(dito.get("mimetype")),
        cache=_texto(dito.get("cacheControl")),
        etag=sem_aspas(_texto(dito.get("eTag"))),
        **outros,
    )


def sem_aspas(etag: str | None) -> str | None:
    """O eTag sem as aspas, nem o «W/» que um proxy pode pôr."""
    return etag.removeprefix("W/").strip('"') or None if etag else None


def _texto(valor: object) -> str | None:
    return valor if isinstance(valor, str) else None


def _estranha(balde: str, por_que: str) -> RespostaInvalida:
    return RespostaInvalida(
        f"A lista do balde {visivel(balde)} não serve: {por_que}.",
        "Tente de novo; se continuar, o servidor (ou um proxy no caminho) não lista como deve.",
    )
