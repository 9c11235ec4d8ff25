"""O que fica e o que sai da cópia fora: as mesmas regras de `retencao`, sobre as datas do destino.

Mais duas, porque quem entra no balde com a credencial deste computador pode pôr lá o que quiser:
os mais novos de cada empresa ficam sempre, e mais de um terço de uma vez só sai se alguém o
escrever com todas as letras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cofre.base.config.valores import Politica
from cofre.remoto.poda import MINIMO, NaPoda
from cofre.rotina.poda.retencao import BackupNaPoda, planejar

UM_TERCO = 3


@dataclass(frozen=True, slots=True)
class PlanoDeFora:
    """O que sai e o que fica de um destino; `decididos`: empresa → os backups dela, com motivos, do
    mais antigo ao mais novo (o `carimbo` de cada um é o do nome do lacre)."""

    destino: str
    decididos: dict[str, tuple[BackupNaPoda, ...]]
    saem: tuple[NaPoda, ...]
    todos: int

    @property
    def demais(self) -> bool:
        """Se sai mais de um terço do que há."""
        return UM_TERCO * len(self.saem) > self.todos


def planejar_fora(
    destino: str,
    backups: Sequence[NaPoda],
    politica: Politica,
    agora: datetime,
    *,
    apesar_do_encolhimento: bool = False,
) -> PlanoDeFora:
    """O plano, que nada muda. `agora` tem fuso."""
    decididos: dict[str, tuple[BackupNaPoda, ...]] = {}
    saem: list[NaPoda] = []
    for empresa in sorted({b.endereco.empresa for b in backups}):
        dela = [b for b in backups if b.endereco.empresa == empresa]
        novos = sorted(dela, key=lambda b: (b.quando, b.endereco))[-MINIMO:]
        por_nome = {_nome(b): b for b in dela}
        decididos[empresa] = planejar(
            [_na_poda(b, protegido=_motivo(b, novos)) for b in dela],
            politica,
            agora,
            apesar_do_encolhimento=apesar_do_encolhimento,
        )
        saem += [por_nome[b.carimbo] for b in decididos[empresa] if b.sai]
    return PlanoDeFora(destino, decididos, tuple(saem), len(backups))


def _motivo(backup: NaPoda, novos: Sequence[NaPoda]) -> str:
    if backup in novos:
        return f"é dos {MINIMO} mais novos"
    return "ainda está no computador que o fez" if backup.citado else ""


def _na_poda(b: NaPoda, protegido: str) -> BackupNaPoda:
    return BackupNaPoda(
        _nome(b),
        b.quando.astimezone(),
        inteiro=b.completo,
        protegido=protegido,
        encolhido=b.encolhido,
        estado="completo" if b.completo else "incompleto",
        bytes=sum(n for _, n in b.lacre.blobs),
    )


def _nome(b: NaPoda) -> str:
    return f"{b.endereco.carimbo}-{b.endereco.escritor}"
