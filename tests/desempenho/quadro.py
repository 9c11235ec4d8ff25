"""O quadro: as linhas da tabela, em português, para o terminal ou para o README."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from desempenho.corrida import Corrida, mediana

CABECALHO = ("medida", "nosso", "referência", "razão", "meta", "")
CUMPRIDA, LONGE, SEM_META = "✅", "⚠️", ""


@dataclass(frozen=True, slots=True)
class Linha:
    """Uma medida. `cumprida` é None se ela não tem meta; `nota` explica como se mediu."""

    medida: str
    nosso: str
    referencia: str = "—"
    razao: float | None = None
    meta: str = "—"
    cumprida: bool | None = None
    nota: str = ""

    @property
    def situacao(self) -> str:
        """A meta, cumprida ou não."""
        return SEM_META if self.cumprida is None else CUMPRIDA if self.cumprida else LONGE


def em_palavras(linha: Linha) -> str:
    """Uma medida numa linha de texto, enquanto as outras não vêm."""
    razao = "" if linha.razao is None else f" ÷ {linha.referencia} = {decimal(linha.razao)}"
    return f"{linha.situacao or '·'} {linha.medida}: {linha.nosso}{razao}"


def em_markdown(linhas: Sequence[Linha]) -> str:
    """A tabela, e as notas numeradas embaixo."""
    notas, numeros = _notas(linhas)
    celulas = [CABECALHO, *(_celulas(linha, numeros) for linha in linhas)]
    larguras = [max(cell_len(c[n]) for c in celulas) for n in range(len(CABECALHO))]
    texto = [_emendar(c, larguras) for c in celulas]
    texto.insert(1, "|" + "|".join("-" * (largura + 2) for largura in larguras) + "|")
    return "\n".join([*texto, "", *(f"{n}. {nota}" for n, nota in enumerate(notas, 1))])


def _notas(linhas: Sequence[Linha]) -> tuple[list[str], dict[str, int]]:
    notas = list(dict.fromkeys(linha.nota for linha in linhas if linha.nota))
    return notas, {nota: n for n, nota in enumerate(notas, 1)}


def _celulas(linha: Linha, numeros: dict[str, int]) -> tuple[str, ...]:
    numero = numeros.get(linha.nota)
    return (
        linha.medida + (f" ({numero})" if numero else ""),
        linha.nosso,
        linha.referencia,
        "—" if linha.razao is None else decimal(linha.razao),
        linha.meta,
        linha.situacao,
    )


def _emendar(celulas: Sequence[str], larguras: Sequence[int]) -> str:
    pares = zip(celulas, larguras, strict=True)
    return "| " + " | ".join(c + " " * (largura - cell_len(c)) for c, largura in pares) + " |"


def decimal(valor: float, casas: int = 2) -> str:
    """Com vírgula, e ponto nos milhares."""
    return f"{valor:,.{casas}f}".translate(str.maketrans(",.", ".,"))


def segundos(valor: float) -> str:
    """Por exemplo «6,70 s», ou «84 ms»."""
    return f"{decimal(valor * 1000, 0)} ms" if abs(valor) < 1 else f"{decimal(valor)} s"


def inteiro(valor: int) -> str:
    """Com ponto nos milhares."""
    return decimal(valor, 0)


def tempo_e_cpu(corridas: Sequence[Corrida]) -> str:
    """As medianas; a CPU pouco muda quando a máquina está ocupada."""
    cpu = statistics.median(c.cpu for c in corridas)
    return f"{segundos(mediana(corridas))} (CPU {segundos(cpu)})"
