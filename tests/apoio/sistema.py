"""O que este sistema não tem: no Windows, roda o resto, e o fim diz o que ficou de fora e por quê.

No Linux e no macOS só fica de fora o Windows sob o wine, onde não se pode instalá-lo.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

SO_POSIX = frozenset({"pty", "fcntl", "pwd", "resource", "termios"})
"""Módulos do Python que o Windows não tem: quem importa um deles testa o que só há lá."""

CHAMADAS_POSIX = frozenset(
    "fork geteuid getuid chown mkfifo setsid killpg openpty SIGKILL SIGHUP SIGQUIT SIGUSR1".split()
)
"""O que os módulos `os` e `signal` de lá não têm."""

_ALGUM = re.compile(rf"\b(?:{'|'.join(sorted(SO_POSIX | CHAMADAS_POSIX))})\b")
"""Sem nenhuma destas palavras, não há que ler o texto como Python: é quase sempre."""

COM_POSTGREST = frozenset(
    {"criar_supabase", "criar_supabase_do_modulo", "supabase", "backup_da_loja", "backup_da_menor"}
)
"""As peças de que todo projeto dos testes nasce: por trás delas está o PostgREST."""

_fora: Counter[str] = Counter()


def so_posix(fonte: str) -> list[str]:
    """O que este texto em Python pede ao POSIX já ao ser importado, em ordem."""
    if not _ALGUM.search(fonte):
        return []
    arvore = ast.parse(fonte)
    achados: set[str] = set()
    for no in ast.walk(arvore):
        if isinstance(no, ast.Import):
            achados |= {a.name for a in no.names} & SO_POSIX
        elif isinstance(no, ast.ImportFrom):
            achados |= {no.module or ""} & SO_POSIX
    for no in arvore.body:
        if isinstance(no, ast.FunctionDef):
            partes: list[ast.AST] = [*no.decorator_list, *no.args.defaults]
        elif isinstance(no, ast.ClassDef):
            partes = [*no.decorator_list]
        else:
            partes = [no]
        achados |= {nome for parte in partes for nome in chamadas_posix(parte)}
    return sorted(achados)


def chamadas_posix(arvore: ast.AST) -> set[str]:
    """Os nomes de `os` e de `signal` que o Windows não tem, citados aqui."""
    atributos = (no for no in ast.walk(arvore) if isinstance(no, ast.Attribute))
    return {
        a.attr
        for a in atributos
        if isinstance(a.value, ast.Name)
        and a.value.id in ("os", "signal")
        and a.attr in CHAMADAS_POSIX
    }


def _chama_posix(item: pytest.Item) -> bool:
    funcao = getattr(item, "function", None)
    if funcao is None:
        return False
    return bool(chamadas_posix(ast.parse(textwrap.dedent(inspect.getsource(funcao)))))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """No Windows, os arquivos que nem se importam lá; onde o wine não há, os que são sobre ele."""
    if collection_path.name == "test_windows.py" and not _ha_wine():
        _fora["arquivo que precisa do wine, que só o root instala: test_windows.py"] = 1
        return True
    if sys.platform != "win32" or not collection_path.name.startswith("test_"):
        return None
    modulos = so_posix(collection_path.read_text(encoding="utf-8"))
    if not modulos:
        return None
    de_la = ", ".join(modulos)
    _fora[f"arquivo que usa o que o Windows não tem ({de_la}): {collection_path.name}"] = 1
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
        motivo = ""
        if COM_POSTGREST & set(getattr(item, "fixturenames", ())):
            motivo = "testes que precisam do PostgREST, que o npm não tem para o Windows"
        elif _chama_posix(item):
            motivo = "testes que usam uma chamada ou um sinal só do POSIX"
        (saem if motivo else ficam).append(item)
        if motivo:
            _fora[motivo] += 1
    if saem:
        config.hook.pytest_deselected(items=saem)
        items[:] = ficam


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """O que ficou de fora, e por quê."""
    if _fora:
        terminalreporter.section("fora, neste sistema")
    for motivo, quantos in sorted(_fora.items()):
        terminalreporter.line(f"{quantos:5} {motivo}")
