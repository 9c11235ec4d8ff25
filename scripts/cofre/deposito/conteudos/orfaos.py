"""Os conteúdos que nenhum backup da pasta cita: saem, mas só quando se sabe ao certo quem cita o
quê. Morto a meio, os que faltar apagar saem na vez seguinte."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cofre.base.disco import MONTAGEM, com_paciencia
from cofre.base.erros import BackupDanificado
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import CARIMBO
from cofre.deposito.conteudos.citados import Citacoes
from cofre.deposito.conteudos.lugar import PASTA, das_somas, nome_de, recolher
from cofre.deposito.lacre import conferencia

_MONTAGEM = re.compile(re.escape(MONTAGEM) + CARIMBO)


class NaoSeSabe(BackupDanificado):
    """Algum backup da pasta não diz o que cita: nenhum conteúdo sai."""


def de_ninguem(pasta: Path, ficam: Sequence[Backup]) -> Mapping[str, int]:
    """Os conteúdos (nome no disco → bytes) que nenhum destes, que são os que ficam na pasta, cita.
    Levanta NaoSeSabe; OSError passa."""
    raiz = pasta / PASTA
    if not raiz.is_dir() or raiz.is_symlink():
        return {}
    with os.scandir(pasta) as dentro:
        if any(_MONTAGEM.fullmatch(item.name) and item.is_dir() for item in dentro):
            raise NaoSeSabe("há um backup a meio")
    citacoes, citados = Citacoes(), set[str]()
    for backup in ficam:
        if backup.meta is None:
            raise NaoSeSabe(f"o backup {backup.carimbo} não se lê")
        if causa := conferencia.causa(backup):
            raise NaoSeSabe(f"o backup {backup.carimbo} não é o que foi assinado ({causa})")
        try:
            citados.update(nome_de(g, cifrado=backup.cifrado) for g in citacoes.de(backup))
        except (BackupDanificado, OSError) as e:
            raise NaoSeSabe(f"não se sabe o que o backup {backup.carimbo} cita ({e})") from e
    sobram: dict[str, int] = {}
    for das_que_comecam in das_somas(raiz):
        with os.scandir(das_que_comecam) as dentro:
            sobram |= {
                i.name: i.stat(follow_symlinks=False).st_size
                for i in dentro
                if i.name not in citados and i.is_file(follow_symlinks=False)
            }
    return sobram


def apagar_os_de_ninguem(pasta: Path, ha: Sequence[Backup], so: Collection[str]) -> tuple[int, int]:
    """Apaga, destes (`so`, pelo nome), os que nenhum dos backups que `ha` cita; quantos, e quantos
    bytes. Só com a trava da empresa na mão. Um que outro programa tem aberto fica para a próxima.
    Levanta NaoSeSabe, sem ter apagado nada; OSError passa."""
    saem = {nome: n for nome, n in de_ninguem(pasta, ha).items() if nome in so}
    if not saem:
        return 0, 0
    recolher(pasta)
    quantos = bytes_ = 0
    for nome, tamanho in saem.items():
        caminho = pasta / PASTA / nome[:2] / nome
        with contextlib.suppress(PermissionError):
            com_paciencia(lambda c=caminho: c.unlink(missing_ok=True))  # type: ignore[misc]
            quantos, bytes_ = quantos + 1, bytes_ + tamanho
    _largar_as_vazias(pasta / PASTA)
    return quantos, bytes_


def _largar_as_vazias(raiz: Path) -> None:
    for vazia in (*das_somas(raiz), raiz):
        with contextlib.suppress(OSError):
            vazia.rmdir()
