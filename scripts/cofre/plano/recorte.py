"""O recorte: de uma restauração, só estes registros, ou só estas colunas; o resto fica como está.

Não é outro plano nem outra convergência: é um filtro sobre as diferenças de uma tabela, e diz de
cada linha, pelo que ela é hoje e pelo que é no backup, o que deve ser. Está no diário, e quem
continua ou desfaz a restauração mexe no mesmo, e só nele.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from msgspec.structs import astuple

from cofre.base.linha import Campos, Linha, abrir_linha, leitor_de_uma, texto, tipo_com
from cofre.base.textos import CAMPO, com_valores, escolher
from cofre.plano.lados import Par

ChaveEscrita = tuple[str, ...]
"""O texto de cada coluna da chave; de uma tabela sem chave, o da linha inteira, com as colunas por
ordem de nome."""


def chave_escrita(linha: bytes | Linha, chave: Sequence[str]) -> ChaveEscrita:
    """A de uma linha, pela `chave` que a tabela tem (nenhuma: pela linha inteira)."""
    if chave and (ler := _leitor(tuple(chave))):
        return tuple([texto(bytes(valor)) or "" for valor in astuple(ler(linha))])
    campos = abrir_linha(linha)
    if chave:
        return tuple([texto(bytes(campos[c])) or "" for c in chave])
    inteira = {c: campos[c] for c in sorted(campos) if c != CAMPO}
    return (msgspec.json.encode(inteira).decode("utf-8"),)


@functools.lru_cache(maxsize=256)
def _leitor(chave: tuple[str, ...]) -> Callable[[bytes | Linha], Campos] | None:
    """Quem lê só estas colunas: de cada linha que difere se pergunta a chave. None se há um nome
    que não aceita."""
    try:
        return leitor_de_uma(tipo_com(chave))
    except ValueError:
        return None


class Fatia(Protocol):
    """O que se quer de uma tabela. As linhas são a da foto e a do alvo (None, se não há)."""

    def escolhe(self, atual: Linha | None, alvo: Linha | None, chave: Sequence[str]) -> bool:
        """Se esta é uma das linhas em que se mexe. `chave`: as colunas da chave da tabela."""

    def querida(
        self, atual: Linha | None, alvo: Linha | None, chave: Sequence[str]
    ) -> Linha | None:
        """O que a linha deve ser (None: não existir); a própria `atual`, se nada muda ou não é das
        escolhidas. Aplicada outra vez ao que devolveu, dá o mesmo."""

    def colunas(self) -> Collection[str] | None:
        """As colunas em que se pode mexer; None, se em todas."""

    @property
    def quantas(self) -> int | None:
        """Quantas linhas escolhe; None, se todas."""

    def diante_de(self, pares: Iterable[Par]) -> Fatia:
        """A mesma, para estes pares (da foto, do alvo): todos os que diferem na tabela."""

    def conflitos(self, atual: Linha | None, alvo: Linha | None) -> Iterable[Any]:
        """O que de uma linha se queria e não se pode ter, se algo."""


class Recorte(Protocol):
    """O que se quer de cada tabela; das que não traz, quer-se tudo."""

    @property
    def fatias(self) -> Mapping[str, Fatia]:
        """Por tabela."""

    def documento(self) -> dict[str, Any]:
        """Para o diário: dá o mesmo recorte a quem o lê."""

    def ao_contrario(self) -> Recorte:
        """O que desfaz a restauração dele, até a foto de antes."""


@dataclass(frozen=True, slots=True)
class Parte:
    """Algumas linhas de uma tabela (`chaves`; None: todas) e, delas, algumas `colunas`. Sem
    colunas, a linha inteira, que também se repõe e se remove; com elas, só linhas que existem."""

    chaves: frozenset[ChaveEscrita] | None = None
    colunas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PorChave:
    """As partes que se querem de uma tabela. De uma linha que está em várias, vale a inteira, ou
    valem juntas as colunas."""

    partes: tuple[Parte, ...]

    def escolhe(self, atual: Linha | None, alvo: Linha | None, chave: Sequence[str]) -> bool:
        return any(self._dela(atual, alvo, chave))

    def querida(
        self, atual: Linha | None, alvo: Linha | None, chave: Sequence[str]
    ) -> Linha | None:
        partes = self._dela(atual, alvo, chave)
        if not partes:
            return atual
        if not all(parte.colunas for parte in partes):
            return alvo
        if atual is None or alvo is None:
            return atual
        colunas = [c for parte in partes for c in parte.colunas]
        return msgspec.Raw(com_valores(bytes(atual), escolher(abrir_linha(alvo), colunas)))

    def colunas(self) -> Collection[str] | None:
        if not all(parte.colunas for parte in self.partes):
            return None
        return {c for parte in self.partes for c in parte.colunas}

    @property
    def quantas(self) -> int | None:
        chaves: set[ChaveEscrita] = set()
        for parte in self.partes:
            if parte.chaves is None:
                return None
            chaves |= parte.chaves
        return len(chaves)

    def diante_de(self, pares: Iterable[Par]) -> PorChave:
        return self

    def conflitos(self, atual: Linha | None, alvo: Linha | None) -> Iterable[Any]:
        return ()

    def _dela(self, atual: Linha | None, alvo: Linha | None, chave: Sequence[str]) -> list[Parte]:
        if all(parte.chaves is None for parte in self.partes):
            return [*self.partes]
        # A mesma linha para o banco pode ter a chave escrita de dois modos (ver `plano.mesmas`).
        suas = {chave_escrita(linha, chave) for linha in (atual, alvo) if linha is not None}
        return [p for p in self.partes if p.chaves is None or not suas.isdisjoint(p.chaves)]


@dataclass(frozen=True, slots=True)
class Registros:
    """O recorte de quem escolhe registros, ou colunas, um a um."""

    fatias: Mapping[str, PorChave]

    def documento(self) -> dict[str, Any]:
        return {
            REGISTROS: {
                nome: [_documento(parte) for parte in fatia.partes]
                for nome, fatia in self.fatias.items()
            }
        }

    def ao_contrario(self) -> Registros:
        return self

    def das_tabelas(self, nomes: Iterable[str]) -> Registros:
        """O mesmo, só destas tabelas."""
        return Registros({n: f for n, f in self.fatias.items() if n in set(nomes)})


REGISTROS, MUDANCA = "registros", "mudanca"


def _documento(parte: Parte) -> dict[str, Any]:
    chaves = None if parte.chaves is None else sorted(parte.chaves)
    return {"chaves": chaves, "colunas": list(parte.colunas)}


class _ParteSalva(msgspec.Struct):
    chaves: frozenset[ChaveEscrita] | None = None
    colunas: tuple[str, ...] = ()


class _Salvo(msgspec.Struct, forbid_unknown_fields=True):
    registros: dict[str, tuple[_ParteSalva, ...]] = field(default_factory=dict)


def ler(documento: object) -> Recorte | None:
    """O recorte que um diário diz; None, se a restauração é de tabelas inteiras. Levanta ValueError
    se não se entende."""
    if not documento:
        return None
    salvo = msgspec.convert(documento, _Salvo)
    return Registros(
        {
            nome: PorChave(tuple(Parte(p.chaves, p.colunas) for p in partes))
            for nome, partes in salvo.registros.items()
        }
    )
