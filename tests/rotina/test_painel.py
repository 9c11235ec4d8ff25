"""A página dos backups, aberta e clicada num navegador de verdade."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from apoio.acervo import guardar
from apoio.execucao import executar, fotografia_do_disco, restaurar
from apoio.impressoes import executar_sql, impressoes
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.navegador import Aba
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.limites import IDADE_MAXIMA
from cofre.base.palavras import visivel
from cofre.base.tela import RelatoTexto
from cofre.deposito import ausencia, ensaios
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import CONCLUIDA, abrir_novo
from cofre.deposito.ensaios import RESTAURADO, Ensaio
from cofre.deposito.metadados import Cabecalho, ler_cabecalho
from cofre.rotina.encolhimento import reconhecer
from cofre.rotina.painel import escrita
from cofre.rotina.painel import pagina as modulo
from cofre.rotina.painel.dados import INCOMPLETA, EmpresaNoPainel, reunir
from cofre.rotina.painel.historico import DIAS
from cofre.rotina.painel.pagina import (
    ARQUIVO,
    atualizar_painel,
    calendario,
    desenhar,
    gravar,
)

VIA = TANTO_FAZ

ALVO = "abc12345-0000-4000-8000-000000000001"
AGORA = datetime.now().astimezone().replace(microsecond=0)
NO_PONTO = AGORA - timedelta(minutes=10)
MEIO_DIA = AGORA.replace(hour=12, minute=0, second=0)

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


def abrir(aba: Aba, deposito: Deposito, agora: datetime | None = None) -> None:
    """Gera a página (como se fosse `agora`) e a abre como um duplo clique abriria."""
    caminho = deposito.raiz / ARQUIVO
    if agora is None:
        assert gravar(deposito, IDADE_MAXIMA) == caminho
    else:
        caminho.write_text("".join(desenhar(reunir(deposito, agora, IDADE_MAXIMA))), "utf-8")
    aba.recados.clear()
    aba.envios.clear()
    aba.pagina.goto(caminho.as_uri())


def nomes(aba: Aba) -> list[str]:
    """Os nomes à vista, de cima para baixo, como o DOM os tem."""
    vistos: list[str] = aba.pagina.evaluate(
        "[...document.querySelectorAll('.empresa')].filter(e => !e.hidden)"
        ".map(e => e.querySelector('.nome').textContent)"
    )
    return vistos


def selos(aba: Aba) -> dict[str, list[str]]:
    """Os selos de cada empresa."""
    return {
        e.locator(".nome").inner_text(): e.locator(".selo").all_inner_texts()
        for e in aba.pagina.locator(".empresa").all()
    }


def contas(aba: Aba) -> list[str]:
    return [
        conta.inner_text().replace("\n", " ")
        for conta in aba.pagina.locator(".conta").all()
        if conta.is_visible()
    ]


def clicar_em(aba: Aba, estado: str) -> None:
    aba.pagina.locator(f".conta[data-estado='{estado}']").click()


def empresa_chamada(aba: Aba, nome: str) -> Locator:
    do_nome = aba.pagina.locator(".nome").filter(has_text=re.compile(f"^{re.escape(nome)}$"))
    return aba.pagina.locator(".empresa").filter(has=do_nome)


def corpo(aba: Aba, nome: str) -> str:
    """Abre a empresa com um clique e devolve o que ela diz."""
    empresa = empresa_chamada(aba, nome)
    # A página só enche o corpo no `toggle`, que vem depois do clique.
    empresa.evaluate(
        "e => { e.aberta = new Promise(r => e.addEventListener('toggle', r, {once: true})) }"
    )
    empresa.locator("summary").click()
    empresa.evaluate("e => e.aberta.then(() => null)")
    return empresa.locator(".corpo").inner_text()


def sem_erros_nem_rede(aba: Aba) -> None:
    aba.por_em_dia()
    assert aba.recados == []
    assert aba.pagina.url.startswith("file:")
    assert aba.pedidos == [aba.pagina.url]


PAGINA_RUIM = """<!DOCTYPE html>
<meta http-equiv="Content-Security-Policy" content="style-src 'none'">
<style>b { color: red }</style>
<script>console.log("oi")</script>
<script>nada()</script>
<img src="http://127.0.0.1:9/de-fora.png">
"""


def test_uma_pagina_com_erros_e_rede_nao_passaria(tmp_path: Path, aba: Aba) -> None:
    """O console e a rede são vistos mesmo: o que a página boa não faz, esta faz."""
    ruim = tmp_path / "ruim.html"
    ruim.write_text(PAGINA_RUIM, "utf-8")
    aba.pagina.goto(ruim.as_uri())
    aba.por_em_dia()
    queixas = [r["entry"]["source"] for r in aba.recados if "entry" in r]
    assert sorted(queixas) == ["network", "security"]
    assert [r["args"][0]["value"] for r in aba.recados if "args" in r] == ["oi"]
    assert len([r for r in aba.recados if "exceptionDetails" in r]) == 1
    assert aba.pedidos == [ruim.as_uri(), "http://127.0.0.1:9/de-fora.png"]
    with pytest.raises(AssertionError):
        sem_erros_nem_rede(aba)


# -- do backup de verdade à página -----------------------------------------------------------


def test_cada_execucao_refaz_a_pagina(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, aba: Aba
) -> None:
    projeto, destino = criar_supabase(VAZIO, sql=(LOJINHA,)), tmp_path / "b"
    assert executar(projeto, destino).codigo == 0
    pagina = destino / ARQUIVO
    if os.name == "posix":
        assert stat.S_IMODE(pagina.stat().st_mode) == 0o600
    do_backup = pagina.read_bytes()
    for segredo in (projeto.chave_service_role, projeto.cluster.senha, projeto.url):
        assert segredo.encode() not in do_backup

    aba.pagina.goto(pagina.as_uri())
    assert nomes(aba) == ["Padaria Ação", "Vizinha"]
    assert contas(aba) == ["2 empresas", "2 inteiras"]
    assert "521 registros" in aba.pagina.locator(".quanto").first.inner_text()

    executar_sql(projeto, f"DELETE FROM vendas_itens WHERE venda_id < 1000 AND '{DONO}' <> ''")
    antes = impressoes(projeto)
    simulada = restaurar(projeto, destino, "--empresa", DONO, "--simular")
    assert simulada.codigo == 9, simulada.tudo
    assert impressoes(projeto) == antes
    assert pagina.read_bytes() == do_backup, "nada foi restaurado"
    fim = restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert fim.codigo == 0, fim.tudo
    aba.pagina.goto(pagina.as_uri())
    dito = corpo(aba, "Padaria Ação")
    assert "restauração concluída, 6 tabelas do backup de" in dito
    assert "Restaurações" not in corpo(aba, "Vizinha")


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
    guardar(deposito, id_de(4), "Encolhida", NO_PONTO, encolhimentos=[encolhimento])
    mudanca = {
        "tabela": "produtos",
        "alteradas": 818,
        "comuns": 819,
        "referencia": "20261101_030000",
    }
    guardar(deposito, id_de(8), "Mudada", NO_PONTO, mudancas=[mudanca])
    ausencia.anotar(guardar(deposito, id_de(9), "Sumida", NO_PONTO).pasta, id_de(9))
    backup = guardar(deposito, id_de(5), "Pela metade", NO_PONTO)
    abrir_novo(backup.pasta, {"user_id": id_de(5), "nome": "Pela metade", "tabelas": ["produtos"]})
    sumida = guardar(deposito, id_de(6), "Sem arquivo", NO_PONTO)
    next(sumida.pasta.glob("produtos_*.json")).unlink()
    guardar(deposito, id_de(7), "Só fotos", NO_PONTO, tipo="pre_restauracao")


def test_cada_estado_tem_o_seu_selo_e_o_seu_filtro(deposito: Deposito, aba: Aba) -> None:
    estados(deposito)
    abrir(aba, deposito)
    esperados = {
        "Inteira": ["inteira"],
        "Velha": ["velha"],
        "Incompleta": ["incompleta"],
        "Encolhida": ["encolhida"],
        "Pela metade": ["restauração por concluir"],
        "Sem arquivo": ["incompleta"],
        "Só fotos": ["incompleta"],
        "Mudada": ["mudou muito"],
        "Sumida": ["sumiu do banco"],
    }
    assert selos(aba) == esperados
    por_gravidade = "Sumida,Pela metade,Incompleta,Sem arquivo,Só fotos,Encolhida,Velha,Mudada"
    assert nomes(aba) == [*por_gravidade.split(","), "Inteira"]
    assert contas(aba) == [
        "9 empresas",
        "1 inteira",
        "1 sumiu do banco",
        "1 restauração por concluir",
        "3 incompletas",
        "1 velha",
        "1 encolhida",
        "1 mudou muito",
    ]
    for estado, palavra in (("velha", "velha"), ("inteira", "inteira"), ("incompleta", None)):
        clicar_em(aba, estado)
        certas = [n for n, s in esperados.items() if (palavra or estado) in s]
        assert sorted(nomes(aba)) == sorted(certas)
    clicar_em(aba, "incompleta")  # outra vez: volta a mostrar todas
    assert sorted(nomes(aba)) == sorted(esperados)
    sem_erros_nem_rede(aba)


def test_os_detalhes_dizem_o_que_houve(deposito: Deposito, aba: Aba) -> None:
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
    abrir_novo(pasta, {"user_id": id_de(1), "tabelas": ["a"], "desfaz": "x"}).anotar(
        estado=CONCLUIDA
    )
    (carimbo, *_) = deposito.carimbos(pasta)
    bom = Ensaio(AGORA - timedelta(days=2), carimbo, RESTAURADO, 1234)
    ensaios.anotar(pasta, id_de(1), bom)
    ensaios.anotar(pasta, id_de(1), Ensaio(AGORA, carimbo, RESTAURADO, 0, "produtos: não voltou"))

    abrir(aba, deposito)
    inteira = corpo(aba, "Inteira")
    assert "Registros: 1.500 (maior: 1.500; 2 backups)" in inteira
    assert (
        f"Último ensaio que deu certo\n{bom.em:%d/%m/%Y %H:%M}: restaurado num banco de teste,"
        f" 1.234 registros do backup de {NO_PONTO:%d/%m/%Y %H:%M}\n"
    ) in inteira
    assert "Último ensaio: não deu certo" in inteira
    assert "produtos: não voltou" in inteira
    assert "Ficou de fora, e por quê\nresumo: é uma visão" in inteira
    assert "restauração concluída, 2 tabelas do backup de 16/11/2026 03:00" in inteira
    assert ": operação de desfazer concluída, 1 tabela" in inteira
    encolhida = corpo(aba, "Encolhida")
    assert "produtos: 8.190 → 12 registros (desde o backup de 01/11/2026 03:00)" in encolhida
    incompleta = corpo(aba, "Incompleta")
    assert (
        "Falhou no backup mais novo\nclientes: permission denied for table clientes" in incompleta
    )
    assert "danificado (produtos: o arquivo sumiu" in corpo(aba, "Sem arquivo")
    ligacao = aba.pagina.locator(".empresa[open] a").first.evaluate("a => a.href")
    assert ligacao.startswith(deposito.raiz.as_uri())
    sem_erros_nem_rede(aba)


def test_ao_lado_de_cada_problema_o_proximo_passo(deposito: Deposito, aba: Aba) -> None:
    """Um comando que se copia, e as datas da empresa com as marcas delas; a inteira nada pede."""
    estados(deposito)
    meses = guardar(deposito, id_de(4), "Encolhida", NO_PONTO - timedelta(days=1))
    guardar(deposito, id_de(4), "Encolhida", NO_PONTO - timedelta(days=2), falhas={"a": "x"})
    abrir(aba, deposito)
    corpo(aba, "Inteira")
    assert empresa_chamada(aba, "Inteira").locator(".passos li:visible").count() == 0
    encolhida = corpo(aba, "Encolhida")
    de_quem = f"--empresa {id_de(4)}"
    comandos = empresa_chamada(aba, "Encolhida").locator(".passos code:visible").all_inner_texts()
    assert [c[c.index(".py ") + 4 :] for c in comandos] == [
        f"{de_quem} --backup 20261101_030000 --tabelas produtos",
        f"reconhecer {de_quem}",
    ]
    assert "encolhida: Se foi um acidente, volta com:" in encolhida
    (lista,) = empresa_chamada(aba, "Encolhida").locator(".datas").all_inner_texts()
    assert lista.splitlines() == [
        f"{NO_PONTO:%d/%m/%Y %H:%M}: 1 registro 📉 dados encolheram",
        f"{meses.quando:%d/%m/%Y %H:%M}: 1 registro",
        f"{NO_PONTO - timedelta(days=2):%d/%m/%Y %H:%M}: não inteiro",
    ]
    esperados = {
        "Sumida": [f"--empresa {id_de(9)}", f"reconhecer --empresa {id_de(9)}"],
        "Pela metade": [f"continuar --empresa {id_de(5)}", f"desfazer --empresa {id_de(5)}"],
        "Incompleta": [f"--empresa {id_de(3)}"],
        "Velha": [f"--empresa {id_de(2)}"],
        "Mudada": [f"--empresa {id_de(8)} --backup 20261101_030000 --tabelas produtos"],
    }
    for nome, esperado in esperados.items():
        corpo(aba, nome)
        ditos = empresa_chamada(aba, nome).locator(".passos code:visible").all_inner_texts()
        assert [c[c.index(".py ") + 4 :] for c in ditos] == esperado, nome
    assert "produtos: 818 de 819 registros" in empresa_chamada(aba, "Mudada").inner_text()
    ultimo = deposito.backups(meses.pasta)[-1]
    reconhecer(meses.pasta, id_de(4), ultimo)
    abrir(aba, deposito)
    assert selos(aba)["Encolhida"] == ["inteira"]
    sem_erros_nem_rede(aba)


def test_um_nome_comprido_cabe_enquanto_ha_lugar(deposito: Deposito, aba: Aba) -> None:
    nome = (
        "Comércio de Materiais Elétricos, Hidráulicos e de Construção Irmãos Oliveira & Filhos"
        " Ltda (matriz e depósito da Avenida Caxangá)"
    )
    guardar(deposito, id_de(1), nome, NO_PONTO)
    abrir(aba, deposito)
    cortado = "e => e.scrollHeight > e.clientHeight"
    assert not aba.pagina.locator(".nome").evaluate(cortado)
    sem_erros_nem_rede(aba)


def test_busca_e_ordem(deposito: Deposito, aba: Aba) -> None:
    tamanhos = {"Ótica São João": 5, "Padaria": 50, "Zebra": 500}
    ensaiada = {"Zebra": 1, "Ótica São João": 2}
    for n, (nome, linhas) in enumerate(tamanhos.items(), 1):
        quando = NO_PONTO - timedelta(hours=n)
        b = guardar(deposito, id_de(n), nome, quando, {"t": [{"id": i} for i in range(linhas)]})
        if nome in ensaiada:
            em = AGORA - timedelta(days=ensaiada[nome])
            ensaios.anotar(b.pasta, id_de(n), Ensaio(em, b.carimbo, RESTAURADO, linhas))
    abrir(aba, deposito)
    for escolha, esperada in (
        ("registros", ["Zebra", "Padaria", "Ótica São João"]),
        ("antigo", ["Zebra", "Padaria", "Ótica São João"]),
        ("bytes", ["Zebra", "Padaria", "Ótica São João"]),
        ("ensaio", ["Padaria", "Ótica São João", "Zebra"]),
        ("problema", ["Padaria", "Zebra", "Ótica São João"]),
        ("antigo", ["Zebra", "Padaria", "Ótica São João"]),
        ("nome", ["Padaria", "Zebra", "Ótica São João"]),
    ):
        aba.pagina.select_option("#ordem", escolha)
        assert nomes(aba) == esperada
    busca = aba.pagina.locator("#busca")
    for texto, achadas in (
        ("otica sao", ["Ótica São João"]),
        (id_de(2)[:13], ["Padaria"]),
        ("empresa_00000003", ["Zebra"]),
        ("nada disso", []),
    ):
        busca.clear()
        busca.press_sequentially(texto)
        assert nomes(aba) == achadas
    assert aba.pagina.locator("#nenhuma").is_visible()
    busca.clear()
    assert len(nomes(aba)) == 3
    assert not aba.pagina.locator("#nenhuma").is_visible()
    assert aba.pagina.locator("#nenhuma").text_content() == "Nenhuma empresa assim."


def test_nomes_hostis_sao_so_nomes(deposito: Deposito, aba: Aba) -> None:
    for n, nome in enumerate(HOSTIS):
        fora = [{"tabela": nome or "x", "motivo": nome, "sugestao": ""}]
        falhas = {nome or "x": nome}
        b = guardar(deposito, id_de(n), nome, NO_PONTO, falhas=falhas, deixadas_de_fora=fora)
        diario = abrir_novo(b.pasta, {"user_id": id_de(n), "tabelas": [], "backup": nome})
        diario.anotar(estado=nome, comecada_em=nome)
    abrir(aba, deposito)
    mostrados = {visivel(n) if n else f"(empresa_{id_de(len(HOSTIS) - 1)[:8]})" for n in HOSTIS}
    assert set(nomes(aba)) == mostrados
    aba.pagina.evaluate("document.querySelectorAll('.empresa').forEach(e => { e.open = true })")
    aba.por_em_dia()
    assert aba.pagina.title() == "Backups por empresa"
    assert aba.pagina.locator("img").all() == []
    textos = aba.pagina.locator("#empresas").text_content() or ""
    for nome in HOSTIS[:-1]:
        # Nome, estado, falha (tabela e causa), de fora (as duas), diário (data, desfecho e backup).
        assert textos.count(visivel(nome)) == 9
    sobra = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for largura in (1280, 780, 320):
        aba.pagina.set_viewport_size({"width": largura, "height": 500})
        assert aba.pagina.evaluate(sobra) == 0
    sem_erros_nem_rede(aba)


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


def test_um_nome_que_nao_cabe_em_utf8_nao_estraga_o_backup(deposito: Deposito) -> None:
    guardar(deposito, ALVO, "Loja \udc80", NO_PONTO, tipo=None)
    empresa = empresa_de(deposito)
    assert (empresa.nome, empresa.problemas, empresa.estado_do_novo) == (
        "Loja \udc80",
        (),
        "completo",
    )


def test_um_ensaio_que_nao_se_le_vale_como_nenhum(deposito: Deposito) -> None:
    backup = guardar(deposito, ALVO, "Loja", NO_PONTO)
    ensaios.anotar(backup.pasta, ALVO, Ensaio(AGORA, backup.carimbo, RESTAURADO, 1))
    caminho = backup.pasta / ensaios.ARQUIVO
    assert empresa_de(deposito).ensaios.ultimo_sucesso is not None
    caminho.write_bytes(caminho.read_bytes().replace(b"restaurado", b"\xe9"))
    assert empresa_de(deposito).ensaios == ensaios.Ensaios(ALVO)


def test_um_diario_com_bom_ainda_e_uma_restauracao_por_concluir(deposito: Deposito) -> None:
    """Um editor do Windows o regravou: a restauração aberta não some da página por isso."""
    backup = guardar(deposito, ALVO, "Loja", NO_PONTO)
    caminho = abrir_novo(backup.pasta, {"user_id": ALVO, "tabelas": ["a"]}).caminho
    caminho.write_text(caminho.read_text("utf-8"), "utf-8-sig")
    assert empresa_de(deposito).problemas == ("por_concluir",)


def test_cada_backup_se_le_uma_vez_por_pagina_e_o_que_mudou_se_ve(
    deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        guardar(deposito, ALVO, "Loja", AGORA - timedelta(days=n))
    lidos: list[str] = []

    def contar(arquivo: Path) -> Cabecalho:
        lidos.append(arquivo.name)
        return ler_cabecalho(arquivo)

    def abrir_um(pasta: Path, carimbo: str) -> Backup:
        lidos.append(f"backup_metadata_{carimbo}.json")
        return abrir_backup(pasta, carimbo)

    monkeypatch.setattr("cofre.rotina.painel.historico.ler_cabecalho", contar)
    monkeypatch.setattr(deposito, "abrir", abrir_um)
    antes = empresa_de(deposito)
    assert len(lidos) == len(set(lidos)) == 3
    assert empresa_de(deposito) == antes
    assert len(lidos) == 6

    (pasta,) = deposito.pastas()
    primeiro = pasta / f"backup_metadata_{deposito.carimbos(pasta)[0]}.json"
    bruto = json.loads(primeiro.read_text("utf-8"))
    primeiro.write_text(json.dumps({**bruto, "total_registros": 4321}), "utf-8")
    assert [p.registros for p in empresa_de(deposito).pontos] == [4321, 1, 1]
    primeiro.unlink()
    assert len(empresa_de(deposito).pontos) == 2

    # O que versões anteriores guardavam para não reler fica na pasta, e nada diz.
    de_antes = deposito.raiz / ".painel.json"
    de_antes.write_bytes(b'{"x": {"y": [1]}}')
    assert len(empresa_de(deposito).pontos) == 2
    assert de_antes.read_bytes() == b'{"x": {"y": [1]}}'


def test_a_pagina_que_ninguem_refez_acusa_sozinha(deposito: Deposito, aba_do_relogio: Aba) -> None:
    """Gerada há três dias com tudo bem: quem a abre hoje vê que o backup parou."""
    quando = MEIO_DIA - timedelta(days=3)
    guardar(deposito, ALVO, "Loja", quando - timedelta(minutes=1))
    aba_do_relogio.pagina.clock.set_fixed_time(MEIO_DIA)
    abrir(aba_do_relogio, deposito, quando)
    assert selos(aba_do_relogio) == {"Loja": ["velha"]}
    assert contas(aba_do_relogio) == ["1 empresa", "0 inteiras", "1 velha"]
    assert aba_do_relogio.pagina.locator(".idade").inner_text() == "há 3 dias"
    assert "O backup deixou de rodar?" in aba_do_relogio.pagina.locator("#parada").inner_text()
    rotulo = aba_do_relogio.pagina.locator(".calendario").get_attribute("aria-label")
    assert rotulo == (
        "Últimos 60 dias: 1 com backup inteiro, 0 com backup não inteiro, 3 sem backup"
    )
    abrir(aba_do_relogio, deposito, MEIO_DIA)
    assert not aba_do_relogio.pagina.locator("#parada").is_visible()


def dica_do_dia(aba: Aba, n: int) -> str:
    """O que o calendário diz com o ponteiro sobre o dia `n` (0: o primeiro dos 60)."""
    calendario = aba.pagina.locator(".calendario")
    quadro = calendario.bounding_box()
    assert quadro is not None
    calendario.hover(position={"x": (n + 0.5) / DIAS * quadro["width"], "y": 3})
    return calendario.locator("title").text_content() or ""


def test_cada_dia_do_calendario_diz_o_que_houve_nele(
    deposito: Deposito, aba_do_relogio: Aba
) -> None:
    guardar(deposito, ALVO, "Loja", MEIO_DIA - timedelta(days=2))
    guardar(deposito, ALVO, "Loja", MEIO_DIA, falhas={"x": "y"})
    pasta = deposito.pasta_da_empresa(ALVO)
    abrir_novo(pasta, {"user_id": ALVO}).anotar(
        estado=CONCLUIDA, comecada_em=(MEIO_DIA - timedelta(days=1)).isoformat()
    )
    esperadas = {
        56: (3, "antes do primeiro backup"),
        57: (2, "backup inteiro"),
        58: (1, "sem backup, com restauração"),
        59: (0, "backup não inteiro"),
    }
    # Quem a lê pode ter o relógio num fuso em que ainda é ontem: os dias são os de quem a gerou.
    for relogio in (MEIO_DIA, MEIO_DIA - timedelta(days=1)):
        aba_do_relogio.pagina.clock.set_fixed_time(relogio)
        abrir(aba_do_relogio, deposito, MEIO_DIA)
        for n, (dias, palavras) in esperadas.items():
            assert (
                dica_do_dia(aba_do_relogio, n)
                == f"{MEIO_DIA - timedelta(days=dias):%d/%m/%Y}: {palavras}"
            )
    # E uma que ninguém refez: os dias que passaram desde então não têm backup.
    aba_do_relogio.pagina.clock.set_fixed_time(MEIO_DIA + timedelta(days=2))
    abrir(aba_do_relogio, deposito, MEIO_DIA)
    amanha = MEIO_DIA + timedelta(days=1)
    assert dica_do_dia(aba_do_relogio, 57) == f"{MEIO_DIA:%d/%m/%Y}: backup não inteiro"
    assert dica_do_dia(aba_do_relogio, 58) == f"{amanha:%d/%m/%Y}: sem backup"
    sem_erros_nem_rede(aba_do_relogio)


# -- onde se lê ----------------------------------------------------------------------------------


def test_cabe_no_telefone(deposito: Deposito, telefone: Aba) -> None:
    estados(deposito)
    abrir(telefone, deposito)
    telefone.pagina.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    larguras = "[document.documentElement.scrollWidth, innerWidth]"
    assert telefone.pagina.evaluate(larguras) == [360, 360]


def test_imprime_se_e_escurece(deposito: Deposito, aba: Aba) -> None:
    estados(deposito)
    abrir(aba, deposito)
    aba.pagina.emulate_media(media="print")
    assert not aba.pagina.locator("#busca").is_visible()
    assert len(nomes(aba)) == 9
    fundo = "getComputedStyle(document.body).backgroundColor"
    assert aba.pagina.evaluate(fundo) == "rgb(255, 255, 255)"
    aba.pagina.emulate_media(media="screen", color_scheme="dark")
    assert aba.pagina.evaluate(fundo) == "rgb(18, 22, 28)"


def test_mil_empresas(tmp_path: Path) -> None:
    """Com o gráfico e o calendário cheios, a página fica pequena. (Aberta com mais de mil, ver
    `test_as_que_nao_cabem_por_extenso_abrem_se_na_pagina`.)"""
    um = Deposito(tmp_path / "um")
    um.preparar()
    for dias in range(95):
        linhas = [{"id": n} for n in range(dias)]
        guardar(um, ALVO, "Loja", NO_PONTO - timedelta(days=dias), {"produtos": linhas})
    painel = reunir(um, AGORA, IDADE_MAXIMA)
    mil = tuple(mil_copias(painel.empresas))
    pagina = "".join(desenhar(replace(painel, empresas=mil)))
    assert len(pagina.encode()) < 5_000_000
    assert pagina.count('<details class="empresa" ') == escrita.POR_EXTENSO == 1000


def mil_copias(modelo: Iterable[EmpresaNoPainel]) -> list[EmpresaNoPainel]:
    (um,) = modelo
    return [replace(um, id=id_de(n), nome=f"Número {n:04}") for n in range(1000)]


def muitas(modelo: Iterable[EmpresaNoPainel], quantas: int) -> Iterator[EmpresaNoPainel]:
    """Feitas quando se pedem; uma em cada cem está incompleta, e tem um nome hostil."""
    (um,) = modelo
    for n in range(quantas):
        nome = f"{HOSTIS[1]} & {n:04}" if n % 100 == 7 else f"Número {n:04}"
        problemas = (INCOMPLETA,) if n % 100 == 7 else ()
        yield replace(um, id=id_de(n), nome=nome, pasta=f"p_{n}", problemas=problemas)


def test_as_que_nao_cabem_por_extenso_abrem_se_na_pagina(
    deposito: Deposito, aba: Aba, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vão comprimidas, e a página conta-as, busca, filtra, ordena e mostra como às outras."""
    monkeypatch.setattr(escrita, "POR_EXTENSO", 100)
    monkeypatch.setattr(escrita, "NUM_BLOCO", 250)
    fora = [{"tabela": "resumo", "motivo": "é uma visão", "sugestao": ""}]
    guardar(deposito, ALVO, "Loja", NO_PONTO, deixadas_de_fora=fora)
    painel = reunir(deposito, AGORA, IDADE_MAXIMA)
    caminho = deposito.raiz / ARQUIVO
    todas = replace(painel, empresas=muitas(painel.empresas, 1300))
    caminho.write_text("".join(desenhar(todas)), "utf-8")
    pagina = aba.pagina
    aba.recados.clear()
    pagina.goto(caminho.as_uri())
    pagina.locator(".bloco").first.wait_for(state="detached")
    assert contas(aba) == ["1.300 empresas", "1.287 inteiras", "13 incompletas"]
    hostis = [f"{HOSTIS[1]} & {n:04}" for n in range(7, 1300, 100)]
    inteiras = [f"Número {n:04}" for n in range(1300) if n % 100 != 7]
    assert nomes(aba) == [*hostis, *inteiras][:1000]
    pagina.locator("#mais").scroll_into_view_if_needed()
    pagina.locator("#mais").wait_for(state="hidden")
    assert nomes(aba) == [*hostis, *inteiras]
    assert pagina.locator(".calendario").count() == 1300

    pagina.select_option("#ordem", "nome")
    assert nomes(aba) == sorted([*hostis, *inteiras])[:1000]
    clicar_em(aba, "incompleta")
    assert nomes(aba) == hostis
    clicar_em(aba, "incompleta")
    for texto in ("p_1234", "numero 1234", id_de(1234)):
        pagina.locator("#busca").fill(texto)
        assert nomes(aba) == ["Número 1234"]
    dito = corpo(aba, "Número 1234")
    assert id_de(1234) in dito
    assert "Registros: 1 (maior: 1; 1 backup)" in dito
    assert "Ficou de fora, e por quê\nresumo: é uma visão" in dito
    assert selos(aba) == {"Número 1234": ["inteira"]}
    assert pagina.locator(".calendario").count() == 1
    pagina.locator("#busca").fill('"><img & 1207')
    assert nomes(aba) == [], "não é o que está no nome"
    pagina.locator("#busca").fill("'invadida'\"> & 1207")
    assert nomes(aba) == [hostis[12]]
    assert pagina.locator("img").all() == []
    assert pagina.title() == "Backups por empresa"
    pagina.locator("#busca").fill("")
    pagina.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(nomes(aba)) == 1300, "no papel, todas"
    sem_erros_nem_rede(aba)


