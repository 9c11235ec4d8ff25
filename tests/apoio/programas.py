"""Os programas de fora que julgam o que fazemos, instalados agora se preciso e possível.

Nenhuma ferramenta os baixa: vale o que há na máquina. Onde não há, e se pode instalar (root num
Debian), o do Debian é instalado, uma vez só; senão, o teste falha dizendo como.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import filelock
import pytest


def achar(nomes: Sequence[str], pacote: str) -> str:
    """O caminho do primeiro destes programas que houver; `pacote` é o do Debian que os traz."""
    achado = _na_maquina(nomes)
    if achado is None and _pode_instalar():
        with filelock.FileLock(Path(tempfile.gettempdir()) / f"cofre_instala_{pacote}.lock"):
            achado = _na_maquina(nomes) or _instalar(nomes, pacote)
    if achado is None:
        pytest.fail(f"Falta o {nomes[0]}. Instale-o com:\n  sudo {' '.join(_comando(pacote))}")
    return achado


def _na_maquina(nomes: Sequence[str]) -> str | None:
    return next((p for nome in nomes if (p := shutil.which(nome))), None)


def _comando(pacote: str) -> list[str]:
    return ["apt-get", "install", "-y", "--no-install-recommends", pacote]


def _pode_instalar() -> bool:
    return os.name == "posix" and os.geteuid() == 0 and Path("/usr/bin/apt-get").exists()


def _instalar(nomes: Sequence[str], pacote: str) -> str | None:
    ambiente = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for comando in (["apt-get", "update"], _comando(pacote)):
        subprocess.run(comando, env=ambiente, capture_output=True, check=False)
    return _na_maquina(nomes)
