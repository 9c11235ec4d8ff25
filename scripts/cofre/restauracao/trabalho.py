"""O trabalho de lá: o que se fez na empresa, no projeto a que outra vez se leva, depois da última
cópia que a trouxe, e que o plano desfaz. Quem o acha, e quem pede licença, é `cofre.clone`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cofre.base.palavras import e_depois, plural, registros_de
from cofre.foto.arquivos import FotoMontada
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Plano

DITAS = 3


@dataclass(frozen=True, slots=True)
class Trabalho:
    """De uma tabela, quantos registros se criaram (e saem, ou são outros no que se leva), se
    alteraram (e voltam ao que se leva) e se apagaram (e voltam); e os primeiros, em palavras (com
    dados da empresa)."""

    tabela: str
    criados: int
    alterados: int
    apagados: int
    exemplos: tuple[str, ...]

    @property
    def registros(self) -> int:
        """Quantos são."""
        return self.criados + self.alterados + self.apagados

    @property
    def em_palavras(self) -> str:
        """«4 clientes (2 novos, 1 alterado e 1 apagado)»."""
        contas = (
            (self.criados, "novo", "novos"),
            (self.alterados, "alterado", "alterados"),
            (self.apagados, "apagado", "apagados"),
        )
        ditas = e_depois([plural(n, um, varios) for n, um, varios in contas if n])
        return f"{registros_de(self.registros, self.tabela)} ({ditas})"

    def documento(self) -> dict[str, int]:
        """Para a saída --json: nenhum valor."""
        return {
            "criados": self.criados,
            "alterados": self.alterados,
            "apagados": self.apagados,
        }


def em_poucas_palavras(trabalho: Sequence[Trabalho]) -> str:
    """«4 clientes, 1 venda e 2 outras tabelas»."""
    ditas = [registros_de(t.registros, t.tabela) for t in trabalho[:DITAS]]
    mais = len(trabalho) - len(ditas)
    return e_depois([*ditas, *([plural(mais, "outra tabela", "outras tabelas")] if mais else [])])


class Vigia(Protocol):
    """Quem olha pelo trabalho de lá."""

    @property
    def consentiu(self) -> bool:
        """Se já se disse que se pode passar por cima dele."""
        ...

    def trabalho(self, alvo: Alvo, foto: FotoMontada, plano: Plano) -> tuple[Trabalho, ...]:
        """O que este plano, feito com esta foto, desfaz dele. Levanta BackupDanificado."""
        ...

    def consentir(self, trabalho: Sequence[Trabalho]) -> None:
        """Pede a licença. Levanta RestauracaoRecusada, ou Cancelada se quem responde desiste."""
        ...


class Ninguem:
    """Restaura-se no projeto da própria empresa: não há trabalho de lá."""

    consentiu = True

    def trabalho(self, _alvo: Alvo, _foto: FotoMontada, _plano: Plano) -> tuple[Trabalho, ...]:
        return ()

    def consentir(self, _trabalho: Sequence[Trabalho]) -> None:
        pass