def test_a_que_ninguem_refez_tambem_envelhece_as_dos_blocos(
    deposito: Deposito, aba_do_relogio: Aba, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escrita, "POR_EXTENSO", 2)
    quando = MEIO_DIA - timedelta(days=3)
    for n in range(5):
        guardar(deposito, id_de(n), f"Loja {n}", quando - timedelta(minutes=1))
    aba_do_relogio.pagina.clock.set_fixed_time(MEIO_DIA)
    abrir(aba_do_relogio, deposito, quando)
    aba_do_relogio.pagina.locator(".bloco").first.wait_for(state="detached")
    assert contas(aba_do_relogio) == ["5 empresas", "0 inteiras", "5 velhas"]
    assert selos(aba_do_relogio) == {f"Loja {n}": ["velha"] for n in range(5)}
    assert "um backup novo" in corpo(aba_do_relogio, "Loja 4")


def test_um_navegador_que_nao_abre_os_blocos_di_lo(
    deposito: Deposito, aba_nova: Aba, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escrita, "POR_EXTENSO", 2)
    for n in range(5):
        guardar(deposito, id_de(n), f"Loja {n}", NO_PONTO if n else AGORA - timedelta(days=9))
    aba_nova.pagina.add_init_script("delete window.DecompressionStream")
    abrir(aba_nova, deposito)
    dito = aba_nova.pagina.locator("#fechadas").inner_text()
    assert "antigo demais para abrir 3 empresas" in dito
    assert contas(aba_nova) == ["5 empresas", "4 inteiras", "1 velha"]
    assert nomes(aba_nova) == ["Loja 0", "Loja 1"]


