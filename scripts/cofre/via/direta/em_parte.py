"""Uma tabela de que só se leem as linhas que mudaram: o resto é do backup anterior.

Dos blocos que já não são os mesmos, o servidor manda, por ordem, o lugar de cada linha (`ctid`, que
num instante de REPEATABLE READ é sempre o mesmo) e um resumo que aqui também se sabe fazer; só as
linhas que não se acham no bloco de antes se pedem, pelo lugar. O resumo leva um sal desta leitura:
quem escreve linhas não pode preparar duas que se confundam.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import secrets
import struct
import threading
from array import array
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import psycopg
from psycopg import sql

from cofre.base.erros import Interrompido
from cofre.base.linha import SEPARADOR, juntar, separar, valores_de_todas
from cofre.base.modelo import Empresa
from cofre.base.textos import MARCA
from cofre.deposito.resumos import Anterior, Bloco
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.direta.consulta import Catalogadas, DoRamo, ramos_de
from cofre.via.direta.resumos import Resumida, bloco_de, fronteiras_de

DO_RESUMO = 10
"""Bytes do resumo de cada linha: duas do mesmo bloco confundem-se uma vez em 2^80."""
_LUGAR = struct.Struct(">IH")
POR_PEDIDO, BYTES_POR_PEDIDO = 2_000, 8 * 1024 * 1024
"""Linhas que se pedem de uma vez, e quantos bytes se espera que tenham, no máximo."""
DEMAIS = 0.5
"""Se mudou mais do que esta parte das linhas, ler tudo é mais barato."""
MAIOR_BLOCO = 1024 * 1024
"""Bytes: um bloco a que se somaram muitas linhas parte-se."""
ADIANTADOS = 8 * 1024 * 1024
"""Bytes de resumos que se fazem, no máximo, antes de o servidor responder."""
NOVA = -1


class Duvida(Exception):
    """O que o servidor disse não bate consigo mesmo, ou mudou coisa demais: lê-se a tabela toda."""


@dataclass(slots=True)
class EmParte:
    """A leitura de uma tabela de uma empresa contra a `anterior`, de que diferem alguns blocos."""

    conexao: psycopg.Connection
    no_escopo: TabelaNoEscopo
    empresa: Empresa
    catalogadas: Catalogadas
    parar: threading.Event
    anterior: Anterior
    resumida: Resumida
    diferem: Collection[int]
    partidos: bool = False
    """Se algum bloco se partiu: do que resultou, o servidor ainda nada disse."""
    com_textos: bool = False
    """Se alguma linha traz textos: no arquivo da tabela não ficam."""
    _ramos: list[DoRamo] = field(init=False)
    _ordens: dict[int, array[int]] = field(init=False, default_factory=dict)
    """Por bloco, de cada linha, na ordem: a posição dela no bloco de antes, ou NOVA."""
    _lugares: bytearray = field(init=False, default_factory=bytearray)

    def __post_init__(self) -> None:
        self._ramos = ramos_de(self.no_escopo, [self.empresa], self.catalogadas)

    # -- o que mudou -------------------------------------------------------------------------

    def procurar(self) -> None:
        """Acha as linhas que mudaram. Levanta Duvida, BackupDanificado, Interrompido; psycopg.Error
        passa."""
        if self.resumida.alheias:
            raise Duvida("há linhas de outras empresas entre as desta")
        sal = secrets.token_hex(16)
        consulta = self._dos_lugares(sal)
        mais_de = DEMAIS * max(self.resumida.linhas, 1)
        with (
            self.conexao.cursor(binary=True) as cursor,
            _em_curso(cursor, consulta) as do_servidor,
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
                self._comparar(n, resumos, itens)
                if len(self._lugares) > mais_de * self._do_lugar:
                    raise Duvida("mudaram linhas demais")
            if proximo is not None:
                raise Duvida("há linhas em blocos que não há")

    def _resumidos(self, sal: bytes) -> Iterator[tuple[int, bytes]]:
        """De cada bloco que difere, os resumos das linhas que lá estavam, seguidos. Levanta Duvida,
        BackupDanificado ou Interrompido."""
        md5 = functools.partial(hashlib.md5, usedforsecurity=False)
        # A soma do arquivo confere-se ao montar: o que aqui não é o que era parece ter mudado.
        for n, bruto in enumerate(self.anterior.blocos(conferir=False)):
            self._conferir_parada()
            if n in self.diferem:
                linhas = _separadas(bruto, self.anterior.resumo.blocos[n].linhas)
                yield n, b"".join([md5(sal + li).digest()[:DO_RESUMO] for li in linhas])

    @property
    def _do_lugar(self) -> int:
        return _LUGAR.size + 4 * self.no_escopo.tabela.particionada

    def _comparar(self, n: int, resumos: bytes, itens: bytes) -> None:
        do_lugar = self._do_lugar
        tamanho = do_lugar + DO_RESUMO
        ditas = self.resumida.por_bloco[n].linhas if n in self.resumida.por_bloco else 0
        if len(itens) != tamanho * ditas:
            raise Duvida("o servidor disse quantas eram, e não são tantas")
        inicios = range(0, len(resumos), DO_RESUMO)
        antes = {resumos[i : i + DO_RESUMO]: posicao for posicao, i in enumerate(inicios)}
        if len(antes) != len(inicios):
            raise Duvida("duas linhas com o mesmo resumo")
        achar = antes.get
        ordem = array(
            "i",
            [
                achar(itens[meio : meio + DO_RESUMO], NOVA)
                for meio in range(do_lugar, len(itens), tamanho)
            ],
        )
        for posicao, era in enumerate(ordem):
            if era == NOVA:
                self._lugares += itens[posicao * tamanho : posicao * tamanho + do_lugar]
        self._ordens[n] = ordem

    def _dos_lugares(self, sal: str) -> sql.Composed:
        """(bloco, os lugares e os resumos das linhas dele, por ordem)."""
        tabela = self.no_escopo.tabela
        chave = [sql.Identifier(f"k{n}") for n in range(len(tabela.chave))]
        bloco = bloco_de(tabela, fronteiras_de(self.anterior.resumo.blocos))
        so_estes = sql.SQL(" AND {} IN ({})").format(
            bloco, sql.SQL(", ").join(map(sql.Literal, sorted(self.diferem)))
        )
        todos = len(self.diferem) == len(self.anterior.resumo.blocos)
        de_cada = sql.SQL(" UNION ALL ").join(
            sql.SQL(
                "SELECT {} AS s, {} AS b, {} || pg_catalog.substr(pg_catalog.decode("
                "pg_catalog.md5({} || ({})), 'hex'), 1, {}) AS x{} {}{}"
            ).format(
                sql.Literal(ramo.numero),
                bloco,
                sql.SQL(self._lugar),
                sql.Literal(sal),
                ramo.linha(),
                sql.Literal(DO_RESUMO),
                sql.SQL("").join(
                    sql.SQL(", {} AS {}").format(c, k)
                    for c, k in zip(ramo.chave(), chave, strict=True)
                ),
                ramo.origem(),
                sql.SQL("") if todos else so_estes,
            )
            for ramo in self._ramos
        )
        por = chave if tabela.ordem_sabida else [sql.Identifier("s"), *chave]
        return sql.SQL(
            "SELECT b, pg_catalog.string_agg(x, '' ORDER BY {}) FROM ({}) AS linhas"
            " GROUP BY b ORDER BY b"
        ).format(sql.SQL(", ").join(por), de_cada)

    @property
    def _lugar(self) -> str:
        lugar = "pg_catalog.tidsend(p0.ctid)"
        particionada = self.no_escopo.tabela.particionada
        return f"{lugar} || pg_catalog.oidsend(p0.tableoid)" if particionada else lugar

    # -- a tabela de agora -------------------------------------------------------------------

    def montar(self) -> Iterator[tuple[bytes, Bloco]]:
        """Os blocos da tabela como está, com o que se sabe de cada um, na ordem; depois de
        `procurar`. Levanta como ele."""
        novas = self._novas()
        for n, (bruto, era) in enumerate(
            zip(self.anterior.blocos(), self.anterior.resumo.blocos, strict=True)
        ):
            self._conferir_parada()
            if n not in self.diferem:
                yield bruto, era
                continue
            antes = _separadas(bruto, era.linhas)
            linhas = [next(novas) if p == NOVA else antes[p] for p in self._ordens[n]]
            yield from self._em_blocos(linhas, self.resumida.de(n))
        if next(novas, None) is not None:
            raise Duvida("sobraram linhas")

    def _em_blocos(self, linhas: list[bytes], resumo: str) -> Iterator[tuple[bytes, Bloco]]:
        """Um, ou vários se é grande: aí não se sabe o resumo de cada um."""
        if not linhas:
            return
        total = sum(map(len, linhas))
        partes = 1 + total // (2 * MAIOR_BLOCO)
        de_cada = -(-len(linhas) // partes)
        for inicio in range(0, len(linhas), de_cada):
            parte = linhas[inicio : inicio + de_cada]
            bruto = juntar(parte)
            self.partidos |= len(parte) < len(linhas)
            primeira = chave_da(parte[0], self.no_escopo.tabela.chave)
            yield bruto, Bloco(primeira, len(parte), len(bruto), resumo)

    def _novas(self) -> Iterator[bytes]:
        """As linhas que mudaram, na ordem."""
        salva = self.anterior.salva
        de_cada = max(1, salva.bytes // max(salva.registros, 1))
        quantas = max(1, min(POR_PEDIDO, BYTES_POR_PEDIDO // de_cada)) * self._do_lugar
        for inicio in range(0, len(self._lugares), quantas):
            pedaco = bytes(self._lugares[inicio : inicio + quantas])
            lugares = [
                pedaco[i : i + self._do_lugar] for i in range(0, len(pedaco), self._do_lugar)
            ]
            vieram = self._pedir(lugares)
            for lugar in lugares:
                if lugar not in vieram:
                    raise Duvida("uma linha não estava onde se disse")
                self.com_textos |= MARCA in vieram[lugar]
                yield vieram[lugar]

    def _pedir(self, lugares: Sequence[bytes]) -> dict[bytes, bytes]:
        tids = [f"({pagina},{linha})" for pagina, linha in (_LUGAR.unpack(x[:6]) for x in lugares)]
        lugar, onde = sql.SQL(self._lugar), sql.Literal(list(dict.fromkeys(tids)))
        consulta = sql.SQL(" UNION ALL ").join(
            sql.SQL(
                "SELECT {}, pg_catalog.convert_to({}, 'UTF8') {}"
                " AND p0.ctid = ANY({}::pg_catalog.text[]::pg_catalog.tid[])"
            ).format(lugar, ramo.linha(), ramo.origem(), onde)
            for ramo in self._ramos
        )
        with self.conexao.cursor(binary=True) as cursor:
            return {bytes(lugar): bytes(linha) for lugar, linha in cursor.execute(consulta)}

    def _conferir_parada(self) -> None:
        if self.parar.is_set():
            raise Interrompido("Interrompido.")


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


def _separadas(bruto: bytes, quantas: int) -> list[bytes]:
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


def chave_da(linha: bytes, chave: Sequence[str]) -> str:
    """A chave da linha, como um vetor em JSON."""
    (valores,) = valores_de_todas([linha], chave)
    return (b"[" + b",".join(valores) + b"]").decode("utf-8")
