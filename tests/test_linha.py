"""Ler algumas colunas de muitas linhas de uma vez dá o mesmo que abrir uma a uma; e devagar se lê
também o que o msgspec recusa e o PostgreSQL guarda."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofre.base import varredura
from cofre.base.linha import (
    NULO,
    abrir_linha,
    com_citados,
    leitor_de,
    mesmos_valores,
    separar,
    texto,
    tipo_com,
    valores_da_linha,
    valores_de_todas,
)

NOMES = ("id", 'a "b" \\', "ação", "falta")
VALOR = st.none() | st.integers() | st.text(max_size=4) | st.lists(st.booleans(), max_size=2)
LINHA = st.dictionaries(st.sampled_from(NOMES[:3]), VALOR).map(
    lambda campos: json.dumps(campos, ensure_ascii=False).encode()
)


@settings(deadline=None)
@given(st.lists(LINHA, max_size=5), st.lists(st.sampled_from(NOMES), unique=True, min_size=1))
def test_em_grupo_e_uma_a_uma_dao_o_mesmo(linhas: list[bytes], colunas: list[str]) -> None:
    esperados = [
        tuple(bytes(abrir_linha(linha).get(coluna, NULO)) for coluna in colunas) for linha in linhas
    ]
    assert valores_de_todas(linhas, colunas) == esperados
    assert mesmos_valores(linhas, list(linhas), colunas)


@pytest.mark.parametrize("coluna", ["id", 'a "b" \\'])
def test_um_valor_uma_falta_ou_uma_linha_a_menos_se_notam(coluna: str) -> None:
    linhas = [json.dumps({coluna: n, "outra": n}).encode() for n in range(3)]
    outra_coluna = [json.dumps({coluna: n}).encode() for n in range(3)]
    assert mesmos_valores(linhas, outra_coluna, [coluna])
    assert not mesmos_valores(linhas, outra_coluna, [coluna, "outra"])
    assert not mesmos_valores(linhas, linhas[:2], [coluna])
    assert not mesmos_valores(linhas, [*linhas[:2], linhas[0]], [coluna])


# -- devagar -----------------------------------------------------------------------------------

ESPACO = st.sampled_from(["", " ", "\n", "\r\n\t", "\n  "])
ESTRANHOS = [
    r'"\ud83d"',
    r'"\udc00\ud83d"',
    r'{"\ud83d":[1e400,"},\n{"]}',
    "[" * 1200 + "]" * 1200,
]
FOLHA = st.one_of(
    st.sampled_from(
        [*ESTRANHOS, "null", "true", "1e400", "-0.0", "1.10", "12345678901234567890123456789.50"]
    ),
    st.integers().map(str),
    st.text(max_size=8).map(json.dumps),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
        lambda t: json.dumps(t, ensure_ascii=False)
    ),
)
Pares = list[tuple[str, str]]
"""(nome, JSON do valor) das colunas de uma linha, com nomes que se repetem."""


def _objeto(pares: Pares, espaco: str) -> str:
    dentro = f",{espaco}".join(f"{json.dumps(c)}{espaco}:{espaco}{v}" for c, v in pares)
    return f"{{{espaco}{dentro}{espaco}}}"


def _vetor(valores: list[str], espaco: str) -> str:
    return f"[{espaco}{f',{espaco}'.join(valores)}{espaco}]"


JSON = st.recursive(
    FOLHA,
    lambda dentro: st.one_of(
        st.builds(_objeto, st.lists(st.tuples(st.sampled_from("aéb"), dentro), max_size=3), ESPACO),
        st.builds(_vetor, st.lists(dentro, max_size=3), ESPACO),
    ),
    max_leaves=6,
)
PARES = st.lists(st.tuples(st.sampled_from(NOMES), JSON), max_size=4)


@settings(deadline=None)
@given(linhas=st.lists(PARES, max_size=4), espaco=ESPACO)
def test_devagar_todo_json_do_postgresql_se_separa_byte_a_byte(
    linhas: list[Pares], espaco: str
) -> None:
    objetos = [_objeto(pares, espaco) for pares in linhas]
    vetor = _vetor(objetos, espaco).encode()
    brutas = [o.encode() for o in objetos]
    assert list(varredura.itens(vetor)) == brutas
    assert [bytes(linha) for linha in separar(vetor)] == brutas
    lidas = leitor_de(tipo_com(("id", "ação"), opcionais=True))(vetor)
    for bruta, pares, lida in zip(brutas, linhas, lidas, strict=True):
        campos = {nome: valor.encode() for nome, valor in pares}
        assert list(varredura.campos(bruta)) == [(n, v.encode()) for n, v in pares]
        assert {n: bytes(v) for n, v in abrir_linha(bruta).items()} == campos
        assert [lida[c] for c in ("id", "ação")] == [campos.get(c, NULO) for c in ("id", "ação")]
        assert valores_da_linha(bruta).keys() == campos.keys()
        citados = json.loads(com_citados(bruta, campos.keys())) if campos else {}
        assert citados == {n: None if v == NULO else v.decode() for n, v in campos.items()}


def _aceita(texto_: str) -> bool:
    """Se é um vetor JSON, diz o leitor do Python."""
    try:
        return isinstance(json.loads(texto_, parse_int=str, parse_constant=_recusar), list)
    except ValueError:
        return False


def _recusar(nome: str) -> None:
    raise ValueError(nome)


RASO = JSON.filter(lambda j: "[[[[" not in j)


@settings(deadline=None)
@given(
    valores=st.lists(RASO, max_size=3),
    corte=st.integers(0, 60),
    tirados=st.integers(0, 3),
    postos=st.text('[]{},:"\\ u0e-.\n1ntf\x01', max_size=2),
)
def test_devagar_so_passa_o_que_e_json_inteiro(
    valores: list[str], corte: int, tirados: int, postos: str
) -> None:
    """Um texto mexido ou cortado em qualquer ponto é aceito por um leitor se e só se pelo outro."""
    certo = _vetor(valores, " ")
    mexido = certo[:corte] + postos + certo[corte + tirados :]
    for texto_ in (mexido, certo[:corte]):
        try:
            list(varredura.itens(texto_.encode()))
            aceito = True
        except msgspec.DecodeError:
            aceito = False
        assert aceito == _aceita(texto_), texto_


def test_cem_mil_niveis_nao_gastam_pilha() -> None:
    fundo = b"[" * 100_000 + b"]" * 100_000
    linha = b'{"id":1,"fundo":' + fundo + b',"depois":"x"}'
    assert [bytes(v) for v in separar(b"[" + linha + b", " + linha + b"]")] == [linha, linha]
    assert {n: bytes(v) for n, v in abrir_linha(linha).items()} == {
        "id": b"1",
        "fundo": fundo,
        "depois": b'"x"',
    }
    (lida,) = leitor_de(tipo_com(("id", "depois")))(b"[" + linha + b"]")
    assert (lida["id"], lida["depois"]) == (b"1", b'"x"')
    with pytest.raises(msgspec.DecodeError):
        separar(b"[" + linha[:-3] + b"]")


@pytest.mark.parametrize("linha", [b'{"x":"\\ud83d"}', b'"\\ud83d"', b"1"])
def test_uma_linha_que_nao_e_a_que_se_pediu_se_distingue_de_um_texto_cortado(linha: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        leitor_de(tipo_com(("id",)))(b"[" + linha + b"]")
    assert [bytes(v) for v in separar(b"[" + linha + b"]")] == [linha]
    with pytest.raises(msgspec.DecodeError, match="cortado"):
        separar(b"[" + linha)


def test_um_texto_com_meio_par_fica_como_esta() -> None:
    assert texto(rb'"\ud83d"') == r'"\ud83d"'
    assert texto(rb'"\ud83d\ude00"') == "\U0001f600"
