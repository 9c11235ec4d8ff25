"""O quadro de um plano: tudo o que é preciso saber dele antes de o aceitar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cofre.base.palavras import como_se_diz
from cofre.plano.alvo import Alvo
from cofre.plano.mudanca import Mudanca
from cofre.restauracao.arquivos.por_trazer import PorTrazer
from cofre.restauracao.conflitos import EmConflito, de_todos
from cofre.restauracao.inexatas import Inexata
from cofre.restauracao.pendentes import Pendente
from cofre.restauracao.resumo import Resumo
from cofre.restauracao.risco import Risco
from cofre.restauracao.trabalho import Trabalho


@dataclass(frozen=True, slots=True)
class Quadro:
    """O plano até um alvo. `assinatura`: a dele; `perdidas`: as colunas que o banco não tem mais,
    por tabela; `riscos`: o que o impediria; `inexatas`: o que não voltaria como era, ou de que não
    se sabe; `avisos`: como a via escreve; `pendentes`: o que, em tabelas que se podem somar,
    apontava para o que volta; `seguem`: o que não volta, ou não se religa, sem as linhas que o
    banco recusa; `conflitos`: de uma mudança que se desfaz, o que mudou outra vez; `listas`: o que
    se diz de cada uma, para o --json."""

    alvo: Alvo
    assinatura: bytes
    resumo: Resumo
    perdidas: Mapping[str, Sequence[str]]
    riscos: tuple[Risco, ...] = ()
    inexatas: Sequence[Inexata] = ()
    avisos: Sequence[str] = ()
    pendentes: tuple[Pendente, ...] = ()
    seguem: tuple[Pendente, ...] = ()
    conflitos: tuple[EmConflito, ...] = ()
    listas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    citam: Mapping[str, int] = field(default_factory=dict)
    """Quantos registros, dos que voltam, citam cada login que não volta."""
    trabalho: tuple[Trabalho, ...] = ()
    """De uma empresa que se leva outra vez a outro projeto, o que lá se fez e isto desfaz."""

    por_trazer: PorTrazer = field(default_factory=PorTrazer)
    """Os arquivos que as linhas que voltam nomeiam, se só as linhas se escolheram."""

    @property
    def vazio(self) -> bool:
        """Se não há o que fazer."""
        return not (self.resumo.total.diferencas or self.alvo.logins)

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            **self.resumo.documento(),
            **({"recorte": self._do_recorte()} if self.alvo.fatias else {}),
            "inexatas": [i.documento() for i in self.inexatas],
            "pendentes": [p.documento() for p in self.pendentes],
            "riscos": [r.documento() for r in self.riscos],
            **(self.alvo.recorte.documento() if isinstance(self.alvo.recorte, Mudanca) else {}),
            **{como_se_diz(nome): dict(dito) for nome, dito in self.listas.items()},
            **({"arquivos_por_trazer": n} if (n := self.por_trazer.quantos) else {}),
            **({"trabalho_de_la": self._de_la()} if self.trabalho else {}),
            **({"mudaram_de_novo": de_todos(self.conflitos)} if self.conflitos else {}),
        }

    def _de_la(self) -> dict[str, Any]:
        """De cada tabela, quantos registros se fizeram lá."""
        return {como_se_diz(t.tabela): t.documento() for t in self.trabalho}

    def _do_recorte(self) -> dict[str, Any]:
        """De cada tabela de que só se quer uma parte: quantos registros e que colunas (null:
        todos)."""
        return {
            como_se_diz(nome): {
                "registros": fatia.quantas,
                "colunas": None if (colunas := fatia.colunas()) is None else sorted(colunas),
            }
            for nome, fatia in self.alvo.fatias.items()
        }
