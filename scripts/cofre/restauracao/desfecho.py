"""Como uma convergência acabou, e o que disso fica no diário."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cofre.base.derrame import cifrando
from cofre.deposito.diario import CONCLUIDA, INCOMPLETA, Diario
from cofre.plano.impedimentos import Impedimento
from cofre.plano.recusas import causa
from cofre.plano.tabela import Contagem
from cofre.restauracao.conflitos import EmConflito
from cofre.restauracao.reescritas import Reescrita


@dataclass(frozen=True, slots=True)
class Desfecho:
    """Como acabou. `registros`: quantos há nas tabelas, e `nas_listas`, em cada lista. `atomica`:
    se era uma transação; `reescritas`: as colunas que o banco muda sozinho; `restantes`: o que
    ainda difere; `efeitos`: o que mudou em tabelas não escolhidas. Com `pergunta`, ainda não
    acabou: é preciso decidir o que fazer desses efeitos."""

    completa: bool
    atomica: bool
    passadas: int
    registros: int
    reescritas: Sequence[Reescrita]
    restantes: Mapping[str, Contagem]
    impedimentos: Sequence[Impedimento]
    efeitos: Mapping[str, Contagem]
    conflitos: tuple[EmConflito, ...] = ()
    nas_listas: Mapping[str, int] = field(default_factory=dict)
    pergunta: bool = False

    def com(self, depois: Desfecho) -> Desfecho:
        """O desta etapa, que se completou, e o da que veio depois."""
        return Desfecho(
            completa=depois.completa,
            atomica=False,
            passadas=self.passadas + depois.passadas,
            registros=self.registros + depois.registros,
            reescritas=(*self.reescritas, *depois.reescritas),
            restantes={**self.restantes, **depois.restantes},
            impedimentos=(*self.impedimentos, *depois.impedimentos),
            efeitos=self.efeitos,
            conflitos=(*self.conflitos, *depois.conflitos),
            nas_listas={**self.nas_listas, **depois.nas_listas},
        )

    @property
    def desfeita(self) -> bool:
        """Se a transação inteira voltou atrás, e nada mudou."""
        return self.atomica and not self.completa


def encerrar(diario: Diario, desfecho: Desfecho) -> None:
    """Anota no diário como acabou, e quanto levou. Levanta FalhaDeDisco."""
    agora = datetime.now().astimezone()
    diario.anotar(
        estado=CONCLUIDA if desfecho.completa else INCOMPLETA,
        desfecho={
            "passadas": desfecho.passadas,
            "registros": desfecho.registros,
            "segundos": round((agora - diario.comecada_em).total_seconds(), 3),
            "reescritas": [r.documento() for r in desfecho.reescritas],
            "restantes": contagens_em_json(desfecho.restantes),
            "recusas": [
                {
                    "tabela": i.tabela,
                    "acao": i.acao,
                    **({} if cifrando() else {"chave": i.chave}),
                    "erro": causa(i.erro),
                }
                for i in desfecho.impedimentos
            ],
        },
    )


def contagens_em_json(contagens: Mapping[str, Contagem]) -> dict[str, dict[str, int]]:
    """As contagens de um plano, como o diário e o documento final as dizem."""
    return {
        n: {"repor": c.repor, "alterar": c.alterar, "remover": c.remover, "iguais": c.iguais}
        for n, c in contagens.items()
    }
