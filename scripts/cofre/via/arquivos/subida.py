"""Um arquivo que sobe: o corpo cru, com os mesmos bytes, tipo, cache e metadados.

O servidor não tem escrita condicional (ignora If-Match; e sem `x-upsert` só confere no começo:
medido). Por isso, antes de cada envio, e de cada repetição, se olha como o objeto está: só se
escreve por cima do que a foto viu, e um envio cuja resposta se perdeu não se repete às cegas.
"""

from __future__ import annotations

import base64
import contextlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from cofre.base.erros import EscritaRecusada
from cofre.base.palavras import tamanho as em_bytes
from cofre.base.palavras import visivel
from cofre.via.api.insistir import Passageiro
from cofre.via.arquivos import tus
from cofre.via.arquivos.a_subir import SEM_TIPO, ASubir
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.cliente import no_caminho
from cofre.via.arquivos.erros import Mudou, RecusaDoArmazem
from cofre.via.arquivos.objetos import Objeto

PEDACO = 256 * 1024
MAIOR_CABECALHO = 12 * 1024
"""Bytes de `x-metadata`: todos os cabeçalhos juntos cabem em 16 KB (medido: 431 acima disso)."""
DE_UM_PEDIDO = 5 * 1024**3
"""Bytes do maior arquivo que se manda num pedido só; acima, o Supabase pede o envio retomável
(documentação, «Standard uploads»)."""
GRANDE, TIPO, NOME = "EntityTooLarge", "InvalidMimeType", "InvalidKey"
SEM_BALDE = "NoSuchBucket"
PASTA_VAZIA = ".emptyFolderPlaceholder"
"""A marca que o painel põe numa pasta vazia: só se aceita com zero bytes (medido)."""
RECUSAS = frozenset({GRANDE, TIPO, NOME})
"""Os `code` do servidor que são de um arquivo só: os outros podem voltar sem ele."""


@dataclass(slots=True)
class Subida:
    """Um envio. `antes`: como a foto viu o objeto (None: não havia). `ao_subir` recebe os bytes de
    cada pedaço."""

    armazem: Armazem
    o_que: ASubir
    antes: Objeto | None
    ao_subir: Callable[[int], object] = lambda _n: None
    de_um_pedido: int = DE_UM_PEDIDO
    _tentativa: int = field(init=False, default=0)
    _ja: Objeto | None = field(init=False, default=None)

    def subir(self) -> str | None:
        """Manda o conteúdo; devolve o id que o objeto tem (None se o servidor não o diz). Levanta
        Mudou se ele já não é o que a foto viu, EscritaRecusada pelo que o servidor não aceita deste
        arquivo, BackupDanificado (antes do último pedaço: cortado, o envio não vale) e
        FalhaDoServidor."""
        try:
            self._conferir()
            if self.o_que.tamanho > self.de_um_pedido:
                tus.subir(
                    self.armazem, self.o_que, upsert=self.antes is not None, ao_subir=self.ao_subir
                )
                return None
            return self._de_uma_vez()
        except _JaSubiu:
            return self._ja.id if self._ja else None
        except RecusaDoArmazem as e:
            if e.code == "KeyAlreadyExists":
                raise self._mudou() from None
            if e.code in (*RECUSAS, SEM_BALDE):
                raise EscritaRecusada(e.code, "o Storage recusa", "") from e
            raise

    def _conferir(self) -> None:
        agora = self.armazem.info(self.o_que.objeto.balde, self.o_que.objeto.nome)
        if not o_mesmo(agora, self.antes):
            raise self._mudou()

    def _de_uma_vez(self) -> str | None:
        objeto, tamanho = self.o_que.objeto, self.o_que.tamanho
        cabecalhos, antes_do_corpo, depois_do_corpo = forma(objeto)
        cabecalhos["x-upsert"] = "false" if self.antes is None else "true"

        def corpo() -> Iterator[bytes]:
            self._se_ja_subiu()
            return self._pedacos(antes_do_corpo, depois_do_corpo)

        resposta = self.armazem.pedir(
            "POST",
            f"object/{no_caminho(objeto.balde)}/{no_caminho(objeto.nome)}",
            de_que=self._nome,
            corpo=corpo,
            tamanho=len(antes_do_corpo) + tamanho + len(depois_do_corpo),
            cabecalhos=cabecalhos,
        )
        with contextlib.suppress(Passageiro):  # cortada: o que subiu, a próxima foto o diz
            dito = resposta.json()
            id_ = dito.get("Id") if isinstance(dito, Mapping) else None
            return str(id_) if id_ else None
        return None

    def _pedacos(self, antes: bytes, depois: bytes) -> Iterator[bytes]:
        if antes:
            yield antes
        with self.o_que.abrir() as conteudo:
            while pedaco := conteudo.read(PEDACO):
                self.ao_subir(len(pedaco))
                yield pedaco
        if depois:
            yield depois

    def _se_ja_subiu(self) -> None:
        """Antes de mandar outra vez, um olhar: o envio cuja resposta se perdeu pode ter valido, e
        então o objeto é novo e tem este tamanho (o conteúdo, a próxima foto relê). Levanta _JaSubiu
        ou Mudou."""
        self._tentativa += 1
        if self._tentativa == 1:
            return
        agora = self.armazem.info(self.o_que.objeto.balde, self.o_que.objeto.nome)
        if o_mesmo(agora, self.antes):
            return
        if agora is not None and agora.tamanho == self.o_que.tamanho:
            self._ja = agora
            raise _JaSubiu
        raise self._mudou()

    def _mudou(self) -> Mudou:
        return Mudou(f"{self._nome} mudou enquanto se escrevia.", "")

    @property
    def _nome(self) -> str:
        objeto = self.o_que.objeto
        return f"«{visivel(objeto.balde)}/{visivel(objeto.nome)}»"


