"""A tarefa de todo dia: a que horas, e que comando roda."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from cofre.base.erros import ErroDeUso

LIMITE_EM_HORAS = 12
"""Uma execução presa acaba antes de o dia seguinte começar a sua."""
DESCRICAO = "Backup de cada empresa do Supabase, todo dia"


@dataclass(frozen=True, slots=True)
class Tarefa:
    """O que roda todo dia à `hora` local: `comando` é o Python, o script e as opções, por inteiro.

    `raiz` é a pasta do projeto; `usuario`, quem a tarefa é (só o Windows o escreve). Textos, e não
    Path: a tarefa de um sistema pode ser mostrada em outro. ErroDeUso se um deles não cabe numa
    linha de configuração.
    """

    hora: time
    comando: tuple[str, ...]
    raiz: str
    usuario: str

    def __post_init__(self) -> None:
        for texto in (*self.comando, self.raiz):
            if not texto.isprintable():
                raise ErroDeUso(
                    f"O caminho {texto!r} tem um caractere que não se escreve numa agenda.",
                    "Mude o nome da pasta, ou mova o projeto para outra.",
                )

    @property
    def nome(self) -> str:
        """Um nome só desta pasta: dois projetos na mesma máquina têm cada um a sua tarefa."""
        return f"cofre-{hashlib.sha256(self.raiz.encode()).hexdigest()[:8]}"

    @property
    def quando(self) -> str:
        """«todo dia às 03:00»."""
        return f"todo dia às {self.hora:%H:%M}"


@dataclass(frozen=True, slots=True)
class Receita:
    """O que um sistema recebe: `textos` (onde → o quê) e os `comandos` que os ligam, na ordem.
    `experimentar` roda o backup já, como a tarefa o rodaria."""

    textos: Mapping[str, str]
    comandos: tuple[tuple[str, ...], ...]
    experimentar: tuple[str, ...]


def ler_hora(texto: str) -> time:
    """«03:00» ou «3:00». Levanta ErroDeUso."""
    casa = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", texto, re.ASCII)
    if casa is None:
        raise ErroDeUso(
            f"«{texto}» não é uma hora do dia.", "Escreva de 00:00 a 23:59; por exemplo, 03:00."
        )
    return time(int(casa[1]), int(casa[2]))
