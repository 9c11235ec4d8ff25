"""De cada empresa que há numa cópia, o backup que se oferece: o mais novo que lá está inteiro e é
de tudo; se nenhum é de tudo, o mais novo."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cofre.base.equipe import Equipe
from cofre.base.erros import BackupDanificado
from cofre.base.palavras import plural
from cofre.base.relato import Relato
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.lacre.lacre import Lacre
from cofre.remoto.disposicao import Endereco
from cofre.remoto.lacres import LADO_A_LADO
from cofre.remoto.vinda import Fora, NaCopia

OLHADOS = 40
"""Quantos backups, do mais novo, se olham de cada empresa."""


def oferecer(
    fora: Fora, novos: Mapping[Endereco, Lacre], conhecidas: Collection[str], relato: Relato
) -> dict[str, NaCopia]:
    """O de cada empresa de que há um destes lacres, pelo id dela. O que se passa por cima é dito.
    Levanta FaltaChave (nenhuma das dadas abre nada), BackupDanificado (não há nenhum inteiro) ou
    FalhaDaCopia."""
    procura = _Procura(fora, novos, conhecidas, relato)
    equipe = Equipe(LADO_A_LADO, threading.Event(), "empresas")
    try:
        melhores = equipe.cada(procura.melhor, sorted({e.empresa for e in novos}))
    finally:
        equipe.encerrar()
    achados = {n.meta.user_id: n for n in melhores if isinstance(n, NaCopia)}
    fechadas = [n for n in melhores if isinstance(n, FaltaChave)]
    if not achados and fechadas:
        raise fechadas[0]
    if not achados:
        raise BackupDanificado(
            f"Nenhum backup de {fora.destino.nome} está inteiro.",
            "Veja o que falta com «verificar --copia», e tente de outro destino.",
        )
    if fechadas:
        quantas = plural(len(fechadas), "empresa ficou", "empresas ficaram")
        relato.aviso(f"{quantas} de fora: foram fechadas com outras chaves, que não se deram.")
    return achados


@dataclass(frozen=True, slots=True)
class _Procura:
    fora: Fora
    novos: Mapping[Endereco, Lacre]
    conhecidas: Collection[str]
    relato: Relato

    def melhor(self, empresa: str) -> NaCopia | FaltaChave | None:
        """O melhor da empresa; se as chaves não abrem nenhum, o que falta."""
        reserva: NaCopia | None = None
        fechado: FaltaChave | None = None
        for endereco in itertools.islice(self.fora.da_empresa(empresa), OLHADOS):
            try:
                nele = self._abrir(endereco)
            except FaltaChave as e:
                fechado = fechado or e
            except BackupDanificado as e:
                self.relato.aviso(f"{endereco.carimbo}: {e}")
            else:
                if nele is not None and nele.meta.de_rotina and nele.meta.inteiro:
                    return nele
                reserva = reserva or nele
        return reserva or fechado

    def _abrir(self, endereco: Endereco) -> NaCopia | None:
        """None se lhe falta algo na cópia."""
        lacre = self.novos.get(endereco) or self.fora.lacre(endereco, self.conhecidas)
        faltam = self.fora.faltam(lacre)
        if faltam:
            quantos = plural(faltam, "arquivo falta", "arquivos faltam")
            self.relato.aviso(f"{endereco.carimbo}: {quantos} na cópia; vale o anterior.")
            return None
        return self.fora.abrir(endereco, lacre)
