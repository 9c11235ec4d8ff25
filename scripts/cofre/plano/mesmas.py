"""As linhas que o banco acha a mesma e cujas chaves têm bytes diferentes.

Num citext, numa collation não determinística ou num numeric, «Abc» e «aBC», 1.0 e 1.00 são a mesma
chave. Quem sabe o que é igual é o banco: pergunta-se a ele, pelas chaves a repor, que linhas as
têm. A que o plano ia remover é a mesma, e só mudou.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cofre.base.linha import abrir_linha, sem_o_modo
from cofre.base.modelo import Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.lotes import em_lotes, metades
from cofre.plano.plano import Plano
from cofre.plano.tabela import REMOVER, REPOR

Existentes = Callable[[TabelaNoEscopo, Sequence[Chave]], Sequence[bytes]]
"""As linhas com estas chaves que existem (ver `cofre.via.contrato.Via.existentes`)."""

CHAVES_POR_VEZ = 500


def casar(plano: Plano, no_escopo: TabelaNoEscopo, existentes: Existentes) -> None:
    """Faz uma alteração de cada par de repor e remover que é a mesma linha. Levanta
    FalhaDoServidor."""
    tabela = no_escopo.tabela
    contagem = plano.contagens[tabela.nome]
    if not tabela.chave or tabela.ordem_sabida or not (contagem.repor and contagem.remover):
        return
    saem = frozenset(a.chave for a in plano.acoes(tabela.nome, REMOVER))
    quais = _Procura(no_escopo, saem, existentes)
    chaves = (a.chave for a in plano.acoes(tabela.nome, REPOR))
    pares = dict(p for lote in em_lotes(chaves, CHAVES_POR_VEZ) for p in quais.pares(lote))
    if pares:
        plano.juntar(tabela.nome, pares)


class _Procura:
    """A procura, numa tabela: `saem` são as chaves que o plano ia remover."""

    def __init__(
        self, no_escopo: TabelaNoEscopo, saem: frozenset[Chave], existentes: Existentes
    ) -> None:
        self._no_escopo = no_escopo
        self._saem = saem
        self._existentes = existentes

    def pares(self, lote: Sequence[Chave]) -> Iterator[tuple[Chave, Chave]]:
        """Destas chaves a repor, as que são de uma linha a remover, e a chave que ela tem. Quase
        sempre nenhuma, e foi uma pergunta só; se algumas, as que diferem só no modo de escrever se
        reconhecem, e das outras se pergunta em lotes cada vez menores."""
        linhas = self._existentes(self._no_escopo, lote)
        tem = [c for c in _chaves(self._no_escopo.tabela, linhas) if c in self._saem]
        if not tem:
            return
        if len(lote) == 1:
            yield lote[0], tem[0]
            return
        parecidas = {_sem_o_modo(c): c for c in tem}
        casadas = {c: parecidas[f] for c in lote if (f := _sem_o_modo(c)) in parecidas}
        if len(casadas) == len(tem) == len(parecidas):
            yield from casadas.items()
            return
        for metade in metades(lote):
            yield from self.pares(metade)


def _chaves(tabela: Tabela, linhas: Sequence[bytes]) -> Iterator[Chave]:
    for linha in linhas:
        campos = abrir_linha(linha)
        yield tuple(bytes(campos[c]) for c in tabela.chave)


def _sem_o_modo(chave: Chave) -> tuple[str, ...]:
    return tuple(map(sem_o_modo, chave))
