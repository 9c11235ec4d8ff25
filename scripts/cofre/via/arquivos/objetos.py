"""O que há no Storage: os baldes, e os objetos de cada um, como o servidor os diz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Balde:
    """Um balde («bucket»). Nos caminhos vale o `id`; o `nome` pode ser outro. `limite`: bytes do
    maior arquivo que ele aceita; `tipos`: os que aceita (None: qualquer um, nos dois)."""

    id: str
    nome: str
    publico: bool = False
    limite: int | None = None
    tipos: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Objeto:
    """Um arquivo do Storage, ainda sem o conteúdo. None é o que não se sabe (ou que ele não tem):
    pela API, a lista não diz `metadados` e `versao` (ver `Armazem.completar`), e ninguém diz o
    `dono`. `tamanho` em bytes; `etag` sem as aspas; as datas, como o servidor as escreve."""

    balde: str
    nome: str
    tamanho: int | None = None
    tipo: str | None = None
    cache: str | None = None
    metadados: Mapping[str, Any] | None = None
    dono: str | None = None
    id: str | None = None
    criado: str | None = None
    mudado: str | None = None
    versao: str | None = None
    etag: str | None = None

    @property
    def chave(self) -> tuple[str, str]:
        """O que o identifica no projeto."""
        return self.balde, self.nome

    @property
    def ordem(self) -> tuple[bytes, bytes]:
        """A da lista: a dos bytes, que é a `COLLATE "C"` do servidor."""
        return self.balde.encode(), self.nome.encode()

    @property
    def estado(self) -> tuple[str | None, ...]:
        """O que muda quando o conteúdo muda: se é igual em duas listas, nada mudou. A `versao` muda
        em toda escrita; pela API, a data muda também (medido no servidor de verdade)."""
        return self.id, self.versao, self.mudado, self.etag, str(self.tamanho)
