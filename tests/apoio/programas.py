"""Os programas de fora que julgam o que fazemos, instalados agora se preciso e possível.

Nenhuma ferramenta os baixa: vale o que há na máquina. Onde não há, e se pode instalar (root num
Debian), o do Debian é instalado, uma vez só; senão, o teste falha dizendo como.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import filelock
import pytest

TRAVA = Path(tempfile.gettempdir()) / "cofre_instala.lock"
ESPERA_NO_APT = "DPkg::Lock::Timeout=600"
"""Segundos que ele espera por outro apt, que não seja nosso, em vez de falhar na hora."""


def achar(nomes: Sequence[str], pacote: str) -> str:
    """O caminho do primeiro destes programas que houver; `pacote` é o do Debian que os traz."""
    achado = _na_maquina(nomes)
    if achado is None and pode_instalar():
        with contextlib.suppress(subprocess.CalledProcessError):
            instalar(lambda: _na_maquina(nomes) is not None, pacote)
        achado = _na_maquina(nomes)
    if achado is None:
        pytest.fail(f"Falta o {nomes[0]}. Instale-o com:\n  sudo {' '.join(_comando(pacote))}")
    return achado


def pode_instalar() -> bool:
    """Se este sistema tem o apt, e quem roda os testes pode instalar com ele."""
    return os.name == "posix" and os.geteuid() == 0 and Path("/usr/bin/apt-get").exists()


def instalar(ja_ha: Callable[[], bool], *pacotes: str) -> None:
    """Instala estes pacotes do Debian, a não ser que quem esperou a sua vez já os ache: o apt só
    trabalha para um de cada vez, e recusa os outros. Levanta CalledProcessError."""
    ambiente = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with filelock.FileLock(TRAVA):
        if ja_ha():
            return
        subprocess.run(["apt-get", "-o", ESPERA_NO_APT, "update"], capture_output=True, check=False)
        comando, *resto = _comando(*pacotes)
        subprocess.run(
            [comando, "-o", ESPERA_NO_APT, *resto], env=ambiente, capture_output=True, check=True
        )


def _na_maquina(nomes: Sequence[str]) -> str | None:
    return next((p for nome in nomes if (p := shutil.which(nome))), None)


def _comando(*pacotes: str) -> list[str]:
    return ["apt-get", "install", "-y", "--no-install-recommends", *pacotes]
