"""Uma linha da lista de arquivos de um backup: as colunas, que são contrato público, e como se
escreve."""

from __future__ import annotations

import msgspec

from cofre.base.modelo import ARQUIVOS, Coluna, Tabela
from cofre.deposito.conteudos.guarda import Guardado
from cofre.deposito.conteudos.marcas import Token, identidade
from cofre.via.arquivos.objetos import Objeto

_COLUNAS = {
    "balde": "text",
    "nome": "text",
    "soma": "text",
    "tamanho": "bigint",
    "tipo": "text",
    "cache": "text",
    "metadados": "jsonb",
    "dono": "text",
    "id": "uuid",
    "criado": "timestamp with time zone",
    "mudado": "timestamp with time zone",
    "versao": "text",
    "etag": "text",
    "fora": "text",
}
CHAVE = ("balde", "nome")
_CODIFICAR = msgspec.json.Encoder(order="sorted")


def tabela(*, cifrado: bool) -> Tabela:
    """A lista como uma tabela; `guardado` só há onde se cifra."""
    tipos = _COLUNAS | ({"guardado": "text"} if cifrado else {})
    colunas = (Coluna(n, t, anulavel=n not in CHAVE) for n, t in tipos.items())
    return Tabela(ARQUIVOS, tuple(colunas), CHAVE)


def token_de(objeto: Objeto, origem: str) -> Token:
    """O que diz que o conteúdo é o mesmo que se guardou ontem."""
    o = objeto
    return identidade(origem, o.balde, o.nome, o.id, o.versao or o.mudado, o.etag, o.tamanho)


def em_bytes(objeto: Objeto, guardado: Guardado | None, fora: str, *, cifrado: bool) -> bytes:
    """A linha. Sem conteúdo guardado, `fora` diz por quê."""
    o = objeto
    linha = {
        "balde": o.balde,
        "nome": o.nome,
        "soma": guardado.soma if guardado else None,
        "tamanho": guardado.tamanho if guardado else o.tamanho,
        "tipo": o.tipo,
        "cache": o.cache,
        # O servidor guarda {} de quem nada disse: é o mesmo que nada.
        "metadados": msgspec.Raw(_CODIFICAR.encode(o.metadados)) if o.metadados else None,
        "dono": o.dono,
        "id": o.id,
        "criado": o.criado,
        "mudado": o.mudado,
        "versao": o.versao,
        "etag": o.etag,
        "fora": fora or None,
    }
    if cifrado:
        linha["guardado"] = guardado.guardado if guardado else None
    return msgspec.json.encode(linha)
