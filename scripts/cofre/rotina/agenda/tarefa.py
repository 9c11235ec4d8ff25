"""A tarefa agendada: quando roda, e que comando."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta

from cofre.base.erros import ErroDeUso
from cofre.base.palavras import plural

LIMITE_EM_HORAS = 12
"""Uma execução presa acaba antes de o dia seguinte começar a sua."""

Ritmo = time | timedelta
"""Uma hora local, todo dia; ou de tanto em tanto tempo, o dia inteiro."""

DIA = timedelta(days=1)
MINIMO = timedelta(minutes=5)
_UNIDADES = {"min": timedelta(minutes=1), "h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Tarefa:
    """O que roda neste `ritmo`: `comando` é o Python, o script e as opções, por inteiro.

    `raiz` é a pasta do projeto; `usuario`, quem a tarefa é (só o Windows o escreve). Textos, e não
    Path: a tarefa de um sistema pode ser mostrada em outro. ErroDeUso se um deles não cabe numa
    linha de configuração.
    """

    ritmo: Ritmo
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
        """«todo dia às 03:00», «a cada 15 minutos»."""
        if isinstance(self.ritmo, time):
            return f"todo dia às {self.ritmo:%H:%M}"
        return a_cada(self.ritmo)

    @property
    def descricao(self) -> str:
        """O que a agenda do sistema diz da tarefa."""
        quando = "todo dia" if isinstance(self.ritmo, time) else a_cada(self.ritmo)
        return f"Backup de cada empresa do Supabase, {quando}"


@dataclass(frozen=True, slots=True)
class Receita:
    """O que um sistema recebe: `textos` (onde → o quê) e os `comandos` que os ligam, na ordem.
    `experimentar` roda o backup já, como a tarefa o rodaria."""

    textos: Mapping[str, str]
    comandos: tuple[tuple[str, ...], ...]
    experimentar: tuple[str, ...]


def ler_ritmo(texto: str) -> Ritmo:
    """«03:00», «15min» ou «1h». Levanta ErroDeUso."""
    return ler_intervalo(texto) if re.search(r"[a-z]", texto, re.I) else ler_hora(texto)


def ler_hora(texto: str) -> time:
    """«03:00» ou «3:00». Levanta ErroDeUso."""
    casa = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", texto, re.ASCII)
    if casa is None:
        raise ErroDeUso(
            f"«{texto}» não é uma hora do dia.",
            "Escreva de 00:00 a 23:59, como 03:00; ou de quanto em quanto tempo, como 15min ou 1h.",
        )
    return time(int(casa[1]), int(casa[2]))


def ler_intervalo(texto: str) -> timedelta:
    """«15min» ou «1h»: cabe um número certo de vezes numa hora, ou num dia, para que as horas sejam
    as mesmas todo dia. Levanta ErroDeUso."""
    casa = re.fullmatch(r"(\d{1,3})\s*(min|h)", texto, re.ASCII | re.IGNORECASE)
    intervalo = int(casa[1]) * _UNIDADES[casa[2].lower()] if casa else timedelta()
    cabe_em = timedelta(hours=1) if intervalo < timedelta(hours=1) else DIA
    de_hora_em_hora = not intervalo % timedelta(hours=1)
    certo = MINIMO <= intervalo < DIA and not cabe_em % intervalo
    if not certo or (cabe_em == DIA and not de_hora_em_hora):
        raise ErroDeUso(
            f"«{texto}» não é um intervalo que caiba certo numa hora ou num dia.",
            "Escreva 5min, 10min, 15min, 20min, 30min, 1h, 2h, 3h, 4h, 6h, 8h ou 12h; uma hora do"
            " dia, como 03:00.",
        )
    return intervalo


def em_minutos(intervalo: timedelta) -> int:
    """O intervalo em minutos."""
    return intervalo // timedelta(minutes=1)


def escrito(intervalo: timedelta) -> str:
    """«15min», «1h»: como se digita."""
    minutos = em_minutos(intervalo)
    return f"{minutos // 60}h" if minutos % 60 == 0 else f"{minutos}min"


def a_cada(intervalo: timedelta) -> str:
    """«a cada 15 minutos», «a cada hora»."""
    minutos = em_minutos(intervalo)
    if minutos == 60:
        return "a cada hora"
    if minutos % 60 == 0:
        return f"a cada {plural(minutos // 60, 'hora', 'horas')}"
    return f"a cada {plural(minutos, 'minuto', 'minutos')}"
