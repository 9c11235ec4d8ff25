"""As linhas de `storage.objects`: achar, gravar, apagar, mover e copiar (arquivos.md, 2, 4 e 5).

Tudo com o papel de quem pede, e portanto sob a RLS: o que ele não vê, não há.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from supabase_local.servidores.servico import Conexao, Papel
from supabase_local.servidores.storage.conteudos import Medida
from supabase_local.servidores.storage.erros import ja_existe, sem_objeto
from supabase_local.servidores.storage.tempo import em_milissegundos

ACHAR = """
    SELECT o.*, b.public AS publico FROM storage.objects o JOIN storage.buckets b
    ON b.id = o.bucket_id WHERE o.bucket_id = %s AND o.name = %s
"""
GRAVAR = """
    INSERT INTO storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
    VALUES (%(bucket_id)s, %(name)s, %(owner)s, %(owner_id)s, %(version)s, %(metadata)s,
        %(user_metadata)s)
    ON CONFLICT (bucket_id, name) DO UPDATE SET
        version = excluded.version, metadata = excluded.metadata,
        user_metadata = excluded.user_metadata,
        owner = coalesce(excluded.owner, objects.owner),
        owner_id = coalesce(excluded.owner_id, objects.owner_id)
    RETURNING objects.*
"""
"""Gravar de novo troca tudo, menos `id`, `created_at` e `last_accessed_at`; e o dono, se quem grava
é uma chave sem pessoa (arquivos.md, 4)."""


@dataclass(frozen=True, slots=True)
class Gravacao:
    """O que um envio diz do objeto. `metadados` nulo fica nulo (só pelo envio retomável)."""

    balde: str
    nome: str
    tipo: str
    cache: str
    metadados: Mapping[str, Any] | None
    robos: str | None = None

    def linha(self, medida: Medida, etag: str, papel: Papel) -> dict[str, Any]:
        metadata = {
            "eTag": f'"{etag}"',
            "size": medida.tamanho,
            "mimetype": self.tipo,
            "cacheControl": self.cache,
            "lastModified": em_milissegundos(datetime.now(UTC)),
            "contentLength": medida.tamanho,
            "httpStatusCode": 200,
        }
        if self.robos is not None:
            metadata["xRobotsTag"] = self.robos
        return {
            "bucket_id": self.balde,
            "name": self.nome,
            "owner": como_uuid(papel.pessoa),
            "owner_id": papel.pessoa,
            "version": str(uuid4()),
            "metadata": Jsonb(metadata),
            "user_metadata": None if self.metadados is None else Jsonb(dict(self.metadados)),
        }


def como_uuid(texto: str | None) -> UUID | None:
    """O `owner`, que só guarda um uuid; o `owner_id` guarda qualquer `sub`."""
    try:
        return UUID(texto) if texto else None
    except ValueError:
        return None


def achar(conexao: Conexao, balde: str, nome: str) -> DictRow:
    """A linha. Levanta Recusa."""
    achado = conexao.execute(ACHAR, (balde, nome)).fetchone()
    if achado is None:
        raise sem_objeto()
    return achado


def ha(conexao: Conexao, balde: str, nome: str) -> bool:
    consulta = "SELECT FROM storage.objects WHERE bucket_id = %s AND name = %s"
    return conexao.execute(consulta, (balde, nome)).fetchone() is not None


def gravar(conexao: Conexao, linha: Mapping[str, Any]) -> tuple[DictRow, str | None]:
    """A linha como ficou, e a versão que havia antes dela."""
    with conexao.transaction():
        consulta = (
            "SELECT version FROM storage.objects WHERE bucket_id = %(bucket_id)s"
            " AND name = %(name)s FOR UPDATE"
        )
        havia = conexao.execute(consulta, linha).fetchone()
        ficou = conexao.execute(GRAVAR, linha).fetchone()
        assert ficou is not None
    return ficou, havia["version"] if havia else None


def apagar(conexao: Conexao, balde: str, nomes: Sequence[str]) -> list[DictRow]:
    """As linhas inteiras do que se apagou; o que não há falta nelas, em silêncio."""
    with conexao.transaction():
        conexao.execute("SET LOCAL storage.allow_delete_query = 'true'")
        return conexao.execute(
            "DELETE FROM storage.objects WHERE bucket_id = %s AND name = ANY(%s) RETURNING *",
            (balde, list(nomes)),
        ).fetchall()


def mover(conexao: Conexao, linha: DictRow, balde: str, nome: str) -> DictRow:
    """Ficam `id`, `created_at`, dono e metadados; a versão é outra. Levanta Recusa."""
    if ha(conexao, balde, nome):
        raise ja_existe("ResourceAlreadyExists")
    movida = conexao.execute(
        "UPDATE storage.objects SET bucket_id = %s, name = %s, version = %s WHERE id = %s"
        " RETURNING *",
        (balde, nome, str(uuid4()), linha["id"]),
    ).fetchone()
    if movida is None:
        raise sem_objeto()
    return movida


def descrever(linha: DictRow) -> dict[str, Any]:
    """O que `info` responde: tudo da linha, menos o dono (arquivos.md, 1)."""
    metadata = linha["metadata"] or {}
    return {
        "id": str(linha["id"]),
        "name": linha["name"],
        "version": linha["version"],
        "bucket_id": linha["bucket_id"],
        "size": metadata.get("size"),
        "content_type": metadata.get("mimetype"),
        "cache_control": metadata.get("cacheControl"),
        "etag": metadata.get("eTag"),
        "metadata": linha["user_metadata"],
        "last_modified": em_milissegundos(linha["updated_at"]),
        "created_at": em_milissegundos(linha["created_at"]),
    }


def inteira(linha: DictRow) -> dict[str, Any]:
    """O que as respostas de apagar e copiar trazem: a linha toda, com o dono."""
    return {
        nome: em_milissegundos(valor) if isinstance(valor, datetime) else valor
        for nome, valor in linha.items()
        if nome != "publico"
    }
