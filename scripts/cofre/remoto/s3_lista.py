"""A lista de um balde pedida sem a obstore, para quando há nele um nome que ela não aceita.

A obstore não lista um balde em que haja um só nome como «a//b» ou com um caractere de controle. E
quem tem a credencial de um computador pode pô-lo lá, onde uma trava o conserva: sem isto, um nome
bastaria para que ninguém mais achasse a cópia. Fonte: «ListObjectsV2» e «Signature Version 4», na
documentação do Amazon S3.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as Xml
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

from cofre.base.config.copia import S3Dito
from cofre.remoto import s3_loja
from cofre.remoto.erros import DestinoFora
from cofre.remoto.s3_erros import FalhaDoServico, traduzir

POR_PAGINA = 1_000
_ESPERA = 60
"""Segundos de cada pedido."""
_SEM_CORPO = hashlib.sha256(b"").hexdigest()
_FAZENDO = "ao listar"


@dataclass(frozen=True, slots=True)
class Achado:
    """Um objeto do balde: o nome inteiro, os bytes, e quando chegou."""

    chave: str
    bytes: int
    modificado: datetime


def listar_sem_a_obstore(dito: S3Dito, inicio: str, depois_de: str) -> Iterator[Achado]:
    """Os objetos cujo nome começa por `inicio` e vem depois de `depois_de` (vazio: todos). Um nome
    que não se possa dizer em XML vem como o serviço o mandou. Levanta FalhaDaCopia."""
    continuar = ""
    while True:
        consulta = {"encoding-type": "url", "list-type": "2", "max-keys": str(POR_PAGINA)}
        consulta |= {"prefix": inicio}
        consulta |= {"continuation-token": continuar} if continuar else {}
        consulta |= {"start-after": depois_de} if depois_de and not continuar else {}
        pagina = _folhas(dito, _com_paciencia(dito, consulta))
        for conteudo in pagina.findall("Contents"):
            yield Achado(
                unquote(conteudo.findtext("Key", "")),
                int(conteudo.findtext("Size", "0")),
                datetime.fromisoformat(conteudo.findtext("LastModified", "")),
            )
        continuar = pagina.findtext("NextContinuationToken", "")
        if not continuar:
            return


def _folhas(dito: S3Dito, corpo: bytes) -> Xml.Element:
    """A resposta, sem os espaços de nomes, que cada serviço põe ou não."""
    try:
        raiz = Xml.fromstring(corpo)
    except Xml.ParseError:
        raise traduzir(dito.texto, _FAZENDO, "") from None
    for elemento in raiz.iter():
        elemento.tag = elemento.tag.rpartition("}")[2]
    return raiz


def _com_paciencia(dito: S3Dito, consulta: Mapping[str, str]) -> bytes:
    """O corpo da resposta, insistindo no que pode passar."""
    for tentativa in itertools.count():
        try:
            return _pedir(dito, consulta)
        except (DestinoFora, FalhaDoServico):
            if tentativa == s3_loja.TENTATIVAS:
                raise
            time.sleep(s3_loja.ESPERA * 2**tentativa)
    raise AssertionError


def _pedir(dito: S3Dito, consulta: Mapping[str, str]) -> bytes:
    """O erro não leva o original: o texto dele tem o endereço."""
    try:
        with urllib.request.urlopen(_assinado(dito, consulta), timeout=_ESPERA) as resposta:
            corpo: bytes = resposta.read()
            return corpo
    except urllib.error.HTTPError as e:
        dita = f"status code: {e.code} {e.read(10_000).decode('utf-8', 'replace')}"
    except (OSError, http.client.HTTPException) as e:
        dita = f"error sending request {e}"
    raise traduzir(dito.texto, _FAZENDO, dita)


def _assinado(dito: S3Dito, consulta: Mapping[str, str]) -> urllib.request.Request:
    """O pedido com a assinatura da versão 4."""
    agora = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    partes = urlsplit(dito.endereco)
    caminho = quote(f"{partes.path.rstrip('/')}/{dito.balde}")
    pares = sorted(f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in consulta.items())
    cabecalhos = {"host": partes.netloc, "x-amz-content-sha256": _SEM_CORPO, "x-amz-date": agora}
    assinados = ";".join(cabecalhos)
    linhas = [f"{nome}:{valor}" for nome, valor in cabecalhos.items()]
    canonico = ["GET", caminho, "&".join(pares), *linhas, "", assinados, _SEM_CORPO]
    escopo = f"{agora[:8]}/{dito.regiao}/s3/aws4_request"
    soma = hashlib.sha256("\n".join(canonico).encode()).hexdigest()
    chave = f"AWS4{dito.segredo}".encode()
    for pedaco in escopo.split("/"):
        chave = hmac.digest(chave, pedaco.encode(), "sha256")
    texto = f"AWS4-HMAC-SHA256\n{agora}\n{escopo}\n{soma}"
    assinatura = hmac.digest(chave, texto.encode(), "sha256").hex()
    cabecalhos["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={dito.chave}/{escopo}, SignedHeaders={assinados},"
        f" Signature={assinatura}"
    )
    url = f"{partes.scheme}://{partes.netloc}{caminho}?{'&'.join(pares)}"
    return urllib.request.Request(url, headers=cabecalhos)
