"""Os baldes do projeto, cada um conferido: quem não tem a chave de serviço vê uma lista vazia."""

from __future__ import annotations

from typing import Any

from cofre.base.erros import RespostaInvalida
from cofre.base.palavras import visivel
from cofre.via.arquivos.cliente import Cliente, no_caminho
from cofre.via.arquivos.erros import BaldeAusente, RecusaDoArmazem, SemArmazem
from cofre.via.arquivos.objetos import Balde

COMUM = "STANDARD"
"""O tipo dos baldes que guardam arquivos; os outros (ANALYTICS, VECTOR) guardam tabelas."""


def listar(cliente: Cliente) -> list[Balde]:
    """Todos, pelo id. `GET /bucket` não tem limite nem ordem por padrão (medido). Levanta
    SemArmazem se o projeto não tem Storage, e FalhaDoServidor."""
    try:
        lidos = cliente.pedir_json("GET", "bucket", de_que="a lista de baldes")
    except RecusaDoArmazem as e:
        if e.status == 404 and not e.code:
            raise SemArmazem("O projeto não tem Storage (404).", "") from None
        raise
    if not isinstance(lidos, list):
        raise RespostaInvalida("A lista de baldes do Storage não é uma lista.", "")
    lidos = [x for x in lidos if not isinstance(x, dict) or x.get("type") in (None, COMUM)]
    baldes = {b.id: b for b in map(_balde, lidos)}
    if len(baldes) != len(lidos):
        raise RespostaInvalida("A lista de baldes do Storage repete um balde.", "")
    return [baldes[i] for i in sorted(baldes, key=str.encode)]


def existe(cliente: Cliente, balde: str) -> bool:
    """Se o balde ainda existe, e se vê: a lista de um que não existe é 200 e vazia (medido)."""
    try:
        cliente.pedir_json("GET", f"bucket/{no_caminho(balde)}", de_que=f"o balde {visivel(balde)}")
    except BaldeAusente:
        return False
    return True


def _balde(lido: Any) -> Balde:
    if not isinstance(lido, dict) or not isinstance(lido.get("id"), str):
        raise RespostaInvalida("Não entendi um balde da lista do Storage.", "")
    tipos, limite = lido.get("allowed_mime_types"), lido.get("file_size_limit")
    return Balde(
        lido["id"],
        str(lido.get("name") or lido["id"]),
        publico=bool(lido.get("public")),
        limite=int(limite) if limite is not None else None,
        tipos=tuple(map(str, tipos)) if tipos is not None else None,
    )
