"""Que linhas mudaram, quando ao lado do backup não há o resumo de cada uma: o servidor percorre a
tabela outra vez, e aqui lê-se o arquivo de antes.

Dos blocos que já não são os mesmos, o servidor manda, por ordem, o lugar de cada linha e um resumo
que aqui também se sabe fazer.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import secrets
import threading
from collections.abc import Callable, Collection, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import psycopg
from psycopg import sql

from cofre.base.erros import Interrompido
from cofre.base.linha import SEPARADOR, separar
from cofre.deposito.resumos import Anterior
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.direta.mudadas import Duvida, Intercalados, Mudadas, lugar_de, tamanho_do_lugar
from cofre.via.direta.resumos import Perguntas, bloco_de, fronteiras_de
from cofre.via.direta.somas import Resumida

DO_RESUMO = 10
"""Bytes do resumo de cada linha: duas do mesmo bloco confundem-se uma vez em 2^80."""
DEMAIS = 0.5
"""Se mudou mais do que esta parte das linhas, ler tudo é mais barato."""
ADIANTADOS = 8 * 1024 * 1024
"""Bytes de resumos que se fazem, no máximo, antes de o servidor responder."""


@dataclass(frozen=True, slots=True)
class SegundaPassada:
    """Por uma tabela de uma empresa, contra a `anterior`, de que diferem alguns blocos. `guardar`:
    se o servidor há de dizer também o resumo por que se comparam as linhas da próxima vez."""

    perguntas: Perguntas
    no_escopo: TabelaNoEscopo
    parar: threading.Event
    anterior: Anterior
    resumida: Resumida
    diferem: Collection[int]
    guardar: bool

    def fazer(self) -> Mudadas:
        """Acha as linhas que mudaram. Levanta Duvida, BackupDanificado, Interrompido; psycopg.Error
        passa."""
        tabela = self.no_escopo.tabela
        mudadas = Mudadas(tamanho_do_lugar(tabela), por_chave=False)
        sal = secrets.token_hex(16)
        with (
            self.perguntas.conexao.cursor(binary=True) as cursor,
            _em_curso(cursor, self._consulta(sal)) as do_servidor,
            ThreadPoolExecutor(1) as fio,
        ):
            # Enquanto o servidor percorre a tabela, resume-se aqui o arquivo de antes.
            resposta = fio.submit(next, do_servidor, None)
            resumidos = self._resumidos(sal.encode())
            adiantados = list(_ate(resposta.done, resumidos))
            proximo = resposta.result()
            for n, resumos in itertools.chain(adiantados, resumidos):
                itens = b""
                if proximo is not None and proximo[0] == n:
                    itens, proximo = proximo[1], next(do_servidor, None)
                self._intercalados(n, itens).comparar(mudadas, n, resumos)
                conferir_quantas(mudadas, self.resumida)
            if proximo is not None:
                raise Duvida("há linhas em blocos que não há")
        return mudadas

    def _intercalados(self, n: int, itens: bytes) -> Intercalados:
        do_lugar = tamanho_do_lugar(self.no_escopo.tabela)
        ditas = self.resumida.por_bloco[n].linhas if n in self.resumida.por_bloco else 0
        return Intercalados(itens, ditas, do_lugar, DO_RESUMO, self.guardar)

    def _resumidos(self, sal: bytes) -> Iterator[tuple[int, bytes]]:
        """De cada bloco que difere, os resumos das linhas que lá estavam, seguidos. Levanta Duvida,
        BackupDanificado ou Interrompido."""
        md5 = functools.partial(hashlib.md5, usedforsecurity=False)
        # A soma do arquivo confere-se ao montar: o que aqui não é o que era parece ter mudado.
        for n, bruto in enumerate(self.anterior.blocos(conferir=False)):
            if self.parar.is_set():
                raise Interrompido("Interrompido.")
            if n in self.diferem:
                linhas = separadas(bruto, self.anterior.resumo.blocos[n].linhas)
                yield n, b"".join([md5(sal + li).digest()[:DO_RESUMO] for li in linhas])

    def _consulta(self, sal: str) -> sql.Composed:
        """(bloco, os itens das linhas dele, por ordem)."""
        tabela = self.no_escopo.tabela
        chave = [sql.Identifier(f"k{n}") for n in range(len(tabela.chave))]
        bloco = bloco_de(tabela, fronteiras_de(self.anterior.resumo.blocos))
        so_estes: sql.Composable = sql.SQL(" AND {} IN ({})").format(
            bloco, sql.SQL(", ").join(map(sql.Literal, sorted(self.diferem)))
        )
        if len(self.diferem) == len(self.anterior.resumo.blocos):
            so_estes = sql.SQL("")
        de_cada = sql.SQL(" UNION ALL ").join(
            sql.SQL("(SELECT {} AS s, {} AS b, {} AS x, {} AS l{} {}{} OFFSET 0)").format(
                sql.Literal(ramo.numero),
                bloco,
                lugar_de(tabela),
                ramo.linha(),
                sql.SQL("").join(
                    sql.SQL(", {} AS {}").format(c, k)
                    for c, k in zip(ramo.chave(), chave, strict=True)
                ),
                ramo.origem(),
                so_estes,
            )
            for ramo in self.perguntas.ramos(self.no_escopo)
        )
        por = chave if tabela.ordem_sabida else [sql.Identifier("s"), *chave]
        return sql.SQL(
            "SELECT b, pg_catalog.string_agg(i, '' ORDER BY {}) FROM (SELECT s, b, {}, {} AS i"
            " FROM ({}) AS linhas) AS itens GROUP BY b ORDER BY b"
        ).format(sql.SQL(", ").join(por), sql.SQL(", ").join(chave), self._item(sal), de_cada)

    def _item(self, sal: str) -> sql.Composable:
        item = sql.SQL(
            "x || pg_catalog.substr(pg_catalog.decode(pg_catalog.md5({} || l), 'hex'), 1, {})"
        ).format(sql.Literal(sal), sql.Literal(DO_RESUMO))
        if not self.guardar:
            return item
        guardado = self.perguntas.resumo(sql.SQL("l"))
        return sql.SQL("{} || pg_catalog.int8send({})").format(item, guardado)


def conferir_quantas(mudadas: Mudadas, resumida: Resumida) -> None:
    """Levanta Duvida se mudaram linhas demais para valer a pena ler só essas."""
    if mudadas.quantas > DEMAIS * max(resumida.linhas, 1):
        raise Duvida("mudaram linhas demais")


def separadas(bruto: bytes, quantas: int) -> list[bytes]:
    """As linhas de um bloco de que se sabe quantas são. Levanta Duvida."""
    linhas = bruto.split(SEPARADOR)
    if len(linhas) == quantas:
        return linhas
    try:  # alguma tem quebras próprias
        linhas = [bytes(linha) for linha in separar(b"[" + bruto + b"]")]
    except (msgspec.DecodeError, UnicodeDecodeError):
        linhas = []
    if len(linhas) != quantas:
        raise Duvida("o arquivo de antes não tem as linhas que tinha")
    return linhas


def _ate(
    bastar: Callable[[], bool], resumidos: Iterator[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    """Os que se fazem até `bastar`, ou até serem muitos."""
    feitos = 0
    while feitos < ADIANTADOS and not bastar():
        if (proximo := next(resumidos, None)) is None:
            return
        feitos += len(proximo[1])
        yield proximo


@contextlib.contextmanager
def _em_curso(cursor: psycopg.Cursor, consulta: sql.Composed) -> Iterator[Iterator[Any]]:
    """As linhas de uma consulta à medida que chegam; ao sair, a conexão está livre."""
    linhas = cast("Generator[Any, None, None]", cursor.stream(consulta))
    try:
        yield linhas
    finally:
        linhas.close()
