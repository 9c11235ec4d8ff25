"""Qual agenda esta máquina tem, e pôr ou tirar a tarefa dela."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from cofre.base import maquina
from cofre.base.erros import AgendaRecusou
from cofre.rotina.agenda import cron, systemd, windows
from cofre.rotina.agenda.tarefa import Receita, Tarefa


class Sistema(Protocol):
    """O que cada módulo de sistema sabe fazer; as docstrings dizem o que cada um levanta."""

    NOME: str

    def disponivel(self) -> bool:
        """Se esta máquina o tem."""

    def receita(self, tarefa: Tarefa, agora: datetime, /) -> Receita:
        """O que seria instalado, em qualquer máquina."""

    def instalar(self, tarefa: Tarefa, agora: datetime, /) -> tuple[str, ...]:
        """Põe a tarefa, no lugar da que houver; devolve avisos."""

    def instalada(self, nome: str, /) -> bool:
        """Se a tarefa está lá."""

    def remover(self, nome: str, /) -> None:
        """Tira a tarefa que está lá."""


SISTEMAS: Final[Mapping[str, Sistema]] = {s.NOME: s for s in (windows, systemd, cron)}
"""Na ordem em que se prefere."""


@dataclass(frozen=True, slots=True)
class Agendada:
    """O que aconteceu ao agendar: se havia outra no lugar, e o que o usuário precisa saber."""

    substituiu: bool
    avisos: tuple[str, ...]


def desta_maquina(pedido: str | None = None) -> Sistema:
    """O pedido, ou o preferido dos que há. Levanta AgendaRecusou se não há."""
    candidatos = [SISTEMAS[pedido]] if pedido else list(SISTEMAS.values())
    achado = next((s for s in candidatos if s.disponivel()), None)
    if achado is None:
        qual = f"o {pedido}" if pedido else "Agendador do Windows, systemd do usuário nem cron"
        raise AgendaRecusou(f"Esta máquina não tem {qual}.")
    return achado


def agendar(tarefa: Tarefa, sistema: Sistema, agora: datetime) -> Agendada:
    """Instala a tarefa no sistema, e só nele: a que estava em outro sai depois de esta entrar.
    Levanta AgendaRecusou ou FalhaDeDisco."""
    havia = _onde_esta(tarefa.nome)
    avisos = sistema.instalar(tarefa, agora)
    for outro in havia:
        if outro.NOME != sistema.NOME:
            outro.remover(tarefa.nome)
    return Agendada(bool(havia), avisos)


def remover(nome: str) -> list[str]:
    """Tira a tarefa de onde estiver; devolve os nomes dos sistemas. Levanta AgendaRecusou."""
    havia = _onde_esta(nome)
    for sistema in havia:
        sistema.remover(nome)
    return [sistema.NOME for sistema in havia]


def usuario(sistema: Sistema) -> str:
    """De quem é a tarefa: no Windows o SID; mostrada em outra máquina, o nome de quem a vê."""
    if sistema.NOME == windows.NOME and windows.disponivel():
        return windows.usuario()
    return maquina.usuario()


def _onde_esta(nome: str) -> list[Sistema]:
    return [s for s in SISTEMAS.values() if s.disponivel() and s.instalada(nome)]
