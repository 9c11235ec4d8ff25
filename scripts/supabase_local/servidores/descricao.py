"""A descrição da API como a dos servidores de hoje: os nomes que o PostgREST 14.8 dá aos inteiros.

O PostgREST que se tem aqui é o 12, que escreve o nome do PostgreSQL. Desde o 14.8 (CHANGELOG,
#4641; `toSwaggerFormat` em Response/OpenAPI.hs) smallint e integer são int32, e bigint é int64,
também nos itens de um vetor; o vetor em si («integer[]») e os outros tipos ficam como eram.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from supabase_local.servidores.falhas import Falha, Pedido, Resposta, Seguir

NOMES_DE_HOJE = {"smallint": "int32", "integer": "int32", "bigint": "int64"}


class DescricaoDeHoje(Falha):
    """A raiz da API (só ela) com os nomes de hoje."""

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        resposta = await seguir(pedido)
        if pedido.tabela or pedido.metodo != "GET" or resposta.status != 200:
            return resposta
        inteira = await resposta.inteira()
        return replace(inteira, corpo=com_nomes_de_hoje(inteira.bytes))


def com_nomes_de_hoje(descricao: bytes) -> bytes:
    """A mesma descrição OpenAPI, com os tipos inteiros pelos nomes de hoje."""
    documento = json.loads(descricao)
    for definicao in (documento.get("definitions") or {}).values():
        for propriedade in (definicao.get("properties") or {}).values():
            _renomear(propriedade)
            _renomear(propriedade.get("items") or {})
    return json.dumps(documento, ensure_ascii=False).encode()


def _renomear(descrito: dict[str, Any]) -> None:
    formato = descrito.get("format")
    if formato in NOMES_DE_HOJE:
        descrito["format"] = NOMES_DE_HOJE[formato]
