"""Os erros do disco em palavras, também os que só o Windows dá."""

from __future__ import annotations

from pathlib import Path

import pytest

from cofre.base.disco import erros_de_disco
from cofre.base.erros import FalhaDeDisco


def do_windows(codigo: int) -> OSError:
    """Uma falta de permissão, para o Python; o código do Windows é que distingue."""
    erro = PermissionError(13, "Permission denied")
    erro.winerror = codigo  # type: ignore[attr-defined]
    return erro


@pytest.mark.parametrize(
    ("erro", "causa", "cura"),
    [
        (do_windows(32), "O arquivo está aberto em outro programa", "Feche-o nesse programa"),
        (do_windows(33), "O arquivo está aberto em outro programa", "tente de novo"),
        (do_windows(5), "Sem permissão para gravar", "Dê permissão de escrita"),
        (do_windows(206), "O caminho é longo demais", "caminho mais curto"),
        (PermissionError(13, "x"), "Sem permissão para gravar", "Dê permissão de escrita"),
    ],
)
def test_cada_erro_diz_a_causa_e_a_cura(
    tmp_path: Path, erro: OSError, causa: str, cura: str
) -> None:
    with pytest.raises(FalhaDeDisco) as falha, erros_de_disco(tmp_path, "Nada se perdeu."):
        raise erro
    assert str(falha.value) == f"{causa}: {tmp_path}"
    assert cura in falha.value.dica
    assert falha.value.dica.endswith("\nNada se perdeu.")
