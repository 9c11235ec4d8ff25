"""Que linhas de uma tabela são as do backup anterior, e em que lugar do banco estão as outras.

O lugar de uma linha (`ctid`) é sempre o mesmo num instante de REPEATABLE READ: só dentro dele se
usa. Duas linhas são a mesma se têm o mesmo resumo, e há dois:

- o que o servidor dá, de que ao lado do backup se guardou o de cada linha: vem com as somas dos
  blocos, numa passada só (ver `resumos`);
- um que aqui também se sabe fazer, das linhas do arquivo: custa ao servidor outra passada. Leva um
  sal desta leitura: quem escreve linhas não pode preparar duas que se confundam.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, count, repeat

from psycopg import sql

from cofre.base.modelo import Tabela

NOVA = -1
DO_GUARDADO = 8
"""Bytes do resumo que o servidor dá de cada linha, e que se guarda como veio."""


class Duvida(Exception):
    """O que o servidor disse não bate consigo mesmo, ou mudou coisa demais: lê-se a tabela toda."""


@dataclass(slots=True)
class Mudadas:
    """Dos blocos que diferem. `do_lugar`: bytes do lugar de cada linha; `por_chave`: as linhas não
    vieram por ordem, e num bloco as que mudaram estão no fim, por pôr no lugar pela chave."""

    do_lugar: int
    por_chave: bool
    ordens: dict[int, array[int]] = field(default_factory=dict)
    """Por bloco, de cada linha de agora: a posição dela no bloco de antes, ou NOVA."""
    guardados: dict[int, array[int]] = field(default_factory=dict)
    """Por bloco, o resumo de cada linha, pela mesma ordem; vazio se não se pediram."""
    quantas: int = 0
    """As que mudaram."""
    _lugares: dict[int, bytes] = field(default_factory=dict)

    @property
    def lugares(self) -> bytes:
        """Os das NOVA, pela ordem dos blocos, que podem ter vindo por outra."""
        return b"".join(self._lugares[n] for n in sorted(self._lugares))

    def comparar(
        self, n: int, antes: Sequence[bytes | int], agora: Sequence[bytes | int], itens: _Itens
    ) -> None:
        """Mais um bloco, pelos resumos das linhas dele antes e agora. Levanta Duvida."""
        # São todas as linhas de um bloco em que mudou uma: o que se faz de cada uma é em C.
        eram, sao = set(antes), set(agora)
        if len(eram) != len(antes) or len(sao) != len(agora):
            raise Duvida("duas linhas com o mesmo resumo")
        novas = list(compress(count(), map((sao - eram).__contains__, agora)))
        self.quantas += len(novas)
        self._lugares[n] = b"".join(map(itens.lugar, novas))
        guardados = itens.guardados
        if self.por_chave:
            ordem = array("i", compress(count(), map(sao.__contains__, antes)))
            ordem.extend(repeat(NOVA, len(novas)))
            if guardados is not None:  # aí o resumo por que se comparou é o próprio
                ficam = compress(antes, map(sao.__contains__, antes))
                guardados = array("q", chain(ficam, map(agora.__getitem__, novas)))  # type: ignore[arg-type]
        else:
            onde = dict(zip(antes, count(), strict=False))
            ordem = array("i", map(onde.get, agora, repeat(NOVA)))
        self.ordens[n] = ordem
        if guardados is not None:
            self.guardados[n] = guardados


@dataclass(frozen=True, slots=True)
class _Itens:
    """O que veio das linhas de um bloco: como se acha o lugar de cada uma, e os resumos a guardar,
    se vieram."""

    lugar: Callable[[int], bytes]
    guardados: array[int] | None


@dataclass(frozen=True, slots=True)
class Seguidos:
    """Os itens de um bloco, como o servidor os manda quando os soma: primeiro os resumos de todas
    as linhas, depois os lugares delas."""

    bruto: bytes
    linhas: int
    do_lugar: int

    def comparar(self, mudadas: Mudadas, n: int, antes: bytes) -> None:
        """Contra os resumos guardados das linhas que lá estavam. Levanta Duvida."""
        meio = DO_GUARDADO * self.linhas
        if len(self.bruto) != meio + self.do_lugar * self.linhas:
            raise Duvida("o servidor disse quantas eram, e não são tantas")

        def lugar(posicao: int) -> bytes:
            inicio = meio + posicao * self.do_lugar
            return self.bruto[inicio : inicio + self.do_lugar]

        agora = inteiros(self.bruto[:meio])
        mudadas.comparar(n, inteiros(antes), agora, _Itens(lugar, agora))


@dataclass(frozen=True, slots=True)
class Intercalados:
    """Os itens de um bloco, por ordem: o lugar, o resumo que aqui se sabe fazer (`do_resumo` bytes)
    e, se se pediu (`guardar`), o que se guarda."""

    bruto: bytes
    linhas: int
    do_lugar: int
    do_resumo: int
    guardar: bool

    def comparar(self, mudadas: Mudadas, n: int, antes: bytes) -> None:
        """Contra os resumos, seguidos, das linhas do arquivo. Levanta Duvida."""
        fim = self.do_lugar + self.do_resumo
        tamanho = fim + DO_GUARDADO * self.guardar
        if len(self.bruto) != tamanho * self.linhas:
            raise Duvida("o servidor disse quantas eram, e não são tantas")
        inicios = range(0, len(self.bruto), tamanho)
        guardados = None
        if self.guardar:
            guardados = inteiros(b"".join([self.bruto[i + fim : i + tamanho] for i in inicios]))

        def lugar(posicao: int) -> bytes:
            return self.bruto[posicao * tamanho : posicao * tamanho + self.do_lugar]

        do_resumo = self.do_resumo
        mudadas.comparar(
            n,
            [antes[i : i + do_resumo] for i in range(0, len(antes), do_resumo)],
            [self.bruto[i + self.do_lugar : i + fim] for i in inicios],
            _Itens(lugar, guardados),
        )


def inteiros(bruto: bytes) -> array[int]:
    """Resumos seguidos, que só se comparam uns com os outros."""
    lidos = array("q")
    lidos.frombytes(bruto)
    return lidos


def tamanho_do_lugar(tabela: Tabela) -> int:
    """Bytes."""
    return 6 + 4 * tabela.particionada


def lugar_de(tabela: Tabela) -> sql.SQL:
    """O lugar da linha `p0`, em bytea."""
    lugar = "pg_catalog.tidsend(p0.ctid)"
    return sql.SQL(f"{lugar} || pg_catalog.oidsend(p0.tableoid)" if tabela.particionada else lugar)
