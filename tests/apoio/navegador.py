"""Um Chromium de verdade, sem tela, para abrir a página dos backups e clicar nela.

Nenhuma ferramenta baixa navegador algum: vale o que há na máquina. Onde não há nenhum, e se pode
instalar (root num Debian), o do Debian é instalado, uma vez só; senão, o teste falha dizendo como.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

NAVEGADORES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CONDUTOR = "chromedriver"
INSTALAR = ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]
OPCOES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
)


@pytest.fixture(scope="module")
def navegador(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Um navegador com um perfil novo, no fuso e na língua que os testes esperam."""
    programa, condutor = _achar()
    opcoes = webdriver.ChromeOptions()
    opcoes.binary_location = programa
    for opcao in (*OPCOES, f"--user-data-dir={tmp_path_factory.mktemp('perfil')}"):
        opcoes.add_argument(opcao)
    opcoes.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    conduzido = webdriver.Chrome(options=opcoes, service=Service(condutor))
    try:
        yield conduzido
    finally:
        conduzido.quit()


def _achar() -> tuple[str, str]:
    """O navegador e quem o conduz, instalados agora se preciso e possível."""
    achados = _na_maquina()
    if achados is None and _pode_instalar():
        with filelock.FileLock(Path(tempfile.gettempdir()) / "cofre_instala_navegador.lock"):
            achados = _na_maquina() or _instalar()
    if achados is None:
        pytest.fail(f"Falta o Chromium. Instale-o com:\n  sudo {' '.join(INSTALAR)}")
    return achados


def _na_maquina() -> tuple[str, str] | None:
    programa = next((p for nome in NAVEGADORES if (p := shutil.which(nome))), None)
    condutor = shutil.which(CONDUTOR)
    return (programa, condutor) if programa and condutor else None


def _pode_instalar() -> bool:
    return os.name == "posix" and os.geteuid() == 0 and Path("/usr/bin/apt-get").exists()


def _instalar() -> tuple[str, str] | None:
    ambiente = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for comando in (["apt-get", "update"], INSTALAR):
        subprocess.run(comando, env=ambiente, capture_output=True, check=False)
    return _na_maquina()
