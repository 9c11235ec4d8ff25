"""O que é deste usuário nesta máquina, fora do projeto e dos backups: os segredos que só aqui há.

Nada disto é preciso para ler um backup nem para restaurar: perdido, faz-se outro.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cofre.base.config.processo import pasta_de_configuracao
from cofre.base.disco import (
    criar_privado,
    erros_de_disco,
    gravar_inteiro,
    ler_ficha,
    para_o_disco,
    sincronizar,
)

NOME = "cofre"
_NADA_SE_PERDEU = "Nenhum backup foi alterado."


def pasta() -> Path:
    """A pasta do perfil, exista ou não."""
    return pasta_de_configuracao() / NOME


def segredo(nome: str, criar: Callable[[], bytes]) -> bytes:
    """O conteúdo do arquivo `nome` do perfil, que só o dono lê; se não há, o que `criar` faz, já no
    disco. De duas execuções que o criem ao mesmo tempo, vale para ambas o da primeira. Levanta
    FalhaDeDisco."""
    caminho = pasta() / nome
    with erros_de_disco(caminho, _NADA_SE_PERDEU):
        with contextlib.suppress(FileNotFoundError):
            return ler_ficha(caminho)
        caminho.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        novo = caminho.with_name(f".{nome}.{secrets.token_hex(8)}")
        try:
            with criar_privado(novo) as arquivo:
                arquivo.write(criar())
                para_o_disco(arquivo)
            with contextlib.suppress(FileExistsError):
                _dar_nome(novo, caminho)
        finally:
            novo.unlink(missing_ok=True)
        sincronizar(caminho.parent)
        return ler_ficha(caminho)


def ler(nome: str) -> bytes | None:
    """O conteúdo do arquivo `nome` do perfil; None se não há. Levanta FalhaDeDisco."""
    caminho = pasta() / nome
    with erros_de_disco(caminho, _NADA_SE_PERDEU):
        try:
            return ler_ficha(caminho)
        except FileNotFoundError:
            return None


def gravar(nome: str, dados: bytes) -> None:
    """Troca de uma vez o conteúdo do arquivo `nome` do perfil, que só o dono lê. Levanta
    FalhaDeDisco."""
    caminho = pasta() / nome
    with erros_de_disco(caminho, _NADA_SE_PERDEU):
        caminho.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        gravar_inteiro(caminho, dados)


def _dar_nome(novo: Path, caminho: Path) -> None:
    """Levanta FileExistsError se o nome já é de outro."""
    if os.name == "nt":
        novo.rename(caminho)  # ali, nunca por cima
        return
    try:
        os.link(novo, caminho)
    except FileExistsError:
        raise
    except OSError:  # um disco sem segundos nomes
        if caminho.exists():
            raise FileExistsError(str(caminho)) from None
        novo.rename(caminho)
