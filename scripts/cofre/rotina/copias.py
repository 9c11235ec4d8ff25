"""O que se diz, de cada empresa, de onde estão as suas cópias fora daqui: pelo que se viu da última
vez (`remoto.situacao`), sem perguntar nada a ninguém."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cofre.base.palavras import na_tela, visivel
from cofre.deposito.idade import as_horas
from cofre.deposito.lacre.lacre import pseudonimo
from cofre.remoto.situacao import Copia


@dataclass(frozen=True, slots=True)
class CopiaDaEmpresa:
    """Uma empresa num destino. `ate`: quando foi feito o backup mais novo dela que lá está (None:
    nenhum); `em_dia`: se é o mais novo que há aqui; `falha`: por que o último envio não chegou ao
    fim; `conferida`: quando se viu por último que a cópia estava inteira; `somada`: quando se
    baixou e somou uma parte dela, e que parte; `achados`: se a última conferência achou problemas;
    `carimbo`: o desse mais novo; `visto`: quando se viu por último que o banco ainda era assim.
    """

    destino: str
    ate: datetime | None
    em_dia: bool
    falha: str
    conferida: datetime | None
    somada: datetime | None
    parte: str
    achados: int
    carimbo: str = ""
    visto: datetime | None = None

    def vista(self, carimbo: str, visto: datetime | None) -> CopiaDaEmpresa:
        """A mesma, sabendo-se que em `visto` (None: nunca) o backup deste carimbo se viu igual."""
        return replace(self, visto=visto) if carimbo and carimbo == self.carimbo else self

    @property
    def boa(self) -> bool:
        """Se nada há a fazer."""
        return self.em_dia and not self.falha and not self.achados

    @property
    def em_palavras(self) -> str:
        """«cópia em E:\\Cofre: até 2026-11-26 03:00; conferida em 2026-11-26 04:00»."""
        return f"cópia em {visivel(self.destino)}: {self._ate}; {self._provada}"

    @property
    def _ate(self) -> str:
        if self.ate is None:
            return "nenhum backup desta empresa"
        atraso = "" if self.em_dia else " (atrasada)"
        visto = f", {as_horas(self.visto)}" if self.visto is not None else ""
        return f"até {na_tela(self.ate.astimezone(), 'minuto')}{visto}{atraso}"

    @property
    def _provada(self) -> str:
        if self.achados:
            return "a última conferência achou problemas"
        if self.conferida is None:
            return "nunca conferida"
        somada = ""
        if self.somada is not None:
            em = na_tela(self.somada.astimezone(), "dia")
            somada = f", relida por dentro em {em} ({self.parte})"
        return f"conferida em {na_tela(self.conferida.astimezone(), 'minuto')}{somada}"

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "destino": self.destino,
            "ate": self.ate.isoformat() if self.ate else None,
            "visto": self.visto.isoformat() if self.visto else None,
            "em_dia": self.em_dia,
            "falha": self.falha,
            "conferida": self.conferida.isoformat() if self.conferida else None,
            "somada": self.somada.isoformat() if self.somada else None,
            "parte": self.parte,
            "achados": self.achados,
        }


def da_empresa(copias: Mapping[str, Copia], user_id: str, carimbo: str) -> Iterator[CopiaDaEmpresa]:
    """Em cada destino em uso. `carimbo`: o do backup mais novo que há aqui."""
    quem = pseudonimo(user_id)
    for destino, copia in sorted(copias.items()):
        if not copia.em_uso:
            continue
        nela = copia.empresas.get(quem)
        inteira = copia.conferida if copia.conferida and not copia.conferida.achados else None
        yield CopiaDaEmpresa(
            destino,
            nela.inicio if nela else None,
            em_dia=nela is not None and nela.carimbo >= carimbo,
            falha=copia.falha,
            conferida=inteira.em if inteira else None,
            somada=copia.somada.em if copia.somada else None,
            parte=copia.somada.parte if copia.somada else "",
            achados=copia.conferida.achados if copia.conferida else 0,
            carimbo=nela.carimbo if nela else "",
        )
