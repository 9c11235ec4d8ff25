"""O texto exato de um valor (ver `base.textos`), depois de trocado o que há nele."""

from __future__ import annotations

import re
from collections.abc import Sequence

PEQUENO = 3
"""Um pedaço com menos letras não diz quem é ninguém."""


def refazer(texto: str, pares: Sequence[tuple[str, str]]) -> str | None:
    """O texto com cada (velho, novo) trocado, escrito como num vetor, num composto ou num hstore;
    None se algum dos velhos ainda lá está."""
    trocas: dict[str, str] = {}
    for velho, novo in pares:
        for escrito in (_igual, _com_barras, _com_aspas):
            trocas.setdefault(escrito(velho), escrito(novo))
    if not trocas:
        return texto
    padrao = "|".join(re.escape(v) for v in sorted(trocas, key=len, reverse=True))
    refeito = re.sub(padrao, lambda achado: trocas[achado.group()], texto)
    novos = set(trocas.values())
    restam = (v for v in trocas if len(v) >= PEQUENO and v not in novos)
    return None if any(velho in refeito for velho in restam) else refeito


def _igual(texto: str) -> str:
    return texto


def _com_barras(texto: str) -> str:
    return texto.replace("\\", "\\\\").replace('"', '\\"')


def _com_aspas(texto: str) -> str:
    return texto.replace("\\", "\\\\").replace('"', '""')
