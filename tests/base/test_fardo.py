"""Documentos que esperam apertados na memória, e saem como entraram."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from cofre.base.fardo import Fardo

VALORES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda dentro: st.lists(dentro) | st.dictionaries(st.text(), dentro),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(), VALORES, max_size=5), max_size=8))
@settings(max_examples=exemplos(50))
def test_saem_todos_como_entraram(documentos: list[dict[str, object]]) -> None:
    fardo = Fardo()
    for documento in documentos:
        fardo.por(documento)
    assert list(fardo.tirar()) == documentos


def test_um_texto_que_nao_cabe_em_utf8_e_muitos_que_nao_cabem_num_bocado() -> None:
    documentos = [{"nome": f"Loja \udc80\u2028\n{n}", "n": [n] * 50} for n in range(2000)]
    fardo = Fardo()
    for documento in documentos:
        fardo.por(documento)
    assert list(fardo.tirar()) == documentos


def test_a_memoria_quase_nao_cresce() -> None:
    """Vinte mil, que em objetos seriam uns 20 MB."""
    fardo = Fardo()
    tracemalloc.start()
    try:
        for n in range(20_000):
            fardo.por({"id": f"{n:036}", "nome": f"Empresa {n}", "tabelas": {"a": n, "b": 1}})
        assert sum(documento["tabelas"]["a"] for documento in fardo.tirar()) == 199_990_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
