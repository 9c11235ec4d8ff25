"""A leitura de algumas empresas: coleta dupla de (chave, xmin) sobre todas as suas tabelas.

Tudo se lê uma vez e se confere até uma passada inteira, começada depois da última leitura, não
achar diferença: toda linha guardada existia, naquela versão, no instante em que a passada começou.

Empresas pequenas são lidas juntas, pois cada pedido custa o mesmo com as linhas de uma ou de
muitas. O instante é de cada uma: a que mudou enquanto se liam várias fica para ser lida sozinha.
"""

from __future__ import annotations

import heapq
import itertools
import operator
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.erros import (
    ChaveRecusada,
    FalhaDoServidor,
    PermissaoNegada,
    ProjetoFechado,
    RespostaInvalida,
    TabelaDeOutroServidor,
    TabelaInexistente,
)
from cofre.base.linha import juntar, leitor_de, separar, texto, tipo_com
from cofre.base.modelo import Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Consulta, consultas
from cofre.via.api.formas import pedidos, sem_prova
from cofre.via.api.linhas import Leitor
from cofre.via.api.seguidas import Series
from cofre.via.api.serie import LINHAS_POR_PAGINA, Serie
from cofre.via.leitura import EmpresaLida, PedidoDeFoto, TabelaLida

PASSADAS = 5
"""Quantas vezes conferir antes de aceitar uma foto parcial."""

DIVERGENCIAS = 3
"""Quantas passadas sem mudança, mas com outra contagem, provam que a leitura não é confiável."""

METODO = "coleta dupla de (chave, xmin)"
"""Como se soube que a foto é um instante só, para os metadados."""

DE_TODAS = (
    ChaveRecusada,
    PermissaoNegada,
    ProjetoFechado,
    TabelaDeOutroServidor,
    TabelaInexistente,
)
"""Falhas que são da tabela ou do servidor. Qualquer outra pode vir de uma linha só: lidas sozinhas,
as outras empresas não a têm."""

S = TypeVar("S")


@dataclass(slots=True)
class _Lida:
    """Uma tabela das empresas; `falha` diz por que não deu para ler."""

    tabela: Tabela
    series: list[Serie]
    falha: FalhaDoServidor | None = None
    divergencias: int = 0


def _tabela_lida(empresa: str, lida: _Lida) -> TabelaLida:
    """O que a leitura traz de uma empresa."""
    registros = sum(s.registros(empresa) for s in lida.series)
    em_ordem = partial(_em_ordem, empresa, lida)
    return TabelaLida(lida.tabela, lida.falha, registros, em_ordem, sem_prova(lida.tabela))


def _em_ordem(empresa: str, lida: _Lida) -> Iterator[bytes]:
    """As linhas da empresa, em blocos: os de cada série, ou, se são várias e as chaves se comparam
    aqui, linhas intercaladas."""
    cheias = [s for s in lida.series if s.registros(empresa)]
    valores = _comparaveis(lida.tabela)
    if len(cheias) < 2 or not valores:
        for serie in cheias:
            yield from serie.textos(empresa)
        return
    por_chave = [_com_chave(s.textos(empresa), lida.tabela, valores) for s in cheias]
    intercaladas = (linha for _, linha in heapq.merge(*por_chave, key=operator.itemgetter(0)))
    while juntas := list(itertools.islice(intercaladas, LINHAS_POR_PAGINA)):
        yield juntar(juntas)


def _comparaveis(tabela: Tabela) -> list[Callable[[Any], Any]]:
    """Como comparar cada coluna da chave; vazia se alguma não se compara aqui."""
    if not tabela.ordem_sabida:
        return []
    tipos = [c.tipo if (c := tabela.coluna(n)) else "" for n in tabela.chave]
    return [_uuid if tipo == "uuid" else int for tipo in tipos]


def _com_chave(
    blocos: Iterator[bytes], tabela: Tabela, valores: Sequence[Callable[[Any], Any]]
) -> Iterator[tuple[tuple[Any, ...], msgspec.Raw]]:
    """(chave comparável, linha) de cada linha, em ordem."""
    pares = list(zip(tabela.chave, valores, strict=True))
    ler = leitor_de(tipo_com(tabela.chave))
    for bloco in blocos:
        vetor = b"[" + bloco + b"]"
        for campos, linha in zip(ler(vetor), separar(vetor), strict=True):
            yield tuple(valor(texto(campos[c])) for c, valor in pares), linha


def _uuid(valor: str) -> int:
    return uuid.UUID(valor).int


