"""Uma tabela de que só se leem as linhas que mudaram: o resto é do backup anterior.

Que linhas são, diz `mudadas`; pedem-se pelo lugar em que estão. Se ao lado do backup ainda não há o
resumo de cada linha, e mudaram quase todos os blocos, passa a haver: a vez seguinte é mais barata.
"""

from __future__ import annotations

import bisect
import struct
import threading
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import sql

from cofre.base.erros import Interrompido
from cofre.base.linha import ORDENS, juntar, valores_de_todas
from cofre.base.modelo import Tabela
from cofre.base.textos import MARCA
from cofre.deposito.resumos import Anterior, Bloco
from cofre.deposito.resumos_por_linha import DE_CADA
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.direta.mudadas import NOVA, Duvida, Mudadas, inteiros, lugar_de
from cofre.via.direta.resumos import Perguntas
from cofre.via.direta.segunda_passada import SegundaPassada, conferir_quantas, separadas
from cofre.via.direta.somas import Resumida
from cofre.via.leitura import Trocadas

_LUGAR = struct.Struct(">IH")
POR_PEDIDO, BYTES_POR_PEDIDO = 2_000, 8 * 1024 * 1024
"""Linhas que se pedem de uma vez, e quantos bytes se espera que tenham, no máximo."""
MAIOR_BLOCO = 1024 * 1024
"""Bytes: um bloco a que se somaram muitas linhas parte-se."""


_Chave = tuple[bytes, ...]
"""Os valores, em JSON, das colunas da chave de uma linha."""


class _Nova(NamedTuple):
    linha: bytes
    resumo: int


