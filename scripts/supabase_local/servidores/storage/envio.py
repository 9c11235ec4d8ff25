"""Um objeto que chega num pedido só: o corpo cru, ou um formulário (arquivos.md, 4)."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web
from psycopg.rows import DictRow

from supabase_local.servidores.servico import Corpo, Papel, inteiro
from supabase_local.servidores.storage import formulario, objetos
from supabase_local.servidores.storage.conteudos import Medida, Somador
from supabase_local.servidores.storage.erros import (
    grande_demais,
    ja_existe,
    pedido_invalido,
    sem_conteudo,
    tipo_recusado,
)
from supabase_local.servidores.storage.nomes import MAIOR_SEGMENTO, conferir_nome
from supabase_local.servidores.storage.objetos import Gravacao
from supabase_local.servidores.storage.projeto import ProjetoDoStorage

PASTA_VAZIA = "/.emptyFolderPlaceholder"
"""O que o painel põe numa pasta vazia: um objeto de verdade, que só se aceita com zero bytes."""
REFERENCIA = "abcdefghijklmnopqrst"
MAIOR_NO_S3 = 1024
"""Bytes do caminho inteiro no S3: `<projeto>/<balde>/<nome>/<versão>`."""
TIPO = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+*-]+ *(;.*)?")


async def enviar(
    projeto: ProjetoDoStorage,
    papel: Papel,
    balde: str,
    nome: str,
    requisicao: web.Request,
    corpo: Corpo,
    *,
    por_cima: bool,
) -> DictRow:
    """A linha como ficou. Que não haja outro só se confere no começo. Levanta Recusa."""
    conferir_nome(nome, no_s3=projeto.no_s3)
    limites = await projeto.balde(balde)
    if not por_cima:
        await conferir_vaga(projeto, papel, balde, nome)
    conferir_tamanho(requisicao.content_length, limites, projeto.teto)
    if nome.endswith(PASTA_VAZIA) and requisicao.content_length:
        raise grande_demais()
    gravacao, corpo = await _o_que_vem(balde, nome, requisicao, corpo)
    conferir_tipo(gravacao.tipo, limites)
    rascunho, medida = await projeto.conteudos.receber(corpo)
    return await guardar(projeto, papel, gravacao, rascunho, medida)


async def _o_que_vem(
    balde: str, nome: str, requisicao: web.Request, corpo: Corpo
) -> tuple[Gravacao, Corpo]:
    """O corpo cru guarda os cabeçalhos como vieram; um formulário diz tudo em campos."""
    tipo = requisicao.headers.get("Content-Type", "application/octet-stream")
    if tipo.startswith("multipart/form-data"):
        lido = formulario.ler(tipo, await inteiro(corpo))
        return Gravacao(balde, nome, lido.tipo, lido.cache, lido.metadados), lido.dados
    gravacao = Gravacao(
        balde,
        nome,
        tipo,
        requisicao.headers.get("Cache-Control", "no-cache"),
        metadados_de(requisicao.headers.get("x-metadata")),
        requisicao.headers.get("x-robots-tag"),
    )
    return gravacao, corpo


async def conferir_vaga(projeto: ProjetoDoStorage, papel: Papel, balde: str, nome: str) -> None:
    """Levanta Recusa se já há um objeto com este nome."""
    if await projeto.fazer(papel, lambda c: objetos.ha(c, balde, nome)):
        raise ja_existe()


async def guardar(
    projeto: ProjetoDoStorage,
    papel: Papel,
    gravacao: Gravacao,
    rascunho: Path,
    medida: Medida,
    *,
    retomavel: bool = False,
) -> DictRow:
    """O conteúdo no lugar dele, e depois a linha; o da versão anterior sai. Levanta Recusa."""
    etag = projeto.etag(medida, retomavel=retomavel)
    linha = gravacao.linha(medida, etag, papel)
    if not _cabe(gravacao, no_s3=projeto.no_s3):
        rascunho.unlink()
        raise sem_conteudo(no_s3=False)
    lugar = projeto.conteudos.lugar(gravacao.balde, gravacao.nome, linha["version"])
    rascunho.replace(lugar)
    try:
        ficou, anterior = await projeto.fazer(papel, lambda c: objetos.gravar(c, linha))
    except BaseException:
        lugar.unlink(missing_ok=True)
        raise
    if anterior is not None:
        projeto.conteudos.lugar(gravacao.balde, gravacao.nome, anterior).unlink(missing_ok=True)
    return ficou


def _cabe(gravacao: Gravacao, *, no_s3: bool) -> bool:
    """Em arquivos, cada segmento até 255 bytes; no S3, o caminho inteiro (arquivos.md, 4)."""
    if no_s3:
        return len(f"{REFERENCIA}/{gravacao.balde}/{gravacao.nome}/{uuid4()}") <= MAIOR_NO_S3
    return all(len(segmento) <= MAIOR_SEGMENTO for segmento in gravacao.nome.split("/"))


async def copiar(
    projeto: ProjetoDoStorage,
    papel: Papel,
    de: DictRow,
    balde: str,
    nome: str,
    dito: dict[str, Any],
) -> DictRow:
    """A linha da cópia. Levanta Recusa."""
    lugar = projeto.conteudos.lugar(de["bucket_id"], de["name"], de["version"])
    if not lugar.exists():
        raise sem_conteudo(no_s3=projeto.no_s3)
    metadata, rascunho = de["metadata"] or {}, projeto.conteudos.rascunho()
    shutil.copyfile(lugar, rascunho)
    com_os_seus = dito.get("copyMetadata", True)
    novos = dito.get("metadata") or {}
    gravacao = Gravacao(
        balde,
        nome,
        (metadata if com_os_seus else novos).get("mimetype", "application/octet-stream"),
        (metadata if com_os_seus else novos).get("cacheControl", "no-cache"),
        de["user_metadata"],
        metadata.get("xRobotsTag"),
    )
    somador = Somador()
    somador.somar(rascunho.read_bytes())
    return await guardar(projeto, papel, gravacao, rascunho, somador.medida())


def metadados_de(cabecalho: str | None) -> dict[str, Any]:
    """O que não é base64 de JSON vira `{}` em silêncio; uma lista é recusada. Levanta Recusa."""
    try:
        lido = json.loads(base64.b64decode(cabecalho or "", validate=True))
    except ValueError:
        return {}
    if not isinstance(lido, dict):
        raise pedido_invalido("metadata must be object")
    return lido


def conferir_tipo(tipo: str, balde: DictRow) -> None:
    """Tipo e subtipo ao pé da letra: `text/plain;charset=utf-8` não é `text/plain`. Vale também
    para a chave de serviço. Levanta Recusa."""
    if not TIPO.fullmatch(tipo):
        raise tipo_recusado(tipo)
    aceitos = balde["allowed_mime_types"]
    if not aceitos:
        return
    familia = tipo.partition("/")[0]
    if not {tipo, f"{familia}/*", "*/*", "*"} & set(aceitos):
        raise tipo_recusado(tipo)


def conferir_tamanho(dito: int | None, balde: DictRow, teto: int) -> None:
    """Só o que o Content-Length diz: um corpo sem ele passa, seja de que tamanho for. Levanta
    Recusa."""
    limite = min(teto, balde["file_size_limit"] or teto)
    if dito is not None and dito > limite:
        raise grande_demais()