@dataclass(frozen=True, slots=True)
class Leitura:
    """Uma leitura destas empresas, que cabem numa pergunta (ou uma só)."""

    conexao: Conexao
    equipe: Equipe
    conexoes: int
    pedido: PedidoDeFoto
    series: Series = field(default_factory=dict)
    """As de antes, de que se parte; no fim, as que se leram."""

    def ler(self) -> dict[str, EmpresaLida]:
        """As empresas, por id; sem as que mudaram, se são várias. Uma tabela que falha sai da foto,
        com o motivo; as outras continuam."""
        # O que mudou desde a foto anterior custa uma passada, e não diz que não param de mudar.
        passadas = PASSADAS + bool(self.series) if len(self.pedido.ids) == 1 else 1
        lidas = [self._preparar(t) for t in self.pedido.tabelas.values()]
        self._ler(lidas)
        todas = self.pedido.ids
        quietas: frozenset[str] = frozenset()
        passada = 0
        while not quietas and passada < passadas:
            passada += 1
            quietas = todas - self._conferir(lidas, todas)
        if len(todas) > 1 and any(li.falha and not isinstance(li.falha, DE_TODAS) for li in lidas):
            return {}
        self._so_as_que_servem(lidas)
        prontas = todas if len(todas) == 1 else quietas
        return {
            e: EmpresaLida([_tabela_lida(e, li) for li in lidas], e in quietas, passada, METODO)
            for e in prontas
        }

    def _preparar(self, no_escopo: TabelaNoEscopo) -> _Lida:
        tabela = no_escopo.tabela
        todas = consultas(tabela, no_escopo.ramos, self.pedido.empresas, pedidos(tabela))
        return _Lida(tabela, [self._serie(consulta) for consulta in todas])

    def _serie(self, consulta: Consulta) -> Serie:
        """A desta consulta: a de antes, se há, ou uma por ler."""
        pedido, qual = self.pedido, (self.pedido.ids, consulta)
        avanco = partial(pedido.avanco, consulta.tabela.nome)
        if qual in self.series:
            self.series[qual].retomar(avanco)
        else:
            leitor = Leitor(consulta, pedido.ids, pedido.donos)
            nova = Serie(self.conexao, consulta, leitor, pedido.rascunho(), avanco)
            self.series[qual] = nova
        return self.series[qual]

    def _so_as_que_servem(self, lidas: Sequence[_Lida]) -> None:
        usadas = {id(s) for li in lidas if li.falha is None for s in li.series}
        for qual in [q for q, serie in self.series.items() if id(serie) not in usadas]:
            del self.series[qual]

    def _ler(self, lidas: Sequence[_Lida]) -> None:
        """O que de certeza mudou do que se tinha, e a primeira página do que não se tinha; depois,
        o resto do que é grande, repartido pelas conexões."""
        todas = [(li, s) for li in lidas for s in li.series]
        self._rever([(li, s) for li, s in todas if s.mexida])
        series = [(li, s) for li, s in todas if not s.blocos]
        faltam = self._cada([(li, s.comecar) for li, s in series])
        grandes = [(*par, faixa) for par, faixa in zip(series, faltam, strict=True) if faixa]
        divididas = self._cada(
            [(li, partial(s.repartir, f, self.conexoes)) for li, s, f in grandes]
        )
        partes = [
            (li, s, faixa)
            for (li, s, _), faixas in zip(grandes, divididas, strict=True)
            for faixa in faixas or ()
        ]
        lidos = self._cada([(li, partial(s.ler, faixa)) for li, s, faixa in partes])
        for (_, serie, _), blocos in zip(partes, lidos, strict=True):
            serie.blocos += blocos or ()

    def _conferir(self, lidas: Sequence[_Lida], todas: frozenset[str]) -> frozenset[str]:
        """Uma passada; as empresas que mudaram."""
        mudaram = self._rever([(li, s) for li in lidas for s in li.series])
        if mudaram and len(todas) == 1:
            for lida in lidas:
                lida.divergencias = 0
            return mudaram
        conferem = self._cada([(li, partial(_contagem_confere, li)) for li in lidas])
        return todas if False in conferem else mudaram

    def _rever(self, series: Sequence[tuple[_Lida, Serie]]) -> frozenset[str]:
        """Confere estas séries, e relê delas as páginas que mudaram; as empresas que mudaram."""
        trechos = [
            (li, s, trecho)
            for li, s in series
            if li.falha is None
            for trecho in s.trechos(self.conexoes)
        ]
        feitos = self._cada([(li, partial(s.conferir, *trecho)) for li, s, trecho in trechos])
        for _, serie, _ in trechos:
            serie.blocos = []
        mudaram: set[str] = set()
        for (_, serie, _), feito in zip(trechos, feitos, strict=True):
            if feito is not None:
                serie.blocos += feito[0]
                mudaram |= feito[1]
        return frozenset(mudaram)

    def _cada(self, tarefas: Sequence[tuple[_Lida, Callable[[], S]]]) -> list[S | None]:
        """Todas lado a lado; None nas das tabelas que já tinham falhado, ou que falham agora."""

        def tentar(tarefa: tuple[_Lida, Callable[[], S]]) -> S | None:
            lida, fazer = tarefa
            try:
                return fazer() if lida.falha is None else None
            except FalhaDoServidor as e:
                lida.falha = e
                return None

        return self.equipe.cada(tentar, tarefas)


def _contagem_confere(lida: _Lida) -> bool:
    """A contagem de cada consulta inteira; com um só bloco, a da faixa já foi essa."""
    if all(s.contagem_confere() for s in lida.series if len(s.blocos) > 1):
        return True
    lida.divergencias += 1
    if lida.divergencias == DIVERGENCIAS:
        nome = lida.tabela.nome
        raise RespostaInvalida(
            f"A contagem de {nome} não bate com as linhas lidas, e nada mudou entre as leituras.",
            f"Um índice de {nome} pode estar corrompido. No SQL Editor do Supabase:\n"
            f'  REINDEX TABLE public."{nome}";',
        )
    return False
