"""Onde está cada conteúdo, se está bom, e o que um processo morto deixou por acabar."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from cofre.base.disco import mover, sincronizar
from cofre.base.erros import BackupDanificado
from cofre.deposito.formato import CIFRADO

PASTA = "arquivos"
PROVISORIO = ".novo-"
"""O começo do nome de um que se está a gravar: só toma o seu depois de estar no disco."""
_SOMA = re.compile(r"[0-9a-f]{64}")


def caminho_de(pasta: Path, guardado: str, *, cifrado: bool) -> Path:
    """Onde está, na pasta da empresa, o conteúdo com esta soma. Levanta BackupDanificado se não é
    uma: um texto que veio de um arquivo nunca escolhe um caminho."""
    if not _SOMA.fullmatch(guardado):
        raise BackupDanificado("há um conteúdo citado por algo que não é uma soma sha256")
    return pasta / PASTA / guardado[:2] / nome_de(guardado, cifrado=cifrado)


def tomar_lugar(de: Path, pasta: Path, guardado: str, *, cifrado: bool) -> None:
    """Põe na pasta da empresa, com o seu nome e só do dono, um conteúdo que já está inteiro no
    disco, em `de`. Por cima do que tiver esse nome: tem os mesmos bytes, ou estragou-se e fica bom.
    OSError passa."""
    destino = caminho_de(pasta, guardado, cifrado=cifrado)
    for cada in (destino.parent.parent, destino.parent):
        cada.mkdir(exist_ok=True, mode=0o700)
    if os.name == "posix":
        de.chmod(0o600)
    mover(de, destino)


def tamanho_no_disco(caminho: Path) -> int | None:
    """Bytes do arquivo comum que está ali; None se não há um. OSError passa."""
    try:
        info = caminho.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return info.st_size if stat.S_ISREG(info.st_mode) else None


def conferir_tamanho(caminho: Path, guardado: str, no_disco: int) -> None:
    """O arquivo está lá, com este tamanho. Levanta BackupDanificado; OSError passa."""
    tamanho = tamanho_no_disco(caminho)
    if tamanho is None:
        raise BackupDanificado(f"o conteúdo {guardado[:12]}… não está na pasta")
    if tamanho != no_disco:
        raise BackupDanificado(f"o conteúdo {guardado[:12]}… tem outro tamanho")


def conferir(caminho: Path, guardado: str, no_disco: int) -> None:
    """O arquivo tem este tamanho e esta soma: não é precisa chave nenhuma. Levanta
    BackupDanificado; OSError passa."""
    conferir_tamanho(caminho, guardado, no_disco)
    with caminho.open("rb") as arquivo:
        if hashlib.file_digest(arquivo, "sha256").hexdigest() != guardado:
            raise mudou(guardado)


def mudou(soma: str) -> BackupDanificado:
    """O erro de um conteúdo que já não é o que o nome diz."""
    return BackupDanificado(f"o conteúdo {soma[:12]}… mudou: a soma sha256 não confere")


def impressao(pasta: Path) -> tuple[tuple[Path, ...], tuple[int, ...]]:
    """As pastas das somas, e quando cada uma mudou: enquanto for a mesma, há nelas os mesmos nomes.
    OSError passa."""
    raiz = pasta / PASTA
    pastas = tuple(das_somas(raiz)) if raiz.is_dir() else ()
    return pastas, tuple(p.stat().st_mtime_ns for p in pastas)


def bytes_em(pasta: Path) -> int:
    """Quantos bytes os conteúdos ocupam, cite-os alguém ou não. OSError passa."""
    raiz, total = pasta / PASTA, 0
    for das_que_comecam in das_somas(raiz) if raiz.is_dir() else ():
        with os.scandir(das_que_comecam) as dentro:
            total += sum(i.stat(follow_symlinks=False).st_size for i in dentro)
    return total


def em_claro(pasta: Path) -> frozenset[str]:
    """Os nomes dos que não estão cifrados. OSError passa."""
    raiz = pasta / PASTA
    nomes = _ler_nomes(das_somas(raiz)) if raiz.is_dir() else ()
    return frozenset(nome for nome in nomes if not nome.endswith(CIFRADO))


@functools.lru_cache(maxsize=4)
def nomes_em(pastas: tuple[Path, ...], _mudaram_em: tuple[int, ...]) -> frozenset[str]:
    """Os nomes que há nestas pastas (ver `impressao`); não se veem os tamanhos, que um conteúdo só
    toma o nome depois de inteiro. OSError passa."""
    return _ler_nomes(pastas)


def _ler_nomes(pastas: Iterable[Path]) -> frozenset[str]:
    nomes: set[str] = set()
    for pasta in pastas:
        with os.scandir(pasta) as dentro:
            nomes.update(item.name for item in dentro)
    return frozenset(nomes)


def nome_de(guardado: str, *, cifrado: bool) -> str:
    """O nome do arquivo deste conteúdo."""
    return f"{guardado}{CIFRADO if cifrado else ''}"


def assentar(pasta: Path) -> None:
    """Só volta com os nomes dos conteúdos no disco: antes de se publicar quem os cita. OSError
    passa."""
    raiz = pasta / PASTA
    if raiz.is_dir():
        for cada in (*das_somas(raiz), raiz, pasta):
            sincronizar(cada)


def recolher(pasta: Path) -> None:
    """Apaga o que um processo morto deixou por acabar. Só com a trava da empresa na mão, e sem
    nenhum conteúdo a gravar-se. OSError passa."""
    raiz = pasta / PASTA
    if raiz.is_dir() and not raiz.is_symlink():
        for provisorio in raiz.glob(f"{PROVISORIO}*"):
            provisorio.unlink(missing_ok=True)


def largar_os_de_ninguem(pasta: Path, trabalho: Path) -> None:
    """Apaga os conteúdos de uma pasta em que só há, com eles, esta pasta de `trabalho`: nunca houve
    backup, quem os punha morreu ou desistiu, e sem metadados ninguém sabe de quem são. Antes de ela
    sumir, que é quem diz que a pasta é nossa. OSError passa."""
    with os.scandir(pasta) as dentro:
        nomes = {item.name for item in dentro}
    if nomes == {PASTA, trabalho.name} and not (pasta / PASTA).is_symlink():
        shutil.rmtree(pasta / PASTA)


def das_somas(raiz: Path) -> Iterator[Path]:
    """As pastas das somas, `00` a `ff`, em ordem. OSError passa."""
    with os.scandir(raiz) as dentro:
        pastas = [i for i in dentro if re.fullmatch(r"[0-9a-f]{2}", i.name)]
    yield from sorted(Path(i.path) for i in pastas if i.is_dir(follow_symlinks=False))
