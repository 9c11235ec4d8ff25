"""As chaves que abrem deste processo: só na memória, enquanto ele vive."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cofre.base import derrame
from cofre.base.erros import ErroDeUso
from cofre.deposito.cifra.chaves import ChaveQueAbre, ChaveQueFecha, gerar

_TRINCO = threading.Lock()
_GUARDADAS: dict[ChaveQueFecha, ChaveQueAbre] = {}
_DE_PASSAGEM: ChaveQueAbre | None = None


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
    """Daqui em diante, o que esta chave abre está aberto para este processo, e nada do que ele
    derramar fica em claro."""
    derrame.cifrar()
    with _TRINCO:
        _GUARDADAS[chave.publica] = chave


def que_abrem() -> tuple[ChaveQueAbre, ...]:
    """As guardadas, na ordem em que vieram."""
    with _TRINCO:
        return tuple(_GUARDADAS.values())


def de_passagem() -> ChaveQueAbre:
    """A chave dos arquivos que só este processo escreve e lê: nasce quando se pede, e nunca sai da
    memória. Levanta DependenciaAusente."""
    global _DE_PASSAGEM
    with _TRINCO:
        if _DE_PASSAGEM is None:
            _DE_PASSAGEM = gerar()
            _GUARDADAS[_DE_PASSAGEM.publica] = _DE_PASSAGEM
        return _DE_PASSAGEM


def esquecer() -> None:
    """Larga todas."""
    global _DE_PASSAGEM
    with _TRINCO:
        _GUARDADAS.clear()
        _DE_PASSAGEM = None
    derrame.em_claro()
