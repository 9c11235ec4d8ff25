"""Os textos de uma linha: o que o seu JSON não refaz, como o próprio PostgreSQL o escreve.

O JSON de uma linha não distingue um `null` de json de um nulo, nem guarda os limites de um vetor, e
a forma em JSON de um hstore o hstore não aceita. Desses valores se guarda também o texto. Na
memória vai na própria linha, no último campo, `"": {"coluna": "texto"}` (coluna nenhuma se chama
assim: o PostgreSQL não admite um nome vazio); no disco, num arquivo à parte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cofre.base.linha import NULO, abrir_linha

CAMPO = ""
MARCA = b',"":{'
_TEXTOS = msgspec.json.Decoder(dict[str, str])


def separar(linha: bytes) -> tuple[bytes, bytes]:
    """O JSON da linha, e o objeto com os textos dela (vazio se não os tem)."""
    corte = linha.rfind(MARCA)
    if corte < 0:
        return linha, b""
    textos = linha[corte + len(MARCA) - 1 : -1]
    try:
        _TEXTOS.decode(textos)
    except msgspec.DecodeError:
        return linha, b""  # a marca é de dentro de um valor: o que vem depois não é um objeto só
    return linha[:corte] + b"}", textos


def juntar(linha: bytes, textos: bytes) -> bytes:
    """O contrário de `separar`, com os mesmos bytes que o servidor mandou."""
    return linha[:-1] + MARCA[:-1] + textos + b"}"


def textos_de(campos: Mapping[str, msgspec.Raw]) -> dict[str, str]:
    """O texto de cada coluna que o traz."""
    return _TEXTOS.decode(campos[CAMPO]) if CAMPO in campos else {}


def dito_em(campos: Mapping[str, msgspec.Raw], coluna: str) -> bytes:
    """O valor de uma coluna, em JSON: o texto dele, se o JSON não o refaz; nulo, se falta."""
    dito = textos_de(campos).get(coluna)
    return bytes(campos.get(coluna, NULO)) if dito is None else msgspec.json.encode(dito)


def escolher(campos: Mapping[str, msgspec.Raw], colunas: Iterable[str]) -> dict[str, msgspec.Raw]:
    """Estas colunas de uma linha aberta, as que ela tem, com os textos delas."""
    valores = {c: campos[c] for c in colunas if c in campos}
    textos = {c: t for c, t in textos_de(campos).items() if c in valores}
    return {**valores, **em_campo(textos)}


def com_valores(linha: bytes, valores: Mapping[str, msgspec.Raw]) -> bytes:
    """A linha com estes valores (e os textos deles) no lugar dos que tinha."""
    campos = abrir_linha(linha)
    ficam = {c: t for c, t in textos_de(campos).items() if c not in valores}
    textos = em_campo({**ficam, **textos_de(valores)})
    juntos = {c: v for c, v in {**campos, **valores}.items() if c != CAMPO}
    return msgspec.json.encode({**juntos, **textos})


def em_campo(textos: Mapping[str, str]) -> dict[str, msgspec.Raw]:
    """O campo que leva estes textos; nenhum, se não há."""
    return {CAMPO: msgspec.Raw(msgspec.json.encode(textos))} if textos else {}
