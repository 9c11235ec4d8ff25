"""Um arquivo que o usuário pede, onde ele diz: inteiro ou nenhum, e nunca por cima de outro sem que
o peça."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from cofre.base.erros import ErroDeUso

ZIP = ".zip"


def conferir_saida(arquivo: Path, *, sobrescrever: bool, fim: str = ZIP) -> None:
    """Se dá para gravar ali. Levanta ErroDeUso."""
    if arquivo.suffix.lower() != fim:
        raise ErroDeUso(f"O arquivo tem de terminar em {fim}: {arquivo.name}.")
    if not arquivo.parent.is_dir():
        raise ErroDeUso(f"A pasta {arquivo.parent} não existe.", "Crie-a, ou escolha outra.")
    if arquivo.is_dir() or (os.path.lexists(arquivo) and not sobrescrever):
        raise ErroDeUso(
            f"Já existe {arquivo}.", "Escolha outro nome, ou use --sobrescrever para trocá-lo."
        )


@contextmanager
def inteiro_ou_nada(arquivo: Path, *, sobrescrever: bool, fim: str = ZIP) -> Iterator[BinaryIO]:
    """Um arquivo temporário ao lado, só do dono, que toma o nome no fim. Levanta ErroDeUso; OSError
    passa."""
    descritor, nome = tempfile.mkstemp(
        prefix=f".{arquivo.name}.", suffix=".novo", dir=arquivo.parent
    )
    novo = Path(nome)
    try:
        with os.fdopen(descritor, "w+b") as saida:
            yield saida
            saida.flush()
            os.fsync(saida.fileno())
        # Pode ter aparecido no meio-tempo.
        conferir_saida(arquivo, sobrescrever=sobrescrever, fim=fim)
        novo.replace(arquivo)
    finally:
        with suppress(OSError):
            novo.unlink(missing_ok=True)
