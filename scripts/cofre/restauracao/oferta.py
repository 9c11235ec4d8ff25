"""Que backup se oferece a quem não pediu nenhum: o mais novo que presta, se não é já o do estrago.

De um acidente seguido de um backup, o mais novo é o que não se quer: oferece-se o último de antes
do que encolheu sem que ninguém dissesse que foi de propósito. O que se copiou com uma restauração
por concluir nunca se oferece: não é como a empresa era, nem como há de ficar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from cofre.base.palavras import na_tela
from cofre.deposito.backup import Backup
from cofre.deposito.guardados import que
from cofre.deposito.inventario import (
    EmpresaComBackups,
    mais_novo,
    mais_novo_com,
    nenhum_inteiro,
)
from cofre.deposito.ordem import POR_CONCLUIR
from cofre.rotina.encolhimento import Encolhimento
from cofre.rotina.marcas import Estragos, resumir


@dataclass(frozen=True, slots=True)
class Oferta:
    """O `backup` mais novo que serve, o `estrago` que ele já tem, e o último de antes desse estrago
    (None: não há estrago, ou não há nenhum antes dele)."""

    backup: Backup
    estrago: tuple[Encolhimento, ...] = ()
    anterior: Backup | None = None

    @property
    def em_palavras(self) -> str:
        """«O backup mais novo já tem o estrago (clientes 145 → 0).»"""
        return f"O backup mais novo já tem o estrago ({resumir(self.estrago)})."

    @property
    def aviso(self) -> str:
        """O mesmo, a quem não se pergunta: o que se usa, e como usar o outro."""
        if self.anterior is None:
            return self.em_palavras
        return (
            f"{self.em_palavras} Mesmo assim, sem --backup é ele que se usa."
            f" O último de antes, de {na_tela(self.anterior.quando, 'minuto')}, pede-se com"
            f" --backup {self.anterior.carimbo}"
        )


def oferecer(guardada: EmpresaComBackups, tabelas: Sequence[str] = ()) -> Oferta:
    """O que se oferece desta empresa: o inteiro mais novo ou, com `tabelas`, o mais novo que as tem
    todas, falte o que faltar das outras. Levanta NadaEncontrado."""
    servem = _que_servem(guardada)
    procurar = partial(mais_novo_com, nomes=tabelas) if tabelas else mais_novo
    # Sem um que tenha todas, o inteiro: quem as pediu saberá, por nome, a que falta.
    achado = procurar(servem) or mais_novo(servem)
    if achado is None:
        raise nenhum_inteiro()
    estragos = Estragos.em(guardada, tabelas)
    if not (estrago := estragos.de(achado)):
        return Oferta(achado)
    de_antes = (b for b in servem if b.ordem < achado.ordem and not estragos.de(b))
    return Oferta(achado, estrago, procurar(de_antes))


def alguma(guardada: EmpresaComBackups) -> Oferta:
    """O mesmo que `oferecer`, para quem ainda vai escolher as tabelas: sem backup inteiro, o mais
    novo que tem alguma. Levanta NadaEncontrado."""
    servem = _que_servem(guardada)
    parcial = None if mais_novo(servem) else mais_novo_com(servem, ())
    return Oferta(parcial) if parcial else oferecer(guardada)


def melhor_que(
    backup: Backup, guardada: EmpresaComBackups, tabelas: Sequence[str]
) -> Backup | None:
    """O mais novo que tem estas tabelas, sem estrago nelas, se é mais novo do que este backup."""
    estragos = Estragos.em(guardada, tabelas)
    achado = mais_novo_com((b for b in _que_servem(guardada) if not estragos.de(b)), tabelas)
    return achado if achado and achado.ordem > backup.ordem else None


def _que_servem(guardada: EmpresaComBackups) -> Sequence[Backup]:
    """Do mais novo ao mais antigo, os que se podem oferecer."""
    return que(guardada.backups[::-1], lambda b: POR_CONCLUIR not in b.sinais)
