"""O que este sistema não tem: no Windows, roda o resto, e o fim diz o que ficou de fora e por quê.

No Linux e no macOS só fica de fora o Windows sob o wine, onde não se pode instalá-lo.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

SO_POSIX = frozenset({"pty", "fcntl", "pwd", "resource", "termios"})
"""Módulos do Python que o Windows não tem: quem importa um deles testa o que só há lá."""

COM_POSTGREST = frozenset(
    {"criar_supabase", "criar_supabase_do_modulo", "supabase", "backup_da_loja"}
)
"""As peças de que todo projeto dos testes nasce: por trás delas está o PostgREST."""

_fora: Counter[str] = Counter()


def so_posix(fonte: str) -> list[str]:
    """Os módulos só do POSIX que este texto em Python importa, em ordem."""
    achados: set[str] = set()
    for no in ast.walk(ast.parse(fonte)):
        if isinstance(no, ast.Import):
            achados |= {a.name for a in no.names}
        elif isinstance(no, ast.ImportFrom) and no.module:
            achados.add(no.module)
    return sorted(achados & SO_POSIX)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """No Windows, os arquivos que nem se importam lá; onde o wine não há, os que são sobre ele."""
    if collection_path.name == "test_windows.py" and not _ha_wine():
        _fora["precisa do wine, que só o root instala: test_windows.py"] += 1
        return True
    if sys.platform != "win32" or not collection_path.name.startswith("test_"):
        return None
    modulos = so_posix(collection_path.read_text(encoding="utf-8"))
    if not modulos:
        return None
    _fora[f"usa {', '.join(modulos)}, que o Windows não tem: {collection_path.name}"] += 1
    return True


def _ha_wine() -> bool:
    from campanhas import wine

    return wine.pode_haver()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """No Windows, os testes de um projeto com API."""
    if sys.platform != "win32":
        return
    ficam: list[pytest.Item] = []
    saem: list[pytest.Item] = []
    for item in items:
        pecas = set(getattr(item, "fixturenames", ()))
        (saem if pecas & COM_POSTGREST else ficam).append(item)
    if saem:
        _fora["precisam do PostgREST, que o npm não tem para o Windows: testes"] += len(saem)
        config.hook.pytest_deselected(items=saem)
        items[:] = ficam


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """O que ficou de fora, e por quê."""
    if _fora:
        terminalreporter.section("fora, neste sistema")
    for motivo, quantos in sorted(_fora.items()):
        terminalreporter.line(f"{quantos:5} {motivo}")
