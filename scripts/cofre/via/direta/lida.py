"""As linhas de uma tabela de uma empresa, à medida que se leem: para onde vão, e o que se nota."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, cast

import msgspec

from cofre.base.erros import FalhaDoServidor
from cofre.base.linha import separar
from cofre.base.modelo import Tabela
from cofre.base.rascunho import Rascunho, Trecho
from cofre.base.textos import MARCA
from cofre.deposito import resumos
from cofre.deposito.formato import Gravador
from cofre.deposito.resumos import Anterior, ResumoDaTabela
from cofre.deposito.resumos_por_linha import PorLinha
from cofre.via.direta.em_parte import chave_da
from cofre.via.direta.formas import sem_prova
from cofre.via.direta.linhas import Bloco, estragada
from cofre.via.leitura import EM_PARTE, IGUAL, INTEIRA, Reuso, Saida, TabelaLida, Trocadas


@dataclass(slots=True)
class Lida:
    """Já em ordem: no rascunho, na saída ou, se são as mesmas, no backup anterior. `anotar`: se há
    que saber de que blocos é feita, para a próxima vez."""

    tabela: Tabela
    rascunho: Rascunho | None
    anotar: bool = False
    saida: Saida | None = None
    registros: int = 0
    blocos: list[resumos.Bloco] = field(default_factory=list)
    com_textos: bool = False
    divergiu: datetime | None = None
    resumo: ResumoDaTabela | None = None
    soma: Gravador | None = None
    trocadas: Trocadas | None = None
    por_linha: bytes | PorLinha | None = None
    _trechos: list[Trecho] = field(default_factory=list)
    _vistas: list[Trecho] = field(default_factory=list)
    _anterior: Anterior | None = None
    _como: str = INTEIRA

    def acrescentar(self, bloco: Bloco) -> None:
        """Guarda mais linhas, na ordem. Levanta RespostaInvalida se não são JSON que se leia."""
        primeira = _conferir_json(bloco)
        if self.anotar:
            self.com_textos |= MARCA in bloco.linhas
            chave = chave_da(primeira, self.tabela.chave) if self.tabela.chave else ""
            self.blocos.append(resumos.Bloco(chave, bloco.quantas, len(bloco.linhas), ""))
        if self.soma is not None:
            self.soma.bloco(bloco.linhas)
        if self.saida is not None:
            self.saida(bloco.linhas)
        elif self.rascunho is not None:
            self._trechos.append(self.rascunho.guardar(bloco.linhas))
        self.registros += bloco.quantas

    def igual(self, anterior: Anterior, dito: str) -> None:
        """São as mesmas linhas que as do backup anterior, que não se leram; `dito`, o que o
        servidor disse de todas, de que uma tabela selada só tem o selo."""
        self._como, self._anterior, self.resumo = IGUAL, anterior, anterior.resumo
        self.por_linha = anterior.por_linha
        self.registros = anterior.salva.registros
        if anterior.selada:
            um_so = (resumos.Bloco("", self.registros, 0, dito),)
            self.resumo = msgspec.structs.replace(anterior.resumo, blocos=um_so)

    def ver(self, bloco: Bloco) -> None:
        """Guarda algumas colunas de mais linhas, na ordem, do que se aproveitou sem se ler."""
        assert self.rascunho is not None, "só se guardam as de quem se grava depois"
        self._vistas.append(self.rascunho.guardar(bloco.linhas))

    def em_parte(
        self, anterior: Anterior, blocos: Iterable[tuple[bytes, resumos.Bloco]], saida: Saida
    ) -> None:
        """Vem, em parte, do backup anterior. Levanta o que levantem os blocos e a saída."""
        for bruto, bloco in blocos:
            saida(bruto)
            self.blocos.append(bloco)
            self.registros += bloco.linhas
        self._como, self._anterior = EM_PARTE, anterior

    @property
    def inteira_em(self) -> datetime | None:
        """Quando se leu toda; None: agora."""
        return self._anterior.resumo.inteira_em if self._anterior is not None else None

    def pronta(self, falha: FalhaDoServidor | None, *, inteiros: bool) -> TabelaLida:
        """O que a leitura traz desta tabela; `inteiros`, se os floats saíram inteiros."""
        provado = sem_prova(self.tabela) if inteiros and falha is None else None
        return TabelaLida(
            self.tabela,
            falha,
            self.registros,
            self._em_ordem,
            provado,
            Reuso(
                self._como,
                self._anterior,
                self.resumo,
                self.divergiu,
                self.trocadas,
                self.por_linha,
            ),
            self._as_vistas,
        )

    def _em_ordem(self) -> Iterator[bytes]:
        if self._como == IGUAL and self._anterior is not None:
            return self._anterior.linhas()
        assert self.rascunho is not None, "as linhas já foram entregues"
        return map(self.rascunho.ler, self._trechos)

    def _as_vistas(self) -> Iterator[bytes]:
        return map(self.rascunho.ler, self._vistas) if self.rascunho is not None else iter(())


def somador() -> Gravador:
    """O que soma um arquivo de tabela sem o gravar."""
    return Gravador(cast(BinaryIO, _Nada()))


class _Nada:
    def write(self, dados: bytes) -> int:
        return len(dados)


def _conferir_json(bloco: Bloco) -> bytes:
    """A primeira linha do bloco. Levanta RespostaInvalida."""
    try:
        achadas = separar(b"[" + bloco.linhas + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise estragada() from None
    if len(achadas) != bloco.quantas:
        raise estragada()
    return bytes(achadas[0])
