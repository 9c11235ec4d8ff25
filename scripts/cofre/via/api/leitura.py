"""As fotos de algumas empresas: coleta dupla de (chave, xmin) sobre todas as suas tabelas.

Tudo se lê uma vez e se confere até uma passada inteira, começada depois da última leitura, não
achar diferença: toda linha guardada existia, naquela versão, no instante em que a passada começou.

Empresas pequenas são lidas juntas, pois cada pedido custa o mesmo com as linhas de uma ou de
muitas. O instante é de cada uma: a que mudou enquanto se liam várias fica para ser lida sozinha.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.erros import (
    ChaveRecusada,
    FalhaDoServidor,
    PermissaoNegada,
    ProjetoPausado,
    RespostaInvalida,
    TabelaInexistente,
)
from cofre.base.linha import texto, tipo_com
from cofre.base.modelo import Empresa, Tabela
from cofre.base.rascunho import Rascunho
from cofre.deposito.formato import Gravador
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import consultas
from cofre.via.api.linhas import Leitor
from cofre.via.api.serie import Serie
from cofre.via.contrato import Avanco, Coleta

PASSADAS = 5
"""Quantas vezes conferir antes de aceitar uma foto parcial."""

DIVERGENCIAS = 3
"""Quantas passadas sem mudança, mas com outra contagem, provam que a leitura não é confiável."""

METODO = "coleta dupla de (chave, xmin)"
"""Como se soube que a foto é um instante só, para os metadados."""

DE_TODAS = (ChaveRecusada, PermissaoNegada, ProjetoPausado, TabelaInexistente)
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


@dataclass(frozen=True, slots=True)
class ColetaDeTabela:
    """O que se leu de uma tabela de uma empresa."""

    empresa: str
    _lida: _Lida

    @property
    def tabela(self) -> Tabela:
        """De qual tabela são as linhas."""
        return self._lida.tabela

    @property
    def falha(self) -> FalhaDoServidor | None:
        """Por que não deu para ler; None se deu."""
        return self._lida.falha

    def gravar(self, gravador: Gravador) -> tuple[int, str]:
        """Escreve todas as linhas em ordem de chave; devolve quantas e o sha256."""
        registros = {n: s.registros(self.empresa) for n, s in enumerate(self._lida.series)}
        cheias = [self._lida.series[n] for n, quantos in registros.items() if quantos]
        valores = self._comparaveis()
        if len(cheias) < 2 or not valores:
            for serie in cheias:
                for bloco in serie.textos(self.empresa):
                    gravador.bloco(bloco)
        else:
            por_chave = [self._com_chave(s, valores) for s in cheias]
            for _chave, linha in heapq.merge(*por_chave, key=lambda par: par[0]):
                gravador.bloco(linha)
        return sum(registros.values()), gravador.terminar()

    def blocos(self) -> Iterator[bytes]:
        """As linhas, já juntadas, série a série."""
        for serie in self._lida.series:
            yield from serie.textos(self.empresa)

    def _comparaveis(self) -> list[Callable[[Any], Any]]:
        """Como comparar cada coluna da chave; vazia se alguma não se compara aqui."""
        if not self.tabela.ordem_sabida:
            return []
        tipos = [c.tipo if (c := self.tabela.coluna(n)) else "" for n in self.tabela.chave]
        return [_uuid if tipo == "uuid" else int for tipo in tipos]

    def _com_chave(
        self, serie: Serie, valores: Sequence[Callable[[Any], Any]]
    ) -> Iterator[tuple[tuple[Any, ...], bytes]]:
        """(chave comparável, linha) de cada linha, em ordem."""
        pares = list(zip(self.tabela.chave, valores, strict=True))
        ler = msgspec.json.Decoder(tipo_com(self.tabela.chave))
        separar = msgspec.json.Decoder(list[msgspec.Raw])
        for bloco in serie.textos(self.empresa):
            for linha in separar.decode(b"[" + bloco + b"]"):
                campos = ler.decode(linha)
                yield tuple(valor(texto(campos[c])) for c, valor in pares), bytes(linha)


def _uuid(valor: str) -> int:
    return uuid.UUID(valor).int


@dataclass(frozen=True, slots=True)
class Coletor:
    """Lê e confere as tabelas de algumas empresas, que cabem numa pergunta (ou uma só)."""

    conexao: Conexao
    equipe: Equipe
    conexoes: int
    donos: Donos
    rascunho: Callable[[], Rascunho]
    avanco: Avanco

    def coletar(
        self, empresas: Sequence[Empresa], tabelas: Mapping[str, TabelaNoEscopo]
    ) -> dict[str, Coleta]:
        """As fotos, por id; sem as empresas que mudaram, se são várias. Uma tabela que falha sai da
        foto, com o motivo; as outras continuam."""
        lidas = [self._preparar(empresas, t) for t in tabelas.values()]
        self._ler(lidas)
        todas = {e.id for e in empresas}
        quietas: set[str] = set()
        passada = 0
        while not quietas and passada < (PASSADAS if len(todas) == 1 else 1):
            passada += 1
            quietas = todas - self._conferir(lidas, todas)
        if len(todas) > 1 and any(li.falha and not isinstance(li.falha, DE_TODAS) for li in lidas):
            return {}
        prontas = todas if len(todas) == 1 else quietas
        return {
            e: Coleta([ColetaDeTabela(e, li) for li in lidas], e in quietas, passada, METODO)
            for e in prontas
        }

    def _preparar(self, empresas: Sequence[Empresa], no_escopo: TabelaNoEscopo) -> _Lida:
        nome = no_escopo.tabela.nome
        series = [
            Serie(
                self.conexao,
                consulta,
                Leitor(consulta, [e.id for e in empresas], self.donos),
                self.rascunho(),
                partial(self.avanco, nome),
            )
            for consulta in consultas(no_escopo.tabela, no_escopo.ramos, empresas)
        ]
        return _Lida(no_escopo.tabela, series)

    def _ler(self, lidas: Sequence[_Lida]) -> None:
        """A primeira página de tudo; depois, o resto do que é grande, repartido pelas conexões."""
        series = [(li, s) for li in lidas for s in li.series]
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

    def _conferir(self, lidas: Sequence[_Lida], todas: set[str]) -> set[str]:
        """Uma passada; as empresas que mudaram."""
        trechos = [
            (li, s, trecho)
            for li in lidas
            for s in li.series
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
        if mudaram and len(todas) == 1:
            for lida in lidas:
                lida.divergencias = 0
            return mudaram
        conferem = self._cada([(li, partial(_contagem_confere, li)) for li in lidas])
        return todas if False in conferem else mudaram

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
