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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from cofre.base.derrame import novo_veu
from cofre.base.erros import BackupDanificado
from cofre.base.linha import Linha
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.textos import Textos, com_textos
from cofre.plano.chaves import Chave, LerChaves, pela_chave, por_tudo

Ordem = Callable[[bytes], Any]
Par = tuple[Chave, Linha | None, Linha | None]
"""(chave, linha de um lado, linha do outro)."""

PRIMEIRO_SALTO = 8
LINHAS_POR_GRUPO = 1000


class ForaDeOrdem(BackupDanificado):
    """O arquivo se lê, mas não está na ordem em que devia."""


@dataclass(slots=True)
class Lado:
    """As linhas de um lado, em grupos, e qual é a de agora. Sem `ordem`, não se sabe comparar
    chaves; com ela, as linhas têm de estar na ordem da chave, que é de uma coluna só.

    As chaves leem-se só onde algo difere, e aos poucos: de uma linha, e do dobro enquanto as
    seguintes também diferem."""

    grupos: Iterator[list[Linha]]
    ler_chaves: LerChaves
    ordem: Ordem | None = None
    lidas: int = 0
    _linhas: list[Linha] = field(default_factory=list)
    _i: int = 0
    _anterior: Linha | None = None
    _chaves: list[Chave] = field(default_factory=list)
    _valores: list[Any] = field(default_factory=list)
    _desde: int = 0
    _ate: int = 0

    def ha(self) -> bool:
        """Se há uma linha de agora. Levanta BackupDanificado se o arquivo não se lê."""
        while self._i == len(self._linhas):
            grupo = next(self.grupos, None)
            if grupo is None:
                return False
            self._anterior = self._linhas[-1] if self._linhas else self._anterior
            self._ate -= len(self._linhas)
            self._linhas, self._i = grupo, 0
            self.lidas += len(grupo)
        return True

    @property
    def linha(self) -> Linha:
        """A linha de agora."""
        return self._linhas[self._i]

    def chave(self) -> Chave:
        """A chave da linha de agora. Levanta BackupDanificado se ela não a tem."""
        return self.ler_chaves([self.linha])[0]

    def proximas(self, quantas: int) -> list[Linha]:
        """Até tantas linhas, da de agora em diante, sem passar do grupo."""
        return self._linhas[self._i : self._i + quantas]

    def avancar(self, quantas: int = 1) -> None:
        """Passa adiante, sem passar do grupo."""
        self._i += quantas

    def ordenadas(self) -> tuple[list[Linha], list[Chave], list[Any]]:
        """Algumas linhas, da de agora em diante, com as chaves e o que as ordena. Levanta
        ForaDeOrdem se alguma não vem depois da anterior: casadas fora de ordem, a mesma linha seria
        uma a mais e outra a menos."""
        if self._i >= self._ate:
            seguida = self._i == self._ate
            self._ler(2 * len(self._chaves) if seguida else 1)
        pulo = self._i - self._desde
        return self._linhas[self._i : self._ate], self._chaves[pulo:], self._valores[pulo:]

    def resto(self) -> Iterator[tuple[Chave, Linha]]:
        """Tudo o que falta, com as chaves; em ordem, se há uma."""
        for chaves, linhas in self.resto_em_grupos():
            yield from zip(chaves, linhas, strict=True)

    def resto_em_grupos(self) -> Iterator[tuple[list[Chave], list[Linha]]]:
        """O mesmo, em grupos: as chaves e as linhas delas."""
        while self.ha():
            linhas = self.proximas(len(self._linhas))
            if self.ordem is None:
                yield self.ler_chaves(linhas), linhas
            else:
                self._ler(len(linhas))
                yield self._chaves, linhas
            self.avancar(len(linhas))

    def _ler(self, quantas: int) -> None:
        """As chaves de até tantas linhas, da de agora em diante, conferindo a ordem."""
        assert self.ordem is not None
        antes = self._linhas[self._i - 1] if self._i else self._anterior
        linhas = self.proximas(max(quantas, 1))
        chaves = self.ler_chaves(linhas if antes is None else [antes, *linhas])
        valores = [self.ordem(chave[0]) for chave in chaves]
        if not all(map(operator.lt, valores, itertools.islice(valores, 1, None))):
            raise ForaDeOrdem("Os registros não estão na ordem da chave. Nada foi alterado.")
        a_mais = len(chaves) - len(linhas)
        self._chaves, self._valores = chaves[a_mais:], valores[a_mais:]
        self._desde, self._ate = self._i, self._i + len(linhas)


