"""Ler algumas colunas de muitas linhas de uma vez dá o mesmo que abrir uma a uma."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofre.base.linha import NULO, abrir_linha, mesmos_valores, valores_de_todas

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
