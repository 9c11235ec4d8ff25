"""Escrever no .env: a variável muda, e mais nenhum byte."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from cofre.base.config.gravacao import com_variavel, gravar_variavel

NOME, VALOR = "BACKUP_CIFRAR_PARA", "age1a,age1b"


@pytest.mark.parametrize(
    ("antes", "depois"),
    [
        (b"", b"BACKUP_CIFRAR_PARA=age1a,age1b\n"),
        (b"A=1", b"A=1\nBACKUP_CIFRAR_PARA=age1a,age1b\n"),
        (b"A=1\r\nB=2", b"A=1\r\nB=2\r\nBACKUP_CIFRAR_PARA=age1a,age1b\r\n"),
        (
            b"\xef\xbb\xbfBACKUP_CIFRAR_PARA=\r\nA=1\r\n",
            b"\xef\xbb\xbfBACKUP_CIFRAR_PARA=age1a,age1b\r\nA=1\r\n",
        ),
        (
            b"# BACKUP_CIFRAR_PARA=age1x\nA=1 # \xff\n",
            b"# BACKUP_CIFRAR_PARA=age1x\nA=1 # \xff\nBACKUP_CIFRAR_PARA=age1a,age1b\n",
        ),
        (
            b"BACKUP_CIFRAR_PARA=age1x\nexport BACKUP_CIFRAR_PARA = 'age1y' # nota\nZ=",
            b"BACKUP_CIFRAR_PARA=age1x\nexport BACKUP_CIFRAR_PARA=age1a,age1b\nZ=",
        ),
        (b"BACKUP_CIFRAR_PARA_X=1\n", b"BACKUP_CIFRAR_PARA_X=1\nBACKUP_CIFRAR_PARA=age1a,age1b\n"),
    ],
)
def test_so_a_linha_dela_muda(antes: bytes, depois: bytes) -> None:
    assert com_variavel(antes, NOME, VALOR) == depois
    assert com_variavel(depois, NOME, VALOR) == depois


@given(st.lists(st.from_regex(r"(#.{0,20}|[A-Z]{1,8}=[a-z0-9 ]{0,12}|)", fullmatch=True)))
def test_o_que_se_escreve_e_o_que_se_le(linhas: list[str]) -> None:
    antes = "".join(f"{linha}\n" for linha in linhas if "\n" not in linha and "\r" not in linha)
    depois = com_variavel(antes.encode(), NOME, VALOR)

    assert depois == antes.encode() + f"{NOME}={VALOR}\n".encode()


def test_o_arquivo_fica_so_do_dono_e_um_atalho_continua_a_se_lo(tmp_path: Path) -> None:
    verdadeiro, atalho = tmp_path / "longe.env", tmp_path / ".env"
    verdadeiro.write_bytes(b"SEGREDO=1\n")
    verdadeiro.chmod(0o644)
    atalho.symlink_to(verdadeiro)

    gravar_variavel(atalho, NOME, VALOR)

    assert atalho.is_symlink()
    assert dotenv_values(atalho) == {"SEGREDO": "1", NOME: VALOR}
    if os.name == "posix":
        assert stat.S_IMODE(verdadeiro.stat().st_mode) == 0o600
    gravar_variavel(tmp_path / "novo", NOME, VALOR)
    assert dotenv_values(tmp_path / "novo") == {NOME: VALOR}
    assert sorted(p.name for p in tmp_path.iterdir()) == [".env", "longe.env", "novo"]
