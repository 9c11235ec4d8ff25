"""Ler outra vez, como uma restauração o faria, cada arquivo que um backup guarda."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cofre.base.erros import BackupDanificado
from cofre.base.palavras import visivel
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.conferencia import arquivados
from cofre.deposito.conteudos.guarda import Conteudos
from cofre.deposito.conteudos.leitura import BLOCO


@dataclass(slots=True)
class Lidos:
    """Quantos arquivos se leram, e os bytes deles."""

    arquivos: int = 0
    bytes: int = 0


def reler(backup: Backup, lidos: Lidos) -> Iterator[str]:
    """Abre cada conteúdo (um cifrado, com a chave) e compara-o com o que a lista diz; em palavras,
    o que não é. Levanta FaltaChave; OSError passa."""
    conteudos = Conteudos(backup.pasta, None)
    vistos: set[tuple[str, str]] = set()
    for a in arquivados(backup):
        if a.soma is None or a.onde is None:
            continue
        lidos.arquivos += 1
        if (a.onde, a.soma) in vistos:
            continue
        vistos.add((a.onde, a.soma))
        try:
            with conteudos.abrir(a.onde, a.soma) as aberto:
                tamanho = sum(map(len, iter(lambda: aberto.read(BLOCO), b"")))
        except BackupDanificado as e:
            yield f"{visivel(a.balde)}/{visivel(a.nome)}: {e}"
            continue
        lidos.bytes += tamanho
        if tamanho != a.tamanho:
            yield f"{visivel(a.balde)}/{visivel(a.nome)}: tem outro tamanho"
