"""Rodar os programas do sistema que guardam a agenda."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from cofre.base.erros import AgendaRecusou

PACIENCIA = 60.0
"""Segundos até desistir de um programa do sistema que não responde."""


@dataclass(frozen=True, slots=True)
class Resposta:
    """Como um programa terminou; `erros` é o que ele disse, já em texto."""

    codigo: int
    saida: bytes
    erros: str


def existe(programa: str) -> bool:
    """Se o programa está no PATH."""
    return shutil.which(programa) is not None


def rodar(*comando: str, entrada: bytes = b"") -> Resposta:
    """Roda até o fim, sem terminal, qualquer que seja o código. Levanta AgendaRecusou se o programa
    não roda ou não responde."""
    try:
        fim = subprocess.run(
            comando, input=entrada, capture_output=True, timeout=PACIENCIA, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        causa = getattr(e, "strerror", None) or f"não respondeu em {PACIENCIA:.0f} s"
        raise AgendaRecusou(f"{comando[0]} não rodou: {causa}.") from e
    # A língua e a página de código são as do sistema; o que não se lê aparece trocado.
    dito = (fim.stderr or fim.stdout).decode("utf-8", "replace").strip()
    return Resposta(fim.returncode, fim.stdout, dito)


def exigir(*comando: str, entrada: bytes = b"") -> Resposta:
    """O mesmo, mas um código que não é 0 também levanta AgendaRecusou, com o que ele disse."""
    resposta = rodar(*comando, entrada=entrada)
    if resposta.codigo != 0:
        raise AgendaRecusou(f"{' '.join(comando)} respondeu {resposta.codigo}: {resposta.erros}")
    return resposta
