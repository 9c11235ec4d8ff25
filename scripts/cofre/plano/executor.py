"""Executa um plano, por qualquer via até o banco: o que fazer, em que ordem, e o que fazer quando o
banco recusa.

Mães antes das filhas ao repor, filhas antes das mães ao remover. Repor é um INSERT simples: nunca
toma a linha de outra empresa. Alterar e remover só mexem na linha que ainda é como a foto a viu. O
que o banco recusa é anotado e não impede o resto; quem chama fotografa de novo e compara.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from cofre.base.erros import EscritaRecusada
from cofre.base.linha import NULO, abrir_linha
from cofre.base.modelo import ChaveEstrangeira
from cofre.base.textos import escolher
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.escritor import (
    SEM_EFEITO,
    Escritor,
    Inserido,
    Lote,
    Mudada,
    Mudanca,
    com_outro_dono,
    lote_de,
)
from cofre.plano.impedimentos import Impedimento, Impedimentos
from cofre.plano.lotes import Ritmo, enquanto, metades
from cofre.plano.ordem import aponta_para_si, maes_antes, ordenar
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, Acao, mudancas
from cofre.plano.unicos import quem_tem, tomado

LIBERACOES_POR_LINHA = 2
"""Quantos valores únicos se tiram de outras linhas para que uma entre."""


@dataclass(slots=True)
class Executor:
    """Uma passada: executa um plano uma vez. `ao_avancar` recebe (tabela, ação, linhas); `inuteis`
    são as tabelas em que se sabe que alterar outra vez não muda nada."""

    escritor: Escritor
    escopo: Mapping[str, TabelaNoEscopo]
    ao_avancar: Callable[[str, str, int], None]
    impedimentos: Impedimentos = field(default_factory=Impedimentos)
    inuteis: Set[str] = frozenset()
    _liberacoes: Counter[tuple[str, Chave]] = field(default_factory=Counter)

    def executar(self, plano: Plano) -> list[Impedimento]:
        """Repõe, religa, altera e remove. Levanta FalhaDoServidor se o servidor some."""
        ordem, soltas = ordenar([self.escopo[t].tabela for t in plano.tabelas])
        for nome in ordem:
            self._repor(plano, nome, self._adiadas(nome, soltas))
        for nome in ordem:
            self._religar(plano, nome, self._adiadas(nome, soltas))
        for nome in ordem:
            self._alterar(plano, nome)
        for nome in reversed(ordem):
            self._remover(plano, nome)
        return self.impedimentos.todos

    # -- repor -----------------------------------------------------------------------------

    def _adiadas(self, nome: str, soltas: Mapping[str, Sequence[ChaveEstrangeira]]) -> list[str]:
        """As colunas que fecham um ciclo entre tabelas: nulas ao repor, preenchidas depois."""
        if not self.escopo[nome].tabela.chave:
            return []  # sem chave não haveria como preenchê-las
        tabela = self.escopo[nome].tabela
        todas = [c for fk in soltas.get(nome, ()) if fk.tabela != nome for c in fk.colunas]
        # Uma que não pode ser nula fica: o banco talvez adie a conferência (DEFERRABLE).
        return [c for c in todas if (coluna := tabela.coluna(c)) and coluna.anulavel]

    def _repor(self, plano: Plano, nome: str, anular: Sequence[str]) -> None:
        if not plano.contagens[nome].repor:
            return
        no_escopo, ritmo = self.escopo[nome], Ritmo()
        em_paralelo = self._conferida(plano, nome) and not aponta_para_si(no_escopo.tabela)
        acoes = ritmo.lotes(maes_antes(plano, no_escopo.tabela))
        lotes = (lote_de(plano.tabelas[nome], lote, anular) for lote in acoes)
        self._repor_lotes(plano, no_escopo, lotes, ritmo, em_paralelo=em_paralelo)

    def _repor_lotes(
        self,
        plano: Plano,
        no_escopo: TabelaNoEscopo,
        lotes: Iterator[Lote],
        ritmo: Ritmo,
        *,
        em_paralelo: bool,
    ) -> None:
        """Do que não deu certo se trata quando nada mais está a caminho: o remédio pode ser mexer
        em outras linhas."""
        a_tratar: list[Inserido] = []
        while not self.impedimentos.desistiu(no_escopo.tabela.nome, REPOR):
            ate_algum = enquanto(lambda: not a_tratar, lotes)
            for feito in self.escritor.repor(no_escopo, ate_algum, em_paralelo=em_paralelo):
                if feito.erro is None:
                    ritmo.crescer()
                    self.ao_avancar(no_escopo.tabela.nome, REPOR, len(feito.lote.acoes))
                if feito.erro is not None or com_outro_dono(
                    no_escopo, feito.lote.acoes, feito.gravadas
                ):
                    a_tratar.append(feito)
            if not a_tratar:
                return
            for feito in a_tratar:
                self._tratar(plano, no_escopo, feito, ritmo)
            a_tratar.clear()

    def _tratar(
        self, plano: Plano, no_escopo: TabelaNoEscopo, feito: Inserido, ritmo: Ritmo
    ) -> None:
        """De um lote recusado, acha as linhas que podem entrar; de um em que um gatilho trocou o
        dono, tira as que se soltaram."""
        lote, erro, nome = feito.lote, feito.erro, no_escopo.tabela.nome
        if erro is None:
            for linha in com_outro_dono(no_escopo, lote.acoes, feito.gravadas):
                self.escritor.apagar_inserida(no_escopo, linha)
            self.impedimentos.de_gatilho(no_escopo, REPOR, lote.acoes[0])
            return
        partes = lote.metades()
        if partes and (not isinstance(erro, EscritaRecusada) or erro.de_limite):
            ritmo.encolher(lote.acoes)
        elif not isinstance(erro, EscritaRecusada):
            raise erro  # uma linha sozinha que não cabe não tem remédio
        elif not partes:
            if self._liberar(plano, no_escopo, lote.acoes[0].chave, erro):
                partes = (lote,)
            else:
                self.impedimentos.anotar(nome, REPOR, lote.acoes[0], erro)
        for parte in partes:
            self._repor_lotes(plano, no_escopo, iter([parte]), Ritmo(), em_paralelo=False)

    def _religar(self, plano: Plano, nome: str, colunas: Sequence[str]) -> None:
        """As colunas que foram nulas na reposição."""

        def pedidos() -> Iterator[Mudanca]:
            for acao in plano.acoes(nome, REPOR):
                linha = abrir_linha(acao.alvo or b"{}")
                cheias = [c for c in colunas if c in linha and bytes(linha[c]) != NULO]
                if cheias:
                    yield Mudanca(acao, escolher(linha, cheias))

        if colunas and plano.contagens[nome].repor:
            self._mudar(plano, nome, pedidos())

    # -- alterar ---------------------------------------------------------------------------

    def _alterar(self, plano: Plano, nome: str) -> None:
        def pedidos() -> Iterator[Mudanca]:
            for acao in plano.acoes(nome, ALTERAR):
                if self.impedimentos.desistiu(nome, ALTERAR):
                    return
                yield Mudanca(acao, mudancas(acao, plano.tabelas[nome]))

        if plano.contagens[nome].alterar and nome not in self.inuteis:
            self._mudar(plano, nome, pedidos())

    def _mudar(self, plano: Plano, nome: str, pedidos: Iterator[Mudanca]) -> None:
        no_escopo, em_paralelo = self.escopo[nome], self._conferida(plano, nome)
        with contextlib.closing(
            self.escritor.mudar(no_escopo, pedidos, em_paralelo=em_paralelo)
        ) as feitas:
            for feita in feitas:
                self._ao_mudar(plano, no_escopo, feita)
                if self.impedimentos.troca_o_dono(nome):
                    return  # mais uma só soltaria mais uma linha

    def _conferida(self, plano: Plano, nome: str) -> bool:
        """Se pode ser em paralelo. Um gatilho que soma as filhas na mãe pode somar sem ver a do
        lado: só se as mães também são do plano, e a próxima foto as confere."""
        return all(fk.tabela in plano.tabelas for fk in self.escopo[nome].tabela.estrangeiras)

    def _ao_mudar(self, plano: Plano, no_escopo: TabelaNoEscopo, feita: Mudada) -> None:
        nome, acao, recusa = no_escopo.tabela.nome, feita.mudanca.acao, feita.recusa
        if recusa is not None:
            if self._liberar(plano, no_escopo, acao.chave, recusa):
                pedido = iter([feita.mudanca])
                for de_novo in self.escritor.mudar(no_escopo, pedido, em_paralelo=False):
                    self._ao_mudar(plano, no_escopo, de_novo)
            else:
                self.impedimentos.anotar(nome, ALTERAR, acao, recusa)
            return
        self.ao_avancar(nome, ALTERAR, 1)
        if not feita.inteira and acao.atual is not None:
            self.impedimentos.de_mudou(nome, ALTERAR, acao)
        if com_outro_dono(no_escopo, [acao], feita.gravadas):
            self.impedimentos.de_gatilho(no_escopo, ALTERAR, acao)

    # -- remover ---------------------------------------------------------------------------

    def _remover(self, plano: Plano, nome: str) -> None:
        no_escopo = self.escopo[nome]
        for lote in self.escritor.lotes_a_apagar(no_escopo, plano.acoes(nome, REMOVER)):
            self._apagar(no_escopo, lote)

    def _apagar(self, no_escopo: TabelaNoEscopo, lote: Sequence[Acao]) -> None:
        """Apaga o lote, aos pedaços se o banco o recusa inteiro; as que não saem ficam anotadas."""
        nome = no_escopo.tabela.nome
        if self.impedimentos.desistiu(nome, REMOVER):
            return
        try:
            ficaram = self.escritor.apagar(no_escopo, lote)
        except SEM_EFEITO as e:
            partes = metades(lote)
            for parte in partes:
                self._apagar(no_escopo, parte)
            if partes:
                return
            if not isinstance(e, EscritaRecusada):
                raise
            self.impedimentos.anotar(nome, REMOVER, lote[0], e)
            return
        self.ao_avancar(nome, REMOVER, len(lote))
        for acao in ficaram:
            self.impedimentos.de_mudou(nome, REMOVER, acao)

    # -- valores únicos tomados ------------------------------------------------------------

    def _liberar(
        self, plano: Plano, no_escopo: TabelaNoEscopo, chave: Chave, recusa: EscritaRecusada
    ) -> bool:
        """Tira o valor único (ou a faixa que se sobrepõe), para a linha desta `chave`, de uma linha
        DESTA empresa que o plano vai mudar ou remover. Diz se vale tentar de novo."""
        quem = (no_escopo.tabela.nome, chave)
        achado = tomado(recusa, no_escopo.tabela)
        if achado is None or self._liberacoes[quem] >= LIBERACOES_POR_LINHA:
            return False
        self._liberacoes[quem] += 1
        acao = quem_tem(plano, no_escopo.tabela.nome, chave, achado)
        provisorios = acao and achado.largar(abrir_linha(acao.atual or b"{}"))
        if acao is None or not provisorios:
            return False
        pedido = iter([Mudanca(acao, provisorios)])
        return all(
            f.recusa is None for f in self.escritor.mudar(no_escopo, pedido, em_paralelo=False)
        )
