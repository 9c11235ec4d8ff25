"""Um Chromium de verdade, sem tela, para abrir a página dos backups e clicar nela.

Nenhuma ferramenta baixa navegador: vale o que há na máquina, ou o do Debian (ver `programas`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    ViewportSize,
    sync_playwright,
)

from apoio.programas import achar

NAVEGADORES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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
    programa = achar(NAVEGADORES, "chromium")
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
