"""Dois estados de uma tabela lado a lado: o que é igual se pula aos saltos, o que difere se casa.

Os dois lados são fluxos de linhas, com os bytes que estão nos arquivos. Trechos iguais se comparam
inteiros, sem abrir linha nenhuma: confrontar dois arquivos de 300.000 linhas que diferem numa custa
pouco mais que lê-los. Só onde há diferença se leem as chaves, e se confere que estão em ordem.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import astuple

from cofre.base.erros import BackupDanificado
from cofre.base.linha import Linha, abrir_linha, leitor_de_uma, tipo_com
from cofre.base.textos import CAMPO, em_campo, textos_de
from cofre.deposito.formato import ler_linhas
from cofre.deposito.textos import Textos, com_textos

Chave = tuple[bytes, ...]
"""Os valores da chave, em bytes de JSON; numa tabela sem chave, os de todas as colunas e a vez."""
LerChave = Callable[[Linha], Chave]
Ordem = Callable[[bytes], Any]
Par = tuple[Chave, Linha | None, Linha | None]
"""(chave, linha de um lado, linha do outro)."""

PRIMEIRO_SALTO = 8
LINHAS_POR_GRUPO = 1000


@dataclass(slots=True)
class Lado:
    """As linhas de um lado, em grupos, e qual é a de agora. Sem `ordem`, não se sabe comparar
    chaves; com ela, as linhas têm de estar na ordem da chave, que é de uma coluna só."""

    grupos: Iterator[list[Linha]]
    ler_chave: LerChave
    ordem: Ordem | None = None
    lidas: int = 0
    _linhas: list[Linha] = field(default_factory=list)
    _i: int = 0
    _anterior: Linha | None = None
    _valor: Any = None
    _valor_anterior: Any = None

    def ha(self) -> bool:
        """Se há uma linha de agora. Levanta BackupDanificado se o arquivo não se lê."""
        while self._i == len(self._linhas):
            grupo = next(self.grupos, None)
            if grupo is None:
                return False
            self._linhas, self._i = grupo, 0
            self.lidas += len(grupo)
        return True

    @property
    def linha(self) -> Linha:
        """A linha de agora."""
        return self._linhas[self._i]

    def chave(self) -> Chave:
        """A chave da linha de agora. Levanta BackupDanificado se ela não a tem."""
        return self.ler_chave(self.linha)

    def valor(self) -> Any:
        """O que ordena a linha de agora. Levanta BackupDanificado se ela não vem depois da
        anterior: casadas fora de ordem, a mesma linha seria uma a mais e outra a menos."""
        if self._valor is None:
            self._valor = self._conferidos([self.chave()])[0]
        return self._valor

    def proximas(self, quantas: int) -> list[Linha]:
        """Até tantas linhas, da de agora em diante, sem passar do grupo."""
        return self._linhas[self._i : self._i + quantas]

    def avancar(self, quantas: int = 1) -> None:
        """Passa adiante, sem passar do grupo."""
        self._i += quantas
        self._anterior = self._linhas[self._i - 1]
        self._valor_anterior = self._valor if quantas == 1 else None
        self._valor = None

    def resto(self) -> Iterator[tuple[Chave, Linha]]:
        """Tudo o que falta, com as chaves; em ordem, se há uma."""
        for chaves, linhas in self.resto_em_grupos():
            yield from zip(chaves, linhas, strict=True)

    def resto_em_grupos(self) -> Iterator[tuple[list[Chave], list[Linha]]]:
        """O mesmo, em grupos: as chaves e as linhas delas."""
        while self.ha():
            linhas = self.proximas(len(self._linhas))
            chaves = [self.ler_chave(linha) for linha in linhas]
            if self.ordem is not None:
                self._conferidos(chaves)
            yield chaves, linhas
            self.avancar(len(linhas))

    def _conferidos(self, chaves: list[Chave]) -> list[Any]:
        """Os valores destas chaves, que começam na de agora, se estão em ordem."""
        assert self.ordem is not None
        valores = [self.ordem(chave[0]) for chave in chaves]
        antes = self._valor_anterior
        if antes is None and self._anterior is not None:
            antes = self.ordem(self.ler_chave(self._anterior)[0])
        todos = valores if antes is None else [antes, *valores]
        if not all(map(operator.lt, todos, itertools.islice(todos, 1, None))):
            raise BackupDanificado("Os registros não estão na ordem da chave. Nada foi alterado.")
        return valores


def confrontar(um: Lado, outro: Lado) -> Iterator[list[Linha] | Par]:
    """Os dois lados, em ordem de chave: as linhas iguais em grupos, e os pares que diferem."""
    yield from ate_acabar_um(um, outro)
    for chave, linha in um.resto():
        yield chave, linha, None
    for chave, linha in outro.resto():
        yield chave, None, linha


def ate_acabar_um(um: Lado, outro: Lado) -> Iterator[list[Linha] | Par]:
    """O mesmo, enquanto os dois têm linhas: o que falta de um deles está em `resto`."""
    while um.ha() and outro.ha():
        yield from _iguais(um, outro)
        if not (um.ha() and outro.ha()):
            break
        deste, daquele = um.valor(), outro.valor()
        chave = um.chave() if deste <= daquele else outro.chave()
        yield (
            chave,
            um.linha if deste <= daquele else None,
            outro.linha if daquele <= deste else None,
        )
        if deste <= daquele:
            um.avancar()
        if daquele <= deste:
            outro.avancar()


def emparelhar(um: Lado, outro: Lado) -> Iterator[Par]:
    """Sem ordem: os pares que diferem, enquanto as chaves vêm iguais dos dois lados. Para na
    primeira que não vem: daí em diante, o que falta de cada lado está em `resto`."""
    while um.ha() and outro.ha():
        pular_iguais(um, outro)
        if not (um.ha() and outro.ha()) or um.chave() != outro.chave():
            return
        yield um.chave(), um.linha, outro.linha
        um.avancar()
        outro.avancar()


def pular_iguais(um: Lado, outro: Lado) -> None:
    """Passa as linhas iguais do começo."""
    for _ in _iguais(um, outro):
        pass


def _iguais(um: Lado, outro: Lado) -> Iterator[list[Linha]]:
    """Passa as linhas iguais, em saltos que dobram: achar a primeira que difere custa em proporção
    às que se pularam."""
    salto = PRIMEIRO_SALTO
    while um.ha() and outro.ha() and um.linha == outro.linha:
        quantas = min(len(um.proximas(salto)), len(outro.proximas(salto)))
        estas, aquelas = um.proximas(quantas), outro.proximas(quantas)
        if estas != aquelas:
            pares = zip(estas, aquelas, strict=True)
            quantas = next(n for n, (x, y) in enumerate(pares) if x != y)
            estas = estas[:quantas]
        um.avancar(quantas)
        outro.avancar(quantas)
        yield estas
        salto *= 2


def unir(primeiro: Lado, segundo: Lado) -> Iterator[list[Linha]]:
    """As linhas dos dois lados, em ordem de chave e em grupos; de uma chave que está nos dois, a do
    primeiro."""
    grupo: list[Linha] = []
    for item in confrontar(primeiro, segundo):
        if isinstance(item, list):
            grupo += item
        else:
            _chave, este, aquele = item
            grupo += [linha for linha in (este, aquele) if linha is not None][:1]
        if len(grupo) >= LINHAS_POR_GRUPO:
            yield grupo
            grupo = []
    if grupo:
        yield grupo


def pelo_indice(um: Lado, outros: Sequence[Lado], *, com_chave: bool) -> Iterator[Par]:
    """Sem ordem: lado a lado enquanto as chaves casam; o que sobra, por um índice em disco. De uma
    chave que está em mais de um dos `outros`, vale a linha do primeiro."""
    if len(outros) == 1 and com_chave:
        yield from emparelhar(um, outros[0])
    elif len(outros) == 1:
        pular_iguais(um, outros[0])
    with contextlib.closing(sqlite3.connect("", isolation_level=None)) as banco:
        for ajuste in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000"):
            banco.execute(f"PRAGMA {ajuste}")
        banco.execute("CREATE TABLE alvo (chave BLOB PRIMARY KEY, linha BLOB, vista INT)")
        banco.execute("BEGIN")
        for outro in outros:
            linhas = ((SEPARA.join(chave), bytes(linha)) for chave, linha in outro.resto())
            banco.executemany("INSERT OR IGNORE INTO alvo VALUES (?, ?, 0)", linhas)
        for chave, linha in um.resto():
            achada = banco.execute(
                "UPDATE alvo SET vista=1 WHERE chave=? RETURNING linha", (SEPARA.join(chave),)
            ).fetchall()
            do_outro = msgspec.Raw(achada[0][0]) if achada else None
            if do_outro != linha:
                yield chave, linha, do_outro
        faltam = "SELECT chave, linha FROM alvo WHERE NOT vista ORDER BY rowid"
        for junta, linha in banco.cursor().execute(faltam):
            yield tuple(junta.split(SEPARA)), None, msgspec.Raw(linha)


SEPARA = b"\x00"
"""Nunca aparece num JSON do PostgreSQL."""


def lado(
    arquivo: Path,
    tabela: str,
    chave: tuple[str, ...],
    ordem: Ordem | None = None,
    textos: Textos | None = None,
    com_texto: frozenset[str] = frozenset(),
) -> Lado:
    """As linhas de um arquivo desta tabela, com os `textos` delas. Sem chave, os das colunas
    `com_texto` também dizem qual é a linha."""
    ler = _ler_chave(arquivo, tabela, chave) if chave else _por_tudo(com_texto)
    linhas = ler_linhas(arquivo)
    return Lado(linhas if textos is None else com_textos(linhas, textos), ler, ordem)


def _ler_chave(arquivo: Path, tabela: str, chave: tuple[str, ...]) -> LerChave:
    ler = leitor_de_uma(tipo_com(chave))

    def ler_chave(linha: Linha) -> Chave:
        try:
            return tuple(map(bytes, astuple(ler(linha))))
        except msgspec.ValidationError as e:
            raise BackupDanificado(
                f"{arquivo.name}: há um registro de {tabela} sem a chave ({', '.join(chave)})."
                " Nada foi alterado."
            ) from e

    return ler_chave


def _por_tudo(com_texto: frozenset[str]) -> LerChave:
    """Sem chave, a linha é o conjunto dos seus valores e a vez dela entre as iguais: cada leitura é
    uma vez a mais."""
    vezes: Counter[Chave] = Counter()

    def ler_chave(linha: Linha) -> Chave:
        campos = abrir_linha(linha)
        if CAMPO in campos:
            ditos = {c: t for c, t in textos_de(campos).items() if c in com_texto}
            campos = {**{c: v for c, v in campos.items() if c != CAMPO}, **em_campo(ditos)}
        valores = tuple([bytes(campos[c]) for c in sorted(campos)])
        vezes[valores] += 1
        return (*valores, b"#%d" % vezes[valores])

    return ler_chave
