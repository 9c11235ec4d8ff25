"""Uma tabela de um backup como CSV para o Excel brasileiro: UTF-8 com BOM, `;`, CRLF, decimais com
vírgula.

É para ler e somar, não para restaurar: o CSV não distingue nulo de vazio. O que a planilha mudaria
ao abrir vai como texto, com um apóstrofo na frente: fórmulas, números que ela arredondaria (mais de
15 algarismos) e códigos que ela tomaria por números («00123»).
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from cofre.base.linha import NULO, abrir_linha, texto
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.tabela_salva import TabelaSalva

APOSTROFO = "'"
ALGARISMOS = 15
"""Quantos o Excel guarda de um número; do 16º em diante, troca por zeros."""
LINHAS_DO_EXCEL = 1_048_576

Escrever = Callable[[Iterable[Sequence[str]]], None]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CODIGO = re.compile(r"0\d+|\d{16,}|\d+[eE]\d+|\d+([.,]\d+)+", re.ASCII)
_JSON = ("json", "jsonb")


def escrever_csv(tabela: TabelaSalva, caminho: Path, saida: BinaryIO) -> None:
    """Escreve a tabela inteira, aos poucos. Levanta BackupDanificado; OSError passa."""
    nomes = _colunas(tabela, caminho)
    de_json = colunas_json(tabela)
    with folha(saida, nomes) as escrever:
        for grupo in ler_linhas(caminho):
            escrever(_celulas(grupo, nomes, de_json))


@contextlib.contextmanager
def folha(saida: BinaryIO, nomes: Sequence[str]) -> Iterator[Escrever]:
    """Uma folha com estas colunas; o que entrega escreve linhas de células. OSError passa."""
    saida.write(codecs.BOM_UTF8)
    texto_ = io.TextIOWrapper(saida, "utf-8", newline="", write_through=True)
    escritor = csv.writer(texto_, delimiter=";", lineterminator="\r\n")
    escritor.writerow([_sem_formula(nome) for nome in nomes])
    yield escritor.writerows
    texto_.detach()


def colunas_json(tabela: TabelaSalva) -> set[str]:
    """As colunas json e jsonb."""
    return {nome for nome, tipo in tabela.tipos.items() if tipo in _JSON}


def celula(valor: bytes, *, e_json: bool = False) -> str:
    """O valor JSON como a célula o mostra. `e_json`: a coluna é json, e um texto dela fica com as
    aspas que o distinguem."""
    if valor == NULO:
        return ""
    if valor[:1] in b"{[" or (e_json and valor[:1] == b'"'):
        return valor.decode("utf-8")
    if valor in (b"true", b"false"):
        return "VERDADEIRO" if valor == b"true" else "FALSO"
    if valor[:1] == b'"':
        return _de_texto(texto(valor) or "")
    return _de_numero(valor.decode("ascii"))


def _colunas(tabela: TabelaSalva, caminho: Path) -> list[str]:
    """As declaradas e, depois, as que só as linhas têm: nenhuma some."""
    nomes = dict.fromkeys(str(c["nome"]) for c in tabela.colunas)
    for grupo in ler_linhas(caminho):
        for linha in grupo:
            nomes.update(dict.fromkeys(abrir_linha(bytes(linha))))
    return list(nomes)


def _celulas(grupo: list[msgspec.Raw], nomes: list[str], de_json: set[str]) -> Iterator[list[str]]:
    for linha in grupo:
        campos = abrir_linha(bytes(linha))
        yield [
            celula(bytes(campos[nome]), e_json=nome in de_json) if nome in campos else ""
            for nome in nomes
        ]


def _de_texto(valor: str) -> str:
    return APOSTROFO + valor if _CODIGO.fullmatch(valor) else _sem_formula(valor)


def _sem_formula(valor: str) -> str:
    return APOSTROFO + valor if valor.startswith(_FORMULA) else valor


def _de_numero(valor: str) -> str:
    """Com vírgula e todos os algarismos; se são mais do que a planilha guarda, como texto."""
    mantissa = re.split("[eE]", valor)[0].lstrip("-")
    inteira, _, decimais = mantissa.partition(".")
    significativos = (inteira + decimais.rstrip("0")).lstrip("0")
    escrito = valor.replace(".", ",")
    return APOSTROFO + escrito if len(significativos) > ALGARISMOS else escrito
