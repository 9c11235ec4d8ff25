"""Senhas e hashes como o Auth os recebe e confere (logins.md, 3)."""

from __future__ import annotations

import re
import secrets

import bcrypt

CUSTO = 4
"""O do servidor é 10; o hash serve do mesmo modo, e o teste não espera por ele."""
BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
ARGON = re.compile(
    r"\$argon2id?\$v=19\$m=(?P<m>\d+),t=(?P<t>\d+),p=(?P<p>\d+)(,[^$]*)?\$[^$]+\$[^$]+"
)
FIREBASE = re.compile(r"\$fbscrypt\$v=1,n=\d+,r=\d+,p=\d+.*\$[^$]+\$[^$]+")


def hash_de(senha: str) -> str:
    """O bcrypt da senha (dos primeiros 72 bytes dela, como o de todos)."""
    return bcrypt.hashpw(senha.encode()[:72], bcrypt.gensalt(CUSTO, b"2a")).decode()


def ao_acaso() -> str:
    """O hash de uma senha que ninguém sabe: a de quem é criado sem nenhuma."""
    return hash_de(secrets.token_urlsafe(48))


def aceito(hash_: str) -> bool:
    """Se o servidor o aceita como está: bcrypt, argon2i ou argon2id v19, scrypt do Firebase. Um que
    o projeto cifrou (começa com `{`) não é nenhum destes."""
    if BCRYPT.fullmatch(hash_) or FIREBASE.fullmatch(hash_):
        return True
    argon = ARGON.fullmatch(hash_)
    if argon is None:
        return False
    return int(argon["m"]) <= 1024**2 and int(argon["t"]) <= 20 and int(argon["p"]) <= 16


def confere(senha: str, hash_: str | None) -> bool:
    """Se a senha é a do hash; aqui, só os bcrypt."""
    if not hash_ or not BCRYPT.fullmatch(hash_):
        return False
    return bcrypt.checkpw(senha.encode()[:72], hash_.encode())
