"""Ler outra vez um arquivo que já se conferiu: tem de ser ainda o mesmo, até o fim."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from cofre.base.erros import BackupDanificado


def que_confere(caminho: Path, sha256: str) -> Callable[[bytes], None] | None:
    """O `somar` de quem o lê (ver `linhas.ler`): no fim, levanta BackupDanificado se o JSON não
    tem esta soma. None, se ela não se sabe."""
    if not sha256:
        return None
    resumo = hashlib.sha256()

    def somar(pedaco: bytes) -> None:
        resumo.update(pedaco)
        if not pedaco and resumo.hexdigest() != sha256:
            raise BackupDanificado(
                f"{caminho.name} mudou depois de conferido: já não é o que foi gravado.",
                "Nada do que lá está agora foi para o banco. Alguém, ou um programa, mexe na pasta"
                " dos backups:\nveja com «verificar» o que mudou.",
            )

    return somar
