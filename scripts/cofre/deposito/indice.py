"""Conjuntos de valores maiores do que a memória: nela enquanto são poucos, depois em disco.

O disco é um arquivo temporário do SQLite, sem nome, que some ao fechar; com um véu (ver
`base.derrame`), não há nele valor algum.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator

from cofre.base.derrame import novo_veu

EXEMPLOS = 5
POR_VEZ = 1000
"""Quantos achados se leem do disco."""
NA_MEMORIA = 20_000
"""Quantos valores, entre todos os conjuntos: uns 4 MB."""

Par = tuple[bytes, bytes]
"""(valor procurado, chave da linha que o tem)."""


class Indice:
    """Conjuntos de valores, e listas de valores a procurar neles."""

    def __init__(self, na_memoria: int = NA_MEMORIA) -> None:
        self._na_memoria = na_memoria
        self._banco: sqlite3.Connection | None = None
        self._conjuntos: defaultdict[Hashable, set[bytes]] = defaultdict(set)
        self._procurados: defaultdict[Hashable, list[Par]] = defaultdict(list)
        self._tabelas: dict[Hashable, str] = {}
        self._veu = novo_veu()
        self._guardados = 0

    def close(self) -> None:
        """Larga tudo, e o arquivo some."""
        if self._banco is not None:
            self._banco.close()

    def guardar(self, conjunto: Hashable, valores: Collection[bytes]) -> None:
        """Acrescenta valores a um conjunto."""
        self._conjuntos[conjunto].update(valores)
        self._contar(len(valores))

    def procurar(self, lista: Hashable, pares: Collection[Par]) -> None:
        """Acrescenta valores a uma lista, para `faltam`."""
        self._procurados[lista] += pares
        self._contar(len(pares))

    def distintos(self, conjunto: Hashable) -> int:
        """Quantos valores o conjunto tem."""
        if self._banco is None:
            return len(self._conjuntos[conjunto])
        self._descarregar(self._banco)
        return _numero(self._banco, f"SELECT count(*) FROM {self._conjunto(conjunto)}")

    def faltam(self, lista: Hashable, conjunto: Hashable) -> tuple[int, tuple[str, ...]]:
        """Quantos valores da lista não estão no conjunto, e as chaves de alguns."""
        if self._banco is None:
            sabidos = self._conjuntos[conjunto]
            soltas = [chave for valor, chave in self._procurados[lista] if valor not in sabidos]
            return len(soltas), _em_texto(soltas[:EXEMPLOS])
        self._descarregar(self._banco)
        de, em = self._lista(lista), self._conjunto(conjunto)
        nao_esta = f"NOT EXISTS (SELECT 1 FROM {em} e WHERE e.v = p.v)"
        # Em ordem, cada página do conjunto se lê uma vez só. Numa subconsulta o SQLite a desfaria.
        self._banco.execute(f"CREATE TABLE em_ordem AS SELECT v FROM {de} ORDER BY v")
        quantas = _numero(self._banco, f"SELECT count(*) FROM em_ordem p WHERE {nao_esta}")
        self._banco.execute("DROP TABLE em_ordem")
        if not quantas:
            return 0, ()
        exemplos = (
            f"SELECT chave, onde FROM {de} p WHERE {nao_esta} ORDER BY rowid LIMIT {EXEMPLOS}"
        )
        return quantas, _em_texto(self._veu.abrir(*e) for e in self._banco.execute(exemplos))

    def achados(self, lista: Hashable, conjunto: Hashable) -> Iterator[bytes]:
        """As chaves da lista cujos valores estão no conjunto, na ordem em que vieram. Enquanto se
        leem, pode-se guardar mais."""
        if self._banco is None:
            sabidos = self._conjuntos[conjunto]
            yield from [chave for valor, chave in self._procurados[lista] if valor in sabidos]
            return
        self._descarregar(self._banco)
        de, em = self._lista(lista), self._conjunto(conjunto)
        esta = f"EXISTS (SELECT 1 FROM {em} e WHERE e.v = p.v)"
        consulta = (
            f"SELECT rowid, chave, onde FROM {de} p WHERE rowid > ? AND {esta}"
            f" ORDER BY rowid LIMIT {POR_VEZ}"
        )
        ultima = 0
        while lidas := self._banco.execute(consulta, (ultima,)).fetchall():
            yield from (self._veu.abrir(chave, onde) for _, chave, onde in lidas)
            ultima = lidas[-1][0]

    def _contar(self, mais: int) -> None:
        self._guardados += mais
        if self._guardados > self._na_memoria:
            self._banco = self._banco or _criar()
            self._descarregar(self._banco)

    def _descarregar(self, banco: sqlite3.Connection) -> None:
        """Passa ao disco o que está na memória."""
        banco.execute("BEGIN")
        for nome, valores in self._conjuntos.items():
            # Em ordem, o que vem junto cai nas mesmas páginas.
            inserir = f"INSERT OR IGNORE INTO {self._conjunto(nome)} VALUES (?)"
            banco.executemany(inserir, ((v,) for v in sorted(map(self._veu.marca, valores))))
        for nome, pares in self._procurados.items():
            marcas = (self._veu.marca(valor) for valor, _ in pares)
            chaves = self._veu.fechar([chave for _, chave in pares])
            linhas = ((m, *chave) for m, chave in zip(marcas, chaves, strict=True))
            banco.executemany(f"INSERT INTO {self._lista(nome)} VALUES (?, ?, ?)", linhas)
        banco.execute("COMMIT")
        self._conjuntos.clear()
        self._procurados.clear()
        self._guardados = 0

    def _conjunto(self, nome: Hashable) -> str:
        return self._tabela(("conjunto", nome), "(v BLOB PRIMARY KEY) WITHOUT ROWID")

    def _lista(self, nome: Hashable) -> str:
        return self._tabela(("lista", nome), "(v BLOB, chave BLOB, onde INT)")

    def _tabela(self, qual: Hashable, colunas: str) -> str:
        assert self._banco is not None
        if qual not in self._tabelas:
            self._tabelas[qual] = f"t{len(self._tabelas)}"
            self._banco.execute(f"CREATE TABLE {self._tabelas[qual]} {colunas}")
        return self._tabelas[qual]


def _criar() -> sqlite3.Connection:
    banco = sqlite3.connect("", isolation_level=None)
    for ajuste in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-4000"):
        banco.execute(f"PRAGMA {ajuste}")
    return banco


def _numero(banco: sqlite3.Connection, consulta: str) -> int:
    (numero,) = banco.execute(consulta).fetchone()
    return int(numero)


def _em_texto(chaves: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(chave.decode("utf-8", "replace").strip('"') for chave in chaves)
