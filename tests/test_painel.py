"""A página dos backups, aberta e clicada num navegador de verdade."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from apoio.acervo import guardar
from apoio.execucao import executar, fotografia_do_disco, restaurar
from apoio.impressoes import executar_sql, impressoes
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre import ensaiado
from cofre.deposito import Deposito
from cofre.diario import CONCLUIDA, abrir_novo
from cofre.ensaiado import RESTAURADO, Ensaio
from cofre.limites import IDADE_MAXIMA
from cofre.metadados import Cabecalho, ler_cabecalho
from cofre.painel.dados import EmpresaNoPainel, reunir
from cofre.painel.pagina import ARQUIVO, calendario, desenhar, gravar
from cofre.relato import limpo

ALVO = "abc12345-0000-4000-8000-000000000001"
AGORA = datetime.now().astimezone().replace(microsecond=0)
NO_PONTO = AGORA - timedelta(minutes=10)

HOSTIS = (
    "<script>document.title='invadida'</script>",
    '"><img src=x onerror="document.title=\'invadida\'">',
    "</script></style></template><b>fora</b>",
    "{{ 7*7 }} {% raw %} ${7*7}",
    "\u202eodartnoc oa\u202c \u200f",
    "🛠️ Oficina 👩‍🔧 do Zé",
    "متجر الكتب",
    "Linha\u2028e\u2029outra\x07\ttab",
    "N" * 300,
    "",
)


def id_de(n: int) -> str:
    return f"{n:08x}-1111-4000-8000-000000000000"


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    deposito = Deposito(tmp_path / "b")
    deposito.preparar()
    return deposito


def abrir(navegador: webdriver.Chrome, deposito: Deposito, agora: datetime | None = None) -> None:
    """Gera a página (como se fosse `agora`) e a abre como um duplo clique abriria."""
    caminho = deposito.raiz / ARQUIVO
    if agora is None:
        assert gravar(deposito, IDADE_MAXIMA) == caminho
    else:
        caminho.write_text(desenhar(reunir(deposito, agora, IDADE_MAXIMA)), "utf-8")
    registro(navegador, "browser")
    registro(navegador, "performance")
    navegador.get(caminho.as_uri())


def registro(navegador: webdriver.Chrome, qual: str) -> list[dict[str, str]]:
    """O que o navegador anotou desde a última vez que se perguntou."""
    anotado: list[dict[str, str]] = navegador.get_log(qual)  # type: ignore[no-untyped-call]
    return anotado


def nomes(navegador: webdriver.Chrome) -> list[str]:
    """Os nomes à vista, de cima para baixo, como o DOM os tem."""
    vistos: list[str] = navegador.execute_script(
        "return [...document.querySelectorAll('.empresa')].filter(e => !e.hidden)"
        ".map(e => e.querySelector('.nome').textContent)"
    )
    return vistos


def selos(navegador: webdriver.Chrome) -> dict[str, list[str]]:
    """Os selos de cada empresa."""
    return {
        e.find_element(By.CLASS_NAME, "nome").text: [
            s.text for s in e.find_elements(By.CLASS_NAME, "selo")
        ]
        for e in navegador.find_elements(By.CLASS_NAME, "empresa")
    }


def contas(navegador: webdriver.Chrome) -> list[str]:
    return [
        b.text.replace("\n", " ")
        for b in navegador.find_elements(By.CLASS_NAME, "conta")
        if b.is_displayed()
    ]


def clicar_em(navegador: webdriver.Chrome, estado: str) -> None:
    navegador.find_element(By.CSS_SELECTOR, f".conta[data-estado='{estado}']").click()


def corpo(navegador: webdriver.Chrome, nome: str) -> str:
    """Abre a empresa com um clique e devolve o que ela diz."""
    for empresa in navegador.find_elements(By.CLASS_NAME, "empresa"):
        if empresa.find_element(By.CLASS_NAME, "nome").text == nome:
            empresa.find_element(By.TAG_NAME, "summary").click()
            return empresa.find_element(By.CLASS_NAME, "corpo").text
    raise AssertionError(nome)


def sem_erros_nem_rede(navegador: webdriver.Chrome) -> None:
    assert registro(navegador, "browser") == []
    mensagens = [json.loads(m["message"])["message"] for m in registro(navegador, "performance")]
    pedidos = [
        m["params"]["request"]["url"]
        for m in mensagens
        if m["method"] == "Network.requestWillBeSent"
    ]
    assert {p.partition(":")[0] for p in pedidos} == {"file"}
    assert len(pedidos) == 1


# -- do backup de verdade à página -----------------------------------------------------------


def test_cada_execucao_refaz_a_pagina(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, navegador: webdriver.Chrome
) -> None:
    projeto, destino = criar_supabase(VAZIO, sql=(LOJINHA,)), tmp_path / "b"
    assert executar(projeto, destino).codigo == 0
    pagina = destino / ARQUIVO
    if os.name == "posix":
        assert stat.S_IMODE(pagina.stat().st_mode) == 0o600
    do_backup = pagina.read_bytes()
    for segredo in (projeto.chave_service_role, projeto.cluster.senha, projeto.url):
        assert segredo.encode() not in do_backup

    navegador.get(pagina.as_uri())
    assert nomes(navegador) == ["Padaria Ação", "Vizinha"]
    assert contas(navegador) == ["2 empresas", "2 inteiras"]
    assert "521 registros" in navegador.find_element(By.CLASS_NAME, "quanto").text

    executar_sql(projeto, f"DELETE FROM vendas_itens WHERE venda_id < 1000 AND '{DONO}' <> ''")
    antes = impressoes(projeto)
    simulada = restaurar(projeto, destino, "--empresa", DONO, "--simular")
    assert simulada.codigo == 9, simulada.tudo
    assert impressoes(projeto) == antes
    assert pagina.read_bytes() == do_backup, "nada foi restaurado"
    fim = restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert fim.codigo == 0, fim.tudo
    navegador.get(pagina.as_uri())
    dito = corpo(navegador, "Padaria Ação")
    assert "restauração concluída, 6 tabelas do backup de" in dito
    assert "Restaurações" not in corpo(navegador, "Vizinha")


def test_a_acao_refaz_a_pagina_sem_falar_com_ninguem(deposito: Deposito) -> None:
    guardar(deposito, ALVO, "Loja", NO_PONTO)
    antes = fotografia_do_disco(deposito.raiz)
    fim = executar(None, deposito.raiz, "painel", "--json")
    assert fim.codigo == 0, fim.tudo
    pagina = deposito.raiz / ARQUIVO
    assert fim.json() == {"acao": "painel", "codigo": 0, "arquivo": str(pagina)}
    assert pagina.read_bytes().startswith(b"<!DOCTYPE html>")
    assert fotografia_do_disco(deposito.raiz) == antes


def test_sem_backup_nenhum_nao_ha_pagina(tmp_path: Path) -> None:
    fim = executar(None, tmp_path, "painel")
    assert fim.codigo == 3, fim.tudo
    assert "Nenhum backup em" in fim.erros
    assert fotografia_do_disco(tmp_path) == {}


SEM_JINJA = """
import os, runpy, sys
class Barrar:
    def find_spec(self, nome, *_):
        if nome.partition(".")[0] == "jinja2":
            raise ModuleNotFoundError(f"No module named {nome!r}", name=nome)
