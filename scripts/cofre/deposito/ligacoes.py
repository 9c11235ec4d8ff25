"""As chaves de um backup: nenhuma se repete, e toda chave estrangeira fecha dentro dele.

São observadores de uma passada: os mesmos servem aos arquivos de um backup e aos blocos de uma
foto que ainda se grava.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cofre.base.linha import NULO, ORDENS, VARIOS_MODOS, sem_o_modo
from cofre.base.modelo import ChaveEstrangeira, Contradicao
from cofre.deposito.indice import Indice
from cofre.deposito.passada import Grupo, Observador, passar
from cofre.deposito.tabela_salva import TabelaSalva


@dataclass(frozen=True, slots=True)
class Arquivo:
    """Uma tabela de um backup, onde ela está, e onde estão os textos dela, se os tem."""

    tabela: TabelaSalva
    caminho: Path
    textos: Path | None = None


# -- as ligações -----------------------------------------------------------------------------

Interessa = Callable[[str, ChaveEstrangeira], bool]
"""Se é preciso conferir esta chave estrangeira desta tabela."""


Tipos = Mapping[str, Mapping[str, str]]
"""O tipo de cada coluna, por tabela."""


class Ligacoes:
    """As chaves estrangeiras entre algumas tabelas, conferidas depois que todas passam. Pelos
    `tipos`, um citext e um numeric escritos de outro modo são o mesmo valor, como para o banco."""

    def __init__(
        self,
        estrangeiras: Mapping[str, Sequence[ChaveEstrangeira]],
        interessa: Interessa = lambda _tabela, _fk: True,
        tipos: Tipos | None = None,
    ) -> None:
        self._indice = Indice()
        self._fks = [
            _Conferida(nome, fk, _de_varios_modos(nome, fk, tipos or {}))
            for nome, fks in estrangeiras.items()
            for fk in fks
            if _conferivel(fk) and fk.tabela in estrangeiras and interessa(nome, fk)
        ]

    def close(self) -> None:
        """Apaga o que guardou."""
        self._indice.close()

    def observadores(self, tabela: str, chave: Sequence[str]) -> list[Observador]:
        """Quem tem de ver as linhas desta tabela; `chave` é a que se mostra nos exemplos."""
        conjuntos = dict.fromkeys(c.conjunto for c in self._fks if c.fk.tabela == tabela)
        return [
            *(_Referidas(self._indice, c) for c in conjuntos),
            *(
                _Apontadas(self._indice, n, c.fk.colunas, tuple(chave), c.varios_modos)
                for n, c in enumerate(self._fks)
                if c.tabela == tabela
            ),
        ]

    def abertas(self, lidas: Collection[str]) -> list[Contradicao]:
        """As chaves estrangeiras entre as tabelas `lidas` com valores que a outra não tem."""
        abertas = []
        for n, conferida in enumerate(self._fks):
            nome, fk = conferida.tabela, conferida.fk
            if nome in lidas and fk.tabela in lidas:
                quantas, exemplos = self._indice.faltam(n, conferida.conjunto)
                if quantas:
                    por = ", ".join(fk.colunas)
                    abertas.append(Contradicao(nome, f"{por} → {fk.tabela}", quantas, exemplos))
        return abertas


def _conferivel(fk: ChaveEstrangeira) -> bool:
    return bool(fk.colunas) and len(fk.colunas) == len(fk.referencias)


class _Conjunto(NamedTuple):
    """As colunas de uma tabela para as quais outras apontam; `varios_modos`: se os seus valores se
    comparam sem o modo de escrever."""

    tabela: str
    colunas: tuple[str, ...]
    varios_modos: bool


class _Conferida(NamedTuple):
    """Uma chave estrangeira desta tabela."""

    tabela: str
    fk: ChaveEstrangeira
    varios_modos: bool

    @property
    def conjunto(self) -> _Conjunto:
        """Os valores que ela aponta."""
        return _Conjunto(self.fk.tabela, self.fk.referencias, self.varios_modos)


def _de_varios_modos(tabela: str, fk: ChaveEstrangeira, tipos: Tipos) -> bool:
    da_filha = (tipos.get(tabela, {}).get(c, "") for c in fk.colunas)
    da_mae = (tipos.get(fk.tabela, {}).get(c, "") for c in fk.referencias)
    return any(t.rpartition(".")[2] in VARIOS_MODOS for t in (*da_filha, *da_mae))


def _junto(valores: Sequence[bytes], varios_modos: bool) -> bytes:
    return b",".join([sem_o_modo(v).encode() for v in valores] if varios_modos else valores)


@dataclass(frozen=True, slots=True)
class _Referidas:
    """Guarda os valores para os quais outras tabelas apontam."""

    indice: Indice
    conjunto: _Conjunto

    @property
    def colunas(self) -> Sequence[str]:
        return self.conjunto.colunas

    def ver(self, grupo: Grupo) -> None:
        if self.conjunto.varios_modos:
            juntos = [_junto(v, True) for v in grupo.valores(self.colunas)]
        else:
            juntos = grupo.juntos(self.colunas)
        self.indice.guardar(self.conjunto, juntos)


@dataclass(frozen=True, slots=True)
class _Apontadas:
    """Guarda os valores que uma chave estrangeira tem, e de que linha são; um nulo não aponta para
    nada."""

    indice: Indice
    numero: int
    fk: tuple[str, ...]
    chave: tuple[str, ...]
    varios_modos: bool

    @property
    def colunas(self) -> Sequence[str]:
        return (*self.fk, *self.chave)

    def ver(self, grupo: Grupo) -> None:
        linhas = zip(grupo.valores(self.fk), grupo.juntos(self.chave), strict=True)
        pares = [(_junto(v, self.varios_modos), chave) for v, chave in linhas if NULO not in v]
        self.indice.procurar(self.numero, pares)


def ligacoes_abertas(
    arquivos: Mapping[str, Sequence[Arquivo]], interessa: Interessa = lambda _tabela, _fk: True
) -> list[Contradicao]:
    """As chaves estrangeiras entre estas tabelas cujos valores não existem na tabela apontada; só
    as que interessam. Cada arquivo se lê uma vez, e só se alguma delas o envolve.

    Uma tabela pode estar repartida em mais de um arquivo.

    Numa foto de uma empresa isso quer dizer uma linha dela que aponta para uma de outra empresa
    (ou de nenhuma). Levanta BackupDanificado se um arquivo não se lê.
    """
    estrangeiras = {nome: partes[0].tabela.estrangeiras for nome, partes in arquivos.items()}
    tipos = {nome: partes[0].tabela.tipos for nome, partes in arquivos.items()}
    with closing(Ligacoes(estrangeiras, interessa, tipos)) as ligacoes:
        for nome, partes in arquivos.items():
            for arquivo in partes:
                observadores = ligacoes.observadores(nome, arquivo.tabela.chave)
                if observadores:
                    passar(arquivo.caminho, observadores)
        return ligacoes.abertas(arquivos)


# -- as chaves -------------------------------------------------------------------------------


@dataclass(slots=True)
class Chaves:
    """As chaves das linhas de uma tabela, para achar as repetidas.

    Se cada uma vem depois da anterior, nenhuma se repete, e não é preciso lembrar delas; onde a
    ordem não se sabe, ou com `lembrar`, vão para um índice. Se a ordem se quebra (`desordem`), o
    que já passou não foi lembrado: só outra passada, com `lembrar`, as conta.
    """

    tabela: TabelaSalva
    lembrar: bool = False
    desordem: bool = False
    _linhas: int = 0
    _ordens: list[Callable[[bytes], Any]] = field(default_factory=list)
    _anterior: list[tuple[Any, ...]] = field(default_factory=list)
    _indice: Indice = field(default_factory=Indice)

    def __post_init__(self) -> None:
        tipos = {str(c.get("nome")): str(c.get("tipo")) for c in self.tabela.colunas}
        ordens = [ORDENS.get(tipos.get(c, "")) for c in self.colunas]
        self._ordens = [ordem for ordem in ordens if ordem is not None]
        self.lembrar = self.lembrar or len(self._ordens) < len(ordens)

    def close(self) -> None:
        """Apaga o que guardou."""
        self._indice.close()

    @property
    def colunas(self) -> Sequence[str]:
        return self.tabela.chave

    def ver(self, grupo: Grupo) -> None:
        if not self.colunas or self.desordem:
            return
        if not self.lembrar:
            self.desordem = not self._em_ordem(grupo)
            return
        self._linhas += len(grupo.linhas)
        self._indice.guardar("chaves", grupo.juntos(self.colunas))

    @property
    def repetidas(self) -> int:
        """Quantas linhas repetem a chave de outra; só vale sem `desordem`."""
        return self._linhas - self._indice.distintos("chaves")

    def _em_ordem(self, grupo: Grupo) -> bool:
        colunas = [grupo.coluna(c) for c in self.colunas]
        if any(NULO in valores for valores in colunas):
            return False
        pares = zip(self._ordens, colunas, strict=True)
        try:
            valores = list(zip(*(map(ordem, vs) for ordem, vs in pares), strict=True))
        except ValueError:
            return False
        todos = [*self._anterior, *valores]
        self._anterior = todos[-1:]
        return all(map(operator.lt, todos, itertools.islice(todos, 1, None)))


def chaves_repetidas(arquivo: Arquivo) -> int:
    """Quantas linhas repetem a chave de outra. Levanta BackupDanificado se o arquivo não se lê."""
    with closing(Chaves(arquivo.tabela)) as chaves:
        passar(arquivo.caminho, [chaves])
        return contar_repetidas(chaves, arquivo)


def contar_repetidas(chaves: Chaves, arquivo: Arquivo) -> int:
    """O mesmo, depois que as chaves já passaram: só as fora de ordem se leem de novo."""
    if not chaves.desordem:
        return chaves.repetidas
    with closing(Chaves(arquivo.tabela, lembrar=True)) as todas:
        passar(arquivo.caminho, [todas])
        return todas.repetidas
