"""O que o banco recusou numa passada, e quando isso basta para desistir de uma tabela."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field

from cofre.base.apelido import apelido
from cofre.base.erros import EscritaRecusada
from cofre.base.linha import texto
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.escritor import DONO_TROCADO, INDIZIVEL, MUDOU, colunas_de_dono
from cofre.plano.tabela import REMOVER, Acao

RECUSAS_POR_TABELA = 20
"""Depois de tantas recusas com o mesmo código, o resto da tabela teria o mesmo fim."""


@dataclass(frozen=True, slots=True)
class Impedimento:
    """Uma ação que o banco recusou. `apelido`: o do registro (ver `cofre.base.apelido`)."""

    tabela: str
    acao: str
    chave: tuple[str, ...]
    erro: EscritaRecusada
    apelido: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Impedimentos:
    """Os de uma passada, na ordem. `aceitos`: os códigos de recusas com que se concordou em seguir:
    por elas não se desiste de uma tabela."""

    aceitos: Set[str] = frozenset()
    todos: list[Impedimento] = field(default_factory=list)

    def anotar(self, tabela: str, tipo: str, acao: Acao, erro: EscritaRecusada) -> None:
        """Uma ação recusada com este erro."""
        chave = tuple(texto(v) or "" for v in acao.chave)
        linha = acao.atual if acao.alvo is None else acao.alvo
        self.todos.append(Impedimento(tabela, tipo, chave, erro, apelido(linha or b"{}")))

    def de_gatilho(self, no_escopo: TabelaNoEscopo, tipo: str, acao: Acao) -> None:
        """Um gatilho trocou o dono da linha. Uma só vez basta para desistir da tabela: cada nova
        escrita soltaria mais uma linha."""
        nome, donos = no_escopo.tabela.nome, ", ".join(colunas_de_dono(no_escopo))
        mensagem = f"um gatilho de {nome} troca {donos} a cada escrita"
        self.anotar(nome, tipo, acao, EscritaRecusada(DONO_TROCADO, mensagem, ""))

    def de_mudou(self, tabela: str, tipo: str, acao: Acao) -> None:
        """A linha já não era como a foto a viu."""
        mensagem = f"um registro de {tabela} mudou enquanto se escrevia"
        self.anotar(tabela, tipo, acao, EscritaRecusada(MUDOU, mensagem, ""))

    def desistiu(self, tabela: str, acao: str) -> bool:
        """Se nesta tabela não se faz mais nada deste tipo."""
        if self.troca_o_dono(tabela):
            return acao != REMOVER
        codigos = Counter(i.erro.codigo_sql for i in self.todos if i.tabela == tabela)
        fora = {MUDOU, INDIZIVEL, *self.aceitos}
        return any(codigos[c] >= RECUSAS_POR_TABELA for c in codigos.keys() - fora)

    def troca_o_dono(self, tabela: str) -> bool:
        """Se um gatilho troca o dono do que se escreve nela."""
        return any(i.erro.codigo_sql == DONO_TROCADO for i in self.todos if i.tabela == tabela)
