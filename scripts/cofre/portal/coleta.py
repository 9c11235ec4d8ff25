"""A foto de uma empresa: coleta dupla de (chave, xmin) sobre todas as suas tabelas.

Cada consulta é lida em blocos, um por página, que partilham o espaço das chaves sem buracos: o
bloco vai da última chave do anterior (exclusive) à sua própria última (inclusive), e o último não
tem fim. Conferir é pedir de novo só chave e xmin de cada faixa, com a contagem exata dela; a faixa
que mudou é lida de novo. Quando uma passada inteira, começada depois da última leitura, não acha
diferença, toda linha guardada existia, naquela versão, no instante em que a passada começou.

Os blocos ficam num rascunho em disco; na memória, só a última chave e um resumo de cada um.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cofre.campos import Campos, texto, tipo_com
from cofre.equipe import Equipe
from cofre.erros import ConsultaDemorada, FalhaDeLeitura, RespostaInvalida
from cofre.escopo import Donos, TabelaNoEscopo
from cofre.formato import Gravador, juntar
from cofre.modelo import Empresa, Tabela
from cofre.portal.consulta import Consulta, consultas
from cofre.portal.leitura import Chave, Leitor, literais, resumir
from cofre.portal.transporte import Pagina, PaginaGrande, Transporte
from cofre.rascunho import Rascunho, Trecho
from cofre.via import Avanco, Coleta

LINHAS_POR_PAGINA = 1000
PASSADAS = 5
"""Quantas vezes conferir antes de aceitar uma foto parcial."""

DIVERGENCIAS = 3
"""Quantas passadas sem mudança, mas com outra contagem, provam que a leitura não é confiável."""

METODO = "coleta dupla de (chave, xmin)"
"""Como se soube que a foto é um instante só, para os metadados."""


@dataclass(slots=True)
class _Bloco:
    """Uma faixa de chaves lida: até `ate` (None: sem fim), no rascunho em `inicio`."""

    ate: tuple[str, ...] | None
    versoes: bytes
    vieram: int
    linhas: int
    trecho: Trecho


@dataclass(slots=True)
class _Serie:
    """As linhas de uma consulta, em blocos, e como lê-las de novo."""

    leitura: Transporte
    consulta: Consulta
    leitor: Leitor
    rascunho: Rascunho
    avanco: Callable[[int, int | None], None]
    limite: int = LINHAS_POR_PAGINA
    blocos: list[_Bloco] = field(default_factory=list)
    divergencias: int = 0

    def ler_tudo(self) -> None:
        """A primeira leitura."""
        self.blocos = self._ler_faixa(None, None)

    def conferir(self) -> bool:
        """Relê as versões de cada faixa e as linhas das que mudaram; diz se nada mudou."""
        depois: tuple[str, ...] | None = None
        conferidos: list[_Bloco] = []
        mudou = False
        for bloco in self.blocos:
            if self._versoes(depois, bloco.ate) == bloco.versoes:
                conferidos.append(bloco)
            else:
                mudou = True
                conferidos += self._ler_faixa(depois, bloco.ate)
            depois = bloco.ate
        self.blocos = conferidos
        if mudou:
            self.divergencias = 0
            return False
        if self._contagem_confere():
            return True
        self.divergencias += 1
        if self.divergencias == DIVERGENCIAS:
            nome = self.consulta.tabela.nome
            raise RespostaInvalida(
                f"A contagem de {nome} não bate com as linhas lidas, e nada mudou entre as"
                " leituras.",
                f"Um índice de {nome} pode estar corrompido. No SQL Editor do Supabase:\n"
                f'  REINDEX TABLE public."{nome}";',
            )
        return False

    def _contagem_confere(self) -> bool:
        """A contagem de todas as faixas de uma vez; com um só bloco, a da faixa já foi essa."""
        if len(self.blocos) == 1:
            return True
        try:
            pagina = self._pedir(self.consulta.chaves(), None, None, contar=True, limite=1)
        except ConsultaDemorada:
            return True  # cada faixa já foi contada à parte
        return pagina.total in (None, sum(b.vieram for b in self.blocos))

    def _ler_faixa(
        self, depois: tuple[str, ...] | None, ate: tuple[str, ...] | None
    ) -> list[_Bloco]:
        """Lê as linhas de (depois, ate] e as acrescenta ao rascunho. Sempre devolve ao menos um
        bloco, e o último vai até `ate`, para que a faixa inteira continue sob conferência."""
        blocos: list[_Bloco] = []
        for pagina, total, antes in self._paginas(self.consulta.linhas(), depois, ate):
            lidas = self.leitor.linhas(pagina)
            dados = juntar(lidas.textos)
            trecho = self.rascunho.guardar(dados)
            fim = literais(lidas.ultima) if lidas.ultima else None
            quantas = (lidas.vieram, len(lidas.textos))
            blocos.append(_Bloco(fim, lidas.versoes, *quantas, trecho))
            self.avanco(antes + lidas.vieram, total)
        if not blocos:
            blocos.append(_Bloco(None, resumir([], []), 0, 0, Trecho(0, 0)))
        blocos[-1].ate = ate
        return blocos

    def _versoes(self, depois: tuple[str, ...] | None, ate: tuple[str, ...] | None) -> bytes:
        chaves: list[Chave] = []
        estruturas: list[Campos] = []
        for pagina, _total, _antes in self._paginas(self.consulta.chaves(), depois, ate):
            mais_chaves, mais_estruturas = self.leitor.versoes(pagina)
            chaves += mais_chaves
            estruturas += mais_estruturas
        return resumir(chaves, estruturas)

    def _paginas(
        self, selecao: str, depois: tuple[str, ...] | None, ate: tuple[str, ...] | None
    ) -> Iterator[tuple[Pagina, int | None, int]]:
        """As páginas não vazias da faixa, com o total e quantas linhas vieram antes.

        Uma página curta não prova o fim (o servidor pode limitar a menos do que se pediu): só a
        contagem exata, ou uma página vazia.
        """
        total: int | None = None
        recebidas = 0
        primeira = True
        while primeira or total is None or recebidas < total:
            pagina = self._pedir(selecao, depois, ate, contar=primeira)
            if primeira:
                total, primeira = pagina.total, False
            if not pagina.linhas:
                return
            yield pagina, total, recebidas
            recebidas += len(pagina.linhas)
            depois = literais(self.leitor.ultima(pagina))

    def _pedir(
        self,
        selecao: str,
        depois: tuple[str, ...] | None,
        ate: tuple[str, ...] | None,
        *,
        contar: bool,
        limite: int | None = None,
    ) -> Pagina:
        parametros = self.consulta.faixa(depois, ate)
        while True:
            linhas = limite or self.limite
            try:
                return self.leitura.ler(
                    self.consulta.tabela.nome, selecao, parametros, contar=contar, limite=linhas
                )
            except (ConsultaDemorada, PaginaGrande) as e:
                if isinstance(e, ConsultaDemorada) and contar and limite is None:
                    contar = False  # contar é que demora; a página vazia dirá onde acaba
                elif linhas > 1 and limite is None:
                    self.limite = linhas // 2
                else:
                    raise

    def registros(self) -> int:
        """Quantas linhas são da empresa."""
        return sum(b.linhas for b in self.blocos)

    def textos(self) -> Iterator[bytes]:
        """Os blocos não vazios, em ordem de chave."""
        for bloco in self.blocos:
            if bloco.trecho.tamanho:
                yield self.rascunho.ler(bloco.trecho)

    def linhas_com_chave(
        self, valores: Sequence[Callable[[Any], Any]]
    ) -> Iterator[tuple[tuple[Any, ...], bytes]]:
        """(chave comparável, linha) de cada linha, em ordem."""
        pares = list(zip(self.consulta.tabela.chave, valores, strict=True))
        ler = msgspec.json.Decoder(tipo_com(self.consulta.tabela.chave))
        separar = msgspec.json.Decoder(list[msgspec.Raw])
        for texto_ in self.textos():
            for linha in separar.decode(b"[" + texto_ + b"]"):
                campos = ler.decode(linha)
                yield tuple(valor(texto(campos[c])) for c, valor in pares), bytes(linha)


@dataclass(slots=True)
class ColetaDeTabela:
    """O que se leu de uma tabela de uma empresa; `falha` diz por que não deu."""

    tabela: Tabela
    series: list[_Serie]
    falha: FalhaDeLeitura | None = None

    def gravar(self, gravador: Gravador) -> tuple[int, str]:
        """Escreve todas as linhas em ordem de chave; devolve quantas e o sha256."""
        cheias = [s for s in self.series if s.registros()]
        valores = self._comparaveis()
        if len(cheias) < 2 or not valores:
            for serie in cheias:
                for texto in serie.textos():
                    gravador.bloco(texto)
        else:
            por_chave = [s.linhas_com_chave(valores) for s in cheias]
            for _chave, linha in heapq.merge(*por_chave, key=lambda par: par[0]):
                gravador.bloco(linha)
        return sum(s.registros() for s in cheias), gravador.terminar()

    def blocos(self) -> Iterator[bytes]:
        """As linhas, já juntadas, série a série."""
        for serie in self.series:
            yield from serie.textos()

    def _comparaveis(self) -> list[Callable[[Any], Any]]:
        """Como comparar cada coluna da chave; vazia se alguma não se compara aqui."""
        if not self.tabela.ordem_sabida:
            return []
        tipos = [c.tipo if (c := self.tabela.coluna(n)) else "" for n in self.tabela.chave]
        return [_uuid if tipo == "uuid" else int for tipo in tipos]


def _uuid(valor: str) -> int:
    return uuid.UUID(valor).int


def preparar(
    leitura: Transporte,
    empresa: Empresa,
    no_escopo: TabelaNoEscopo,
    donos: Donos,
    rascunho: Callable[[], Rascunho],
    avanco: Avanco,
) -> ColetaDeTabela:
    """As séries de uma tabela para esta empresa, por ler; `rascunho` abre arquivos de trabalho."""
    nome = no_escopo.tabela.nome
    series = [
        _Serie(
            leitura,
            consulta,
            Leitor(consulta, empresa.id, donos),
            rascunho(),
            lambda lidas, total: avanco(nome, lidas, total),
        )
        for consulta in consultas(no_escopo.tabela, no_escopo.ramos, empresa)
    ]
    return ColetaDeTabela(no_escopo.tabela, series)


def coletar(tabelas: Sequence[ColetaDeTabela], equipe: Equipe) -> Coleta:
    """Lê tudo e confere até uma passada não achar nada novo, ou PASSADAS vezes.

    Uma tabela que falha sai da foto, com o motivo; as outras continuam.
    """
    equipe.cada(_se_inteira(_ler_tudo), tabelas)
    for passada in range(1, PASSADAS + 1):
        quietas = equipe.cada(_se_inteira(_conferir), tabelas)
        if all(quietas):
            return Coleta(tuple(tabelas), True, passada, METODO)
    return Coleta(tuple(tabelas), False, PASSADAS, METODO)


def _ler_tudo(tabela: ColetaDeTabela) -> bool:
    for serie in tabela.series:
        serie.ler_tudo()
    return True


def _conferir(tabela: ColetaDeTabela) -> bool:
    conferidas = [serie.conferir() for serie in tabela.series]
    return all(conferidas)


def _se_inteira(fazer: Callable[[ColetaDeTabela], bool]) -> Callable[[ColetaDeTabela], bool]:
    """`fazer` só nas que ainda não falharam, e guardando a falha das que falham."""

    def tentar(tabela: ColetaDeTabela) -> bool:
        try:
            return tabela.falha is not None or fazer(tabela)
        except FalhaDeLeitura as e:
            tabela.falha = e
            return True

    return tentar
