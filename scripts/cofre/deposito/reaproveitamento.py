"""A tabela cifrada que não mudou é o arquivo cifrado de ontem, ligado outra vez.

Cifrar o mesmo duas vezes dá outros bytes, e sem a chave que abre não se comparam conteúdos: quem
diz que são o mesmo é a marca, que só este PC sabe fazer. E a soma do arquivo de ontem confere-se
agora: a que os metadados dizem de um arquivo que se estragou continua a mesma.
"""

from __future__ import annotations

import contextlib
import hmac
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cofre.base.disco import ligar_se
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.cifra.comprimento import comprimento_certo
from cofre.deposito.formato import sha256_no_disco
from cofre.deposito.tabela_salva import TabelaSalva


@dataclass(frozen=True, slots=True)
class DeOntem:
    """Um arquivo de um backup anterior, e o que os metadados dele dizem."""

    salvo: TabelaSalva
    caminho: Path


def marcado(
    cifra: Cifra, quem: str, novo: Mapping[str, Any], caminho: Path, de_ontem: Iterable[DeOntem]
) -> dict[str, Any]:
    """O que os metadados dizem de um arquivo cifrado (`novo`, que está em `caminho`), com a marca;
    se um dos de ontem tem o mesmo conteúdo, para as mesmas chaves, o caminho passa a ser mais um
    nome dele, e as somas, as dele. Levanta FalhaDeDisco."""
    for antigo in de_ontem:
        soma = antigo.salvo.sha256_cifrado
        marca = cifra.marca(quem, novo["sha256"], soma)
        if hmac.compare_digest(marca, antigo.salvo.marca) and ligar(cifra, caminho, antigo):
            no_disco = antigo.salvo.bytes_no_disco
            return {**novo, "bytes_no_disco": no_disco, "sha256_cifrado": soma, "marca": marca}
    return {**novo, "marca": cifra.marca(quem, novo["sha256"], novo["sha256_cifrado"])}


def ligar(cifra: Cifra, caminho: Path, antigo: DeOntem) -> bool:
    """Faz de `caminho` mais um nome do arquivo antigo, se este ainda tem a soma que tinha, e diz se
    deu. Onde não dá (FAT, algumas pastas de rede), o que lá está fica como está."""
    certo = (antigo.salvo.sha256_cifrado, antigo.salvo.bytes_no_disco)
    ate = cifra.reusar_por
    with contextlib.suppress(OSError):
        info = antigo.caminho.lstat()
        if ate is not None and time.time() - info.st_mtime > ate.total_seconds():
            return False
        return stat.S_ISREG(info.st_mode) and ligar_se(
            caminho,
            antigo.caminho,
            lambda igual: sha256_no_disco(igual) == certo and comprimento_certo(igual),
        )
    return False
