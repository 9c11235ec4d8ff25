"""O SQL com que um cluster nasce: os papéis, que são dele, e o que todo banco traz."""

from __future__ import annotations

import hashlib
from pathlib import Path

PASTA = Path(__file__).with_name("sql")
DE_TODO_BANCO = ("base.sql", "auth.sql", "storage.sql")


def papeis() -> str:
    return _ler("papeis.sql")


def de_todo_banco() -> list[str]:
    """Os textos, na ordem em que se executam."""
    return [_ler(nome) for nome in DE_TODO_BANCO]


def resumo() -> str:
    """Muda quando qualquer deles muda."""
    return hashlib.sha256("\0".join((papeis(), *de_todo_banco())).encode()).hexdigest()


def _ler(nome: str) -> str:
    return (PASTA / nome).read_text(encoding="utf-8")
