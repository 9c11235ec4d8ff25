"""O que está por trás do gateway: o PostgREST, o Storage e o Auth, com um contrato só.

Um serviço diz o começo dos caminhos que são seus, recusa quem não entra e atende o resto. O Storage
e o Auth falam com o banco por conexões comuns (síncronas, numas poucas threads): só as abrem no
primeiro pedido.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import psycopg
from aiohttp import web
from psycopg.rows import DictRow, dict_row

from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.falhas import Pedido, Resposta

T = TypeVar("T")
Conexao = psycopg.Connection[DictRow]
Corpo = bytes | AsyncIterator[bytes]
THREADS = 8
JSON = ("Content-Type", "application/json; charset=utf-8")


class Servico(Protocol):
    """Um dos servidores por trás do gateway."""

    prefixo: str

    def recusar(self, requisicao: web.Request, chaves: Chaves) -> Resposta | None:
        """A recusa do gateway a este pedido, ou None se ele segue."""

    async def atender(self, pedido: Pedido, requisicao: web.Request, corpo: Corpo) -> Resposta:
        """A resposta; `corpo` vem em fluxo, ou inteiro se uma falha o vai repetir."""

    async def abrir(self) -> None:
        """No laço do gateway, antes do primeiro pedido."""

    async def fechar(self) -> None:
        """No laço do gateway, depois do último."""


@dataclass(frozen=True, slots=True)
class Papel:
    """Quem pede, para o banco: o papel e o que o JWT diz dele."""

    nome: str
    dizeres: Mapping[str, Any]

    @property
    def pessoa(self) -> str | None:
        """O `sub` do JWT."""
        return self.dizeres.get("sub")

    @property
    def em_json(self) -> str:
        return json.dumps(dict(self.dizeres), sort_keys=True)


class Conexoes:
    """Conexões de administrador a um banco, cada uma com o papel de quem pediu."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._trava = threading.Lock()
        self._livres: list[tuple[Conexao, Papel | None]] = []
        self._threads: ThreadPoolExecutor | None = None

    async def fazer(self, papel: Papel, acao: Callable[[Conexao], T]) -> T:
        """`acao`, numa thread à parte, com uma conexão em autocommit que age com este papel.
        Levanta o que `acao` levanta, e InvalidParameterValue se não há tal papel."""
        with self._trava:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(THREADS, "servicos")
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self.fazer_ja(papel, acao)
        )

    def fazer_ja(self, papel: Papel, acao: Callable[[Conexao], T]) -> T:
        """O mesmo, nesta thread."""
        with self._trava:
            conexao, atual = self._livres.pop() if self._livres else (None, None)
        if conexao is None or conexao.closed:
            conexao = psycopg.connect(self._uri, autocommit=True, row_factory=dict_row)
            atual = None
        try:
            if atual != papel:
                conexao.execute(
                    "SELECT set_config('role', %s, false),"
                    " set_config('request.jwt.claims', %s, false)",
                    (papel.nome, papel.em_json),
                )
            feito = acao(conexao)
        except BaseException:
            conexao.close()  # o papel e a transação em que ficou são incertos
            raise
        with self._trava:
            self._livres.append((conexao, papel))
        return feito

    def fechar(self) -> None:
        if self._threads is not None:
            # Sem esperar: uma consulta pode estar presa numa trava que só solta com o banco.
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        with self._trava:
            for conexao, _ in self._livres:
                conexao.close()
            self._livres.clear()


def em_json(
    status: int, corpo: object, *cabecalhos: tuple[str, str], texto: Callable[[Any], Any] = str
) -> Resposta:
    """Uma resposta com este corpo."""
    dados = json.dumps(corpo, ensure_ascii=False, default=texto).encode()
    return Resposta(status, (JSON, *cabecalhos), dados)


async def inteiro(corpo: Corpo) -> bytes:
    """O corpo de um pedido, todo."""
    if isinstance(corpo, bytes):
        return corpo
    return b"".join([parte async for parte in corpo])
