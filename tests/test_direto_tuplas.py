"""O formato binário do COPY: o que não é exatamente ele é recusado, nunca lido pela metade."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofre.direto import tuplas
from cofre.direto.tuplas import linhas_em_blocos
from cofre.erros import RespostaInvalida

CABECALHO = b"PGCOPY\n\xff\r\n\0" + bytes(8)
FIM = b"\xff\xff"


def tupla(*campos: str | None) -> bytes:
    partes = [struct.pack("!h", len(campos))]
    for campo in campos:
        dados = campo.encode() if campo is not None else b""
        partes.append(struct.pack("!i", -1 if campo is None else len(dados)) + dados)
    return b"".join(partes)


def ler(*mensagens: bytes, campos: int = 3) -> list[bytes]:
    """As linhas cujo segundo campo não é «fora»."""
    blocos = linhas_em_blocos(mensagens, campos, lambda valores: valores[0] != "fora")
    return [bytes(linha) for bloco in blocos for linha in bloco]


CAMPO = st.none() | st.text(max_size=8)


@given(
    linhas=st.lists(st.tuples(st.text(max_size=20).map(lambda t: f"[{t}]"), CAMPO, CAMPO)),
    junto=st.booleans(),
    extensao=st.binary(max_size=9),
)
def test_o_que_se_escreve_se_le(
    linhas: list[tuple[str, str | None, str | None]], junto: bool, extensao: bytes
) -> None:
    """O cabeçalho pode vir sozinho ou com a primeira tupla, e ter uma extensão."""
    cabecalho = CABECALHO[:-4] + struct.pack("!I", len(extensao)) + extensao
    mensagens = [*(tupla(*linha) for linha in linhas), FIM]
    inicio = [cabecalho + mensagens[0], *mensagens[1:]] if junto else [cabecalho, *mensagens]
    esperadas = [texto.encode() for texto, dono, _ in linhas if dono != "fora"]
    assert ler(*inicio) == esperadas


def test_cada_resposta_e_conferida_uma_vez_e_os_blocos_tem_tamanho(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuplas, "BLOCO", 8)
    perguntas: list[Sequence[str | None]] = []

    def conferir(valores: Sequence[str | None]) -> bool:
        perguntas.append(list(valores))
        return valores[0] == "meu"

    mensagens = [CABECALHO, *(tupla("{1}", d) for d in ("meu", "seu") * 5), FIM]
    blocos = [[bytes(linha) for linha in b] for b in linhas_em_blocos(mensagens, 2, conferir)]
    assert blocos == [[b"{1}"] * 3, [b"{1}"] * 2]
    assert perguntas == [["meu"], ["seu"]]


BOA = tupla("{}", "0", "x")
QUEBRADAS = {
    "nada": (),
    "só o cabeçalho": (CABECALHO,),
    "sem o fim": (CABECALHO, BOA),
    "mais depois do fim": (CABECALHO, BOA, FIM, BOA),
    "outra assinatura": (b"PGCOPY\n\xff\r\n\1" + bytes(8), BOA, FIM),
    "cabeçalho cortado": (CABECALHO[:-1], FIM),
    "opções que não se conhecem": (CABECALHO[:11] + struct.pack("!II", 1 << 16, 0), BOA, FIM),
    "campos a mais": (CABECALHO, tupla("{}", "0", "x", "y"), FIM),
    "campos a menos": (CABECALHO, tupla("{}", "0"), FIM),
    "o mesmo resto, outra contagem": (CABECALHO, BOA, struct.pack("!h", 4) + BOA[2:], FIM),
    "linha nula": (CABECALHO, tupla(None, "0", "x"), FIM),
    "duas tuplas numa mensagem": (CABECALHO, BOA + BOA, FIM),
    "uma tupla em duas mensagens": (CABECALHO, BOA[:8], BOA[8:], FIM),
    "tamanho além da mensagem": (CABECALHO, struct.pack("!hi", 3, 99) + BOA[6:], FIM),
    "sobra no fim": (CABECALHO, BOA + b"x", FIM),
    "texto": (b'{"a":1}\n',),
}


@pytest.mark.parametrize("qual", QUEBRADAS)
def test_o_que_nao_e_o_formato_e_recusado(qual: str) -> None:
    assert ler(CABECALHO, BOA, FIM) == [b"{}"]
    with pytest.raises(RespostaInvalida, match="num formato que não entendo"):
        ler(*QUEBRADAS[qual])
