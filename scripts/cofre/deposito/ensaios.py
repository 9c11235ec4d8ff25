"""O registro dos ensaios de uma empresa: `ensaio.json` na pasta dela.

Guarda só dois: o último que deu certo e a última tentativa. Um backup que nunca foi restaurado é
uma esperança; a data daqui diz há quanto tempo ele é mais do que isso. Por isso só conta o que o
restaurou: o que apenas releu os arquivos é uma tentativa, e não o ensaio da empresa.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cofre.base import estado
from cofre.deposito.carimbo import ANOS

ARQUIVO = "ensaio.json"
CONFERIDO, RESTAURADO = "conferido", "restaurado"
"""Até onde um ensaio foi: só releu os arquivos, ou pôs as linhas num banco e as leu de volta."""

EM_PALAVRAS = {RESTAURADO: "restaurado num banco de teste"}


@dataclass(frozen=True, slots=True)
class Ensaio:
    """Um ensaio: quando acabou, com que backup (carimbo), até onde foi, quantas linhas voltaram, e
    em quantos segundos (0: não se mediu). `causa` diz por que não deu certo; vazia, deu."""

    em: datetime
    backup: str
    como: str
    registros: int
    causa: str = ""
    segundos: float = 0.0


@dataclass(frozen=True, slots=True)
class Ensaios:
    """O que está no arquivo; None: nunca houve. O sucesso é sempre uma restauração."""

    user_id: str = ""
    ultimo_sucesso: Ensaio | None = None
    ultima_tentativa: Ensaio | None = None

    @property
    def so_conferido(self) -> Ensaio | None:
        """A última tentativa, se o que ela fez foi só conferir, sem achar dano."""
        ultima = self.ultima_tentativa
        return ultima if ultima and ultima.como == CONFERIDO and not ultima.causa else None

    @property
    def comparaveis(self) -> bool:
        """Se as datas têm fuso, e são de um ano que todo sistema sabe mostrar."""
        datas = [e.em for e in (self.ultimo_sucesso, self.ultima_tentativa) if e]
        return all(em.tzinfo is not None and em.year in ANOS for em in datas)


def ler(pasta: Path, user_id: str) -> Ensaios:
    """Os ensaios da empresa. Um arquivo que não se lê, ou que é de outra, vale como nenhum: um
    ensaio a mais não faz mal."""
    lidos = estado.ler(pasta / ARQUIVO, Ensaios)
    if not lidos or lidos.user_id != user_id or not lidos.comparaveis:
        return Ensaios(user_id)
    sucesso = lidos.ultimo_sucesso
    if sucesso is None or sucesso.como == RESTAURADO:
        return lidos
    return replace(lidos, ultimo_sucesso=None)  # de uma versão em que conferir já contava


def anotar(pasta: Path, user_id: str, ensaio: Ensaio) -> None:
    """Guarda um ensaio que acabou de acontecer. Levanta FalhaDeDisco."""
    conta = ensaio.como == RESTAURADO and not ensaio.causa
    sucesso = ensaio if conta else ler(pasta, user_id).ultimo_sucesso
    estado.gravar(pasta / ARQUIVO, Ensaios(user_id, sucesso, ensaio))
