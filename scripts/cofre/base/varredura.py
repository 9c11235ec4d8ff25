"""Separar um JSON sem decodificar valor nenhum: devagar, para o que o msgspec não lê.

Uma coluna `json` do PostgreSQL guarda o texto como veio, e nele cabe o que um decodificador recusa:
meio par substituto, como em `"\\ud83d"` (documentação do PostgreSQL, «JSON Types»: de um escape, o
tipo json só confere os quatro algarismos), e quantos níveis a pilha do servidor aguentar. Aqui só
se acham as fronteiras, e os bytes saem como estão. A gramática (RFC 8259) é conferida inteira: um
texto cortado nunca passa por um estranho. Não há recursão, e a profundidade não conta.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_TEXTO = rb'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+"'
_ESCALAR = _TEXTO + rb"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null"
_ESPACO = rb"[ \t\r\n]*+"
_VALOR = re.compile(_ESPACO + rb"(" + _ESCALAR + rb"|[\[{])")
_VALOR_OU_FECHO = re.compile(_ESPACO + rb"(" + _ESCALAR + rb"|[\[{\]])")
_NOME = re.compile(_ESPACO + rb"(" + _TEXTO + rb")" + _ESPACO + rb":")
_NOME_OU_FECHO = re.compile(_ESPACO + rb"(?:(" + _TEXTO + rb")" + _ESPACO + rb":|(\}))")
_SEGUINTE = re.compile(_ESPACO + rb"([,\]}])")
_COMECO = {b"[": re.compile(_ESPACO + rb"(\[)"), b"{": re.compile(_ESPACO + rb"(\{)")}
_ABERTO = {b"[": (b"]", _VALOR_OU_FECHO), b"{": (b"}", _NOME_OU_FECHO)}
"""O que fecha o que se abriu, e o que pode vir logo depois de abrir."""


def itens(vetor: bytes) -> Iterator[bytes]:
    """Os valores de um vetor, com os seus bytes. Levanta msgspec.DecodeError, às vezes depois de
    ter dado alguns, se o texto não é um vetor JSON inteiro."""
    return (valor for _nome, valor in _partes(vetor, b"["))


def campos(objeto: bytes) -> Iterator[tuple[str, bytes]]:
    """Os nomes e os valores de um objeto, na ordem em que estão; um nome pode repetir-se. Levanta
    como `itens`."""
    for nome, valor in _partes(objeto, b"{"):
        yield msgspec.json.decode(nome, type=str), valor


def _partes(texto: bytes, abre: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(nome como está, ou vazio num vetor; valor) de cada parte do primeiro nível."""
    fechos: list[bytes] = []
    nome, inicio, ate, espera = b"", 0, 0, _COMECO[abre]
    while achado := espera.match(texto, ate):
        sinal, ate = achado[achado.lastindex or 0], achado.end()
        no_primeiro = len(fechos) == 1
        if sinal == b",":
            espera = _NOME if fechos[-1] == b"}" else _VALOR
            continue
        if sinal != b"}" and espera in (_NOME, _NOME_OU_FECHO):
            nome, espera = (sinal if no_primeiro else nome), _VALOR
            continue
        if sinal in (b"]", b"}"):
            if fechos.pop() != sinal:
                break
        else:
            inicio = achado.start(1) if no_primeiro else inicio
            if sinal in _ABERTO:
                fecho, espera = _ABERTO[sinal]
                fechos.append(fecho)
                continue
        if not fechos:
            if texto[ate:].strip(b" \t\r\n"):
                break
            return
        if len(fechos) == 1:
            yield nome, texto[inicio:ate]
        espera = _SEGUINTE
    raise msgspec.DecodeError("o JSON está cortado ou malformado")


_SUSPEITO = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)
_ALTOS, _BAIXOS = range(0xD800, 0xDC00), range(0xDC00, 0xE000)


def indizivel(texto: bytes) -> bool:
    """Se há neste JSON (um valor, ou uma linha inteira) um texto que o PostgreSQL não decodifica.

    Meio par substituto e o caractere zero: uma coluna json os guarda, porque só lhe confere a
    forma, mas quem tira valores de dentro de um JSON decodifica todos os textos dele («JSON
    Types», na documentação do PostgreSQL).
    """
    if not _SUSPEITO.search(texto):
        return False
    fim_do_alto = -1
    for escape in _ESCAPE.finditer(texto):
        ponto = int(escape[1], 16) if escape[1] else -1
        if fim_do_alto >= 0:
            if ponto not in _BAIXOS or escape.start() != fim_do_alto:
                return True
            fim_do_alto = -1
        elif ponto in _ALTOS:
            fim_do_alto = escape.end()
        elif ponto in _BAIXOS or ponto == 0:
            return True
    return fim_do_alto >= 0
