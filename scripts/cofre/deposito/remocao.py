"""Um backup some inteiro ou não some: primeiro os metadados, e depois o que eles citavam."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from cofre.base.disco import PODANDO, com_paciencia, mover, sincronizar
from cofre.base.erros import BackupDanificado
from cofre.deposito import metadados
from cofre.deposito.carimbo import CARIMBO, lembrancas, nome_do_lacre, nome_dos_metadados
from cofre.deposito.metadados import Metadados
from cofre.deposito.presenca import MARCA


def comecar_a_apagar(poda: Path, carimbo: str) -> None:
    """Tira da pasta da empresa os metadados do backup: a partir daqui ele não existe. OSError
    passa."""
    nome = nome_dos_metadados(carimbo)
    mover(poda.parent / nome, poda / nome)


def terminar_de_apagar(poda: Path, carimbo: str) -> None:
    """Apaga os arquivos. OSError passa: o que faltar, `recolher_poda` termina."""
    # No disco antes de sumir o primeiro arquivo: uma queda de luz não pode trazê-los de volta.
    sincronizar(poda)
    sincronizar(poda.parent)
    _terminar_poda(poda, carimbo)


def recolher_poda(poda: Path) -> None:
    """Termina o que uma execução morta começou. O que não for possível agora fica para a próxima:
    um arquivo aberto por outro programa não impede um backup."""
    carimbo = poda.name.removeprefix(PODANDO)
    if re.fullmatch(CARIMBO, carimbo) and poda.is_dir() and not poda.is_symlink():
        with contextlib.suppress(OSError, BackupDanificado):
            _terminar_poda(poda, carimbo)


def _terminar_poda(poda: Path, carimbo: str) -> None:
    ficha = poda / nome_dos_metadados(carimbo)
    if ficha.is_file():
        for salva in metadados.ler(ficha).arquivos:
            if leva_o_carimbo(salva.arquivo, carimbo):
                apagar(poda.parent / salva.arquivo)
        apagar(poda.parent / nome_do_lacre(carimbo))
        for lembranca in lembrancas(carimbo):
            apagar(poda.parent / lembranca)
        sincronizar(poda.parent)
        apagar(ficha)
    apagar(poda / MARCA)
    with contextlib.suppress(FileNotFoundError):  # outra execução a viu já sem marca
        poda.rmdir()


def apagar(arquivo: Path) -> None:
    """Apaga o arquivo, se há. OSError passa."""
    com_paciencia(lambda: arquivo.unlink(missing_ok=True))


def so_cita_os_seus(meta: Metadados, carimbo: str) -> bool:
    """Se todo arquivo citado leva o carimbo deste backup: nenhum pode ser de outro."""
    return all(leva_o_carimbo(a.arquivo, carimbo) for a in meta.arquivos)


def leva_o_carimbo(arquivo: str, carimbo: str) -> bool:
    """Se o nome é o de um arquivo de tabela deste backup, e nada mais (nem uma pasta)."""
    return re.fullmatch(rf"[^/\\:\0]+_{carimbo}\.json(\.gz(\.age)?)?", arquivo) is not None
