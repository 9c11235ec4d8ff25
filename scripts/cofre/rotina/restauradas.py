"""O que as restaurações fizeram de uma empresa, para que o backup seguinte não o estranhe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import e_carimbo
from cofre.deposito.diario import CONCLUIDA, Diario
from cofre.plano.alvo import VOLTAR


@dataclass(frozen=True, slots=True)
class Restaurada:
    """Uma restauração que acabou, e que fez de umas tabelas o que são num backup."""

    diario: Diario

    @property
    def comecada_em(self) -> datetime:
        """Quando começou."""
        return self.diario.comecada_em

    @property
    def tabelas(self) -> Sequence[str]:
        """As que ela levou ao backup."""
        return tuple(self.diario.dados.get("tabelas", ()))

    def alvo(self) -> Backup:
        """O backup a que levou, lido agora; sem `meta`, se já não se lê."""
        return abrir_backup(self.diario.caminho.parent, str(self.diario.dados["backup"]))


def restauradas(diarios: Sequence[Diario]) -> Iterator[Restaurada]:
    """As restaurações e os desfazeres que acabaram, na ordem dos diários. De uma desfeita, o que
    vale é o desfazer; a que só repôs o que faltava não diz o que mais ficou na tabela."""
    for diario in diarios:
        voltou = diario.dados.get("modo", VOLTAR) == VOLTAR
        if diario.estado == CONCLUIDA and voltou and e_carimbo(str(diario.dados.get("backup"))):
            yield Restaurada(diario)
