"""As chaves que abrem deste processo: só na memória, enquanto ele vive."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cofre.base.erros import ErroDeUso
from cofre.deposito.cifra.chaves import ChaveQueAbre, ChaveQueFecha

_TRINCO = threading.Lock()
_GUARDADAS: dict[ChaveQueFecha, ChaveQueAbre] = {}


class FaltaChave(ErroDeUso):
    """É preciso uma chave que abre, e nenhuma das que há serve. `para`: as que fecharam."""

    def __init__(self, causa: str, para: Sequence[ChaveQueFecha] = ()) -> None:
        quais = "".join(f"\n  {c.texto}" for c in para)
        serve = f"Serve a que abre o que qualquer destas fecha:{quais}\n" if para else ""
        super().__init__(
            causa,
            f"{serve}Diga o arquivo dela com --chave-arquivo ou BACKUP_CHAVE_ARQUIVO, ou rode num"
            " terminal, que ela é perguntada.",
        )


def guardar(chave: ChaveQueAbre) -> None:
    """Daqui em diante, o que esta chave abre está aberto para este processo."""
    with _TRINCO:
        _GUARDADAS[chave.publica] = chave


def que_abrem() -> tuple[ChaveQueAbre, ...]:
    """As guardadas, na ordem em que vieram."""
    with _TRINCO:
        return tuple(_GUARDADAS.values())


def esquecer() -> None:
    """Larga todas."""
    with _TRINCO:
        _GUARDADAS.clear()
