"""Os backups que contam a história de uma empresa neste projeto: uma cópia trazida de outro (ver
`cofre.clone`) diz como ela era lá, e não é um instante daqui."""

from __future__ import annotations

from dataclasses import replace

from cofre.deposito.guardados import que
from cofre.deposito.inventario import EmpresaComBackups

NAO_CONTAM = "As cópias trazidas de outro projeto não contam: não são a história deste."


def so_deste(guardada: EmpresaComBackups) -> EmpresaComBackups:
    """A mesma, só com os backups deste projeto. Uma cópia nunca é de rotina: só se abre o que
    também não é."""
    suspeitos = que(guardada.backups, lambda b: not b.de_rotina)
    fora = {b.carimbo for b in suspeitos if b.de_outro_projeto}
    if not fora:
        return guardada
    return replace(guardada, backups=que(guardada.backups, lambda b: b.carimbo not in fora))


def tambem(dica: str, guardada: EmpresaComBackups, olhada: EmpresaComBackups) -> str:
    """A dica de quem nada achou na `olhada`; se houve cópias que não contaram, também isso."""
    return dica if guardada is olhada else f"{dica}\n{NAO_CONTAM}"
