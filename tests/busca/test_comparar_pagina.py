"""A página de uma comparação, aberta e usada num navegador de verdade."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.acervo import guardar
from apoio.execucao import executar
from apoio.navegador import Aba
from cofre.base.palavras import visivel
from cofre.deposito.deposito import Deposito

DIA: Final = datetime(2026, 11, 1, 3, 0).astimezone()
HOSTIS: Final = (
    "<script>document.title='invadida'</script>",
    '"><img src=x onerror="document.title=\'invadida\'">',
    "</script></style><b>fora</b>{{ 7*7 }}",
    "\u202eodartnoc oa",
)
MUITOS: Final = 1_200


@pytest.fixture(scope="module")
def pagina(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nomes hostis em tabela, coluna e valor; uma tabela com mais do que cabe na página."""
    return _pagina(tmp_path_factory.mktemp("pagina"), MUITOS)


@pytest.fixture(scope="module")
def pagina_curta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mesma com poucas linhas, que o navegador dispõe e imprime num instante."""
    return _pagina(tmp_path_factory.mktemp("curta"), 20)


def _pagina(pasta: Path, muitos: int) -> Path:
    deposito = Deposito(pasta / "b")
    colunas = {
        "clientes": {"id": "integer", "nome": "text", "senha": "text", HOSTIS[2]: "text"},
        HOSTIS[0]: {"id": "integer"},
        "muitos": {"id": "integer", "n": "integer"},
        "iguais": {"id": "integer"},
    }
    chaves = {tabela: ["id"] for tabela in colunas}

    def cliente(n: int, nome: str, dia: int) -> dict[str, Any]:
        return {"id": n, "nome": nome, "senha": f"abre-{dia}", HOSTIS[2]: HOSTIS[dia]}

    for dia in range(2):
        tabelas: dict[str, list[dict[str, Any]]] = {
            "clientes": [
                cliente(1, HOSTIS[1], dia),
                cliente(2 + dia, ("José Ação", "Iracema D'Ávila")[dia], dia),
            ],
            HOSTIS[0]: [{"id": 1}][dia:],
            "muitos": [{"id": n, "n": dia} for n in range(muitos)],
            "iguais": [{"id": 1}],
        }
        quando = DIA + timedelta(days=dia)
        guardar(deposito, "dono", HOSTIS[3], quando, tabelas, colunas=colunas, chaves=chaves)
    caminho = pasta / "mudou.html"
    fim = executar(None, deposito.raiz, "comparar", "dono", "--pagina", str(caminho))
    assert fim.codigo == 9, fim.tudo
    return caminho


def abrir(aba: Aba, pagina: Path) -> None:
    aba.recados.clear()
    aba.envios.clear()
    aba.pagina.goto(pagina.as_uri())


def a_vista(aba: Aba) -> list[str]:
    """Os registros que se veem, das tabelas que se veem."""
    vistos: list[str] = aba.pagina.evaluate(
        "[...document.querySelectorAll('.registro')].filter(e => !e.hidden)"
        ".filter(e => !e.closest('.tabela').hidden)"
        ".map(e => e.querySelector('.sinal').textContent + ' '"
        " + e.querySelector('.apelido').textContent)"
    )
    return vistos


def test_a_pagina_mostra_busca_e_filtra(pagina: Path, aba: Aba) -> None:
    abrir(aba, pagina)
    assert aba.pagina.locator(".conta").all_inner_texts() == [
        "1\nregistro apareceu",
        "1.201\nmudaram",
        "2\nsumiram",
    ]
    cabecalho = aba.pagina.locator("header .gerado").inner_text()
    assert cabecalho == "De 01/11/2026 03:00:00 para 02/11/2026 03:00:00"
    assert len(a_vista(aba)) == 4 + 1_000
    assert aba.pagina.locator(".a-mais").inner_text().startswith("E mais 200 registros")
    aba.pagina.locator("#busca").press_sequentially("jose acao")
    assert a_vista(aba) == ["− José Ação (id 2)"]
    assert [t.is_visible() for t in aba.pagina.locator(".tabela").all()].count(True) == 1
    aba.pagina.locator("#busca").fill("")
    aba.pagina.locator(".conta[data-o-que='apareceu']").click()
    assert a_vista(aba) == ["+ Iracema D'Ávila (id 3)"]
    aba.pagina.locator(".conta[data-o-que='apareceu']").click()
    assert len(a_vista(aba)) == 4 + 1_000
    aba.pagina.locator("#busca").fill("nada assim")
    assert a_vista(aba) == []
    assert aba.pagina.locator("#nenhum").is_visible()


def test_nada_do_que_mostra_se_executa_nem_vai_a_rede(pagina: Path, aba: Aba) -> None:
    abrir(aba, pagina)
    aba.por_em_dia()
    assert aba.pagina.title() == f"O que mudou: {visivel(HOSTIS[3])}"
    assert aba.pagina.locator("img").all() == []
    texto = aba.pagina.locator("#tabelas").text_content() or ""
    for hostil in (HOSTIS[0], HOSTIS[1], HOSTIS[2]):
        assert hostil in texto
    assert "abre-" not in pagina.read_text(encoding="utf-8"), "um segredo não se mostra"
    assert "mudou (não se mostra)" in texto
    assert aba.recados == []
    assert aba.pedidos == [aba.pagina.url]


def test_cabe_no_telefone_e_imprime_se_inteira(
    pagina_curta: Path, aba_nova: Aba, telefone: Aba
) -> None:
    abrir(telefone, pagina_curta)
    larguras = "[document.documentElement.scrollWidth, innerWidth]"
    assert telefone.pagina.evaluate(larguras) == [360, 360]
    abrir(aba_nova, pagina_curta)
    aba_nova.pagina.evaluate("document.querySelector('.tabela').open = false")
    aba_nova.pagina.emulate_media(media="print")
    assert not aba_nova.pagina.locator("#busca").is_visible()
    aba_nova.pagina.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert aba_nova.pagina.locator(".tabela:not([open])").count() == 0
    fundo = "getComputedStyle(document.body).backgroundColor"
    assert aba_nova.pagina.evaluate(fundo) == "rgb(255, 255, 255)"
