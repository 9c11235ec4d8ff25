"""O que o JSON de uma linha não refaz, pela API: que tipos podem ser assim, o texto que se pede a
mais de cada valor, e como ele volta ao banco.

As condições são as de `via.direta.formas`, que lá o servidor confere em SQL. Aqui se olha o texto
que o PostgREST dá com `coluna::text` («Casting Columns»). De volta, um texto JSON passa pela função
de entrada do tipo (`populate_record_field`, em jsonfuncs.c do PostgreSQL), menos numa coluna json
ou jsonb: nela o `null` de JSON não tem como ser escrito, e só fica se é o padrão da coluna.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.modelo import (
    DE_DENTRO_NAO_SE_SABE,
    JSON,
    JSONB,
    OPACA,
    VETOR,
    Coluna,
    Forma,
    Tabela,
)
from cofre.base.textos import CAMPO, em_campo, juntar, textos_de
from cofre.plano.escritor import Lote
from cofre.via.api.consulta import citar

APELIDO = "cofre_t"
"""O começo do nome com que o texto de uma coluna vem na linha, depois dela."""
BYTES_DE_TEXTOS = 1500
"""Do `select` dos textos: mais do que isto não cabe na URL, e a tabela não se prova exata."""

_OPACOS = frozenset({"hstore", "geometry", "geography"})
"""Tipos de extensões que têm uma forma em JSON que não é a que leem."""
_COMO_TEXTO = frozenset("citext ltree lquery ltxtquery cube vector halfvec sparsevec".split())
"""Tipos de extensões que em JSON são o próprio texto que leem."""
_DO_SISTEMA = frozenset({"int2vector", "oidvector"})
_ESTRANHO = re.compile(r'\A\s|\s\Z|\\u(0000|[dD][89a-fA-F])|\A".*\\', re.DOTALL)

Campos = Mapping[str, msgspec.Raw]


# -- que colunas podem ser assim -------------------------------------------------------------


def forma_de(tipo: str, *, enum: bool) -> Forma | None:
    """Por que o JSON deste tipo pode não o refazer; None se sempre o refaz. De um tipo do usuário
    que não é um enum a API não diz o que é: fica como um composto, de que nada se prova."""
    if tipo.endswith("[]"):
        elemento = forma_de(tipo[:-2], enum=False)
        return elemento if elemento == DE_DENTRO_NAO_SE_SABE else Forma(VETOR, elemento)
    if tipo in (JSON, JSONB):
        return Forma(tipo)
    if tipo in _DO_SISTEMA or _sem_esquema(tipo) in _OPACOS:
        return Forma(OPACA)
    sabido = enum or _sem_esquema(tipo) in _COMO_TEXTO or (tipo and "." not in tipo)
    return None if sabido else DE_DENTRO_NAO_SE_SABE


def _sem_esquema(tipo: str) -> str:
    return tipo.partition("(")[0].rpartition(".")[2].strip('"')


def exata(tabela: Tabela) -> bool:
    """Se o JSON das linhas, com os textos, as refaz todas."""
    guardadas = len(tabela.com_textos) == len(tabela.formas)
    return guardadas and not tabela.sem_prova and (not tabela.formas or bool(pedidos(tabela)))


def pedidos(tabela: Tabela) -> tuple[str, ...]:
    """O que se pede a mais no `select`; nada se a tabela não precisa, ou se não caberia."""
    todos = tuple(
        f"{APELIDO}{n}:{citar(coluna)}::{'char' if forma.especie == JSONB else 'text'}"
        for n, (coluna, forma) in enumerate(tabela.com_textos)
        if forma != DE_DENTRO_NAO_SE_SABE
    )
    return todos if sum(map(len, todos)) <= BYTES_DE_TEXTOS else ()


# -- ler -------------------------------------------------------------------------------------


_UM_TEXTO = rb',"%s%d":(?:null|"(?:[^"\\]|\\.)*")'
_DIGNO_DE_NOTA = re.compile(rb',"%s\d+":"[\[n]' % APELIDO.encode())


def fim_sem_textos(tabela: Tabela) -> bytes | None:
    """Uma expressão regular do que se pede a mais, quando a primeira letra já diz que nada dali
    interessa (ver `algum_interessa`); None se é preciso olhar cada valor."""
    formas = [forma for _, forma in tabela.com_textos]
    if any(f.especie != JSONB and f != Forma(VETOR) for f in formas):
        return None
    return b"".join(_UM_TEXTO % (APELIDO.encode(), n) for n in range(len(formas)))


def algum_interessa(pagina: bytes) -> bool:
    """Se, nas linhas de uma página, algum texto pode ser o de um valor que o JSON não refaz: o
    `null` de um jsonb, ou um vetor com limites. Na dúvida, sim."""
    return _DIGNO_DE_NOTA.search(pagina) is not None


def com_textos(tabela: Tabela, linha: bytes, fim: Campos) -> bytes:
    """A linha com os textos do que o JSON dela não refaz (ver `base.textos`); `fim` é o que veio
    depois das colunas."""
    achados = {}
    for n, (coluna, forma) in enumerate(tabela.com_textos):
        dito = texto(bytes(fim.get(f"{APELIDO}{n}", _NULO)))
        if dito is not None and _nao_refaz(forma, dito, linha, coluna):
            achados[coluna] = "null" if forma.especie == JSONB else dito
    return juntar(linha, msgspec.json.encode(achados)) if achados else linha


_NULO = msgspec.Raw(NULO)


def _nao_refaz(forma: Forma, dito: str, linha: bytes, coluna: str) -> bool:
    if forma.especie == JSONB:
        return dito.startswith("n")  # da primeira letra; nenhum outro valor começa assim
    if forma.especie == JSON:
        return dito.strip() == "null" or bool(_ESTRANHO.search(dito))
    if forma.especie == VETOR:
        if dito.startswith("["):
            return True
        elementos = forma.de is not None and dito != "{}"
        return elementos and _elemento_estranho(forma.de, dito, abrir_linha(linha)[coluna])
    return True


def _elemento_estranho(de: Forma | None, dito: str, valor: msgspec.Raw) -> bool:
    """Um `null` de JSON vem entre aspas, e um nulo não; um vetor seria mais uma dimensão."""
    if de is None or de.especie not in (JSON, JSONB) or dito.startswith("{{"):
        return True
    elementos = [bytes(e).decode() for e in msgspec.json.decode(valor, type=list[msgspec.Raw])]
    estranhos = any(_ESTRANHO.search(e) for e in elementos) if de.especie == JSON else False
    return '"null"' in dito or estranhos or any(e.startswith("[") for e in elementos)


# -- gravar ----------------------------------------------------------------------------------


def a_gravar(tabela: Tabela, campos: Campos) -> dict[str, msgspec.Raw]:
    """Os valores como a API os recebe: o que traz o texto vai por ele."""
    prontos = {c: v for c, v in campos.items() if c != CAMPO}
    for coluna, dito in textos_de(campos).items():
        if coluna in prontos and not _e_json(tabela.coluna(coluna)):
            prontos[coluna] = msgspec.Raw(msgspec.json.encode(dito))
    return prontos


def linha_a_gravar(tabela: Tabela, linha: bytes) -> bytes:
    """O mesmo, de uma linha; sem textos, os mesmos bytes."""
    campos = abrir_linha(linha) if _MARCA in linha else {}
    return msgspec.json.encode(a_gravar(tabela, campos)) if CAMPO in campos else linha


_MARCA = b',"":{'


def sem_como_gravar(tabela: Tabela, campos: Campos) -> list[str]:
    """As colunas em que o valor é um `null` de JSON: o texto o diz, ou a coluna não admite nulo."""
    textos = textos_de(campos)
    return [
        c.nome
        for c in tabela.colunas
        if _e_json(c) and bytes(campos.get(c.nome, b"")) == NULO
        if not c.anulavel or textos.get(c.nome, "").strip() == "null"
    ]


def gravaveis(tabela: Tabela, valores: Campos) -> dict[str, msgspec.Raw]:
    """Os valores que a API pode escrever, com os textos deles."""
    fora = {CAMPO, *sem_como_gravar(tabela, valores)}
    ficam = {c: v for c, v in valores.items() if c not in fora}
    return {**ficam, **em_campo({c: t for c, t in textos_de(valores).items() if c in ficam})}


def em_partes(tabela: Tabela, lotes: Iterator[Lote]) -> Iterator[Lote]:
    """Os lotes, com as linhas que têm de omitir alguma coluna à parte: o padrão dela é o que pode
    ser o `null` de JSON."""
    so_json = [c.nome for c in tabela.colunas if _e_json(c) and not c.anulavel]
    for lote in lotes:
        if not so_json:
            yield lote
            continue
        for omitidas, quais in omitindo(tabela, lote.linhas).items():
            yield replace(
                lote,
                acoes=[lote.acoes[i] for i in quais],
                linhas=[lote.linhas[i] for i in quais],
                colunas=[c for c in lote.colunas if c not in omitidas],
            )


def omitindo(tabela: Tabela, linhas: Sequence[bytes]) -> dict[tuple[str, ...], list[int]]:
    """As linhas, pela posição, por quais colunas que não admitem nulo têm de omitir."""
    obrigatorias = {c.nome for c in tabela.colunas if _e_json(c) and not c.anulavel}
    grupos: dict[tuple[str, ...], list[int]] = {}
    for i, linha in enumerate(linhas):
        campos = abrir_linha(linha) if obrigatorias else {}
        fora = tuple(c for c in sem_como_gravar(tabela, campos) if c in obrigatorias)
        grupos.setdefault(fora, []).append(i)
    return grupos


def de_json(tabela: Tabela) -> list[str]:
    """As colunas que guardam JSON."""
    return [c.nome for c in tabela.colunas if _e_json(c)]


def _e_json(coluna: Coluna | None) -> bool:
    return coluna is not None and coluna.tipo in (JSON, JSONB)
