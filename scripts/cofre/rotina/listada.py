"""Uma empresa como `listar` a vê, e o que o --json diz dela."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cofre.base.modelo import ARQUIVOS
from cofre.base.palavras import como_se_diz
from cofre.deposito import ensaios
from cofre.deposito.backup import Backup
from cofre.deposito.inventario import EmpresaComBackups
from cofre.deposito.no_disco import bytes_de, em_arquivos, estado_de
from cofre.rotina.copias import CopiaDaEmpresa
from cofre.rotina.promessa import Medida


class Visto(NamedTuple):
    """O que o disco diz de um backup: o estado e a causa dele (ver `estado_de`), e os bytes."""

    estado: str
    causa: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Listada:
    """Uma empresa na lista: os backups, o que se mediu da promessa dela, e as cópias fora daqui."""

    guardada: EmpresaComBackups
    medida: Medida
    copias: tuple[CopiaDaEmpresa, ...]
    _vistos: dict[str, Visto] = field(init=False, default_factory=dict)

    def visto(self, backup: Backup) -> Visto:
        """O de um backup dela: olha-se para cada arquivo uma vez, e pergunta-se várias."""
        if backup.carimbo not in self._vistos:
            self._vistos[backup.carimbo] = Visto(*estado_de(backup), bytes_de(backup))
        return self._vistos[backup.carimbo]

    @property
    def em_falta(self) -> bool:
        """Se não se cumpre o que se prometeu dela; de uma que já não há, nada se prometeu."""
        return bool(self.medida.quebras) and not self.guardada.sumiu


def _contagens(b: Backup) -> dict[str, int]:
    tabelas = b.meta.tabelas.items() if b.meta else ()
    return {como_se_diz(n): t.registros for n, t in tabelas}


def _dos_arquivos(b: Backup) -> dict[str, int] | None:
    """Quantos arquivos da empresa o backup leva, e os bytes que os guardam; None se não os leva."""
    if b.meta is None or ARQUIVOS not in b.meta.tabelas:
        return None
    return {"quantos": b.meta.tabelas[ARQUIVOS].registros, "bytes": em_arquivos(b)}


def documento_de(listada: Listada) -> dict[str, Any]:
    """O que o --json diz dela."""
    guardada, medida = listada.guardada, listada.medida
    ensaio = ensaios.ler(guardada.pasta, guardada.empresa.id).ultimo_sucesso
    return {
        "id": guardada.empresa.id,
        "nome": guardada.empresa.nome,
        "pasta": str(guardada.pasta),
        "sumiu": guardada.sumiu,
        "ultimo_ensaio": ensaio.em.isoformat() if ensaio else None,
        "ultimo_inteiro": medida.idade.documento(),
        "promessa": medida.documento(),
        "copias": [c.documento() for c in listada.copias],
        "backups": [
            {
                "carimbo": b.carimbo,
                "quando": b.quando.isoformat(),
                "tipo": b.meta.tipo if b.meta else None,
                "estado": listada.visto(b).estado,
                "cifrado": b.cifrado,
                "consistencia": b.meta.consistencia if b.meta else None,
                "registros": b.meta.total if b.meta else None,
                "bytes": listada.visto(b).bytes,
                "tabelas": _contagens(b),
                "arquivos": _dos_arquivos(b),
                "encolhimentos": list(b.meta.encolhimentos) if b.meta else [],
                "mudancas": list(b.meta.mudancas) if b.meta else [],
                "restauracao_por_concluir": bool(b.meta and b.meta.restauracao_por_concluir),
                "dano": b.dano,
            }
            for b in guardada.backups
        ],
    }
