"""A data que alguém escreve é a do backup que essa pessoa tem na cabeça."""

from __future__ import annotations

from datetime import datetime

import pytest

from apoio.acervo import guardar
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.quando import de_quando, e_data

AGORA = datetime(2026, 11, 27, 9, 30).astimezone()
CARIMBOS = (
    "20251126_030000",
    "20261125_030000",
    "20261126_030000",
    "20261126_184501",
    "20261127_030000",
)
FOTO = "20261126_120000"


@pytest.fixture(scope="module")
def backups(tmp_path_factory: pytest.TempPathFactory) -> list[Backup]:
    deposito = Deposito(tmp_path_factory.mktemp("quando") / "b")
    for carimbo in (*CARIMBOS, FOTO):
        tipo = "pre_restauracao" if carimbo == FOTO else "manual"
        quando = datetime.strptime(carimbo, "%Y%m%d_%H%M%S").astimezone()
        guardar(deposito, "dono", "Loja", quando, tipo=tipo)
    (pasta,) = deposito.pastas()
    return list(deposito.backups(pasta))


@pytest.mark.parametrize(
    ("texto", "carimbos"),
    [
        ("20261125", ["20261125_030000"]),
        ("20261126_0300", ["20261126_030000"]),
        ("2026-11-25", ["20261125_030000"]),
        ("2026-11-26 03:00", ["20261126_030000"]),
        ("2026-11-26 03:00:00", ["20261126_030000"]),
        ("2026-11-26T3:00", ["20261126_030000"]),
        ("26/11", ["20261126_030000", "20261126_184501"]),
        ("26/11 03:00", ["20261126_030000"]),
        ("26/11 às 18h", ["20261126_184501"]),
        ("26/11 18h45", ["20261126_184501"]),
        ("  25/11 ", ["20261125_030000"]),
        ("26/11/25", ["20251126_030000"]),
        ("26/11/2025 03:00", ["20251126_030000"]),
        ("ontem 3:00", ["20261126_030000"]),
        ("Hoje", ["20261127_030000"]),
        ("anteontem", ["20261125_030000"]),
        ("26/11 12:00", [FOTO]),  # só havendo uma foto, é ela
        ("24/11", []),
        ("26/11 04:00", []),
        ("99/99", []),
        ("produtos", []),
        ("", []),
    ],
)
def test_de_quando(backups: list[Backup], texto: str, carimbos: list[str]) -> None:
    assert [b.carimbo for b in de_quando(texto, backups, AGORA)] == carimbos


def test_sem_ano_e_a_ultima_que_passou(backups: list[Backup]) -> None:
    em_fevereiro = datetime(2026, 2, 1).astimezone()
    assert [b.carimbo for b in de_quando("26/11", backups[:1], em_fevereiro)] == ["20251126_030000"]


@pytest.mark.parametrize(
    ("texto", "e"), [("26/11", True), ("ontem", True), ("12", False), ("clientes", False)]
)
def test_e_data(texto: str, e: bool) -> None:
    assert e_data(texto) is e
