"""O fim de uma montagem: move-se o que está pronto e apaga-se o que não está, por quem a montou ou,
se ele morreu, por quem a acha.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

from cofre.base.disco import MONTAGEM, mover, sincronizar
from cofre.base.erros import BackupDanificado
from cofre.deposito import metadados
from cofre.deposito.carimbo import CARIMBO, lembrancas, nome_do_lacre, nome_dos_metadados
from cofre.deposito.conteudos import lugar
from cofre.deposito.remocao import apagar, leva_o_carimbo, recolher_poda


def recolher(trabalho: Path) -> None:
    """Acaba o que um processo morto deixou nesta pasta de trabalho. OSError passa."""
    if trabalho.name.startswith(MONTAGEM):
        recolher_montagem(trabalho)
    else:
        recolher_poda(trabalho)


def recolher_montagem(montagem: Path) -> None:
    """Termina o que já estava pronto; apaga o que não estava. O que estava pronto e não se lê fica
    onde está: pode ser de um backup bom."""
    carimbo = montagem.name.removeprefix(MONTAGEM)
    if not re.fullmatch(CARIMBO, carimbo) or montagem.is_symlink() or not montagem.is_dir():
        return
    ficha = montagem / nome_dos_metadados(carimbo)
    if os.path.lexists(ficha):
        with contextlib.suppress(BackupDanificado, OSError):
            metadados.ler(ficha)
            terminar(montagem)
        return
    try:
        _largar_os_em_claro(montagem)
    except (BackupDanificado, OSError):
        return  # fica para a próxima: sem a lista, os em claro ficavam para sempre
    with contextlib.suppress(OSError):
        lugar.largar_os_de_ninguem(montagem.parent, montagem)
    shutil.rmtree(montagem)
    with contextlib.suppress(OSError):
        montagem.parent.rmdir()


def terminar(montagem: Path) -> None:
    """Move os arquivos, o lacre e os metadados por último: o lacre novo só é o dos metadados novos.
    Pode ser repetido até o fim."""
    pasta = montagem.parent
    carimbo = montagem.name.removeprefix(MONTAGEM)
    ultimo = nome_dos_metadados(carimbo)
    citados = {a.arquivo for a in metadados.ler(montagem / ultimo).arquivos}
    for arquivo in sorted(montagem.iterdir()):
        if arquivo.name in citados:
            mover(arquivo, pasta / arquivo.name)
    if (lacre := montagem / nome_do_lacre(carimbo)).exists():
        mover(lacre, pasta / lacre.name)
    sincronizar(pasta)
    mover(montagem / ultimo, pasta / ultimo)
    sincronizar(pasta)
    try:
        _largar_os_em_claro(montagem)
    except OSError:
        return  # um aberto noutro programa: com a lista que fica, a próxima execução acaba
    shutil.rmtree(montagem)


EM_CLARO = "em_claro.json"
"""Na montagem de quem cifra um backup que já há: os metadados que ele tinha em claro."""


def _largar_os_em_claro(montagem: Path) -> None:
    """Apaga os arquivos em claro de um backup que esta montagem cifrou; só se os metadados que
    estão na pasta já são os dos cifrados. OSError passa."""
    pasta, carimbo = montagem.parent, montagem.name.removeprefix(MONTAGEM)
    antiga, atual = montagem / EM_CLARO, pasta / nome_dos_metadados(carimbo)
    if not antiga.is_file() or not atual.is_file():
        return
    meta = metadados.ler(atual)
    if meta.cifrado is None:
        return
    for lembranca in lembrancas(carimbo):
        apagar(pasta / lembranca)
    ficam = {nome_do_lacre(carimbo), *(a.arquivo for a in meta.arquivos)}
    for salva in metadados.ler(antiga).arquivos:
        if salva.arquivo not in ficam and leva_o_carimbo(salva.arquivo, carimbo):
            apagar(pasta / salva.arquivo)
    sincronizar(pasta)
