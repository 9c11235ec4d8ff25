"""Os números de uma lista, como as pessoas os escrevem."""

from __future__ import annotations

import pytest

from cofre.base.erros import ErroDeUso
from cofre.base.selecao import interpretar_numeros


@pytest.mark.parametrize(
    ("resposta", "quais"),
    [
        ("1", (0,)),
        ("3,1", (0, 2)),
        ("1,3-5", (0, 2, 3, 4)),
        ("2 - 3", (1, 2)),
        ("1 2", (0, 1)),
        (" 5, ", (4,)),
        ("1-2,2", (0, 1)),
    ],
)
def test_numeros_e_faixas(resposta: str, quais: tuple[int, ...]) -> None:
    assert interpretar_numeros(resposta, 5) == quais


@pytest.mark.parametrize(
    "resposta", ["", ",", "0", "6", "1-6", "3-1", "a", "1,x", "1-", "-1", "1,99"]
)
def test_meia_resposta_nao_vale(resposta: str) -> None:
    with pytest.raises(ErroDeUso, match="de 1 a 5"):
        interpretar_numeros(resposta, 5)
