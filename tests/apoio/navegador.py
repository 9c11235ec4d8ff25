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
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    ViewportSize,
    sync_playwright,
)

NAVEGADORES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALAR = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
OPCOES = ("--disable-gpu", "--disable-quic")
RECADOS = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
"""O que o console mostra: queixas do navegador, escritos da página e erros que ninguém apanhou."""
ENVIO = "Network.requestWillBeSent"


@dataclass(frozen=True, slots=True)
class Aba:
    """Uma aba nova, e o que o navegador anotou dela: os recados do console e os endereços pedidos.

    Tudo se anota na mesma sessão com o Chromium, e chega na ordem em que aconteceu.
    """

    pagina: Page
    sessao: CDPSession
    recados: list[dict[str, Any]] = field(default_factory=list)
    envios: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pedidos(self) -> list[str]:
        """Os endereços pedidos, do arquivo local inclusive."""
        return [envio["request"]["url"] for envio in self.envios]

    def por_em_dia(self) -> None:
        """Espera que a página se desenhe e que chegue tudo o que se anotou até aí."""
        quadro = {"expression": "new Promise(requestAnimationFrame)", "awaitPromise": True}
        self.sessao.send("Runtime.evaluate", quadro)


@pytest.fixture(scope="module")
def navegador() -> Iterator[Browser]:
    """Um navegador com um perfil novo, no fuso da máquina."""
    programa = _achar()
    with (
        sync_playwright() as condutor,
        closing(
            condutor.chromium.launch(
                executable_path=programa,
                chromium_sandbox=False,
                args=OPCOES,
                # Uma barra de rolagem é o que denuncia o que não cabe.
                ignore_default_args=["--hide-scrollbars"],
            )
        ) as aberto,
    ):
        yield aberto


@pytest.fixture
def aba(navegador: Browser) -> Iterator[Aba]:
    """Uma aba como a de um computador."""
    with closing(navegador.new_context()) as contexto:
        yield nova_aba(contexto)


@pytest.fixture
def telefone(navegador: Browser) -> Iterator[Aba]:
    """Uma aba como a de um telefone, de 360 por 740 pontos."""
    tela = ViewportSize(width=360, height=740)
    with closing(navegador.new_context(viewport=tela, is_mobile=True)) as contexto:
        yield nova_aba(contexto)


def nova_aba(contexto: BrowserContext) -> Aba:
    """Uma aba vazia, que já anota."""
    pagina = contexto.new_page()
    aba = Aba(pagina, contexto.new_cdp_session(pagina))
    # Funções, e não os próprios `append`: o Playwright põe um atributo no que recebe.
    for evento in RECADOS:
        aba.sessao.on(evento, lambda dados: aba.recados.append(dados))
    aba.sessao.on(ENVIO, lambda dados: aba.envios.append(dados))
    for dominio in ("Log", "Runtime", "Network"):
        aba.sessao.send(f"{dominio}.enable")
    return aba


def _achar() -> str:
    """O navegador, instalado agora se preciso e possível."""
    achado = _na_maquina()
    if achado is None and _pode_instalar():
        with filelock.FileLock(Path(tempfile.gettempdir()) / "cofre_instala_navegador.lock"):
            achado = _na_maquina() or _instalar()
    if achado is None:
        pytest.fail(f"Falta o Chromium. Instale-o com:\n  sudo {' '.join(INSTALAR)}")
    return achado


def _na_maquina() -> str | None:
    return next((p for nome in NAVEGADORES if (p := shutil.which(nome))), None)


def _pode_instalar() -> bool:
    return os.name == "posix" and os.geteuid() == 0 and Path("/usr/bin/apt-get").exists()


def _instalar() -> str | None:
    ambiente = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for comando in (["apt-get", "update"], INSTALAR):
        subprocess.run(comando, env=ambiente, capture_output=True, check=False)
    return _na_maquina()
