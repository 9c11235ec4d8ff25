"""De uma tabela do plano: o que comparar, o que é uma ação, e o que nela muda."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cofre.base.linha import ORDENS, abrir_linha, mesmo_valor
from cofre.base.modelo import Tabela
from cofre.base.textos import CAMPO, escolher, textos_de
from cofre.deposito.ja_conferido import que_confere
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.textos import Textos
from cofre.escopo.escopo import TabelaNoEscopo
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


def entre_arquivos(
    no_escopo: TabelaNoEscopo,
    colunas: tuple[str, ...],
    fontes: tuple[Arquivo, ...],
    atual: Arquivo | None,
    *,
    antiga: bool,
) -> TabelaDoPlano:
    """O que comparar entre estes arquivos de uma tabela: as `fontes` do estado desejado e o da
    foto. `antiga`: são da primeira versão, que passava os números por float e não tinha ordem."""
    tabela = no_escopo.tabela
    chave = tabela.coluna(tabela.chave[0]) if len(tabela.chave) == 1 else None
    com_texto = _com_texto(tabela, fontes, atual)
    return TabelaDoPlano(
        tabela.nome,
        tabela.chave,
        colunas,
        tuple(f.caminho for f in fontes),
        atual.caminho if atual is not None else None,
        chave.tipo if chave and not antiga else "",
        antiga,
        _linhas_se_e_o_mesmo(fontes, atual, com_textos=bool(com_texto)),
        com_texto,
        _textos(no_escopo, fontes, atual),
        {f.caminho: f.tabela.sha256 for f in fontes},
    )


def _textos(
    no_escopo: TabelaNoEscopo, fontes: Sequence[Arquivo], atual: Arquivo | None
) -> dict[Path, Textos]:
    todas = (*fontes, atual) if atual is not None else fontes
    proibidas = frozenset((*no_escopo.tabela.chave, *no_escopo.colunas_de_ligacao))
    return {
        f.caminho: Textos(
            f.textos,
            proibidas | f.tabela.de_quem,
            f.tabela.textos.sha256 if f.tabela.textos and f in fontes else "",
        )
        for f in todas
        if f.textos is not None
    }


def _com_texto(tabela: Tabela, fontes: Sequence[Arquivo], atual: Arquivo | None) -> frozenset[str]:
    """As colunas em que os textos se comparam: todos os lados os guardam, e do mesmo modo."""
    if atual is None:
        return frozenset()
    de_hoje = frozenset(tabela.sempre_com_texto)
    contam = {coluna for coluna, _ in tabela.com_textos}
    for arquivo in (*fontes, atual):
        salva = arquivo.tabela
        if not salva.exata and not salva.sem_prova:
            return frozenset()
        contam -= {*salva.sem_prova, *(de_hoje ^ set(salva.sempre_com_texto))}
    return frozenset(contam)


def _linhas_se_e_o_mesmo(
    fontes: Sequence[Arquivo], atual: Arquivo | None, *, com_textos: bool = False
) -> int | None:
    """Quantas linhas têm, se o alvo e a foto são o mesmo arquivo, pela soma e pelo tamanho que os
    dois tinham ao serem gravados (os do alvo já foram relidos e conferidos)."""
    if atual is None:
        return None
    nela = atual.tabela
    mesmos = all(f.tabela.sha256 == nela.sha256 and f.tabela.bytes == nela.bytes for f in fontes)
    if com_textos:
        mesmos = mesmos and all(f.tabela.somas == nela.somas for f in fontes)
    return nela.registros if mesmos and nela.sha256 else None


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