class _JaSubiu(Exception):
    """Um envio anterior valeu, e só a resposta se perdeu."""


def o_mesmo(agora: Objeto | None, antes: Objeto | None) -> bool:
    """Se o objeto ainda é o que a foto viu. A `versao` muda em toda escrita; onde só um dos dois a
    diz (pela API, a lista não a traz), a data e o eTag."""
    if agora is None or antes is None:
        return agora is antes
    if agora.versao and antes.versao:
        return (agora.id, agora.versao) == (antes.id, antes.versao)
    return (agora.id, agora.etag, _ate_o_milissegundo(agora.mudado)) == (
        antes.id,
        antes.etag,
        _ate_o_milissegundo(antes.mudado),
    )


def _ate_o_milissegundo(data: str | None) -> str:
    """A API corta as datas no milissegundo (medido); o banco diz microssegundos."""
    achado = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?", data or "")
    return f"{achado[1]} {achado[2]}{(achado[3] or '.')[:4]:0<4}" if achado else ""


def perde_o_cache(objeto: Objeto, de_um_pedido: int = DE_UM_PEDIDO) -> bool:
    """Se o cache não volta como era: o formulário e o envio retomável só o dizem em segundos, e o
    de quem nada diz é `no-cache` (medido)."""
    if objeto.cache in (None, "no-cache") or re.fullmatch(r"max-age=\d+", objeto.cache or ""):
        return False
    em_pedacos = (objeto.tamanho or 0) > de_um_pedido
    return em_pedacos or "cache-control" not in forma(objeto)[0]


def forma(objeto: Objeto) -> tuple[dict[str, str], bytes, bytes]:
    """Os cabeçalhos, e o que vai antes e depois do conteúdo. Cru, se cabe: o formulário escreve o
    cache de outro modo, e só serve para metadados que não cabem num cabeçalho, ou para o único tipo
    que não pode ir no dele (medido)."""
    metadados = msgspec.json.encode(dict(objeto.metadados)) if objeto.metadados else b""
    no_cabecalho = base64.b64encode(metadados).decode("ascii")
    tipo = objeto.tipo or SEM_TIPO
    if len(no_cabecalho) > MAIOR_CABECALHO or tipo.lower().startswith("multipart/form-data"):
        return _formulario(objeto, tipo, metadados)
    cabecalhos = {"content-type": tipo}
    if objeto.cache is not None:
        cabecalhos["cache-control"] = objeto.cache
    if metadados:
        cabecalhos["x-metadata"] = no_cabecalho
    return cabecalhos, b"", b""


def _formulario(objeto: Objeto, tipo: str, metadados: bytes) -> tuple[dict[str, str], bytes, bytes]:
    divisa = secrets.token_hex(16)
    campos: dict[str, bytes] = {"contentType": tipo.encode()}
    if achado := re.fullmatch(r"max-age=(\d+)", objeto.cache or ""):
        campos["cacheControl"] = achado[1].encode()
    if metadados:
        campos["metadata"] = metadados
    partes = [
        f'--{divisa}\r\ncontent-disposition: form-data; name="{nome}"\r\n\r\n'.encode()
        + valor
        + b"\r\n"
        for nome, valor in campos.items()
    ]
    arquivo = (
        f'--{divisa}\r\ncontent-disposition: form-data; name=""; filename="arquivo"\r\n'
        f"content-type: {tipo}\r\n\r\n"
    )
    fim = f"\r\n--{divisa}--\r\n".encode()
    cabecalhos = {"content-type": f"multipart/form-data; boundary={divisa}"}
    return cabecalhos, b"".join(partes) + arquivo.encode(), fim


def recusa_do_balde(objeto: Objeto, limite: int | None, tipos: tuple[str, ...] | None) -> str:
    """Por que um balde assim não aceita este arquivo (uma de RECUSAS); vazio, se aceita. Os limites
    valem também para a chave de serviço, e o tipo se compara como está escrito: `text/plain;
    charset=utf-8` não entra onde só entra `text/plain` (medido)."""
    if not NOMES.fullmatch(objeto.nome):
        return NOME
    ate = 0 if objeto.nome.rpartition("/")[2] == PASTA_VAZIA else limite
    if ate is not None and (objeto.tamanho or 0) > ate:
        return GRANDE
    tipo = objeto.tipo or SEM_TIPO
    aceita = tipos is None or not tipos or any(_serve(tipo, de) for de in tipos)
    return "" if aceita else TIPO


def _serve(tipo: str, aceito: str) -> bool:
    if aceito.endswith("/*"):
        return tipo.lower().startswith(aceito[:-1].lower())
    return aceito == "*" or tipo.lower() == aceito.lower()


NOMES = re.compile(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]+")
"""Os nomes que o servidor aceita (medido, e no código dele)."""


def por_que(recusa: str, limite: int | None) -> str:
    """Uma das RECUSAS em palavras."""
    if recusa == GRANDE:
        ate = f" ({em_bytes(limite)})" if limite is not None else ""
        return f"acima do limite do balde{ate}"
    return (
        "de um tipo que o balde não aceita"
        if recusa == TIPO
        else "com um nome que o Storage não aceita mais"
    )
