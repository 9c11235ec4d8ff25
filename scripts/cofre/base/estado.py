"""Os arquivos pequenos em que uma execução deixa o que a próxima precisa saber: um JSON cada.

Quem os lê tolera o que lá estiver: um arquivo danificado, ou que não é do tipo, vale como nenhum.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from cofre.base.disco import erros_de_disco, gravar_inteiro, ler_ficha
from cofre.base.moldes import leitor_de

T = TypeVar("T")


def ler(caminho: Path, tipo: type[T]) -> T | None:
    """O que está no arquivo; None se ele não existe, não se lê ou não é do tipo."""
    try:
        dados = ler_ficha(caminho).removeprefix(codecs.BOM_UTF8)
        try:
            return cast(T, leitor_de(cast(Hashable, tipo)).decode(dados))
        except msgspec.DecodeError:  # há um texto que não cabe em UTF-8, ou o arquivo não serve
            return msgspec.convert(json.loads(dados.decode("utf-8")), tipo)
    except (OSError, ValueError, RecursionError):
        return None


def gravar(caminho: Path, valor: object, *, esperar: bool = True) -> None:
    """Troca o arquivo de uma vez. Sem `esperar` pelo disco, uma queda de energia pode deixá-lo por
    ler. Levanta FalhaDeDisco."""
    with erros_de_disco(caminho.parent):
        gravar_inteiro(caminho, em_bytes(valor), esperar=esperar)


def em_bytes(valor: object) -> bytes:
    """O JSON indentado em UTF-8; um texto que não cabe em UTF-8 vai escapado."""
    try:
        return msgspec.json.format(msgspec.json.encode(valor), indent=2) + b"\n"
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(valor), indent=2).encode("ascii") + b"\n"
