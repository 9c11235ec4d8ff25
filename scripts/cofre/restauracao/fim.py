"""O fim de uma restauração: o que mudou, o que não voltou e por quê, e o código de saída."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cofre.base.erros import NEM_TUDO_COMO_ERA, TUDO_CERTO
from cofre.base.modelo import LISTAS
from cofre.base.palavras import como_se_diz, plural, visivel
from cofre.deposito.diario import Diario
from cofre.plano.alvo import Alvo
from cofre.plano.recusas import Grupo, em_grupos
from cofre.plano.tabela import ALTERAR, Contagem
from cofre.restauracao.conflitos import de_todos
from cofre.restauracao.desfecho import Desfecho
from cofre.restauracao.listas import Lista
from cofre.restauracao.logins.volta import FEITOS, em_parte


@dataclass(frozen=True, slots=True)
class Fora:
    """Uma tabela que se concordou em deixar de fora, por que, e o que fazer."""

    tabela: str
    causa: str
    cura: str = ""

    def documento(self) -> dict[str, str]:
        """Para o diário."""
        return {"tabela": self.tabela, "causa": self.causa, "cura": self.cura}

    def em_json(self) -> dict[str, str]:
        """Para a saída --json: o mesmo, com o nome por que se diz a tabela."""
        return {**self.documento(), "tabela": como_se_diz(self.tabela)}


@dataclass(frozen=True, slots=True)
class Fim:
    """Uma restauração que chegou até onde podia. `mudou`: por tabela, quantos registros se
    repuseram, alteraram e removeram; `grupos`: os que o banco recusou, cada causa uma vez; `fora`:
    as tabelas inteiras que não vieram."""

    alvo: Alvo
    desfecho: Desfecho
    desfazendo: bool
    mudou: Mapping[str, Contagem]
    grupos: Sequence[Grupo]
    fora: Sequence[Fora]
    logins: Sequence[Mapping[str, Any]] = ()
    """O que houve com cada login que se pediu, como o diário o diz."""
    sem_identidade: int = 0
    """Os arquivos que voltaram com outro id, sem dono e com a data de agora."""

    @property
    def em_parte(self) -> bool:
        """Se algo não voltou."""
        sem_login = any(f.get("recusa") for f in self.logins)
        return bool(self.grupos or self.fora or self.desfecho.conflitos or sem_login)

    @property
    def codigo(self) -> int:
        """O de saída: nem tudo como era, se algo não voltou ou o banco lhe pôs outro conteúdo."""
        outro_conteudo = not all(r.avancou for r in self.desfecho.reescritas)
        de_outro_modo = not self.desfazendo and em_parte(self.logins)
        nem_tudo = self.em_parte or outro_conteudo or de_outro_modo or self.sem_identidade
        return NEM_TUDO_COMO_ERA if nem_tudo else TUDO_CERTO

    def o_que_mudou(self, repostos: tuple[str, str]) -> str:
        """«5 tabelas: 145 repostos, 818 alterados»; de uma só, o nome. Vazio se nada. `repostos`:
        como se diz do que se pôs, de um e de vários."""
        if not self.mudou:
            return ""
        nomes = [visivel(como_se_diz(n)) for n in self.mudou]
        onde = f"{len(nomes)} tabelas" if len(nomes) > 1 else nomes[0]
        contas = [
            (sum(c.repor for c in self.mudou.values()), *repostos),
            (sum(c.alterar for c in self.mudou.values()), "alterado", "alterados"),
            (sum(c.remover for c in self.mudou.values()), "removido", "removidos"),
        ]
        return f"{onde}: {', '.join(plural(n, um, varios) for n, um, varios in contas if n)}"

    def documento(self) -> dict[str, Any]:
        """Para a saída --json: nenhum dado de um registro."""
        return {
            "mudaram": {
                como_se_diz(n): {
                    "repostos": c.repor,
                    "alterados": c.alterar,
                    "removidos": c.remover,
                }
                for n, c in self.mudou.items()
            },
            "nao_voltaram": [g.documento() for g in self.grupos],
            "fora": [f.em_json() for f in self.fora],
            **({"logins": [dict(f) for f in self.logins]} if self.logins else {}),
            **({"sem_identidade": n} if (n := self.sem_identidade) else {}),
            **({"mudaram_de_novo": de_todos(c)} if (c := self.desfecho.conflitos) else {}),
        }


def fim_de(alvo: Alvo, desfecho: Desfecho, diario: Diario, listas: Mapping[str, Lista]) -> Fim:
    """O fim desta restauração, pelo que o diário dela diz desde que começou. `listas`: as que se
    podem escrever."""
    mudou = _mudou(diario, desfecho)
    return Fim(
        alvo,
        desfecho,
        diario.desfazendo,
        mudou,
        em_grupos(desfecho.impedimentos),
        [Fora(**f) for f in diario.dados.get("fora", ())],
        diario.dados.get(FEITOS, ()),
        sum(listas[n].sem_identidade(c.repor) for n, c in mudou.items() if n in listas),
    )


def _mudou(diario: Diario, desfecho: Desfecho) -> dict[str, Contagem]:
    """O primeiro plano, menos o que não se fez dele: as outras passadas corrigem o que gatilhos
    mudaram no meio."""
    passadas = diario.dados.get("passadas") or [{}]
    primeiro: dict[str, Mapping[str, int]] = dict(passadas[0].get("plano", {}))
    for passada in passadas[1:]:  # as listas que vêm depois das linhas têm a primeira delas
        do_plano = passada.get("plano", {}).items()
        primeiro |= {n: c for n, c in do_plano if n in LISTAS and n not in primeiro}
    mudou = {}
    for nome, conta in primeiro.items():
        restam = desfecho.restantes.get(nome, Contagem())
        recusadas = sum(i.tabela == nome and i.acao == ALTERAR for i in desfecho.impedimentos)
        mudou[nome] = Contagem(
            max(conta.get("repor", 0) - restam.repor, 0),
            max(conta.get("alterar", 0) - recusadas, 0),
            max(conta.get("remover", 0) - restam.remover, 0),
        )
    return {n: c for n, c in mudou.items() if c.diferencas}
