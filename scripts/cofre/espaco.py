"""O espaço em disco: guardar uma vez só o que é igual, e contar uma vez só o que é compartilhado.

Dois nomes de um mesmo arquivo (hard link) são cada um um arquivo inteiro: apagar um não mexe no
outro. Só escrever dentro do arquivo mudaria os dois, e este programa nunca faz isso.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from cofre.disco import mover


def guardar_uma_vez(novo: Path, antigo: Path) -> bool:
    """Faz de `novo` mais um nome do arquivo `antigo`, e diz se fez.

    Só se os dois têm os mesmos bytes no disco, relidos agora: a soma que os metadados dizem de um
    arquivo que se estragou continua a mesma. Onde não dá (FAT, algumas pastas de rede, 1.023 nomes
    no NTFS, 65.000 no ext4), `novo` fica como está.
    """
    provisorio = novo.with_name(f".{novo.name}.igual")
    try:
        if not _parecidos(novo, antigo):
            return False
        os.link(antigo, provisorio)
        if filecmp.cmp(novo, provisorio, shallow=False):
            mover(provisorio, novo)
            return True
    except OSError:
        pass  # o arquivo novo está inteiro: só não se poupou espaço
    with contextlib.suppress(OSError):
        provisorio.unlink(missing_ok=True)
    return False


def _parecidos(novo: Path, antigo: Path) -> bool:
    """Se são arquivos comuns do mesmo tamanho, dono e permissões."""
    a, b = novo.lstat(), antigo.lstat()
    iguais = (a.st_size, a.st_mode, a.st_uid) == (b.st_size, b.st_mode, b.st_uid)
    return iguais and stat.S_ISREG(a.st_mode)


def ocupado(caminhos: Iterable[Path]) -> int:
    """Quantos bytes estes arquivos ocupam, contando uma vez só o que é compartilhado. Os que não
    existem não contam. OSError passa."""
    return sum(tamanho for tamanho, _nomes, _aqui in _arquivos(caminhos))


def liberado(caminhos: Iterable[Path]) -> int:
    """Quantos bytes voltam se estes nomes forem apagados: só os dos arquivos que não têm outro."""
    return sum(tamanho for tamanho, nomes, aqui in _arquivos(caminhos) if aqui >= nomes)


def _arquivos(caminhos: Iterable[Path]) -> list[tuple[int, int, int]]:
    """De cada arquivo: o tamanho, quantos nomes tem ao todo, e quantos estão entre estes."""
    aqui: Counter[tuple[int, int]] = Counter()
    vistos: dict[tuple[int, int], tuple[int, int]] = {}
    for n, caminho in enumerate(caminhos):
        if not caminho.is_file():
            continue
        info = caminho.stat()
        # Sem número de arquivo (algumas pastas de rede), cada nome conta por si.
        chave = (info.st_dev, info.st_ino) if info.st_ino else (-1, n)
        aqui[chave] += 1
        vistos[chave] = (info.st_size, info.st_nlink)
    return [(tamanho, nomes, aqui[chave]) for chave, (tamanho, nomes) in vistos.items()]
