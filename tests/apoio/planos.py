"""Uma tabela inventada em dois estados (foto e alvo), o plano entre eles e o que dele resulta."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from hypothesis import strategies as st

from cofre.base.linha import abrir_linha
from cofre.plano.plano import Plano, comparar
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, TabelaDoPlano, mudancas

GRAVAVEIS = ("a", "b")
GERADA = "gerada"
"""Uma coluna que o banco calcula: difere sempre que quer, e não conta."""

Linha = dict[str, str]
"""Coluna → o JSON do valor, como o servidor o mandaria."""


@dataclass(frozen=True)
class Forma:
    """Um tipo de chave: as colunas, como inventar uma e em que ordem o banco a daria."""

    nome: str
    chave: tuple[str, ...]
    tipo: str
    chaves: st.SearchStrategy[tuple[str, ...]]
    ordem: Callable[[tuple[str, ...]], object] | None = None


def _textos() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(
        lambda t: json.dumps(t, ensure_ascii=False)
    )


UUIDS = st.integers(0, 40).map(lambda n: (f'"{UUID(int=n * 0x1111111111111111111111111111)}"',))
INTEIROS = st.one_of(st.integers(-15, 15), st.integers(-(2**63), 2**63 - 1))
FORMAS = (
    Forma("uuid", ("id",), "uuid", UUIDS, lambda c: c[0]),
    Forma("bigint", ("id",), "bigint", INTEIROS.map(lambda n: (str(n),)), lambda c: int(c[0])),
    Forma("texto", ("id",), "text", st.tuples(_textos())),
    Forma(
        "composta",
        ("um", "outro"),
        "",
        st.tuples(st.integers(0, 4).map(str), st.sampled_from(['"x"', '"x,1"', '"é\\u0000"'])),
    ),
    Forma("sem chave", (), "", st.just(())),
)
VALORES = st.one_of(
    st.sampled_from(
        ["null", "1", "1.0", "1.00", "-0.5", "12345678901234567890.123456789", "true", '""']
    ),
    st.sampled_from(['{"a":1,\n "a":2}', "[1, 2]", '"linha\\nnova"', '"\\u00e9"', '"é"']),
    _textos(),
)


@st.composite
def tabelas(sorteio: st.DrawFn, forma: Forma) -> list[Linha]:
    """As linhas de uma tabela, na ordem em que o banco as daria."""
    if forma.chave:
        todas = sorteio(st.lists(forma.chaves, unique=True, max_size=12))
    else:
        todas = [()] * sorteio(st.integers(0, 6))
    if forma.ordem is not None:
        todas = sorted(todas, key=forma.ordem)  # type: ignore[arg-type]
    valores = VALORES if forma.chave else st.sampled_from(["1", "null"])
    return [
        {
            **dict(zip(forma.chave, chave, strict=True)),
            **{coluna: sorteio(valores) for coluna in GRAVAVEIS},
            GERADA: sorteio(VALORES) if forma.chave else "0",
        }
        for chave in todas
    ]


@st.composite
def situacoes(sorteio: st.DrawFn) -> tuple[Forma, list[Linha], list[Linha]]:
    """(forma, foto, alvo): o alvo tem linhas da foto, mudadas ou não, e outras."""
    forma = sorteio(st.sampled_from(FORMAS))
    foto, alvo = sorteio(tabelas(forma)), sorteio(tabelas(forma))
    if sorteio(st.booleans()) and forma.chave:
        comuns = {chave_da(forma, linha): linha for linha in foto}
        for n, linha in enumerate(alvo):
            if sorteio(st.booleans()):
                alvo[n] = comuns.get(chave_da(forma, linha), linha)
    return forma, foto, alvo


def chave_da(forma: Forma, linha: Linha) -> tuple[str, ...]:
    return tuple(linha[c] for c in forma.chave)


def gravar(pasta: Path, nome: str, linhas: Sequence[Linha]) -> Path:
    textos = [
        "{" + ",".join(f"{json.dumps(c)}:{v}" for c, v in linha.items()) + "}" for linha in linhas
    ]
    caminho = pasta / f"{nome}.json"
    caminho.write_text("[\n" + ",\n".join(textos) + "\n]\n", "utf-8", newline="")
    return caminho


def planejar(
    pasta: Path, forma: Forma, foto: Sequence[Linha], *alvos: Sequence[Linha], tipo: str = "mesmo"
) -> Plano:
    arquivos = tuple(gravar(pasta, f"alvo{n}", alvo) for n, alvo in enumerate(alvos))
    colunas = (*forma.chave, *GRAVAVEIS)
    atual = gravar(pasta, "foto", foto)
    chave = forma.tipo if tipo == "mesmo" else tipo
    return comparar([TabelaDoPlano("t", forma.chave, colunas, arquivos, atual, chave)])


def aplicar(plano: Plano, forma: Forma, foto: Sequence[Linha]) -> Counter[tuple[str, ...]]:
    """A foto depois das ações, só as colunas que contam."""
    colunas = (*forma.chave, *GRAVAVEIS)
    linhas = [{c: linha[c] for c in colunas} for linha in foto]
    for acao in plano.acoes("t", REMOVER):
        linhas.remove(lida(acao.atual, colunas))
    for acao in plano.acoes("t", ALTERAR):
        linha = next(x for x in linhas if x == lida(acao.atual, colunas))
        novas = mudancas(acao, plano.tabelas["t"])
        assert novas, "uma alteração que nada muda"
        linha.update({c: bytes(v).decode() for c, v in novas.items()})
    for acao in plano.acoes("t", REPOR):
        linhas.append(lida(acao.alvo, colunas))
    return contar(linhas, colunas)


def lida(bruta: bytes | None, colunas: Sequence[str]) -> Linha:
    aberta = abrir_linha(bruta or b"{}")
    return {c: bytes(aberta[c]).decode() for c in colunas}


def contar(linhas: Sequence[Linha], colunas: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(linha[c] for c in colunas) for linha in linhas)