def test_a_memoria_nao_cresce_com_as_empresas(
    deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Só ficam as que vão por extenso: trezentas a mais são meio megabyte de página."""
    monkeypatch.setattr(escrita, "POR_EXTENSO", 20)
    monkeypatch.setattr(escrita, "NUM_BLOCO", 10)
    guardar(deposito, ALVO, "Loja", NO_PONTO)
    painel = reunir(deposito, AGORA, IDADE_MAXIMA)
    modelo = tuple(painel.empresas)

    def pico(quantas: int) -> int:
        tracemalloc.start()
        for _ in desenhar(replace(painel, empresas=muitas(modelo, quantas))):
            pass
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    pico(100)
    assert pico(400) - pico(100) < 100_000


def test_a_que_se_interrompe_deixa_a_de_antes(
    deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escreve-se aos poucos, mas ou é a nova inteira ou a de antes."""
    guardar(deposito, ALVO, "Loja", NO_PONTO)
    assert gravar(deposito, IDADE_MAXIMA) is not None
    antes = (deposito.raiz / ARQUIVO).read_bytes()

    def parar(_self: object) -> str:
        raise KeyboardInterrupt

    guardar(deposito, id_de(1), "Outra", NO_PONTO)
    com_as_duas = fotografia_do_disco(deposito.raiz)
    monkeypatch.setattr(escrita.Escrita, "por_extenso", parar)
    with pytest.raises(KeyboardInterrupt):
        gravar(deposito, IDADE_MAXIMA)
    assert (deposito.raiz / ARQUIVO).read_bytes() == antes
    assert fotografia_do_disco(deposito.raiz) == com_as_duas
    assert list(deposito.raiz.glob(".painel.html*")) == []


def test_quem_mexeu_numa_nao_espera_pela_pagina_de_muitas(
    deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O backup de cada dia, sim: senão, a página diria que ele deixou de correr."""
    monkeypatch.setattr(modulo, "NUM_INSTANTE", 1)
    relato = RelatoTexto(io.StringIO(), io.StringIO())
    guardar(deposito, id_de(0), "Loja", NO_PONTO)
    assert atualizar_painel(deposito, relato, IDADE_MAXIMA) == deposito.raiz / ARQUIVO
    antes = (deposito.raiz / ARQUIVO).read_bytes()
    guardar(deposito, id_de(1), "Outra", NO_PONTO)
    assert atualizar_painel(deposito, relato, IDADE_MAXIMA) is None
    assert (deposito.raiz / ARQUIVO).read_bytes() == antes
    refeita = atualizar_painel(deposito, relato, IDADE_MAXIMA, com_todas=True)
    assert refeita == deposito.raiz / ARQUIVO
    assert b"Outra" in refeita.read_bytes()