@dataclass(slots=True)
class EmParte:
    """A leitura de uma tabela de uma empresa contra a `anterior`, de que diferem alguns blocos.
    `mudadas`: as linhas que mudaram, se já se sabem, e então `guardados` são os resumos das de
    antes; `guardar`: se se podem guardar os de cada linha."""

    perguntas: Perguntas
    no_escopo: TabelaNoEscopo
    parar: threading.Event
    anterior: Anterior
    resumida: Resumida
    diferem: Collection[int]
    mudadas: Mudadas | None = None
    guardados: bytes = b""
    guardar: bool = False
    partidos: bool = False
    """Se algum bloco se partiu: do que resultou, o servidor ainda nada disse."""
    com_textos: bool = False
    """Se alguma linha traz textos: no arquivo da tabela não ficam."""
    trocadas: Trocadas = field(init=False)
    """Quantas linhas são outras, e quantas não havia."""
    por_linha: bytearray = field(init=False, default_factory=bytearray)
    """O resumo de cada linha da tabela de agora, se é de guardar."""

    def __post_init__(self) -> None:
        self.trocadas = Trocadas(self.anterior.carimbo, 0, 0)
        todos = range(len(self.anterior.resumo.blocos))
        if self.mudadas is not None:
            self.guardar = True
        elif self.guardar and 2 * len(self.diferem) > len(todos):
            self.diferem = todos  # o resumo que se guarda é o de todas as linhas
        else:
            self.guardar = False

    def procurar(self) -> None:
        """Acha as linhas que mudaram. Levanta Duvida, BackupDanificado, Interrompido; psycopg.Error
        passa."""
        if self.resumida.alheias:
            raise Duvida("há linhas de outras empresas entre as desta")
        if self.mudadas is None:
            self.mudadas = SegundaPassada(
                self.perguntas,
                self.no_escopo,
                self.parar,
                self.anterior,
                self.resumida,
                self.diferem,
                self.guardar,
            ).fazer()
        conferir_quantas(self.mudadas, self.resumida)

    def montar(self) -> Iterator[tuple[bytes, Bloco]]:
        """Os blocos da tabela como está, com o que se sabe de cada um, na ordem; depois de
        `procurar`. Levanta como ele."""
        assert self.mudadas is not None
        novas, lidas = self._novas(), 0
        for n, (bruto, era) in enumerate(
            zip(self.anterior.blocos(), self.anterior.resumo.blocos, strict=True)
        ):
            if self.parar.is_set():
                raise Interrompido("Interrompido.")
            if n not in self.diferem:
                if self.guardar:
                    fim = lidas + era.linhas
                    self.por_linha += self.guardados[lidas * DE_CADA : fim * DE_CADA]
                yield bruto, era
            else:
                linhas = self._de_agora(self.mudadas, n, separadas(bruto, era.linhas), novas)
                yield from self._em_blocos(linhas, self.resumida.de(n))
            lidas += era.linhas
        if next(novas, None) is not None:
            raise Duvida("sobraram linhas")

    def _de_agora(
        self, mudadas: Mudadas, n: int, antes: list[bytes], novas: Iterator[_Nova]
    ) -> list[bytes]:
        """As linhas de um bloco que difere."""
        ordem = mudadas.ordens.get(n, array("i"))
        ditas = self.resumida.por_bloco[n].linhas if n in self.resumida.por_bloco else 0
        if len(ordem) != ditas:
            raise Duvida("o servidor não disse que linhas são")
        resumos = mudadas.guardados.get(n, array("q"))
        vieram = [next(novas) for era in ordem if era == NOVA]
        if self.guardar and [v.resumo for v in vieram] != [
            r for r, era in zip(resumos, ordem, strict=True) if era == NOVA
        ]:
            raise Duvida("uma linha não é a que se disse")
        sairam = sorted({*range(len(antes))}.difference(ordem))
        chaves = valores_de_todas([v.linha for v in vieram], self.no_escopo.tabela.chave)
        eram = self._que_eram(antes, sairam)
        self._contar(eram, chaves)
        if mudadas.por_chave:
            ficam = ordem[: len(ordem) - len(vieram)]
            linhas = list(map(antes.__getitem__, ficam))
            novas_ = list(zip(chaves, vieram, strict=True))
            _por_no_lugar(self.no_escopo.tabela, linhas, resumos, ficam, eram, novas_)
        else:
            destas = iter(vieram)
            linhas = [next(destas).linha if era == NOVA else antes[era] for era in ordem]
        self.por_linha += resumos.tobytes()
        return linhas

    def _que_eram(self, antes: Sequence[bytes], sairam: Sequence[int]) -> dict[_Chave, int]:
        """A posição, no bloco de antes, das linhas que já lá não estão como eram, pela chave."""
        chaves = valores_de_todas([antes[p] for p in sairam], self.no_escopo.tabela.chave)
        return dict(zip(chaves, sairam, strict=True))

    def _contar(self, eram: Mapping[_Chave, int], sao: Sequence[_Chave]) -> None:
        outras = sum(chave in eram for chave in sao)
        antes = self.trocadas
        self.trocadas = antes._replace(
            alteradas=antes.alteradas + outras, novas=antes.novas + len(sao) - outras
        )

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

    def _novas(self) -> Iterator[_Nova]:
        """As linhas que mudaram, na ordem em que se souberam."""
        assert self.mudadas is not None
        salva, lugares = self.anterior.salva, self.mudadas.lugares
        do_lugar = self.mudadas.do_lugar
        de_cada = max(1, salva.bytes // max(salva.registros, 1))
        quantas = max(1, min(POR_PEDIDO, BYTES_POR_PEDIDO // de_cada)) * do_lugar
        for inicio in range(0, len(lugares), quantas):
            pedaco = lugares[inicio : inicio + quantas]
            pedidos = [pedaco[i : i + do_lugar] for i in range(0, len(pedaco), do_lugar)]
            vieram = self._pedir(pedidos)
            for lugar in pedidos:
                if lugar not in vieram:
                    raise Duvida("uma linha não estava onde se disse")
                self.com_textos |= MARCA in vieram[lugar].linha
                yield vieram[lugar]

    def _pedir(self, lugares: Sequence[bytes]) -> dict[bytes, _Nova]:
        tids = [f"({pagina},{linha})" for pagina, linha in (_LUGAR.unpack(x[:6]) for x in lugares)]
        onde = sql.Literal(list(dict.fromkeys(tids)))
        consulta = sql.SQL(" UNION ALL ").join(
            sql.SQL(
                "SELECT x, pg_catalog.convert_to(l, 'UTF8'), pg_catalog.int8send({}) FROM"
                " (SELECT {} AS x, {} AS l {}"
                " AND p0.ctid = ANY({}::pg_catalog.text[]::pg_catalog.tid[]) OFFSET 0) AS linhas"
            ).format(
                self.perguntas.resumo(sql.SQL("l")),
                lugar_de(ramo.tabela),
                ramo.linha(),
                ramo.origem(),
                onde,
            )
            for ramo in self.perguntas.ramos(self.no_escopo)
        )
        with self.perguntas.conexao.cursor(binary=True) as cursor:
            return {
                bytes(lugar): _Nova(bytes(linha), inteiros(resumo)[0])
                for lugar, linha, resumo in cursor.execute(consulta)
            }


def _por_no_lugar(
    tabela: Tabela,
    linhas: list[bytes],
    resumos: array[int],
    ficam: Sequence[int],
    eram: Mapping[_Chave, int],
    vieram: Sequence[tuple[_Chave, _Nova]],
) -> None:
    """Põe entre as `linhas`, que estavam nas posições que `ficam`, as que vieram, cujos resumos são
    os últimos: a que só mudou, onde estava a da mesma chave; a nova, pela ordem da chave. Levanta
    Duvida."""
    del resumos[len(linhas) :]
    if len({chave for chave, _ in vieram}) != len(vieram):
        raise Duvida("duas linhas com a mesma chave")
    mudadas = sorted((eram[chave], nova) for chave, nova in vieram if chave in eram)
    for n, (era, nova) in enumerate(mudadas):
        onde = bisect.bisect_left(ficam, era) + n
        linhas.insert(onde, nova.linha)
        resumos.insert(onde, nova.resumo)
    ordenar = _por_chave(tabela)
    for nova in (nova for chave, nova in vieram if chave not in eram):
        pela_chave = ordenar(nova.linha)
        onde = bisect.bisect_left(linhas, pela_chave, key=ordenar)
        if onde < len(linhas) and ordenar(linhas[onde]) == pela_chave:
            raise Duvida("duas linhas com a mesma chave")
        linhas.insert(onde, nova.linha)
        resumos.insert(onde, nova.resumo)


def _por_chave(tabela: Tabela) -> Callable[[bytes], tuple[Any, ...]]:
    """O que se compara de uma linha, numa tabela cuja ordem aqui se sabe."""
    tipos = {c.nome: c.tipo for c in tabela.colunas}
    ordens = [ORDENS[tipos[c]] for c in tabela.chave]

    def ordenar(linha: bytes) -> tuple[Any, ...]:
        (valores,) = valores_de_todas([linha], tabela.chave)
        return tuple([como(v) for como, v in zip(ordens, valores, strict=True)])

    return ordenar


def chave_da(linha: bytes, chave: Sequence[str]) -> str:
    """A chave da linha, como um vetor em JSON."""
    (valores,) = valores_de_todas([linha], chave)
    return (b"[" + b",".join(valores) + b"]").decode("utf-8")
