"""Passar a confiar em quem assinou os lacres de uma pasta, pelo código que está na folha."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cofre.base.erros import ErroDeUso
from cofre.base.palavras import visivel
from cofre.deposito.lacre import conhecidos, serie
from cofre.deposito.lacre.assinatura import codigo, mesmo_codigo


@dataclass(frozen=True, slots=True)
class PorConhecer:
    """Uma chave em que esta máquina não confia, e quantos backups ela assinou."""

    chave: str
    backups: int

    @property
    def codigo(self) -> str:
        """O código dela."""
        return codigo(self.chave)


def por_conhecer(pastas: Iterable[Path]) -> list[PorConhecer]:
    """As que há nestas pastas de empresas, da que assinou mais à que assinou menos. Levanta
    FalhaDeDisco, DependenciaAusente ou ConfiguracaoInvalida."""
    confiadas = conhecidos.conhecidas()
    quantos: dict[str, int] = {}
    for pasta in pastas:
        for lacre in serie.na_pasta(pasta).values():
            if lacre.chave not in confiadas:
                quantos[lacre.chave] = quantos.get(lacre.chave, 0) + 1
    return sorted((PorConhecer(c, n) for c, n in quantos.items()), key=lambda p: -p.backups)


def aceitar(digitado: str, achadas: Iterable[PorConhecer]) -> tuple[str, bool]:
    """Passa a confiar na que tem o código digitado; devolve o código inteiro, e se era nova.
    Levanta ErroDeUso se nenhuma das `achadas`, nem das em que já se confia, tem esse código."""
    achadas = list(achadas)
    for achada in achadas:
        if mesmo_codigo(digitado, achada.codigo):
            conhecidos.confiar(achada.chave)
            return achada.codigo, True
    for conhecido in map(codigo, conhecidos.conhecidas()):
        if mesmo_codigo(digitado, conhecido):
            return conhecido, False
    ha = ", ".join(a.codigo for a in achadas) or "nenhum que esta máquina não conheça"
    raise ErroDeUso(
        f"Nenhum lacre daqui tem o código «{visivel(digitado)}».",
        f"Nada mudou. Os que há: {ha}.\n"
        "Se nenhum é o da sua folha, estes backups não são os seus: não os restaure.",
    )
