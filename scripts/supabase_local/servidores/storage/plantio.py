"""Pôr baldes e arquivos num projeto sem passar pela API: o que havia antes de a história começar.

Serve também onde não há API (a demonstração no Windows), e para o que o servidor já não aceita:
nomes de outros tempos, linhas sem conteúdo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from supabase_local.servidores.servico import Papel
from supabase_local.servidores.storage.conteudos import Conteudos, Somador
from supabase_local.servidores.storage.objetos import GRAVAR, Gravacao


def criar_balde(
    conexao: psycopg.Connection[Any],
    identidade: str,
    *,
    publico: bool = False,
    limite: int | None = None,
    tipos: Sequence[str] | None = None,
) -> None:
    """`limite`: bytes do maior arquivo; `tipos`: os que aceita."""
    conexao.execute(
        "INSERT INTO storage.buckets (id, name, public, file_size_limit, allowed_mime_types)"
        " VALUES (%s, %s, %s, %s, %s)",
        (identidade, identidade, publico, limite, list(tipos) if tipos is not None else None),
    )


def tirar(
    conexao: psycopg.Connection[Any], conteudos: Conteudos, balde: str, nomes: Sequence[str]
) -> None:
    """Como a API os tira: as linhas e o conteúdo. Numa transação."""
    conexao.execute("SET LOCAL storage.allow_delete_query = 'true'")
    saidos = conexao.cursor(row_factory=dict_row).execute(
        "DELETE FROM storage.objects WHERE bucket_id = %s AND name = ANY(%s)"
        " RETURNING name, version",
        (balde, list(nomes)),
    )
    for saido in saidos.fetchall():
        conteudos.lugar(balde, saido["name"], saido["version"]).unlink(missing_ok=True)


def plantar(
    conexao: psycopg.Connection[Any],
    conteudos: Conteudos,
    balde: str,
    nome: str,
    dados: bytes | None,
    *,
    tipo: str = "application/octet-stream",
    cache: str = "no-cache",
    metadados: Mapping[str, Any] | None = None,
    dono: str | None = None,
) -> UUID:
    """O `id` do objeto, criado ou trocado. `dados` nulo: a linha fica sem conteúdo; `dono`: o `sub`
    de quem o enviou."""
    somador = Somador()
    somador.somar(dados or b"")
    medida = somador.medida()
    gravacao = Gravacao(balde, nome, tipo, cache, metadados)
    linha = gravacao.linha(medida, medida.md5, Papel("service_role", {"sub": dono}))
    if dados is not None:
        conteudos.pasta.mkdir(parents=True, exist_ok=True)
        conteudos.lugar(balde, nome, linha["version"]).write_bytes(dados)
    gravada = conexao.cursor(row_factory=dict_row).execute(GRAVAR, linha).fetchone()
    assert gravada is not None
    return UUID(str(gravada["id"]))
