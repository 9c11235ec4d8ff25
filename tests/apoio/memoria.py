"""Onde os testes gravam: na memória, onde cabe; senão, no disco, como o pytest faria.

Copiar o modelo de um banco é copiar centenas de arquivos: num ext4 custa dez vezes mais processador
(0,25 s contra 0,03 s). E cada backup grava, sincroniza e renomeia uma centena de vezes: um oitavo
do processador dele, além da espera pelo disco. Do que os programas fazem nada muda: é um sistema
de arquivos como os outros.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

NA_MEMORIA: Final = Path("/dev/shm")
"""O disco de memória do Linux."""
FOLGA: Final = 4 * 1024**3
"""Bytes livres nele para que se use: a suíte inteira, com quatro clusters, toma bem menos."""
RAIZ_DO_PYTEST: Final = "PYTEST_DEBUG_TEMPROOT"
"""A variável com que se diz ao pytest onde criar as pastas dos testes."""


def pytest_configure(config: pytest.Config) -> None:
    """Só o primeiro processo escolhe: os trabalhadores herdam o ambiente dele."""
    if not config.getoption("basetemp") and RAIZ_DO_PYTEST not in os.environ and _serve():
        os.environ[RAIZ_DO_PYTEST] = str(NA_MEMORIA)


def _serve() -> bool:
    """Há espaço, escreve-se, e o que se grava pode ser executado (num contêiner, nem sempre)."""
    if sys.platform != "linux" or not os.access(NA_MEMORIA, os.W_OK):
        return False
    pode_executar = not os.statvfs(NA_MEMORIA).f_flag & os.ST_NOEXEC
    return pode_executar and shutil.disk_usage(NA_MEMORIA).free >= FOLGA


def lugar_do_cluster() -> Path:
    """Uma pasta nova para um cluster efêmero, que a apaga ao parar. Não pode ficar na dos testes,
    que é privada: sob root, o PostgreSQL roda com outra conta."""
    pasta = Path(tempfile.mkdtemp(prefix="cluster_", dir=os.environ.get(RAIZ_DO_PYTEST)))
    pasta.chmod(0o711)
    return pasta