def confrontar(um: Lado, outro: Lado) -> Iterator[list[Linha] | Par]:
    """Os dois lados, em ordem de chave: as linhas iguais em grupos, e os pares que diferem."""
    yield from ate_acabar_um(um, outro)
    for chave, linha in um.resto():
        yield chave, linha, None
    for chave, linha in outro.resto():
        yield chave, None, linha


def ate_acabar_um(um: Lado, outro: Lado) -> Iterator[list[Linha] | Par]:
    """O mesmo, enquanto os dois têm linhas: o que falta de um deles está em `resto`."""
    for iguais, pares in em_blocos(um, outro):
        if iguais:
            yield iguais
        yield from pares


def em_blocos(um: Lado, outro: Lado) -> Iterator[tuple[list[Linha], list[Par]]]:
    """O mesmo, aos blocos: linhas iguais seguidas, ou pares seguidos que diferem."""
    while um.ha() and outro.ha():
        for iguais in _iguais(um, outro):
            yield iguais, []
        if um.ha() and outro.ha():
            yield [], _diferentes(um, outro)


def _diferentes(um: Lado, outro: Lado) -> list[Par]:
    """Passa pares que diferem, até a próxima linha igual ou o fim das chaves que se leram."""
    estas, chaves_destas, valores_destas = um.ordenadas()
    aquelas, chaves_daquelas, valores_daquelas = outro.ordenadas()
    pares: list[Par] = []
    if chaves_destas == chaves_daquelas and not any(map(operator.eq, estas, aquelas)):
        um.avancar(len(estas))
        outro.avancar(len(aquelas))
        return list(zip(chaves_destas, estas, aquelas, strict=True))
    i = j = 0
    while i < len(estas) and j < len(aquelas):
        este, aquele = valores_destas[i], valores_daquelas[j]
        if este < aquele:
            pares.append((chaves_destas[i], estas[i], None))
            i += 1
        elif aquele < este:
            pares.append((chaves_daquelas[j], None, aquelas[j]))
            j += 1
        elif estas[i] == aquelas[j]:
            break
        else:
            pares.append((chaves_destas[i], estas[i], aquelas[j]))
            i, j = i + 1, j + 1
    um.avancar(i)
    outro.avancar(j)
    return pares


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
        banco.execute("CREATE TABLE alvo (chave BLOB PRIMARY KEY, par BLOB, onde INT, vista INT)")
        banco.execute("BEGIN")
        veu = novo_veu()
        for outro in outros:
            for chaves, linhas in outro.resto_em_grupos():
                juntas = [SEPARA.join(chave) for chave in chaves]
                pares = veu.fechar(list(map(_par, juntas, map(bytes, linhas))))
                novas = ((veu.marca(j), *par) for j, par in zip(juntas, pares, strict=True))
                banco.executemany("INSERT OR IGNORE INTO alvo VALUES (?, ?, ?, 0)", novas)
        for chave, linha in um.resto():
            achada = banco.execute(
                "UPDATE alvo SET vista=1 WHERE chave=? RETURNING par, onde",
                (veu.marca(SEPARA.join(chave)),),
            ).fetchall()
            do_outro = _do_par(veu.abrir(*achada[0]))[1] if achada else None
            if do_outro != linha:
                yield chave, linha, do_outro
        faltam = "SELECT par, onde FROM alvo WHERE NOT vista ORDER BY rowid"
        for fechado in banco.cursor().execute(faltam):
            junta, linha = _do_par(veu.abrir(*fechado))
            yield tuple(junta.split(SEPARA)), None, linha


_TAMANHO = 4
"""Bytes em que se escreve o tamanho da chave, à frente dela e da linha."""


def _par(junta: bytes, linha: bytes) -> bytes:
    return len(junta).to_bytes(_TAMANHO, "big") + junta + linha


def _do_par(par: bytes) -> tuple[bytes, Linha]:
    fim = _TAMANHO + int.from_bytes(par[:_TAMANHO], "big")
    return par[_TAMANHO:fim], msgspec.Raw(par[fim:])


SEPARA = b"\x00"
"""Nunca aparece num JSON do PostgreSQL."""


def lado(
    arquivo: Path,
    tabela: str,
    chave: tuple[str, ...],
    ordem: Ordem | None = None,
    textos: Textos | None = None,
    com_texto: frozenset[str] = frozenset(),
    somar: Callable[[bytes], None] | None = None,
) -> Lado:
    """As linhas de um arquivo desta tabela, com os `textos` delas. Sem chave, os das colunas
    `com_texto` também dizem qual é a linha. `somar`: ver `ler_linhas`."""
    ler = pela_chave(arquivo, tabela, chave) if chave else por_tudo(com_texto)
    linhas = ler_linhas(arquivo, somar)
    return Lado(linhas if textos is None else com_textos(linhas, textos), ler, ordem)
