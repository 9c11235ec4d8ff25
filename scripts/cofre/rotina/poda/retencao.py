"""O que fica e o que sai: uma conta pura sobre os backups de uma empresa.

As regras são as do `forget` do restic: de cada hora, dia, semana (ISO), mês ou ano fica o backup
mais novo, até a quantidade pedida; só contam os períodos que têm backup, e basta uma regra querer
para ficar. O mais antigo de todos fica enquanto uma regra não encheu.

O que vale sempre: **só sai um backup de que há outro completo, de rotina, mais novo, que fica.**
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cofre.base.config.valores import Politica
from cofre.deposito.ordem import PRIMEIRA, Ordem

IDADE_DAS_FOTOS = timedelta(days=30)
"""Antes disto, uma foto tirada ao restaurar não sai: é com ela que se desfaz."""
FOLGA_DO_RELOGIO = timedelta(days=1)
"""Um carimbo além disto no futuro é de um relógio errado: o mais novo pode não ser o mais novo."""


@dataclass(frozen=True, slots=True)
class BackupNaPoda:
    """Um backup, e o que se decide dele: fica pelos `motivos`, ou sai se não há nenhum.

    `rotina`: feito por alguém ou pela tarefa agendada, e não por uma restauração; `inteiro`: tem
    tudo, e os arquivos estão lá; `protegido` diz por que não pode sair, seja qual for a regra;
    `encolhido`: nele os dados tinham encolhido de repente. O `tipo`, o `estado` e os `bytes` que
    ele tem sozinho são só para mostrar.
    """

    carimbo: str
    quando: datetime
    rotina: bool = True
    inteiro: bool = True
    protegido: str = ""
    encolhido: bool = False
    tipo: str = ""
    estado: str = ""
    bytes: int = 0
    motivos: tuple[str, ...] = ()

    @property
    def ordem(self) -> Ordem:
        """O que o põe antes ou depois de outro."""
        return self.quando, self.carimbo

    @property
    def sai(self) -> bool:
        return not self.motivos


def planejar(
    backups: Sequence[BackupNaPoda],
    politica: Politica,
    agora: datetime,
    *,
    apesar_do_encolhimento: bool = False,
) -> tuple[BackupNaPoda, ...]:
    """Os backups de uma empresa com os seus motivos, do mais antigo ao mais novo. `agora` tem
    fuso."""
    em_ordem = sorted(backups, key=lambda b: b.ordem)
    if politica.vazia:
        return tuple(replace(b, motivos=("nenhuma regra foi dada",)) for b in em_ordem)
    completos = _completos(em_ordem, agora)
    regras = _pelas_regras(completos, politica)
    encolhido = max((b.ordem for b in em_ordem if b.encolhido), default=PRIMEIRA)
    if apesar_do_encolhimento:
        encolhido = PRIMEIRA
    decididos = []
    for b in em_ordem:
        motivos = [b.protegido] if b.protegido else []
        if b.ordem <= encolhido:
            quando = "nele" if b.encolhido else "depois dele"
            motivos.append(f"os dados encolheram {quando}")
        if _no_futuro(b, agora):
            motivos.append("a data está no futuro")
        elif b.rotina and b.inteiro:
            motivos += regras.get(b.carimbo, ())
        else:
            motivos += _dos_outros(b, completos, politica, agora)
        decididos.append(replace(b, motivos=tuple(motivos)))
    return tuple(decididos)


def garantia(backups: Sequence[BackupNaPoda], agora: datetime) -> str:
    """O carimbo do completo mais novo, que fica por qualquer regra; vazio se não há nenhum."""
    return max((b.ordem for b in _completos(backups, agora)), default=PRIMEIRA)[1]


def _completos(backups: Sequence[BackupNaPoda], agora: datetime) -> list[BackupNaPoda]:
    return [b for b in backups if b.rotina and b.inteiro and not _no_futuro(b, agora)]


def _no_futuro(backup: BackupNaPoda, agora: datetime) -> bool:
    return backup.quando > agora + FOLGA_DO_RELOGIO


def _dos_outros(
    backup: BackupNaPoda, completos: Sequence[BackupNaPoda], politica: Politica, agora: datetime
) -> list[str]:
    """Os que não são um backup completo de rotina: ficam até haver outro que os substitua."""
    mais_novos = sum(c.ordem > backup.ordem for c in completos)
    if not mais_novos:
        return ["não há completo mais novo"]
    if not backup.rotina and agora - backup.quando < IDADE_DAS_FOTOS:
        return [f"foto de menos de {IDADE_DAS_FOTOS.days} dias"]
    if backup.rotina and mais_novos < politica.ultimos:
        return ["último"]
    return []


def _pelas_regras(completos: Sequence[BackupNaPoda], politica: Politica) -> dict[str, list[str]]:
    """Carimbo → as regras que querem esse backup, só dos que alguma quer."""
    periodos: tuple[tuple[str, int, Callable[[BackupNaPoda], object]], ...] = (
        ("último", politica.ultimos, lambda b: b.carimbo),
        ("horário", politica.horarios, lambda b: (b.quando.date(), b.quando.hour)),
        ("diário", politica.diarios, lambda b: b.quando.date()),
        ("semanal", politica.semanais, lambda b: b.quando.isocalendar()[:2]),
        ("mensal", politica.mensais, lambda b: (b.quando.year, b.quando.month)),
        ("anual", politica.anuais, lambda b: b.quando.year),
    )
    motivos: dict[str, list[str]] = {}
    for nome, quantos, periodo in periodos:
        restam, visto = quantos, None
        for backup in reversed(completos):
            if restam and (periodo(backup) != visto or backup is completos[0]):
                motivos.setdefault(backup.carimbo, []).append(nome)
                visto, restam = periodo(backup), restam - 1
    return motivos
