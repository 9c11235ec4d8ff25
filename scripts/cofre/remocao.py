"""Apagar um backup sem deixar meio backup.

Primeiro os metadados saem para `.podando_<carimbo>`: é uma renomeação só, e a partir dela não há
mais backup. Depois vão os arquivos que eles citam; por último os próprios metadados. Um processo
morto no meio deixa essa pasta, e a próxima execução termina.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from cofre import metadados
from cofre.base.disco import PODANDO, com_paciencia, mover, sincronizar
from cofre.base.erros import BackupDanificado
from cofre.metadados import CARIMBO, METADADOS, Metadados


def apagar(pasta: Path, carimbo: str) -> None:
    """Apaga o backup. OSError passa: o que faltar, `recolher` termina."""
    poda = pasta / f"{PODANDO}{carimbo}"
    poda.mkdir(mode=0o700, exist_ok=True)
    nome = f"{METADADOS}{carimbo}.json"
    mover(pasta / nome, poda / nome)
    # No disco antes de sumir o primeiro arquivo: uma queda de luz não pode trazê-los de volta.
    sincronizar(poda)
    sincronizar(pasta)
    _terminar(poda, carimbo)


def recolher(poda: Path) -> None:
    """Termina o que uma execução morta começou. O que não for possível agora fica para a próxima:
    um arquivo aberto por outro programa não impede um backup."""
    carimbo = poda.name.removeprefix(PODANDO)
    if re.fullmatch(CARIMBO, carimbo) and poda.is_dir() and not poda.is_symlink():
        with contextlib.suppress(OSError, BackupDanificado):
            _terminar(poda, carimbo)


def _terminar(poda: Path, carimbo: str) -> None:
    ficha = poda / f"{METADADOS}{carimbo}.json"
    if ficha.is_file():
        for tabela in metadados.ler(ficha).tabelas.values():
            if _leva_o_carimbo(tabela.arquivo, carimbo):
                _apagar(poda.parent / tabela.arquivo)
        sincronizar(poda.parent)
        _apagar(ficha)
    poda.rmdir()


def _apagar(arquivo: Path) -> None:
    com_paciencia(lambda: arquivo.unlink(missing_ok=True))


def so_cita_os_seus(meta: Metadados, carimbo: str) -> bool:
    """Se todo arquivo citado leva o carimbo deste backup: nenhum pode ser de outro."""
    return all(_leva_o_carimbo(t.arquivo, carimbo) for t in meta.tabelas.values())


def _leva_o_carimbo(arquivo: str, carimbo: str) -> bool:
    return re.fullmatch(rf"[^/\\:\0]+_{carimbo}\.json(\.gz)?", arquivo) is not None