sys.meta_path.insert(0, Barrar())
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_pagina_que_nao_se_grava_e_so_um_aviso(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto, destino = criar_supabase(VAZIO, sql=(LOJINHA,)), tmp_path / "b"
    so_a_vizinha = ("--empresa", VIZINHA)
    sem = executar(projeto, destino, *so_a_vizinha, programa=SEM_JINJA)
    assert sem.codigo == 0, sem.tudo
    assert "⚠️ A página não foi atualizada. No module named 'jinja2'" in sem.saida
    assert not (destino / ARQUIVO).exists()

    (destino / ARQUIVO / "no_caminho").mkdir(parents=True)
    barrada = executar(projeto, destino, *so_a_vizinha)
    assert barrada.codigo == 0, barrada.tudo
    assert not list(destino.glob(".painel.html*"))
    assert "⚠️ A página não foi atualizada." in barrada.saida
    assert executar(None, destino, "verificar").codigo == 0


# -- o que ela diz -----------------------------------------------------------------------------


def estados(deposito: Deposito) -> None:
    """Uma empresa em cada estado."""
    guardar(deposito, id_de(1), "Inteira", NO_PONTO, {"produtos": [{"id": n} for n in range(1234)]})
    guardar(deposito, id_de(2), "Velha", AGORA - timedelta(days=9))
    guardar(deposito, id_de(3), "Incompleta", AGORA - timedelta(days=1))
    guardar(
        deposito,
        id_de(3),
        "Incompleta",
        NO_PONTO,
        falhas={"clientes": "permission denied for table clientes"},
        tabelas_falha=["clientes"],
    )
    encolhimento = {
        "tabela": "produtos",
        "antes": 8190,
        "agora": 12,
        "referencia": "20261101_030000",
    }
    guardar(
        deposito,
        id_de(4),
        "Encolhida",
        NO_PONTO,
        encolhimentos=[{**encolhimento, "referencia": "20261101_030000"}],
    )
    backup = guardar(deposito, id_de(5), "Pela metade", NO_PONTO)
    abrir_novo(backup.pasta, {"user_id": id_de(5), "nome": "Pela metade", "tabelas": ["produtos"]})
    sumida = guardar(deposito, id_de(6), "Sem arquivo", NO_PONTO)
    next(sumida.pasta.glob("produtos_*.json")).unlink()
    guardar(deposito, id_de(7), "Só fotos", NO_PONTO, tipo="pre_restauracao")


def test_cada_estado_tem_o_seu_selo_e_o_seu_filtro(
    deposito: Deposito, navegador: webdriver.Chrome
) -> None:
    estados(deposito)
    abrir(navegador, deposito)
    esperados = {
        "Inteira": ["inteira"],
        "Velha": ["velha"],
        "Incompleta": ["incompleta"],
        "Encolhida": ["encolhida"],
        "Pela metade": ["restauração por concluir"],
        "Sem arquivo": ["incompleta"],
        "Só fotos": ["incompleta"],
    }
    assert selos(navegador) == esperados
    assert contas(navegador) == [
        "7 empresas",
        "1 inteira",
        "1 restauração por concluir",
        "3 incompletas",
        "1 velha",
        "1 encolhida",
    ]
    for estado, palavra in (("velha", "velha"), ("inteira", "inteira"), ("incompleta", None)):
        clicar_em(navegador, estado)
        certas = [n for n, s in esperados.items() if (palavra or estado) in s]
        assert sorted(nomes(navegador)) == sorted(certas)
    clicar_em(navegador, "incompleta")  # outra vez: volta a mostrar todas
    assert sorted(nomes(navegador)) == sorted(esperados)
    sem_erros_nem_rede(navegador)


def test_os_detalhes_dizem_o_que_houve(deposito: Deposito, navegador: webdriver.Chrome) -> None:
    estados(deposito)
    pasta = deposito.pasta_da_empresa(id_de(1))
    guardar(
        deposito,
        id_de(1),
        "Inteira",
        NO_PONTO + timedelta(minutes=1),
        {"produtos": [{"id": n} for n in range(1500)]},
        deixadas_de_fora=[{"tabela": "resumo", "motivo": "é uma visão", "sugestao": ""}],
    )
    abrir_novo(
        pasta, {"user_id": id_de(1), "tabelas": ["a", "b"], "backup": "20261116_030000"}
    ).anotar(estado=CONCLUIDA)
    (carimbo, *_) = deposito.carimbos(pasta)
    bom = Ensaio(AGORA - timedelta(days=2), carimbo, RESTAURADO, 1234)
    ensaiado.anotar(pasta, id_de(1), bom)
    ensaiado.anotar(pasta, id_de(1), Ensaio(AGORA, carimbo, RESTAURADO, 0, "produtos: não voltou"))

    abrir(navegador, deposito)
    inteira = corpo(navegador, "Inteira")
    assert "Registros: 1.500 (maior: 1.500; 2 backups)" in inteira
    assert f"Último ensaio que deu certo\n{bom.em:%d/%m/%Y %H:%M}: restaurado num banco" in inteira
    assert "de teste, 1.234 registros do backup de" in inteira.replace("banco de", "de")
    assert "Último ensaio: não deu certo" in inteira
    assert "produtos: não voltou" in inteira
    assert "Ficou de fora, e por quê\nresumo: é uma visão" in inteira
    assert "restauração concluída, 2 tabelas do backup de 16/11/2026 03:00" in inteira
    encolhida = corpo(navegador, "Encolhida")
    assert "produtos: 8.190 → 12 registros (desde o backup de 01/11/2026 03:00)" in encolhida
    incompleta = corpo(navegador, "Incompleta")
    assert (
        "Falhou no backup mais novo\nclientes: permission denied for table clientes" in incompleta
    )
    assert "danificado (produtos: o arquivo sumiu" in corpo(navegador, "Sem arquivo")
    ligacao = navegador.find_element(By.CSS_SELECTOR, ".empresa[open] a").get_attribute("href")
    assert ligacao is not None
    assert ligacao.startswith(deposito.raiz.as_uri())
    sem_erros_nem_rede(navegador)


def test_busca_e_ordem(deposito: Deposito, navegador: webdriver.Chrome) -> None:
    tamanhos = {"Ótica São João": 5, "Padaria": 50, "Zebra": 500}
    for n, (nome, linhas) in enumerate(tamanhos.items(), 1):
        quando = NO_PONTO - timedelta(hours=n)
        guardar(deposito, id_de(n), nome, quando, {"t": [{"id": i} for i in range(linhas)]})
    abrir(navegador, deposito)
    ordem = Select(navegador.find_element(By.ID, "ordem"))
    for escolha, esperada in (
        ("registros", ["Zebra", "Padaria", "Ótica São João"]),
        ("antigo", ["Zebra", "Padaria", "Ótica São João"]),
        ("nome", ["Padaria", "Zebra", "Ótica São João"]),
    ):
        ordem.select_by_value(escolha)
        assert nomes(navegador) == esperada
    busca = navegador.find_element(By.ID, "busca")
    for texto, achadas in (
        ("otica sao", ["Ótica São João"]),
        (id_de(2)[:13], ["Padaria"]),
        ("empresa_00000003", ["Zebra"]),
        ("nada disso", []),
    ):
        busca.clear()
        busca.send_keys(texto)
        assert nomes(navegador) == achadas
    assert navegador.find_element(By.ID, "nenhuma").is_displayed()


def test_nomes_hostis_sao_so_nomes(deposito: Deposito, navegador: webdriver.Chrome) -> None:
    for n, nome in enumerate(HOSTIS):
        fora = [{"tabela": nome or "x", "motivo": nome, "sugestao": ""}]
        falhas = {nome or "x": nome}
        guardar(deposito, id_de(n), nome, NO_PONTO, falhas=falhas, deixadas_de_fora=fora)
    abrir(navegador, deposito)
    mostrados = {limpo(n) if n else f"(empresa_{id_de(len(HOSTIS) - 1)[:8]})" for n in HOSTIS}
    assert set(nomes(navegador)) == mostrados
    navegador.execute_script("document.querySelectorAll('.empresa').forEach(e => e.open = true)")
    navegador.execute_script("return new Promise(r => requestAnimationFrame(r))")
    assert navegador.title == "Backups por empresa"
    assert navegador.find_elements(By.TAG_NAME, "img") == []
    textos = navegador.find_element(By.ID, "empresas").get_attribute("textContent") or ""
    for nome in HOSTIS[:-1]:
        assert textos.count(limpo(nome)) >= 4  # nome, falha e o que ficou de fora
    largura = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert navegador.execute_script(largura) == 0
    sem_erros_nem_rede(navegador)


# -- o tempo -----------------------------------------------------------------------------------


def empresa_de(deposito: Deposito, agora: datetime = AGORA) -> EmpresaNoPainel:
    (empresa,) = reunir(deposito, agora, IDADE_MAXIMA).empresas
    return empresa


def test_o_calendario_mostra_as_falhas(deposito: Deposito) -> None:
    hoje = AGORA.replace(hour=12)
    for dias, mais in (
        (50, {}),
        (3, {"falhas": {"x": "y"}}),
        (2, {}),
        (2, {"falhas": {"x": "y"}}),
        (0, {"tabelas_nao_pedidas": ["x"]}),
        (1, {"tipo": "pre_restauracao"}),
    ):
        guardar(deposito, ALVO, "Loja", hoje - timedelta(days=dias), **mais)
    pasta = deposito.pasta_da_empresa(ALVO)
    for dias in (1, 2):
        comecada = (hoje - timedelta(days=dias)).isoformat()
        abrir_novo(pasta, {"user_id": ALVO}).anotar(estado=CONCLUIDA, comecada_em=comecada)
    letras = calendario(empresa_de(deposito), hoje.date())
    assert letras == "_" * 9 + "c" + "." * 46 + "iCRi"


def test_o_inteiro_mais_novo_se_acha_por_mais_antigo_que_seja(deposito: Deposito) -> None:
    """Entre anos de backups incompletos, um só inteiro, que a amostra do gráfico não traz."""
    for dias in range(1000, 0, -9):
        falhas = {} if dias == 991 else {"x": "y"}
        guardar(deposito, ALVO, "Loja", AGORA - timedelta(days=dias), falhas=falhas)
    certos = [b for b in deposito.da_empresa(ALVO) if b.estado == "completo"]
    assert len(certos) == 1
    empresa = empresa_de(deposito)
    assert empresa.inteiro is not None
    assert empresa.inteiro.carimbo == certos[0].carimbo
    assert certos[0].carimbo not in [p.carimbo for p in empresa.pontos]
    assert set(empresa.problemas) == {"incompleta", "velha"}


def test_backups_ilegiveis_e_da_primeira_versao_tambem_aparecem(deposito: Deposito) -> None:
    velho = guardar(deposito, ALVO, "Loja", AGORA - timedelta(hours=5))
    caminho = velho.pasta / f"backup_metadata_{velho.carimbo}.json"
    so_da_v1 = {
        "user_id": ALVO,
        "nome": "Loja",
        "data_backup": "2026-01-16T18:29:47",
        "tabelas_backup": ["produtos"],
        "tabelas_falha": [],
        "total_registros": 1,
        "tabelas": {"produtos": 1},
    }
    caminho.write_text(json.dumps(so_da_v1), "utf-8-sig")
    assert empresa_de(deposito).problemas == ()
    novo = guardar(deposito, ALVO, "Loja", AGORA - timedelta(hours=1))
    (novo.pasta / f"backup_metadata_{novo.carimbo}.json").write_text('{"user_id": 1', "utf-8")
    empresa = empresa_de(deposito)
    assert (empresa.nome, empresa.problemas) == ("Loja", ("incompleta",))
    assert empresa.estado_do_novo == "danificado"
    assert empresa.inteiro is not None
    assert empresa.inteiro.carimbo == velho.carimbo


def test_o_que_ja_se_leu_nao_se_rele_e_o_que_mudou_sim(
    deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        guardar(deposito, ALVO, "Loja", AGORA - timedelta(days=n))
    lidos: list[str] = []

    def contar(arquivo: Path) -> Cabecalho:
        lidos.append(arquivo.name)
        return ler_cabecalho(arquivo)

    monkeypatch.setattr("cofre.painel.lembranca.ler_cabecalho", contar)
    antes = empresa_de(deposito)
    assert len(lidos) == 3
    assert empresa_de(deposito) == antes
    assert len(lidos) == 3

    (pasta,) = deposito.pastas()
    primeiro = pasta / f"backup_metadata_{deposito.carimbos(pasta)[0]}.json"
    bruto = json.loads(primeiro.read_text("utf-8"))
    primeiro.write_text(json.dumps({**bruto, "total_registros": 4321}), "utf-8")
    assert [p.registros for p in empresa_de(deposito).pontos] == [4321, 1, 1]
    assert lidos[3:] == [primeiro.name]
    primeiro.unlink()
    assert len(empresa_de(deposito).pontos) == 2

    for estragada in (b"", b"[]", b'{"x": {"y": [1]}}'):
        (deposito.raiz / ".painel.json").write_bytes(estragada)
        assert len(empresa_de(deposito).pontos) == 2


def test_a_pagina_que_ninguem_refez_acusa_sozinha(
    deposito: Deposito, navegador: webdriver.Chrome
) -> None:
    """Gerada há três dias com tudo bem: quem a abre hoje vê que o backup parou."""
    quando = AGORA - timedelta(days=3)
    guardar(deposito, ALVO, "Loja", quando - timedelta(minutes=1))
    abrir(navegador, deposito, quando)
    assert selos(navegador) == {"Loja": ["velha"]}
    assert contas(navegador) == ["1 empresa", "0 inteiras", "1 velha"]
    assert navegador.find_element(By.CLASS_NAME, "idade").text == "há 3 dias"
    assert "O backup deixou de rodar?" in navegador.find_element(By.ID, "parada").text
    rotulo = navegador.find_element(By.CLASS_NAME, "calendario").get_attribute("aria-label")
    assert rotulo == (
        "Últimos 60 dias: 1 com backup inteiro, 0 com backup não inteiro, 3 sem backup"
    )
    abrir(navegador, deposito, AGORA)
    assert not navegador.find_element(By.ID, "parada").is_displayed()


# -- onde se lê ----------------------------------------------------------------------------------


def imitar(navegador: webdriver.Chrome, comando: str, **opcoes: object) -> None:
    navegador.execute_cdp_cmd(f"Emulation.{comando}", opcoes)


def test_cabe_no_telefone_e_se_imprime(deposito: Deposito, navegador: webdriver.Chrome) -> None:
    estados(deposito)
    abrir(navegador, deposito)
    larguras = "return [document.documentElement.scrollWidth, innerWidth]"
    tela = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    try:
        imitar(navegador, "setDeviceMetricsOverride", **tela)
        navegador.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert navegador.execute_script(larguras) == [360, 360]
        imitar(navegador, "clearDeviceMetricsOverride")
        imitar(navegador, "setEmulatedMedia", media="print")
        assert not navegador.find_element(By.ID, "busca").is_displayed()
        assert len(nomes(navegador)) == 7
        fundo = "return getComputedStyle(document.body).backgroundColor"
        assert navegador.execute_script(fundo) == "rgb(255, 255, 255)"
        escuro = [{"name": "prefers-color-scheme", "value": "dark"}]
        imitar(navegador, "setEmulatedMedia", media="screen", features=escuro)
        assert navegador.execute_script(fundo) == "rgb(18, 22, 28)"
    finally:
        imitar(navegador, "clearDeviceMetricsOverride")
        imitar(navegador, "setEmulatedMedia", media="", features=[])


def test_mil_empresas(tmp_path: Path, navegador: webdriver.Chrome) -> None:
    """Com o gráfico e o calendário cheios: a página fica pequena, e a busca acha uma."""
    um = Deposito(tmp_path / "um")
    um.preparar()
    for dias in range(95):
        linhas = [{"id": n} for n in range(dias)]
        guardar(um, ALVO, "Loja", NO_PONTO - timedelta(days=dias), {"produtos": linhas})
    painel = reunir(um, AGORA, IDADE_MAXIMA)
    mil = tuple(mil_copias(painel.empresas))
    pagina = desenhar(replace(painel, empresas=mil))
    assert len(pagina.encode()) < 5_000_000
    caminho = tmp_path / ARQUIVO
    caminho.write_text(pagina, "utf-8")
    navegador.get(caminho.as_uri())
    assert contas(navegador) == ["1.000 empresas", "1.000 inteiras"]
    assert len(navegador.find_elements(By.CLASS_NAME, "calendario")) == 1000
    navegador.find_element(By.ID, "busca").send_keys("numero 0777")
    assert nomes(navegador) == ["Número 0777"]


def mil_copias(modelo: Sequence[EmpresaNoPainel]) -> list[EmpresaNoPainel]:
    (um,) = modelo
    return [replace(um, id=id_de(n), nome=f"Número {n:04}") for n in range(1000)]
