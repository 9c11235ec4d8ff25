"""O registro dos ensaios de uma empresa: `ensaio.json` na pasta dela.

Guarda só dois: o último que deu certo e a última tentativa. Um backup que nunca foi restaurado é
uma esperança; a data daqui diz há quanto tempo ele é mais do que isso.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cofre.base import estado
from cofre.deposito.carimbo import ANOS

ARQUIVO = "ensaio.json"
CONFERIDO, RESTAURADO = "conferido", "restaurado"
"""Até onde um ensaio foi: só releu os arquivos, ou pôs as linhas num banco e as leu de volta."""

EM_PALAVRAS = {CONFERIDO: "só conferido", RESTAURADO: "restaurado num banco de teste"}


@dataclass(frozen=True, slots=True)
class Ensaio:
    """Um ensaio: quando acabou, com que backup (carimbo), até onde foi e quantas linhas voltaram.
    `causa` diz por que não deu certo; vazia, deu."""

    em: datetime
    backup: str
    como: str
    registros: int
    causa: str = ""


@dataclass(frozen=True, slots=True)
class Ensaios:
    """O que está no arquivo; None: nunca houve."""

    user_id: str = ""
    ultimo_sucesso: Ensaio | None = None
    ultima_tentativa: Ensaio | None = None

    @property
    def comparaveis(self) -> bool:
        """Se as datas têm fuso, e são de um ano que todo sistema sabe mostrar."""
        datas = [e.em for e in (self.ultimo_sucesso, self.ultima_tentativa) if e]
        return all(em.tzinfo is not None and em.year in ANOS for em in datas)


def ler(pasta: Path, user_id: str) -> Ensaios:
    """Os ensaios da empresa. Um arquivo que não se lê, ou que é de outra, vale como nenhum: um
    ensaio a mais não faz mal."""
    lidos = estado.ler(pasta / ARQUIVO, Ensaios)
    return lidos if lidos and lidos.user_id == user_id and lidos.comparaveis else Ensaios(user_id)


def anotar(pasta: Path, user_id: str, ensaio: Ensaio) -> None:
    """Guarda um ensaio que acabou de acontecer. Levanta FalhaDeDisco."""
    sucesso = ler(pasta, user_id).ultimo_sucesso if ensaio.causa else ensaio
    estado.gravar(pasta / ARQUIVO, Ensaios(user_id, sucesso, ensaio))
