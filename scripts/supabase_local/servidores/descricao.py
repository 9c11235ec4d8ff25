"""A descrição da API (a raiz, OpenAPI) como a dos servidores de hoje.

O PostgREST que se tem aqui é o 12.0.2. Desde o 12.0.3 (CHANGELOG, #3418) a descrição traz também as
chaves estrangeiras um-para-um; desde o 14.8 (#4641; `toSwaggerFormat` em Response/OpenAPI.hs),
smallint e integer são int32, e bigint é int64, também nos itens de um vetor; o vetor em si
(«integer[]») e os outros tipos ficam como eram.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

NOMES_DE_HOJE = {"smallint": "int32", "integer": "int32", "bigint": "int64"}
VERSAO_DE_HOJE = "16.5"
"""A do CLI do Supabase de novembro de 2026."""
PRIMEIRA_DE_HOJE = 14
LIGACOES_UM_PARA_UM = """
    SELECT c.relname, a.attname, m.relname, b.attname
    FROM pg_constraint f
    JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class m ON m.oid = f.confrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.conkey[1]
    JOIN pg_attribute b ON b.attrelid = m.oid AND b.attnum = f.confkey[1]
    WHERE f.contype = 'f' AND cardinality(f.conkey) = 1
      AND c.relnamespace = 'public'::regnamespace AND m.relnamespace = 'public'::regnamespace
      AND EXISTS (SELECT FROM pg_constraint u WHERE u.conrelid = c.oid AND u.contype IN ('p', 'u')
                  AND u.conkey = f.conkey)
"""
"""As chaves que o PostgREST chama de um-para-um: a coluna é única, por uma restrição (um índice
único sem ela não conta: `SchemaCache.hs`, allM2OandO2ORels)."""


class Ligacao(NamedTuple):
    """Uma chave estrangeira de uma coluna."""

    tabela: str
    coluna: str
    mae: str
    coluna_da_mae: str


def como_hoje(descricao: bytes, um_para_um: Iterable[Ligacao]) -> bytes:
    """A mesma descrição OpenAPI, com a versão, os tipos inteiros e as chaves de hoje."""
    documento = json.loads(descricao)
    definicoes = documento.get("definitions") or {}
    for definicao in definicoes.values():
        for propriedade in (definicao.get("properties") or {}).values():
            _renomear(propriedade)
            _renomear(propriedade.get("items") or {})
    for ligacao in um_para_um:
        _anotar(definicoes, ligacao)
    informe = documento.get("info") or {}
    if int(str(informe.get("version") or "0").partition(".")[0]) < PRIMEIRA_DE_HOJE:
        informe["version"] = VERSAO_DE_HOJE
    return json.dumps(documento, ensure_ascii=False).encode()


def _renomear(descrito: dict[str, Any]) -> None:
    formato = descrito.get("format")
    if formato in NOMES_DE_HOJE:
        descrito["format"] = NOMES_DE_HOJE[formato]


def _anotar(definicoes: dict[str, Any], ligacao: Ligacao) -> None:
    tabela, coluna, mae, da_mae = ligacao
    propriedade = (definicoes.get(tabela) or {}).get("properties", {}).get(coluna)
    if propriedade is None or mae not in definicoes:
        return  # a chave não vê uma das duas
    nota = str(propriedade.get("description") or "")
    if "<fk " not in nota:
        comeco = f"{nota}\n" if nota else "Note:\n"
        chave = f"This is a Foreign Key to `{mae}.{da_mae}`.<fk table='{mae}' column='{da_mae}'/>"
        propriedade["description"] = comeco + chave
