"""O instante único de uma execução, e o que se faz da empresa que já não cabe nele."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cofre.base.erros import FalhaDeDisco
from cofre.base.modelo import Empresa
from cofre.deposito.deposito import Deposito
from cofre.foto.foto import Contexto
from cofre.via.leitura import InstantePerdido

MAIS_NOVO = "enquanto se copiavam as outras, fez-se dela um backup mais novo do que o instante"


@dataclass(slots=True)
class UmInstante:
    """Um por processo; vários fios o usam. `perdido`: por que já não se lê no instante pedido. Daí
    em diante cada empresa é do seu: um backup de outro instante é melhor do que nenhum."""

    contexto: Contexto
    deposito: Deposito
    perdido: str = ""

    def perder(self, erro: InstantePerdido) -> None:
        """Ninguém mais tenta."""
        self.perdido = str(erro)

    def de(self, empresa: Empresa) -> tuple[Contexto, str]:
        """Com que contexto se fotografa, e por que não é o do instante que se pediu; com a trava
        dela na mão."""
        if self.contexto.instante is None:
            return self.contexto, ""
        porque = self.perdido or self._ja_ha_mais_novo(empresa)
        return (self._sem() if porque else self.contexto), porque

    def juntas(self, empresas: Sequence[Empresa]) -> tuple[Contexto, list[Empresa], str]:
        """As destas que se leem de uma vez, com que contexto, e o mesmo porquê."""
        if self.perdido:
            return self._sem(), list(empresas), self.perdido
        return self.contexto, [e for e in empresas if not self.de(e)[1]], ""

    def _sem(self) -> Contexto:
        return replace(self.contexto, instante=None)

    def _ja_ha_mais_novo(self, empresa: Empresa) -> str:
        """Uma foto do instante seria o último backup dela, e não é o que ela era por último."""
        instante = self.contexto.instante
        try:
            ultimo = self.deposito.ultimo(empresa.id)
        except FalhaDeDisco as e:
            return str(e)
        return MAIS_NOVO if ultimo and instante and ultimo.quando > instante.em else ""
