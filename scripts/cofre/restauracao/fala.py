"""O que há de comum em tudo o que a restauração conta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.apelido import com_mais
from cofre.base.palavras import como_se_diz, em_linhas, numero, visivel
from cofre.base.relato import Relato
from cofre.restauracao.conflitos import EmConflito
from cofre.restauracao.fim import Fora


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

    def _conflitos(self, conflitos: Sequence[EmConflito], recuo: str = "") -> None:
        """O que mudou outra vez, em quantos registros, e os primeiros, com os valores."""
        for conflito in conflitos:
            self._em_linhas(f"{recuo}⚠️ {conflito.em_palavras}", len(recuo) + 3)
            for exemplo in conflito.exemplos:
                self._reservado(f"{recuo}   • {exemplo}", len(recuo) + 5)
            if (mais := conflito.registros - len(conflito.exemplos)) > 0:
                self.relato.linha(f"{recuo}   • e mais {numero(mais)}")

    def de_fora(self, fora: Sequence[Fora]) -> None:
        """As tabelas que ficaram de fora, por quê, e o que fazer."""
        for uma in fora:
            linha = f"⚠️ {visivel(como_se_diz(uma.tabela))} ficou de fora: {visivel(uma.causa)}"
            self.relato.linha(linha)
            self._cura(uma.cura, "   ")

    def _cura(self, cura: str, recuo: str) -> None:
        for linha in cura.splitlines():
            self.relato.linha(f"{recuo}{linha}")
