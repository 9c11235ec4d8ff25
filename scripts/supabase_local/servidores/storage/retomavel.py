"""/upload/resumable: o envio em pedaços (TUS 1.0.0; arquivos.md, 4).

Os erros são texto puro, com o status HTTP de verdade. O que já chegou fica, ainda que a linha caia
no meio de um pedaço: o HEAD diz onde continuar.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from supabase_local.servidores.falhas import Resposta, em_partes
from supabase_local.servidores.servico import Corpo, Papel
from supabase_local.servidores.storage import envio
from supabase_local.servidores.storage.conteudos import Somador
from supabase_local.servidores.storage.erros import Recusa
from supabase_local.servidores.storage.nomes import conferir_nome
from supabase_local.servidores.storage.objetos import Gravacao
from supabase_local.servidores.storage.projeto import ProjetoDoStorage

PEDACO = 6 * 1024**2
"""O tamanho que a documentação manda ter, menos no último; em arquivos, qualquer um serve."""
VERSAO = ("Tus-Resumable", "1.0.0")


@dataclass(slots=True)
class Envio:
    """Um envio em curso."""

    gravacao: Gravacao
    papel: Papel
    total: int
    rascunho: Path
    chegaram: int = 0


@dataclass(slots=True)
class Retomaveis:
    """Os envios em curso de um projeto, e o que cada pedido faz deles."""

    projeto: ProjetoDoStorage
    _envios: dict[str, Envio] = field(default_factory=dict)

    async def atender(
        self, qual: str, papel: Papel, requisicao: web.Request, corpo: Corpo
    ) -> Resposta:
        """Levanta psycopg.Error."""
        if requisicao.headers.get("Tus-Resumable") != "1.0.0":
            return _texto(412, "Tus-Resumable Required\n")
        try:
            if requisicao.method == "POST" and not qual:
                return await self._comecar(papel, requisicao)
            em_curso = self._envios.get(qual)
            if em_curso is None:
                return _texto(404, "The file for this url was not found\n")
            if requisicao.method == "HEAD":
                return _resposta(200, em_curso, ("Upload-Length", str(em_curso.total)))
            if requisicao.method == "DELETE":
                self._envios.pop(qual).rascunho.unlink(missing_ok=True)
                return Resposta(204, (VERSAO,), b"")
            if requisicao.method == "PATCH":
                return await self._continuar(qual, em_curso, requisicao, corpo)
        except Recusa as recusa:
            return _texto(recusa.status, str(recusa))
        return _texto(404, "Not found\n")

    async def _comecar(self, papel: Papel, requisicao: web.Request) -> Resposta:
        dito = _metadados(requisicao.headers.get("Upload-Metadata", ""))
        total = int(requisicao.headers.get("Upload-Length", "0"))
        cache = dito.get("cacheControl", "")
        gravacao = Gravacao(
            dito.get("bucketName", ""),
            dito.get("objectName", ""),
            dito.get("contentType", "application/octet-stream"),
            f"max-age={cache}" if cache.isdigit() else "no-cache",
            _json(dito.get("metadata")),
        )
        conferir_nome(gravacao.nome, no_s3=self.projeto.no_s3)
        balde = await self.projeto.balde(gravacao.balde)
        if requisicao.headers.get("x-upsert") != "true":
            await self._conferir_vaga(papel, gravacao)
        envio.conferir_tipo(gravacao.tipo, balde)
        envio.conferir_tamanho(total, balde, self.projeto.teto)
        if total == 0 and self.projeto.no_s3:
            return _texto(404, "The file for this url was not found\n")
        qual = str(uuid4())
        rascunho = self.projeto.conteudos.rascunho()
        rascunho.touch()
        novo = self._envios[qual] = Envio(gravacao, papel, total, rascunho)
        if total == 0:
            await self._terminar(qual, novo)
        lugar = f"http://{requisicao.host}/storage/v1/upload/resumable/{qual}"
        return _resposta(201, novo, ("Location", lugar))

    async def _continuar(
        self, qual: str, em_curso: Envio, requisicao: web.Request, corpo: Corpo
    ) -> Resposta:
        if requisicao.headers.get("Content-Type") != "application/offset+octet-stream":
            return _texto(403, "Content-Type must be application/offset+octet-stream\n")
        if requisicao.headers.get("Upload-Offset") != str(em_curso.chegaram):
            return _texto(409, "Upload-Offset conflict\n")
        dito = requisicao.content_length or 0
        ultimo = em_curso.chegaram + dito >= em_curso.total
        if self.projeto.no_s3 and dito != PEDACO and not ultimo:
            return _texto(400, "Invalid chunk size\n")
        if requisicao.headers.get("x-upsert") != "true":  # tem de se dizer em cada pedaço
            await self._conferir_vaga(em_curso.papel, em_curso.gravacao)
        with em_curso.rascunho.open("ab") as arquivo:
            async for parte in em_partes(corpo):
                arquivo.write(parte)
                em_curso.chegaram += len(parte)
        if em_curso.chegaram < em_curso.total:
            return _resposta(204, em_curso)
        await self._terminar(qual, em_curso)
        return _resposta(204, em_curso, ("Tus-Complete", "1"))

    async def _conferir_vaga(self, papel: Papel, gravacao: Gravacao) -> None:
        await envio.conferir_vaga(self.projeto, papel, gravacao.balde, gravacao.nome)

    async def _terminar(self, qual: str, em_curso: Envio) -> None:
        somador = Somador()
        somador.somar(em_curso.rascunho.read_bytes())
        await envio.guardar(
            self.projeto,
            em_curso.papel,
            em_curso.gravacao,
            em_curso.rascunho,
            somador.medida(),
            retomavel=True,
        )
        del self._envios[qual]


def _metadados(cabecalho: str) -> dict[str, str]:
    pares = (par.strip().partition(" ") for par in cabecalho.split(",") if par.strip())
    return {nome: base64.b64decode(valor).decode() for nome, _, valor in pares}


def _json(texto: str | None) -> Any:
    """O que não se diz fica nulo, e não `{}` como nos outros envios."""
    try:
        lido = json.loads(texto or "null")
    except ValueError:
        return None
    return lido if isinstance(lido, dict) else None


def _resposta(status: int, em_curso: Envio, *cabecalhos: tuple[str, str]) -> Resposta:
    onde = ("Upload-Offset", str(em_curso.chegaram))
    return Resposta(status, (VERSAO, onde, ("Cache-Control", "no-store"), *cabecalhos), b"")


def _texto(status: int, mensagem: str) -> Resposta:
    return Resposta(status, (VERSAO, ("Content-Type", "text/plain")), mensagem.encode())
