"""O que de uma tabela volta, ao desfazer uma mudança: cada linha vista de três lados.

De cada linha que mudou entre eles, há o que era (`para`, que se quer de volta), o que passou a ser
(`de`) e o que é hoje. Só volta, coluna a coluna, o que hoje ainda é `de`; o que mudou outra vez
desde então fica como está, e é um conflito. Uma linha que a mudança criou só sai se ainda é a
mesma; uma que ela removeu só volta se a chave dela está livre.

Desfazer isto é a mesma mudança ao contrário, até a foto de antes: só mexe no que se mexeu.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from cofre.base.linha import Linha, abrir_linha
from cofre.base.momentos import avancou
from cofre.base.textos import CAMPO, com_valores, dito_em, escolher
from cofre.plano.diferencas import Diferencas, marca_de
from cofre.plano.lados import Par
from cofre.plano.tabela import Acao, TabelaDoPlano, mudancas

_QUE_ANDAM = frozenset({"timestamp without time zone", "timestamp with time zone"})
"""Os tipos das datas que o banco costuma pôr sozinho ao gravar: mais tarde do que eram, não se diz
que alguém as mudou. Um dia (`date`) é dos dados."""


@dataclass(frozen=True, slots=True)
class Conflito:
    """Uma coluna que mudou outra vez: o que era, o que a mudança pôs e o que é hoje, em bytes de
    JSON (None: não havia, ou não há, a linha). De uma linha sem chave, a `coluna` é vazia."""

    coluna: str
    era: bytes | None
    ficou: bytes | None
    hoje: bytes | None


@dataclass(frozen=True, slots=True)
class DaMudanca:
    """O que mudou numa tabela: as linhas estão nas `diferencas`, e são `quantas`. `campos`: só
    nestas colunas, de linhas que existem (nenhuma: tudo); `mexidas`: as colunas que mudaram (None:
    linhas inteiras). `passadas`: das linhas sem chave, as que hoje são mais, ou menos, do que eram
    num e no outro backup; `da_foto`: ao contrário, quantas de cada uma se puseram ou tiraram."""

    tabela: TabelaDoPlano
    tipos: Mapping[str, str] = field(repr=False)
    diferencas: Diferencas = field(repr=False)
    quantas: int
    mexidas: frozenset[str] | None
    campos: frozenset[str] = frozenset()
    ao_contrario: bool = False
    passadas: frozenset[bytes] = frozenset()
    da_foto: Mapping[bytes, int] | None = field(default=None, compare=False, repr=False)
    _ultima: list[Any] = field(default_factory=list, compare=False, repr=False)
    """A última linha que se procurou, e o que se achou: de cada uma se pergunta mais de uma vez."""

    def diante_de(self, pares: Iterable[Par]) -> DaMudanca:
        """A mesma, para estes pares (da foto, do alvo): todos os que diferem."""
        if self.tabela.chave:
            return self
        faltam, ate = Counter[bytes](), {}
        for _, atual, alvo in pares:
            marca = self._marca(atual if alvo is None else alvo)
            if (achada := self.diferencas.achar((marca,))) is not None:
                faltam[marca] += 1 if atual is None else -1
                todas = self._sentido * achada.quantas
                ate[marca] = todas if self.da_foto is None else self.da_foto.get(marca, 0)
        passadas = {marca for marca, n in faltam.items() if not _entre(n, ate[marca])}
        return replace(self, passadas=frozenset(passadas))

    def ate_a_foto(self, pares: Iterable[Par]) -> DaMudanca:
        """A mesma, ao contrário: de cada linha sem chave, só se volta atrás no que se fez. `pares`:
        (do backup de antes da mudança, da foto)."""
        fizeram = Counter[bytes]()
        for _, antes, foto in pares:
            fizeram[self._marca(antes if foto is None else foto)] += 1 if antes is None else -1
        da_foto = {}
        for marca, quantas in fizeram.items():
            achada = self.diferencas.achar((marca,))
            if achada is not None and _entre(quantas, self._sentido * achada.quantas):
                da_foto[marca] = quantas
        return replace(self, da_foto=da_foto)

    def escolhe(self, atual: Linha | None, alvo: Linha | None, _chave: Sequence[str]) -> bool:
        return self._lados(atual, alvo) is not None

    def querida(
        self, atual: Linha | None, alvo: Linha | None, _chave: Sequence[str]
    ) -> Linha | None:
        lados = self._lados(atual, alvo)
        if lados is None:
            return atual
        de, para = lados
        if de is None or para is None:
            return alvo if self._volta_inteira(atual, alvo, de, para) else atual
        if atual is None or alvo is None:
            return atual
        iguais = self._mudadas(de, para) - self._diferem(alvo, para) - self._diferem(atual, de)
        if not iguais:
            return atual
        return msgspec.Raw(com_valores(bytes(atual), escolher(abrir_linha(alvo), iguais)))

    def conflitos(self, atual: Linha | None, alvo: Linha | None) -> Iterator[Conflito]:
        """O que mudou outra vez desde a mudança, e por isso fica como está."""
        lados = self._lados(atual, alvo)
        if lados is None:
            return
        de, para = lados
        if not self.tabela.chave:
            marca = self._marca(atual if alvo is None else alvo)
            de_quem = self.passadas if self.da_foto is None else self.da_foto.keys()
            if marca in self.passadas and marca in de_quem:
                yield Conflito("", *(None if x is None else bytes(x) for x in (para, de, atual)))
            return
        if de is None or para is None:
            ja = atual is not None and alvo is not None and not self._outras(atual, alvo)
            if ja or self._volta_inteira(atual, alvo, de, para) or not self._mesma(alvo, para):
                return
            era = de if para is None else para
            colunas = self._outras(era, atual) or self._diferem_de(era, atual)
        elif alvo is None:
            return
        else:
            mexidas = self._outras(de, atual) if atual is not None else {*self.tabela.colunas}
            colunas = mexidas and self._mudadas(de, para) - self._diferem(alvo, para)
            if colunas and atual is not None:
                colunas &= mexidas & self._diferem(atual, alvo)
        for coluna in (c for c in self.tabela.colunas if c in colunas):
            valores = (None if x is None else _dito(x, coluna) for x in (para, de, atual))
            yield Conflito(coluna, *valores)

    def colunas(self) -> Collection[str] | None:
        return self.mexidas

    @property
    def _sentido(self) -> int:
        return -1 if self.ao_contrario else 1

    def _marca(self, linha: Linha | None) -> bytes:
        return marca_de(self.tabela.nome, linha, self.tabela.chave)

    def _lados(
        self, atual: Linha | None, alvo: Linha | None
    ) -> tuple[Linha | None, Linha | None] | None:
        """O que a linha passou a ser e o que era; None se não é da mudança."""
        if self._ultima and self._ultima[0] is atual and self._ultima[1] is alvo:
            achada = self._ultima[2]
        else:
            achada = self.diferencas.achar({self._marca(x) for x in (atual, alvo) if x is not None})
            self._ultima[:] = (atual, alvo, achada)
        if achada is None:
            return None
        de, para = achada.de, achada.para
        return (para, de) if self.ao_contrario else (de, para)

    def _volta_inteira(
        self, atual: Linha | None, alvo: Linha | None, de: Linha | None, para: Linha | None
    ) -> bool:
        """Se uma linha que a mudança criou ou removeu ainda é o que ela deixou."""
        if not self.tabela.chave and self._marca(atual if alvo is None else alvo) in self.passadas:
            return False
        # Uma que se acabou de repor pode ter a data em que o banco a gravou.
        diferem = self._outras if self.ao_contrario else self._diferem
        igual = atual is None if de is None else atual is not None and not diferem(de, atual)
        return igual and self._mesma(alvo, para)

    def _mesma(self, uma: Linha | None, outra: Linha | None) -> bool:
        if uma is None or outra is None:
            return uma is outra
        return not self._diferem(uma, outra)

    def _mudadas(self, de: Linha, para: Linha) -> set[str]:
        """As colunas que a mudança mudou; de uma que um dos lados não tem, não se sabe."""
        return {c for c in self._diferem(de, para) if c in abrir_linha(de)}

    def _diferem_de(self, era: Linha | None, hoje: Linha | None) -> set[str]:
        """O mesmo; de uma linha que não há, todas."""
        if era is None or hoje is None:
            return set(self.tabela.colunas)
        return self._diferem(era, hoje)

    def _diferem(self, uma: Linha, outra: Linha) -> set[str]:
        """As colunas em que duas linhas diferem, das que interessam."""
        if uma == outra:
            return set()
        acao = Acao((), bytes(uma), bytes(outra))
        colunas = mudancas(acao, self.tabela).keys() - {CAMPO}
        return colunas & self.campos if self.campos else colunas

    def _outras(self, era: Linha | None, hoje: Linha | None) -> set[str]:
        """As mesmas, fora as datas que só andaram."""
        if era is None or hoje is None:
            return set()
        return {
            c
            for c in self._diferem(era, hoje)
            if not (
                self.tipos.get(c) in _QUE_ANDAM
                and avancou(self.tipos[c], _dito(era, c), _dito(hoje, c))
            )
        }


def _entre(quantas: int, ate: int) -> bool:
    """Se vai de zero até tantas, no mesmo sentido."""
    return min(0, ate) <= quantas <= max(0, ate)


def _dito(linha: Linha, coluna: str) -> bytes:
    return dito_em(abrir_linha(linha), coluna)
