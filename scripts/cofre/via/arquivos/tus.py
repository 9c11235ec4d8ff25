"""O envio retomável (TUS), para o que não cabe num pedido: aos pedaços de 6 MB, e de onde parou.

Perde o que o servidor não deixa dizer assim: um cache que não seja um número de segundos (medido).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from cofre.base.erros import FalhaDoServidor, RespostaInvalida
from cofre.via.arquivos.a_subir import SEM_TIPO, ASubir
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.erros import Mudou
from cofre.via.arquivos.objetos import Objeto

POR_PEDACO = 6 * 1024 * 1024
"""O tamanho que o Supabase pede (documentação, «Resumable uploads»)."""
VERSAO = {"tus-resumable": "1.0.0"}
RAIZ = "/storage/v1/"


def subir(
    armazem: Armazem, o_que: ASubir, *, upsert: bool, ao_subir: Callable[[int], object]
) -> None:
    """Cria o envio e manda os pedaços; um que se perde vai de novo, de onde o servidor diz que
    está. Levanta FalhaDoServidor, Mudou e BackupDanificado."""
    por_cima = {"x-upsert": "true" if upsert else "false"}
    caminho = _criar(armazem, o_que, por_cima)
    tem = 0
    with o_que.abrir() as conteudo:
        while tem < o_que.tamanho:
            pedaco = _ler(conteudo.read, POR_PEDACO)
            if not pedaco:
                raise Mudou("O conteúdo acabou antes do tamanho dele.", "")
            _mandar(armazem, caminho, pedaco, tem, por_cima)
            tem += len(pedaco)
            ao_subir(len(pedaco))


def _criar(armazem: Armazem, o_que: ASubir, por_cima: dict[str, str]) -> str:
    cabecalhos = {
        **VERSAO,
        **por_cima,
        "upload-length": str(o_que.tamanho),
        "upload-metadata": _metadados(o_que.objeto),
    }
    criado = armazem.pedir(
        "POST", "upload/resumable", de_que="um envio em pedaços", cabecalhos=cabecalhos, corpo=b""
    )
    onde = urlsplit(str(criado.cabecalhos.get("location", ""))).path
    caminho = onde.partition(RAIZ)[2] or onde.lstrip("/")
    if not caminho:
        raise RespostaInvalida("O Storage não disse para onde mandar os pedaços.", "")
    return caminho


def _metadados(objeto: Objeto) -> str:
    segundos = (objeto.cache or "").removeprefix("max-age=")
    campos = {
        "bucketName": objeto.balde,
        "objectName": objeto.nome,
        "contentType": objeto.tipo or SEM_TIPO,
        **({"cacheControl": segundos} if segundos.isdigit() else {}),
    }
    if objeto.metadados:
        campos["metadata"] = msgspec.json.encode(dict(objeto.metadados)).decode()
    return ",".join(f"{c} {base64.b64encode(v.encode()).decode()}" for c, v in campos.items())


def _mandar(
    armazem: Armazem, caminho: str, pedaco: bytes, tem: int, por_cima: dict[str, str]
) -> None:
    """Um pedaço, que começa no byte `tem`; o que o servidor já tem dele não vai outra vez."""
    fim, falhas = tem + len(pedaco), 0
    onde = tem
    while onde < fim:
        cabecalhos = {
            **VERSAO,
            **por_cima,
            "upload-offset": str(onde),
            "content-type": "application/offset+octet-stream",
        }
        try:
            armazem.pedir(
                "PATCH",
                caminho,
                de_que="um pedaço de um envio",
                corpo=pedaco[onde - tem :],
                cabecalhos=cabecalhos,
                insistir=False,
            )
            return
        except FalhaDoServidor:
            falhas += 1
            if falhas >= VEZES:
                raise
            onde = _onde_esta(armazem, caminho)
            if not tem <= onde <= fim:
                raise


VEZES = 5
"""Quantas vezes um pedaço pode falhar."""


def _onde_esta(armazem: Armazem, caminho: str) -> int:
    resposta = armazem.pedir("HEAD", caminho, de_que="um envio em pedaços", cabecalhos=VERSAO)
    dito = str(resposta.cabecalhos.get("upload-offset", ""))
    if not dito.isdigit():
        raise RespostaInvalida("O Storage não disse quanto já tem do envio.", "")
    return int(dito)


def _ler(ler: Callable[[int], bytes], quantos: int) -> bytes:
    """Até tantos bytes, juntando leituras curtas."""
    partes, faltam = [], quantos
    while faltam and (parte := ler(faltam)):
        partes.append(parte)
        faltam -= len(parte)
    return b"".join(partes)
