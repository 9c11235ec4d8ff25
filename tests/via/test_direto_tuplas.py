"""O formato de texto do COPY: o que não é exatamente ele é recusado, nunca lido pela metade."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofre.base.erros import RespostaInvalida
from cofre.via.direta import linhas as modulo_linhas
from cofre.via.direta.linhas import em_blocos

ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
ESCAPES["\v"] = "\\v"


def tupla(*campos: str | None) -> bytes:
    """Como o PostgreSQL a escreve."""
    textos = ("\\N" if c is None else "".join(ESCAPES.get(x, x) for x in c) for c in campos)
    return "\t".join(textos).encode() + b"\n"


def ler(*mensagens: bytes, campos: int = 3) -> dict[str | None, list[bytes]]:
    """As linhas de cada dono (o primeiro campo), fora as do dono «fora»."""
    lidas: dict[str | None, list[bytes]] = {}

    def de_quem(valores: Sequence[str | None]) -> str | None:
        return None if valores[0] == "fora" else repr(valores[0])

    for bloco in em_blocos(mensagens, campos, de_quem):
        linhas = bloco.linhas.split(b",\n")
        assert len(linhas) == bloco.quantas
        lidas.setdefault(bloco.empresa, []).extend(linhas)
    return lidas


CAMPO = st.none() | st.sampled_from(["", "a", "fora", "\\N", "\t"]) | st.text(max_size=4)
LINHA = st.text(st.sampled_from("[]ab\\\n\t\r\b\f\vé🛍"), max_size=12).map(
    lambda t: "{" + t.replace(",\n", "") + "}"
)


@given(linhas=st.lists(st.tuples(CAMPO, CAMPO, LINHA)), bloco=st.sampled_from([1, 40, 10_000]))
def test_o_que_se_escreve_se_le(
    linhas: list[tuple[str | None, str | None, str]], bloco: int
) -> None:
    """Tabulações, barras e quebras de linha em qualquer campo; donos em qualquer ordem."""
    esperadas: dict[str | None, list[bytes]] = {}
    for dono, _, texto in linhas:
        if dono != "fora":
            esperadas.setdefault(repr(dono), []).append(texto.encode())
    with pytest.MonkeyPatch.context() as troca:
        troca.setattr(modulo_linhas, "BLOCO", bloco)
        assert ler(*(tupla(*linha) for linha in linhas)) == esperadas


def test_cada_resposta_e_conferida_uma_vez_e_os_blocos_tem_tamanho(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(modulo_linhas, "BLOCO", 36)
    perguntas: list[Sequence[str | None]] = []

    def de_quem(valores: Sequence[str | None]) -> str | None:
        perguntas.append(list(valores))
        return valores[0]

    mensagens = [tupla(d, "{1}") for d in ("meu", "seu") * 5]
    assert list(em_blocos(mensagens, 2, de_quem)) == [
        ("meu", b"{1},\n{1},\n{1}", 3),
        ("seu", b"{1},\n{1}", 2),
        ("seu", b"{1},\n{1},\n{1}", 3),
        ("meu", b"{1},\n{1}", 2),
    ]
    assert perguntas == [["meu"], ["seu"]]


BOA = tupla("0", "x", "{}")
QUEBRADAS = {
    "campos a mais": (tupla("0", "x", "y", "{}"),),
    "campos a menos": (tupla("0", "{}"),),
    "a mais numa, a menos noutra": (tupla("0", "x", "y", "{}"), tupla("0", "{}")),
    "um campo a mais depois de uma boa": (BOA, tupla("0", "x", "y", "{}")),
    "duas tuplas numa mensagem": (BOA + BOA,),
    "uma tupla em duas mensagens": (BOA[:3], BOA[3:]),
    "sem o fim da linha": (BOA[:-1],),
    "sem o fim da última linha": (BOA, BOA[:-1]),
    "o fim no começo": (b"\n" + BOA[:-1],),
    "uma linha vazia": (BOA, b"\n"),
    "um escape que não há": (b"0\tx\t{\\q}\n",),
    "uma barra no fim": (b"0\tx\t{}\\\n",),
    "um escape que não há, entre os elos": (b"0\t\\x41\t{}\n",),
    "binário": (b"PGCOPY\n\xff\r\n\0" + bytes(8),),
}


@pytest.mark.parametrize("qual", QUEBRADAS)
def test_o_que_nao_e_o_formato_e_recusado(qual: str) -> None:
    assert ler(BOA) == {"'0'": [b"{}"]}
    with pytest.raises(RespostaInvalida, match="num formato que não entendo"):
        ler(*QUEBRADAS[qual])
