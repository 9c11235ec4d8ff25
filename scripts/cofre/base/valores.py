"""Um valor de uma linha, e o que mudou nele, como se mostram a uma pessoa.

São dados de uma empresa: só se dizem a quem lê a tela ou pediu o documento, e nenhum log os guarda
(ver `Relato.reservado`). O de uma coluna que pareça guardar um segredo não se diz a ninguém.
"""

from __future__ import annotations

import re

from cofre.base.apelido import TAMANHO, parece_segredo
from cofre.base.linha import texto
from cofre.base.palavras import visivel

ESCONDIDO = "não se mostra"
_DECIMAL = re.compile(rb"-?\d+\.\d+")


def valor(bruto: bytes | None, ate: int | None = TAMANHO) -> str:
    """Um valor (bytes de JSON) como se mostra, até tantas letras (None: inteiro): um número com
    vírgula; o que falta e o nulo, em palavras."""
    if bruto is None:
        return "(não havia)"
    dito = texto(bruto)
    if dito is None:
        return "(nulo)"
    if _DECIMAL.fullmatch(bruto):
        dito = dito.replace(".", ",")
    curto = visivel(dito[:ate]) or "(vazio)"
    return curto if ate is None or len(dito) <= ate else f"{curto}…"


def mudanca(velho: bytes | None, novo: bytes | None, ate: int | None = TAMANHO) -> str:
    """«0,01 → 12,90»; `ate`: ver `valor`."""
    return f"{valor(velho, ate)} → {valor(novo, ate)}"


def mudanca_da_coluna(
    coluna: str, velho: bytes | None, novo: bytes | None, ate: int | None = TAMANHO
) -> str:
    """«preco: 0,01 → 12,90»; de um segredo, só que mudou. `ate`: ver `valor`."""
    if parece_segredo(coluna, velho, novo):
        return f"{visivel(coluna)}: mudou ({ESCONDIDO})"
    return f"{visivel(coluna)}: {mudanca(velho, novo, ate)}"
