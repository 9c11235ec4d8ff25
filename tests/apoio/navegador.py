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


@pytest.fixture(scope="module")
def pagina_do_modulo(navegador: Browser) -> Iterator[Page]:
    """A página da `aba`."""
    with closing(navegador.new_context()) as contexto:
        yield contexto.new_page()


@pytest.fixture
def aba(pagina_do_modulo: Page) -> Iterator[Aba]:
    """Uma aba como a de um computador: a mesma em todo o módulo, em branco no começo de cada teste.
    Abrir outra custa o triplo do que se faz nela."""
    yield from _emprestada(pagina_do_modulo)


@pytest.fixture(scope="module")
def pagina_do_relogio(navegador: Browser) -> Iterator[Page]:
    """A página da `aba_do_relogio`."""
    with closing(navegador.new_context()) as contexto:
        yield contexto.new_page()


@pytest.fixture
def aba_do_relogio(pagina_do_relogio: Page) -> Iterator[Aba]:
    """Como a `aba`, para os testes que lhe acertam o relógio, o que depois não se desfaz."""
    yield from _emprestada(pagina_do_relogio)


def _emprestada(pagina: Page) -> Iterator[Aba]:
    """A aba desta página, que no fim volta a ser a de um computador, e em branco."""
    tamanho = pagina.viewport_size
    assert tamanho is not None
    aba = anotada(pagina)
    yield aba
    aba.sessao.detach()
    pagina.goto("about:blank")
    pagina.emulate_media(media="null", color_scheme="null")
    pagina.set_viewport_size(tamanho)


@pytest.fixture
def aba_nova(navegador: Browser) -> Iterator[Aba]:
    """Uma só deste teste, que lhe muda o que depois não se desfaz."""
    with closing(navegador.new_context()) as contexto:
        yield anotada(contexto.new_page())


@pytest.fixture
def telefone(navegador: Browser) -> Iterator[Aba]:
    """Uma aba como a de um telefone, de 360 por 740 pontos."""
    tela = ViewportSize(width=360, height=740)
    with closing(navegador.new_context(viewport=tela, is_mobile=True)) as contexto:
        yield anotada(contexto.new_page())


def anotada(pagina: Page) -> Aba:
    """A aba desta página, que já anota."""
    aba = Aba(pagina, pagina.context.new_cdp_session(pagina))
    # Funções, e não os próprios `append`: o Playwright põe um atributo no que recebe.
    for evento in RECADOS:
        aba.sessao.on(evento, lambda dados: aba.recados.append(dados))
    aba.sessao.on(ENVIO, lambda dados: aba.envios.append(dados))
    for dominio in ("Log", "Runtime", "Network"):
        aba.sessao.send(f"{dominio}.enable")
    return aba
