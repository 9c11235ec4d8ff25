"""De uma tabela do plano: o que comparar, o que é uma ação, e o que nela muda."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cofre.base.linha import ORDENS, abrir_linha, mesmo_valor
from cofre.base.textos import CAMPO, escolher, textos_de
from cofre.deposito.ja_conferido import que_confere
from cofre.deposito.textos import Textos
from cofre.plano.chaves import Chave
from cofre.plano.lados import Lado, Ordem, Par, ate_acabar_um, lado, pelo_indice, unir

REPOR, ALTERAR, REMOVER = "repor", "alterar", "remover"
CONFLITO = "conflito"
"""O que de um recorte se queria e não se pode ter: a linha da foto, que fica, e a do alvo."""


@dataclass(frozen=True, slots=True)
class TabelaDoPlano:
    """O que comparar: `alvo` são os arquivos do estado desejado (o primeiro que tem uma chave
    vale), `atual` o da foto. Só contam as `colunas` que o banco tem e deixa escrever.
    `pelo_valor`: 1.50 é igual a 1.5, porque o alvo não guardou os bytes do banco. `iguais` são as
    linhas, se já se sabe que alvo e foto são o mesmo, byte a byte: não há o que ler.

    `textos`: os de cada arquivo que os tem. Só contam como diferença nas colunas `com_texto`, as de
    que todos os lados os guardam do mesmo modo: do que um não diz não se sabe se mudou.

    `somas`: a do JSON dos arquivos que já se conferiram. Quem escreve na pasta podia trocá-los
    enquanto se espera a confirmação, ou entre uma passada e outra: lidos, têm de a ter ainda."""

    nome: str
    chave: tuple[str, ...]
    colunas: tuple[str, ...]
    alvo: tuple[Path, ...]
    atual: Path | None
    tipo_da_chave: str = ""
    pelo_valor: bool = False
    iguais: int | None = None
    com_texto: frozenset[str] = frozenset()
    textos: Mapping[Path, Textos] = field(default_factory=dict)
    somas: Mapping[Path, str] = field(default_factory=dict)

    @property
    def ordem(self) -> Ordem | None:
        """Como comparar chaves na ordem do banco, se ela se sabe: os arquivos estão nela."""
        return ORDENS.get(self.tipo_da_chave) if len(self.chave) == 1 else None


@dataclass(frozen=True, slots=True)
class Contagem:
    """Quantas linhas de uma tabela repor, alterar, remover, e quantas já são iguais."""

    repor: int = 0
    alterar: int = 0
    remover: int = 0
    iguais: int = 0

    @property
    def diferencas(self) -> int:
        """Quantas linhas o plano mexe."""
        return self.repor + self.alterar + self.remover


class Acao(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Uma linha do plano: `alvo` None é remover, `atual` None é repor. Linhas com seus bytes.

    É do msgspec porque o plano as guarda e as lê de volta aos milhões."""

    chave: Chave
    atual: bytes | None
    alvo: bytes | None


def mudancas(acao: Acao, tabela: TabelaDoPlano) -> dict[str, msgspec.Raw]:
    """As colunas que mudam e os valores desejados, com os seus bytes."""
    return _diferentes(acao.atual or b"{}", acao.alvo or b"{}", tabela)


def _diferentes(atual: bytes, desejada: bytes, tabela: TabelaDoPlano) -> dict[str, msgspec.Raw]:
    tem, quer = abrir_linha(atual), abrir_linha(desejada)
    iguais = mesmo_valor if tabela.pelo_valor else operator.eq
    mudam = {
        c: quer[c]
        for c in tabela.colunas
        if c in quer and (c not in tem or not iguais(bytes(tem[c]), bytes(quer[c])))
    }
    if CAMPO in tem or CAMPO in quer:
        um, outro = textos_de(tem), textos_de(quer)
        outras = {c for c in tabela.com_texto if um.get(c) != outro.get(c)}
        return escolher(quer, [c for c in tabela.colunas if c in mudam or c in outras])
    return mudam


def lado_da_foto(tabela: TabelaDoPlano) -> Lado:
    """As linhas de agora; nenhuma, se a tabela não foi fotografada."""
    if tabela.atual is None:
        return Lado(iter(()), lambda _linhas: [], tabela.ordem)
    return _lado(tabela, tabela.atual)


def lado_do_alvo(tabela: TabelaDoPlano) -> Lado | None:
    """O alvo inteiro, na ordem da chave; None se ela não se sabe."""
    if tabela.ordem is None:
        return None
    alvo, *outros = _alvos(tabela)
    for outro in outros:
        alvo = Lado(unir(alvo, outro), outro.ler_chaves, tabela.ordem)
    return alvo


def _alvos(tabela: TabelaDoPlano) -> list[Lado]:
    return [_lado(tabela, a) for a in tabela.alvo]


def _lado(tabela: TabelaDoPlano, arquivo: Path) -> Lado:
    textos, ordem = tabela.textos.get(arquivo), tabela.ordem
    somar = que_confere(arquivo, tabela.somas.get(arquivo, ""))
    return lado(arquivo, tabela.nome, tabela.chave, ordem, textos, tabela.com_texto, somar)


def pares_de(tabela: TabelaDoPlano, foto: Lado, alvo: Lado | None) -> Iterator[Par]:
    """Os pares (da foto, do alvo) que não são a mesma linha, byte a byte. Em ordem, só até acabar
    um dos lados."""
    if alvo is None:
        yield from pelo_indice(foto, _alvos(tabela), com_chave=bool(tabela.chave))
        return
    for item in ate_acabar_um(foto, alvo):
        if not isinstance(item, list):
            yield item
