"""As ligações entre as tabelas de um backup: toda chave estrangeira tem de fechar dentro dele.

Um índice em disco (SQLite, arquivo temporário) guarda as chaves referenciadas, para a memória não
crescer com as tabelas.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cofre.base.linha import NULO, ORDENS, Campos, tipo_com
from cofre.base.modelo import ChaveEstrangeira, Contradicao
from cofre.deposito.formato import ler
from cofre.deposito.metadados import TabelaSalva

EXEMPLOS = 5


@dataclass(frozen=True, slots=True)
class Arquivo:
    """Uma tabela de um backup e onde ela está."""

    tabela: TabelaSalva
    caminho: Path


Interessa = Callable[[str, ChaveEstrangeira], bool]
"""Se é preciso conferir esta chave estrangeira desta tabela."""


def ligacoes_abertas(
    arquivos: Mapping[str, Sequence[Arquivo]], interessa: Interessa = lambda _tabela, _fk: True
) -> list[Contradicao]:
    """As chaves estrangeiras entre estas tabelas cujos valores não existem na tabela apontada; só
    as que interessam.

    Uma tabela pode estar repartida em mais de um arquivo.

    Numa foto de uma empresa isso quer dizer uma linha dela que aponta para uma de outra empresa
    (ou de nenhuma). Levanta BackupDanificado se um arquivo não se lê.
    """
    fks = [
        (nome, fk)
        for nome, partes in arquivos.items()
        for fk in partes[0].tabela.estrangeiras
        if _conferivel(fk, arquivos) and interessa(nome, fk)
    ]
    with _Indice() as indice:
        for nome, colunas in sorted({(fk.tabela, fk.referencias) for _, fk in fks}):
            valores = (v for v, _ in _valores(arquivos[nome], colunas))
            indice.guardar((nome, *colunas), valores)
        abertas = []
        for nome, fk in fks:
            procurados = _valores(arquivos[nome], fk.colunas)
            quantas, exemplos = indice.faltam((fk.tabela, *fk.referencias), procurados)
            if quantas:
                por = ", ".join(fk.colunas)
                abertas.append(Contradicao(nome, f"{por} → {fk.tabela}", quantas, exemplos))
        return abertas


def _conferivel(fk: ChaveEstrangeira, arquivos: Mapping[str, Sequence[Arquivo]]) -> bool:
    return bool(fk.colunas) and len(fk.colunas) == len(fk.referencias) and fk.tabela in arquivos


def _valores(partes: Sequence[Arquivo], colunas: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
    """(valores das colunas, chave) de cada linha em que nenhum deles é nulo, como bytes de JSON."""
    for arquivo in partes:
        for linha in campos(arquivo.caminho, (*colunas, *arquivo.tabela.chave)):
            valores = linha[: len(colunas)]
            if NULO not in valores:
                yield b",".join(valores), b",".join(linha[len(colunas) :])


def campos(caminho: Path, colunas: Sequence[str]) -> Iterator[tuple[bytes, ...]]:
    """Os bytes destas colunas em cada linha (`null` onde faltam). Levanta BackupDanificado."""
    tipo = tipo_com(colunas, opcionais=True)
    em_grupos: msgspec.json.Decoder[list[Campos]] = msgspec.json.Decoder(list[tipo])  # type: ignore[valid-type]
    for grupo in ler(caminho, em_grupos.decode):
        for linha in grupo:
            yield tuple([linha[c] for c in colunas])


def chaves_repetidas(arquivo: Arquivo) -> int:
    """Quantas linhas repetem a chave de outra."""
    if not arquivo.tabela.chave or _em_ordem(arquivo):
        return 0
    with _Indice() as indice:
        linhas = 0

        def chaves() -> Iterator[bytes]:
            nonlocal linhas
            for linha in campos(arquivo.caminho, arquivo.tabela.chave):
                linhas += 1
                yield b",".join(linha)

        return -indice.guardar(("chaves",), chaves()) + linhas


def _em_ordem(arquivo: Arquivo) -> bool:
    """Se cada chave vem depois da anterior: então nenhuma se repete, e não é preciso índice. Falso
    também se não se sabe comparar as deste tipo."""
    tipos = {str(c.get("nome")): str(c.get("tipo")) for c in arquivo.tabela.colunas}
    ordens = [ORDENS.get(tipos.get(c, "")) for c in arquivo.tabela.chave]
    sabidas = [ordem for ordem in ordens if ordem is not None]
    if len(sabidas) < len(ordens):
        return False
    anterior: list[Any] = []
    for chave in campos(arquivo.caminho, arquivo.tabela.chave):
        try:
            valores = [ordem(v) for ordem, v in zip(sabidas, chave, strict=True)]
        except ValueError:
            return False
        if NULO in chave or not anterior < valores:
            return False
        anterior = valores
    return True


class _Indice:
    """Conjuntos de valores num arquivo temporário do SQLite."""

    def __init__(self) -> None:
        self._tabelas: dict[tuple[str, ...], str] = {}

    def __enter__(self) -> _Indice:
        self._banco = sqlite3.connect("", isolation_level=None)
        for ajuste in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-4000"):
            self._banco.execute(f"PRAGMA {ajuste}")
        return self

    def __exit__(self, *_erro: object) -> None:
        self._banco.close()

    def guardar(self, nome: tuple[str, ...], valores: Iterable[bytes]) -> int:
        """Guarda os valores; devolve quantos são distintos."""
        tabela = self._tabelas.setdefault(nome, f"i{len(self._tabelas)}")
        self._banco.execute(f"CREATE TABLE {tabela} (v BLOB PRIMARY KEY) WITHOUT ROWID")
        with self._transacao():
            linhas = ((v,) for v in valores)
            self._banco.executemany(f"INSERT OR IGNORE INTO {tabela} VALUES (?)", linhas)
        (distintos,) = self._banco.execute(f"SELECT count(*) FROM {tabela}").fetchone()
        return int(distintos)

    def faltam(
        self, nome: tuple[str, ...], valores: Iterable[tuple[bytes, bytes]]
    ) -> tuple[int, tuple[str, ...]]:
        """Quantos destes valores não estão no conjunto, e as chaves de alguns."""
        tabela = self._tabelas[nome]
        self._banco.execute("CREATE TEMP TABLE procurados (v BLOB, chave BLOB)")
        try:
            with self._transacao():
                self._banco.executemany("INSERT INTO procurados VALUES (?, ?)", valores)
            soltas = f"FROM procurados p WHERE NOT EXISTS (SELECT 1 FROM {tabela} i WHERE i.v=p.v)"
            (quantas,) = self._banco.execute(f"SELECT count(*) {soltas}").fetchone()
            exemplos = self._banco.execute(f"SELECT chave {soltas} LIMIT {EXEMPLOS}").fetchall()
        finally:
            self._banco.execute("DROP TABLE procurados")
        return int(quantas), tuple(e.decode("utf-8", "replace").strip('"') for (e,) in exemplos)

    @contextlib.contextmanager
    def _transacao(self) -> Iterator[None]:
        self._banco.execute("BEGIN")
        yield
        self._banco.execute("COMMIT")
