"""As páginas que se leem: o README, o manual e as de quem contribui. O que têm, e o que lhes sobra.

Num bloco de código, a marca `<!-- testado: ARGUMENTOS -->` quer dizer: é isto que
`backup-por-empresa.py ARGUMENTOS` mostra; se começa pelo nome de outro script, é esse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[2]
LONGA = 40
"""Colunas: uma linha menor que isto se repete sem querer dizer nada (`opções:`, um `└──`)."""

COMECO = 50
"""Colunas iguais com que duas linhas começam se uma é a outra reescrita."""

COLUNAS = 110
"""De um parágrafo; uma tabela não quebra."""

PERTO = 12
"""Linhas em volta onde uma repetida é sobra de uma junção, e não outra ocasião."""


def ler_paginas() -> dict[str, str]:
    """O caminho, a partir da raiz, e o texto de cada página do projeto."""
    arquivos = [RAIZ / "README.md"]
    arquivos += [a for p in ("scripts", "tests") for a in sorted((RAIZ / p).rglob("*.md"))]
    return {a.relative_to(RAIZ).as_posix(): a.read_text(encoding="utf-8") for a in arquivos}


PAGINAS = ler_paginas()


@dataclass(frozen=True, slots=True)
class Bloco:
    """Um bloco de código de uma página; `argumentos` é None se ele não é testado."""

    pagina: str
    argumentos: str | None
    linguagem: str
    texto: str


def blocos_de(pagina: str, texto: str) -> list[Bloco]:
    """Os blocos da página, na ordem."""
    achados = re.findall(
        r"(?:^<!-- testado:([^\n]*)-->\n)?^```(\w*)\n(.*?)^```$", texto, re.MULTILINE | re.DOTALL
    )
    todos = [
        Bloco(pagina, marca.strip() if marca else None, linguagem, codigo)
        for marca, linguagem, codigo in achados
    ]
    marcas = texto.count("<!-- testado:")
    assert sum(b.argumentos is not None for b in todos) == marcas, f"{pagina}: marca sem bloco"
    return todos


def blocos() -> list[Bloco]:
    """Os de todas as páginas."""
    return [b for pagina, texto in PAGINAS.items() for b in blocos_de(pagina, texto)]


def sem_blocos(texto: str) -> str:
    """A página sem o que está entre cercas, recuadas ou não."""
    return re.sub(r"^ *```.*?^ *```$", "", texto, flags=re.MULTILINE | re.DOTALL)


def titulos(texto: str) -> list[str]:
    """Os títulos da página, na ordem, sem os «#»."""
    return re.findall(r"^#+ (.*)$", sem_blocos(texto), re.MULTILINE)


def ancora(titulo: str) -> str:
    """O nome com que se aponta para um título, como o GitHub o faz."""
    return re.sub(r"[^\w\- ]", "", titulo.lower()).replace(" ", "-")


def ligacoes(texto: str) -> Iterator[tuple[str, str]]:
    """(arquivo, âncora) de cada ligação da página que não vai para fora; um dos dois pode ser
    vazio."""
    for destino in re.findall(r"\]\(([^)\s]+)\)", sem_blocos(texto)):
        if not re.match(r"\w+://", destino):
            arquivo, _, parte = destino.partition("#")
            yield arquivo, parte


# -- o que uma junção deixa para trás ----------------------------------------------------------


def sobras(texto: str) -> list[str]:
    """O que duas pessoas que mexem na mesma página deixam nela: uma linha dita duas vezes, uma
    cerca que não fecha, um título colado ao parágrafo, um parágrafo emendado sem quebra. «linha N:
    o quê» de cada uma."""
    linhas = texto.splitlines()
    achadas = [*_cercas(linhas), *_repetidas(linhas), *_compridas(linhas)]
    return [f"linha {n}: {o_que}" for n, o_que in sorted(achadas)]


def _cercas(linhas: list[str]) -> Iterator[tuple[int, str]]:
    aberta = 0
    for n, linha in enumerate(linhas, 1):
        antes = linhas[n - 2].strip() if n > 1 else ""
        depois = linhas[n].strip() if n < len(linhas) else ""
        if linha.lstrip().startswith("```"):
            linguagem = linha.strip("` ")
            if aberta and linguagem:
                yield n, f"um bloco abre dentro do da linha {aberta}, que não fechou"
            elif aberta and depois:
                yield n, "texto colado ao fim de um bloco"
            elif not aberta and not linguagem:
                yield n, "um bloco sem linguagem, ou um fim sem começo"
            elif not aberta and antes and not antes.startswith("<!--"):
                yield n, "um bloco colado ao texto de antes"
            aberta = 0 if aberta and not linguagem else n
        elif not aberta and re.match(r"#+ ", linha) and (antes or depois):
            yield n, "um título sem uma linha vazia antes e outra depois"
    if aberta:
        yield aberta, "um bloco que nunca fecha"


def _repetidas(linhas: list[str]) -> Iterator[tuple[int, str]]:
    """Linhas iguais, ou que começam iguais, perto uma da outra."""
    vistas: dict[str, int] = {}
    for n, linha in _texto_e_telas(linhas):
        if len(linha) <= LONGA or set(linha) <= set("|-: "):
            continue
        comeco = linha[:COMECO]
        if n - vistas.get(comeco, -PERTO - 1) <= PERTO:
            yield n, f"repete a linha {vistas[comeco]}: {comeco}"
        vistas[comeco] = n


def _compridas(linhas: list[str]) -> Iterator[tuple[int, str]]:
    dentro = False
    for n, linha in enumerate(linhas, 1):
        dentro ^= linha.lstrip().startswith("```")
        if len(linha) > COLUNAS and not dentro and not linha.startswith(("|", "<")):
            yield n, f"passa de {COLUNAS} colunas"


def _texto_e_telas(linhas: list[str]) -> Iterator[tuple[int, str]]:
    """O que se lê: nem as telas testadas, que são como são, nem comandos e arquivos de exemplo."""
    bloco, marcada = "", False
    for n, linha in enumerate(linhas, 1):
        if linha.startswith("<!-- testado:"):
            marcada = True
        elif linha.lstrip().startswith("```"):
            bloco = "" if bloco else linha.strip("` ")
            marcada = marcada and bool(bloco)
        elif not bloco or (bloco == "text" and not marcada):
            yield n, linha.strip()
