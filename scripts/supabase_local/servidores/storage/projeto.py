"""O que todos os pedidos ao Storage de um projeto têm em comum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from psycopg.rows import DictRow

from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.servico import Conexao, Conexoes, Papel
from supabase_local.servidores.storage import baldes
from supabase_local.servidores.storage.acesso import DE_SERVICO
from supabase_local.servidores.storage.conteudos import Conteudos, Medida

T = TypeVar("T")
TETO = 5 * 1024**3
"""Bytes do maior arquivo do projeto, se não se diz outro."""


@dataclass(slots=True)
class ProjetoDoStorage:
    """`no_s3`: guarda como o hospedado (S3), e não em arquivos; `teto`: o maior arquivo que o
    projeto aceita, em bytes. Os dois podem mudar a meio de um teste."""

    conexoes: Conexoes
    conteudos: Conteudos
    chaves: Chaves
    no_s3: bool = False
    teto: int = TETO

    async def fazer(self, papel: Papel, acao: Callable[[Conexao], T]) -> T:
        return await self.conexoes.fazer(papel, acao)

    async def balde(self, identidade: str) -> DictRow:
        """O balde, como o próprio servidor o vê. Levanta Recusa."""
        return await self.fazer(DE_SERVICO, lambda c: baldes.achar(c, identidade))

    def etag(self, medida: Medida, *, retomavel: bool = False) -> str:
        """Em arquivos, sempre o MD5; no S3, o das partes de 16 MiB, se passou de uma ou se o envio
        foi retomável, ainda que de 5 bytes (arquivos.md, 3)."""
        if self.no_s3 and (retomavel or medida.partes > 1):
            return f"{medida.md5_das_partes}-{medida.partes}"
        return medida.md5
