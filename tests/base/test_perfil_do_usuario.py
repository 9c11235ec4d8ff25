"""O perfil do usuário: um segredo nasce inteiro, uma vez só, e só o dono o lê."""

from __future__ import annotations

import os
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cofre.base import perfil
from cofre.base.erros import FalhaDeDisco


@pytest.fixture(autouse=True)
def casa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_nasce_uma_vez_e_depois_se_le(casa: Path) -> None:
    feito = perfil.segredo("segredo", lambda: b"primeiro")

    assert feito == b"primeiro"
    assert perfil.segredo("segredo", lambda: b"outro") == b"primeiro"
    assert [p.name for p in (casa / "cofre").iterdir()] == ["segredo"]


@pytest.mark.skipif(os.name != "posix", reason="no Windows quem diz é a pasta do usuário")
def test_so_o_dono_o_le(casa: Path) -> None:
    perfil.segredo("segredo", lambda: b"x")

    assert stat.S_IMODE((casa / "cofre" / "segredo").stat().st_mode) == 0o600
    assert stat.S_IMODE((casa / "cofre").stat().st_mode) == 0o700


@pytest.mark.parametrize("com_nomes", [True, False], ids=["com-nomes", "disco-sem-segundos-nomes"])
def test_dos_que_nascem_ao_mesmo_tempo_vale_um(
    casa: Path, monkeypatch: pytest.MonkeyPatch, com_nomes: bool
) -> None:
    if not com_nomes:

        def recusar(*_: object) -> None:
            raise OSError(95, "não há segundos nomes aqui")

        monkeypatch.setattr(os, "link", recusar)
        perfil.segredo("segredo", lambda: secrets.token_bytes(32))

    with ThreadPoolExecutor(8) as fios:
        vistos = {
            feito.result()
            for feito in [
                fios.submit(perfil.segredo, "segredo", lambda: secrets.token_bytes(32))
                for _ in range(64)
            ]
        }

    assert vistos == {(casa / "cofre" / "segredo").read_bytes()}


def test_sem_onde_o_guardar_diz_a_causa(casa: Path) -> None:
    (casa / "cofre").write_text("um arquivo no lugar da pasta", encoding="utf-8")

    with pytest.raises(FalhaDeDisco, match="Há um arquivo onde devia haver uma pasta"):
        perfil.segredo("segredo", lambda: b"x")
