"""O que há de comum em tudo o que a restauração conta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.apelido import com_mais
from cofre.base.palavras import em_linhas
from cofre.base.relato import Relato


@dataclass(frozen=True, slots=True)
class Fala:
    """Quem conta algo a um relato."""

    relato: Relato

    def _em_linhas(self, texto: str, recuo: int) -> None:
        self.relato.linha(em_linhas(texto, self.relato.largura, recuo))

    def _reservado(self, texto: str, recuo: int) -> None:
        self.relato.reservado(em_linhas(texto, self.relato.largura, recuo))

    def _quem(
        self,
        quantos: int,
        apelidos: Sequence[str],
        dito: str,
        recuo: str,
        *,
        so_alguns: bool = False,
    ) -> None:
        """Os registros, pelo nome, e o que o banco disse do primeiro."""
        if any(apelidos):
            mais = ", ao menos" if so_alguns else ""
            self.relato.reservado(f"{recuo}• {com_mais(apelidos, quantos)}{mais}")
        if dito:
            self.relato.reservado(f"{recuo}• {dito}")

    def _cura(self, cura: str, recuo: str) -> None:
        for linha in cura.splitlines():
            self.relato.linha(f"{recuo}{linha}")
