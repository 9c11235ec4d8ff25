"""Saber se o processo que deixou algo pela metade ainda vive, sem adivinhar pelo número dele.

Cada processo que muda a pasta dos backups tem, enquanto muda, a trava de um arquivo com um nome só
seu (`.travas/vivo-<nome>`), e deixa esse nome no que começa. Quando ele morre, o sistema solta a
trava: quem a consegue tomar sabe que o começado ficou sem dono.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from cofre.base.disco import criar_privado, ler_ficha
from cofre.deposito.trava import PASTA, Trava

VIVO = "vivo-"
MAIOR_NOME = 64
"""Letras; o que for maior não foi dado por nós."""
MARCA = ".de_quem"
"""O arquivo que, numa pasta de trabalho, diz o nome do processo que a abriu."""


class Presenca:
    """A presença deste processo numa pasta de backups. Só com a trava breve na mão: nascer e ser
    recolhido não podem cruzar-se."""

    def __init__(self, raiz: Path) -> None:
        """Levanta FalhaDeDisco."""
        self.nome = uuid.uuid4().hex
        self._arquivo = raiz / PASTA / f"{VIVO}{self.nome}"
        self._trava = Trava(self._arquivo, f"A pasta {raiz}")
        self._trava.tomar()

    def marcar(self, pasta: Path) -> None:
        """Diz que a pasta de trabalho é deste processo. OSError passa."""
        (pasta / MARCA).unlink(missing_ok=True)
        with criar_privado(pasta / MARCA) as arquivo:
            arquivo.write(self.nome.encode("ascii"))

    def fechar(self) -> None:
        """Deixa de estar presente."""
        with contextlib.suppress(OSError):  # no Windows, quem solta é que apaga
            self._arquivo.unlink()
        self._trava.soltar()


def vive(raiz: Path, nome: str) -> bool:
    """Se o processo com este nome ainda está presente."""
    arquivo = raiz / PASTA / f"{VIVO}{nome}"
    if not nome.isalnum() or len(nome) > MAIOR_NOME or not arquivo.is_file():
        return False
    trava = Trava(arquivo, "")
    if not trava.tentar():
        return True
    with contextlib.suppress(OSError):
        arquivo.unlink()
    trava.soltar()
    return False


def ve(raiz: Path, nome: str) -> bool:
    """Se a presença do processo com este nome se vê nesta pasta: se ele vive, é a mesma pasta."""
    return nome.isalnum() and (raiz / PASTA / f"{VIVO}{nome}").is_file()


def sem_dono(raiz: Path, pasta: Path) -> bool:
    """Se quem abriu esta pasta de trabalho já morreu. Uma sem marca é de uma versão antiga, que
    segurava a pasta toda enquanto vivia, ou de quem já a acabava."""
    return not vive(raiz, dono_de(pasta))


def dono_de(pasta: Path) -> str:
    """O nome do processo que abriu esta pasta de trabalho; vazio se não tem marca."""
    with contextlib.suppress(OSError):
        return ler_ficha(pasta / MARCA).decode("ascii", "replace")
    return ""


def recolher_mortos(raiz: Path) -> None:
    """Apaga o que sobrou de processos mortos. Só com a trava breve na mão."""
    for arquivo in _vivos(raiz):
        vive(raiz, arquivo.name.removeprefix(VIVO))


def _vivos(raiz: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from list((raiz / PASTA).glob(f"{VIVO}*"))
