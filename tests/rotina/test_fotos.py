"""As fotos das restaurações nas listas: uma linha por dia, ou uma a uma; o mais novo primeiro."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apoio.execucao import executar
from apoio.inventados import BIA, publicar
from cofre.deposito.deposito import Deposito

PRE, DURANTE = "pre_restauracao", "durante_restauracao"


@pytest.fixture
def destino(tmp_path: Path) -> Path:
    """Dois dias com backup e fotos, e uma foto de cada um que não está como as outras."""
    deposito = Deposito(tmp_path / "b")
    publicar(deposito, "20260109_030000", dono=BIA)
    publicar(deposito, "20260110_030000")
    publicar(deposito, "20260110_100000", tipo=PRE)
    publicar(deposito, "20260110_100010", tipo=DURANTE)
    publicar(deposito, "20260111_030000")
    publicar(deposito, "20260111_100000", tipo=PRE)
    publicar(deposito, "20260111_110000", tipo=PRE, falhas={"vendas": "x"})
    publicar(deposito, "20260111_120000", tipo=PRE)
    return deposito.raiz


def da_ana(saida: str) -> list[str]:
    """As linhas dos backups da primeira empresa, sem os tamanhos."""
    dela = saida.partition("Ana Doces")[2].partition("Bia")[0]
    linhas = [linha.strip() for linha in dela.splitlines() if "2026-01-1" in linha]
    return [re.sub(r" +[\d.,]+ K?B", "", linha) for linha in linhas]


def test_listar(destino: Path) -> None:
    juntas = executar(None, destino, "listar")
    assert da_ana(juntas.saida) == [
        "📷 2026-01-11  2 fotos de restaurações  (--fotos mostra cada uma)",
        "⚠️ 2026-01-11 11:00:00  foto de antes  8 registros  incompleto (sem vendas)",
        "✅ 2026-01-11 03:00:00  manual  8 registros  completo",
        "📷 2026-01-10  2 fotos de restaurações  (--fotos mostra cada uma)",
        "✅ 2026-01-10 03:00:00  manual  8 registros  completo",
    ]
    uma_a_uma = executar(None, destino, "listar", "--fotos")
    assert da_ana(uma_a_uma.saida) == [
        "✅ 2026-01-11 12:00:00  foto de antes  8 registros  completo",
        "⚠️ 2026-01-11 11:00:00  foto de antes  8 registros  incompleto (sem vendas)",
        "✅ 2026-01-11 10:00:00  foto de antes  8 registros  completo",
        "✅ 2026-01-11 03:00:00  manual  8 registros  completo",
        "✅ 2026-01-10 10:00:10  foto do meio  8 registros  completo",
        "✅ 2026-01-10 10:00:00  foto de antes  8 registros  completo",
        "✅ 2026-01-10 03:00:00  manual  8 registros  completo",
    ]
    # O documento tem sempre tudo, do mais antigo ao mais novo.
    empresa, _ = executar(None, destino, "listar", "--json").json()["empresas"]
    carimbos = [b["carimbo"] for b in empresa["backups"]]
    assert len(carimbos) == 7
    assert carimbos == sorted(carimbos)


def test_verificar(destino: Path) -> None:
    """A danificada diz-se sempre."""
    next(destino.glob("empresa_aaaa1111/clientes_20260110_100000.json")).unlink()
    juntas = executar(None, destino, "verificar")
    assert juntas.codigo == 6
    assert da_ana(juntas.saida) == [
        "✅ 2026-01-11: 2 fotos de restaurações, sem dano",
        "⚠️ 2026-01-11 11:00:00: foto de antes, 8 registros, incompleto",
        "✅ 2026-01-11 03:00:00: 8 registros, completo",
        "✅ 2026-01-10: 1 foto de restauração, sem dano",
        "❌ 2026-01-10 10:00:00: danificado",
        "✅ 2026-01-10 03:00:00: 8 registros, completo",
    ]
    uma_a_uma = executar(None, destino, "verificar", "--fotos")
    assert da_ana(uma_a_uma.saida)[:3] == [
        "✅ 2026-01-11 12:00:00: foto de antes, 8 registros, completo",
        "⚠️ 2026-01-11 11:00:00: foto de antes, 8 registros, incompleto",
        "✅ 2026-01-11 10:00:00: foto de antes, 8 registros, completo",
    ]


def test_podar(destino: Path) -> None:
    podar = ("podar", "--manter-diarios", "1", "--simular")
    assert da_ana(executar(None, destino, *podar).saida) == [
        "fica  2026-01-11  2 fotos de restaurações  (não há completo mais novo)",
        "fica  2026-01-11 11:00:00  foto de antes  incompleto  (não há completo mais novo)",
        "fica  2026-01-11 03:00:00  manual  completo  (diário)",
        "sai   2026-01-10  2 fotos de restaurações",
        "sai   2026-01-10 03:00:00  manual  completo",
    ]
    assert len(da_ana(executar(None, destino, *podar, "--fotos").saida)) == 7
