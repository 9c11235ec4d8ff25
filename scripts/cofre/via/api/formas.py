"""O que o JSON de uma linha não refaz, pela API: que tipos podem ser assim, o texto que se pede a
mais de cada valor, e como ele volta ao banco.

As condições são as de `via.direta.formas`, que lá o servidor confere em SQL. Aqui se olha o texto
que o PostgREST dá com `coluna::text` («Casting Columns»). De volta, um texto JSON passa pela função
de entrada do tipo (`populate_record_field`, em jsonfuncs.c do PostgreSQL), menos numa coluna json
ou jsonb: nela o `null` de JSON não tem como ser escrito, e só fica se é o padrão da coluna; e um
texto de JSON se escreve de novo, sem os escapes que não precisa ter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.modelo import (
    DESCONHECIDA,
    JSON,
    JSONB,
    OPACA,
    VETOR,
    Coluna,
    Forma,
    Tabela,
)
from cofre.base.textos import CAMPO, em_campo, juntar, textos_de
from cofre.base.varredura import indizivel
from cofre.plano.escritor import Lote
from cofre.via.api.consulta import citar
from cofre.via.contrato import NULO_DE_JSON, OUTRA_ESCRITA

APELIDO = "cofre_t"
"""O começo do nome com que o texto de uma coluna vem na linha, depois dela."""
BYTES_DE_TEXTOS = 1500
"""Do `select` dos textos: o que passa disto não cabe na URL, e dessas colunas nada se prova."""

_OPACOS = frozenset({"hstore", "geometry", "geography"})
"""Tipos de extensões que têm uma forma em JSON que não é a que leem."""
_COMO_TEXTO = frozenset("citext ltree lquery ltxtquery cube vector halfvec sparsevec".split())
"""Tipos de extensões que em JSON são o próprio texto que leem."""
_DO_SISTEMA = frozenset({"int2vector", "oidvector"})
_ESTRANHO = re.compile(r'\A\s|\s\Z|\\u(0000|[dD][89a-fA-F])|\A".*\\', re.DOTALL)

Campos = Mapping[str, msgspec.Raw]


# -- que colunas podem ser assim -------------------------------------------------------------


def forma_de(tipo: str, enums: Mapping[str, bool]) -> Forma | None:
    """Por que o JSON deste tipo pode não o refazer; None se sempre o refaz. De um tipo do usuário a
    API só diz se é um dos `enums` (ver `enums`: se o JSON dele é o texto dele); de outro não diz o
    que é, e guarda-se o texto."""
    if tipo.endswith("[]"):
        elemento = forma_de(tipo[:-2], enums)
        do_usuario = "." in tipo and _sem_esquema(tipo[:-2]) not in _OPACOS
        sem_saber = elemento == Forma(OPACA) and do_usuario and tipo[:-2] not in enums
        return elemento if sem_saber else Forma(VETOR, elemento)
    if tipo in (JSON, JSONB):
        return Forma(tipo)
    if not tipo:
        return Forma(DESCONHECIDA)
    if tipo in _DO_SISTEMA or _sem_esquema(tipo) in _OPACOS:
        return Forma(OPACA)
    sabido = enums.get(tipo, False) or _sem_esquema(tipo) in _COMO_TEXTO or "." not in tipo
    return None if sabido else Forma(OPACA)


def _sem_esquema(tipo: str) -> str:
    return tipo.partition("(")[0].rpartition(".")[2].strip('"')


def sem_prova(tabela: Tabela) -> tuple[str, ...]:
    """As colunas cujo JSON pode não refazer o valor, e de que não se pede o texto."""
    pedidas = {coluna for coluna, _ in _pedidas(tabela)}
    return tuple(coluna for coluna, _ in tabela.formas if coluna not in pedidas)


def pedidos(tabela: Tabela) -> tuple[str, ...]:
    """O que se pede a mais no `select`; nada se a tabela não precisa."""
    return tuple(_pedido(n, *qual) for n, qual in enumerate(_pedidas(tabela)))


def _pedidas(tabela: Tabela) -> list[tuple[str, Forma]]:
    """As colunas de que se pede o texto: as que cabem na URL."""
    sabidas = [(c, f) for c, f in tabela.com_textos if f.especie != DESCONHECIDA]
    ate_aqui = itertools.accumulate(len(_pedido(n, *qual)) for n, qual in enumerate(sabidas))
    return [qual for qual, soma in zip(sabidas, ate_aqui, strict=True) if soma <= BYTES_DE_TEXTOS]


def _pedido(n: int, coluna: str, forma: Forma) -> str:
    # varchar e não text: um tipo do usuário pode ter uma conversão sua para text.
    tipo = "char" if forma.especie == JSONB else "varchar"
    return f"{APELIDO}{n}:{citar(coluna)}::{tipo}"


# -- ler -------------------------------------------------------------------------------------


_UM_TEXTO = rb',"%s%d":(?:null|"(?:[^"\\]|\\.)*")'
_DIGNO_DE_NOTA = re.compile(rb',"%s\d+":"[\[n]' % APELIDO.encode())


def fim_sem_textos(tabela: Tabela) -> bytes | None:
    """Uma expressão regular do que se pede a mais, quando a primeira letra já diz que nada dali
    interessa (ver `algum_interessa`); None se é preciso olhar cada valor."""
    formas = [forma for _, forma in _pedidas(tabela)]
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
    for n, (coluna, forma) in enumerate(_pedidas(tabela)):
        bruto = bytes(fim.get(f"{APELIDO}{n}", _NULO))
        dito = texto(bruto)
        if dito is not None and _nao_refaz(forma, dito, bruto, linha, coluna):
            achados[coluna] = "null" if forma.especie == JSONB else dito
    return juntar(linha, msgspec.json.encode(achados)) if achados else linha


_NULO = msgspec.Raw(NULO)


def _nao_refaz(forma: Forma, dito: str, bruto: bytes, linha: bytes, coluna: str) -> bool:
    if forma.especie == JSONB:
        return dito.startswith("n")  # da primeira letra; nenhum outro valor começa assim
    if forma.especie == JSON:
        return dito.strip() == "null" or bool(_ESTRANHO.search(dito))
    if forma.especie == VETOR:
        if dito.startswith("["):
            return True
        elementos = forma.de is not None and dito != "{}"
        return elementos and _elemento_estranho(forma.de, dito, abrir_linha(linha)[coluna])
    # O JSON que é o texto, ou um JSON que é lido como está, refaz o valor.
    valor = bytes(abrir_linha(linha)[coluna])
    lido = valor == dito.encode() and valor != NULO and not _ESTRANHO.search(dito)
    return valor != bruto and not lido


def _elemento_estranho(de: Forma | None, dito: str, valor: msgspec.Raw) -> bool:
    """Um `null` de JSON vem entre aspas, e um nulo não; um vetor seria mais uma dimensão."""
    if dito.startswith("{{"):
        return True
    elementos = [bytes(e).decode() for e in msgspec.json.decode(valor, type=list[msgspec.Raw])]
    if de is None or de.especie not in (JSON, JSONB):
        return any(e != "null" for e in elementos)
    estranhos = any(_ESTRANHO.search(e) for e in elementos) if de.especie == JSON else False
    return '"null"' in dito or estranhos or any(e.startswith("[") for e in elementos)


# -- gravar ----------------------------------------------------------------------------------


def a_gravar(tabela: Tabela, campos: Campos) -> dict[str, msgspec.Raw]:
    """Os valores como a API os recebe: o que traz o texto vai por ele, se não é um JSON (num
    domínio de outro domínio, a API não diz o tipo)."""
    prontos = {c: v for c, v in campos.items() if c != CAMPO}
    for coluna, dito in textos_de(campos).items():
        if coluna in prontos and not (
            _e_json(tabela.coluna(coluna)) or _e_o_json(dito, prontos[coluna])
        ):
            prontos[coluna] = msgspec.Raw(msgspec.json.encode(dito))
    return prontos


def _e_o_json(dito: str, valor: msgspec.Raw) -> bool:
    """Se o texto de um valor é o próprio JSON dele, fora o que está em volta."""
    return dito.strip() == bytes(valor).decode().strip()


def linha_a_gravar(tabela: Tabela, linha: bytes) -> bytes:
    """O mesmo, de uma linha; sem textos, os mesmos bytes."""
    campos = abrir_linha(linha) if _MARCA in linha else {}
    return msgspec.json.encode(a_gravar(tabela, campos)) if CAMPO in campos else linha


_MARCA = b',"":{'


def indiziveis(tabela: Tabela, campos: Campos) -> list[str]:
    """As colunas com um JSON que a API não escreve (ver `indizivel`)."""
    if not any(indizivel(bytes(v)) for v in campos.values()):
        return []
    return [c for c, v in a_gravar(tabela, campos).items() if indizivel(bytes(v))]


def sem_como_gravar(tabela: Tabela, campos: Campos | None) -> dict[str, str]:
    """As colunas em que o valor não fica como era, e por quê (ver `contrato.NULO_DE_JSON`); sem
    campos, as em que isso pode ser."""
    if campos is None:
        podem = (*(c for c, _ in tabela.formas), *(c.nome for c in tabela.colunas if _e_json(c)))
        return dict.fromkeys(podem, NULO_DE_JSON)
    textos = textos_de(campos)
    quais = {c.nome: c for c in tabela.colunas if _e_json(c) or c.nome in textos}
    causas = ((n, _causa(c, campos[n], textos.get(n))) for n, c in quais.items() if n in campos)
    return {nome: causa for nome, causa in causas if causa}


def _causa(coluna: Coluna, valor: msgspec.Raw, dito: str | None) -> str:
    """Um nulo é um `null` de JSON se o texto o diz, ou se a coluna não admite nulo. De um que nem
    se escreve se recusa a linha."""
    if bytes(valor) == NULO:
        return NULO_DE_JSON if dito is not None or not coluna.anulavel else ""
    if dito is None or not _e_o_json(dito, valor) or indizivel(bytes(valor)):
        return ""
    return OUTRA_ESCRITA if _como_fica(dito) != dito else ""


def _como_fica(dito: str) -> str:
    """Como o banco guarda um json que lhe vem dentro de outro: sem o que está em volta, e um texto
    só com os escapes que `escape_json` põe (em json.c)."""
    limpo = dito.strip()
    if not limpo.startswith('"'):
        return limpo
    return '"' + msgspec.json.decode(limpo, type=str).translate(_ESCAPES) + '"'


_ESCAPES = {n: f"\\u{n:04x}" for n in range(0x20)} | {
    ord(c): e for c, e in zip('\b\f\n\r\t"\\', r"\b \f \n \r \t \" \\".split(), strict=True)
}


def gravaveis(tabela: Tabela, valores: Campos) -> dict[str, msgspec.Raw]:
    """Os valores que a API pode escrever, com os textos deles."""
    fora = {CAMPO, *_nulos_de_json(tabela, valores)}
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
        fora = tuple(c for c in _nulos_de_json(tabela, campos) if c in obrigatorias)
        grupos.setdefault(fora, []).append(i)
    return grupos


def _nulos_de_json(tabela: Tabela, campos: Campos) -> list[str]:
    causas = sem_como_gravar(tabela, campos)
    return [coluna for coluna, causa in causas.items() if causa == NULO_DE_JSON]


def _e_json(coluna: Coluna | None) -> bool:
    return coluna is not None and coluna.tipo in (JSON, JSONB)
