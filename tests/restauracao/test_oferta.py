"""Que backup se oferece: depois de um acidente, o de antes dele; e o que a noite seguinte diz."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apoio.execucao import Saida, executar, fotografia_do_disco, restaurar, ultimo_backup
from apoio.impressoes import alheias, executar_sql, impressoes, proprias
from apoio.inventados import ANA, linhas, publicar
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NadaEncontrado
from cofre.deposito import ausencia
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import abrir_novo
from cofre.deposito.inventario import EmpresaComBackups, guardadas
from cofre.restauracao.oferta import alguma, oferecer
from cofre.rotina.encolhimento import reconhecer
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

SEM_VENDAS = (
    f"DELETE FROM vendas_itens WHERE user_id = '{DONO}' OR user_id IS NULL",
    f"DELETE FROM vendas WHERE user_id = '{DONO}'",
)
SEM_A_VIZINHA = (
    f"DELETE FROM vendas_itens WHERE user_id = '{VIZINHA}'",
    *(
        f"DELETE FROM {t} WHERE user_id = '{VIZINHA}'"
        for t in ("vendas", "clientes", "produtos", "empresas")
    ),
)


# -- o que se decide, sem servidor -----------------------------------------------------------


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    return Deposito(tmp_path / "b")


def encolheu(tabela: str, antes: int = 40, agora: int = 0) -> list[dict[str, Any]]:
    return [{"tabela": tabela, "antes": antes, "agora": agora, "referencia": "20260101_030000"}]


def da_ana(deposito: Deposito) -> EmpresaComBackups:
    (guardada,) = guardadas(deposito, (ANA,))
    return guardada


def oferecidos(guardada: EmpresaComBackups, *tabelas: str) -> tuple[str, str]:
    """O dia do que se usaria, e o do último de antes do estrago (vazio: não há)."""
    oferta = oferecer(guardada, tabelas)
    return oferta.backup.carimbo[6:8], oferta.anterior.carimbo[6:8] if oferta.anterior else ""


def test_oferece_se_o_ultimo_de_antes_do_que_ninguem_reconheceu(deposito: Deposito) -> None:
    """Por muitas noites que tenham passado com o estrago, e salte-se o que não está inteiro."""
    publicar(deposito, "20260101_030000")
    publicar(deposito, "20260102_030000")
    publicar(deposito, "20260103_030000", falhas={"vendas": "x"})
    publicar(deposito, "20260104_030000", encolhimentos=encolheu("clientes"))
    assert oferecidos(da_ana(deposito)) == ("04", "02")
    publicar(deposito, "20260105_030000", encolhimentos=encolheu("clientes"))
    assert oferecidos(da_ana(deposito)) == ("05", "02")
    # De outras tabelas, o mais novo é o melhor; da que encolheu, não, em qualquer caixa.
    assert oferecidos(da_ana(deposito), "produtos") == ("05", "")
    assert oferecidos(da_ana(deposito), "Clientes") == ("05", "03")
    # Reconhecido, não há estrago; e o que volta a crescer também não o tem.
    ultimo = da_ana(deposito).backups[-1]
    reconhecer(ultimo.pasta, ANA, ultimo)
    assert oferecidos(da_ana(deposito)) == ("05", "")
    publicar(deposito, "20260106_030000")
    assert oferecidos(da_ana(deposito)) == ("06", "")


def test_sem_nada_antes_do_estrago_usa_se_o_que_ha(deposito: Deposito) -> None:
    publicar(deposito, "20260104_030000", encolhimentos=encolheu(""))
    oferta = oferecer(da_ana(deposito))
    assert oferta.anterior is None
    assert oferta.em_palavras == ("O backup mais novo já tem o estrago (a empresa inteira 40 → 0).")


def test_o_feito_com_uma_restauracao_por_concluir_nunca_se_oferece(deposito: Deposito) -> None:
    publicar(deposito, "20260101_030000", restauracao_por_concluir=True)
    for decidir in (oferecer, alguma):
        with pytest.raises(NadaEncontrado):
            decidir(da_ana(deposito))
    publicar(deposito, "20260102_030000")
    publicar(deposito, "20260103_030000", restauracao_por_concluir=True)
    assert oferecidos(da_ana(deposito)) == ("02", "")
    assert oferecidos(da_ana(deposito), "clientes") == ("02", "")
    publicar(deposito, "20260104_030000", encolhimentos=encolheu("clientes"))
    assert oferecidos(da_ana(deposito)) == ("04", "02")


def test_sem_backup_inteiro_oferece_se_o_que_tem_alguma_tabela(deposito: Deposito) -> None:
    publicar(deposito, "20260101_030000", falhas={"vendas": "x"})
    assert alguma(da_ana(deposito)).backup.carimbo == "20260101_030000"
    with pytest.raises(NadaEncontrado):
        oferecer(da_ana(deposito))


def test_muito_estrago_cabe_numa_frase(deposito: Deposito) -> None:
    tudo = [e for t in ("a", "b", "c", "d", "e") for e in encolheu(t, 1234, 1)]
    publicar(deposito, "20260101_030000")
    publicar(deposito, "20260102_030000", {"a": linhas(1)}, encolhimentos=tudo)
    assert oferecer(da_ana(deposito)).aviso == (
        "O backup mais novo já tem o estrago (a 1.234 → 1, b 1.234 → 1, c 1.234 → 1 e mais 2)."
        " Mesmo assim, sem --backup é ele que se usa. O último de antes, de 2026-01-01 03:00,"
        " pede-se com --backup 20260101_030000"
    )


# -- o acidente, e a noite depois dele -------------------------------------------------------


@pytest.fixture
def projeto(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase(VAZIO, sql=(LOJINHA,))


def noite(projeto: SupabaseLocal, destino: Path, codigo: int = 0) -> dict[str, Any]:
    """Um backup de todas, que acaba com este código; devolve os metadados do DONO."""
    fim = executar(projeto, destino)
    assert fim.codigo == codigo, fim.tudo
    return ultimo_backup(destino, DONO)


def minuto(backup: Mapping[str, Any]) -> str:
    return str(backup["inicio"])[:16].replace("T", " ")


def carimbo(backup: Mapping[str, Any]) -> str:
    achado = re.search(r"\d{8}_\d{6}", backup["tabelas"]["produtos"]["arquivo"])
    assert achado
    return achado.group()


def sem_datas(saida: Saida) -> list[str]:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "<quando>", saida.saida).splitlines()


def test_o_acidente_se_desfaz_da_primeira_tela(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Um backup, o acidente, outro backup: Enter leva ao de antes; e a noite seguinte cala-se."""
    antes = impressoes(projeto)
    bom = noite(projeto, tmp_path)
    executar_sql(projeto, *SEM_VENDAS)
    estragado = noite(projeto, tmp_path, 10)

    # Quem quer o mais novo assim mesmo descobre que já está igual, e escolhe outra data dali.
    saida = restaurar(projeto, tmp_path, respostas=("1", "x", "n", "0", "2", "não"))
    assert saida.codigo == 130, saida.tudo
    assert sem_datas(saida)[:6] == [
        "🏢 EMPRESAS COM BACKUP DISPONÍVEL",
        "1. Padaria Ação (último backup: <quando>)  📉 dados encolheram",
        "2. Vizinha (último backup: <quando>)",
        "",
        "Escolha a empresa: ⚠️ O backup mais novo já tem o estrago (a empresa inteira 521 → 341,"
        " vendas 60 → 0, vendas_itens 120 → 0).",
        "Usar o de <quando>, o último antes? [Enter]    Responda Enter (ou s) ou n; ?"
        " explica, q sai.",
    ]
    assert "\n   📉 dados encolheram: a empresa inteira 521 → 341," in saida.saida
    fim = sem_datas(saida)
    iguais = fim.index("✅ Os dados atuais já são iguais ao backup.")
    assert fim[iguais + 1 : iguais + 6] == [
        "",
        "📅 BACKUPS DESTA EMPRESA",
        "1. <quando>  manual  341 registros  completo  📉 dados encolheram  ← escolhido",
        "2. <quando>  manual  521 registros  completo",
        "",
    ]
    assert "Escolha outra data (Enter termina): " in fim[iguais + 6]
    assert "⚠️ CONFIRMAÇÃO" in fim[iguais:]

    # Sem outra data, acaba bem, e não com um erro.
    saida = restaurar(projeto, tmp_path, respostas=("1", "n", "0", ""))
    assert (saida.codigo, saida.erros) == (0, ""), saida.tudo

    # As três respostas de sempre, e um Enter.
    saida = restaurar(projeto, tmp_path, respostas=("1", "", "0", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert f"Usar o de {minuto(bom)}, o último antes? [Enter] " in saida.saida
    assert impressoes(projeto) == antes
    # O que voltou era esperado; e o estrago continua marcado na data dele.
    assert noite(projeto, tmp_path)["encolhimentos"] == []
    assert restaurar(projeto, tmp_path, respostas=("1", "d", "q")).saida.count("📉") == 1
    assert carimbo(estragado) != carimbo(bom)


UMA_VENDA = ("DELETE FROM vendas_itens WHERE venda_id = 7", "DELETE FROM vendas WHERE id = 7")
TODOS_OS_CLIENTES = (
    f"UPDATE vendas SET cliente_id = NULL WHERE user_id = '{DONO}'",
    f"DELETE FROM clientes WHERE user_id = '{DONO}'",
)
PRECOS = (f"UPDATE produtos SET preco = 0.01 WHERE user_id = '{DONO}'",)


@pytest.mark.parametrize(
    ("estrago", "noites", "respostas"),
    [
        (UMA_VENDA, 0, ("padaria", "vendas", "s", "RESTAURAR")),
        (TODOS_OS_CLIENTES, 1, ("1", "", "clientes", "s", "RESTAURAR")),
        (PRECOS, 0, ("1", "todas", "RESTAURAR")),
        (SEM_VENDAS, 2, ("1", "", "0", "RESTAURAR")),
    ],
    ids=["uma venda", "todos os clientes", "os preços", "duas noites depois"],
)
def test_cada_acidente_se_conserta_com_o_que_a_tela_oferece(
    projeto: SupabaseLocal,
    tmp_path: Path,
    estrago: tuple[str, ...],
    noites: int,
    respostas: tuple[str, ...],
) -> None:
    """A empresa inteira volta ao que era, e as outras não se mexem: do que se escolheu, a tela
    oferece somar o que pendia dele; e de um estrago já copiado, o backup de antes."""
    antes = impressoes(projeto)
    noite(projeto, tmp_path)
    executar_sql(projeto, *estrago)
    for _ in range(noites):
        noite(projeto, tmp_path, 10)
    saida = restaurar(projeto, tmp_path, respostas=respostas)
    assert saida.codigo == 0, saida.tudo
    assert impressoes(projeto) == antes


def test_a_quem_nao_se_pergunta_usa_se_o_mais_novo_e_diz_se(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Um comando já escrito faz o que fazia; o que o mais novo tem de mau não se cala."""
    bom = noite(projeto, tmp_path)
    executar_sql(projeto, *SEM_VENDAS)
    estragado = noite(projeto, tmp_path, 10)
    antes, da_empresa = impressoes(projeto), ("--empresa", DONO)
    for argumentos in (("--confirmar", "RESTAURAR"), ("--simular",)):
        saida = restaurar(projeto, tmp_path, *da_empresa, *argumentos)
        assert saida.codigo == 0, saida.tudo
        assert f"pede-se com --backup {carimbo(bom)}\n" in saida.saida, saida.tudo
        assert "✅ Os dados atuais já são iguais ao backup." in saida.saida
    em_json = restaurar(projeto, tmp_path, *da_empresa, "--confirmar", "RESTAURAR", "--json")
    do_backup = em_json.json()["backup"]
    assert do_backup["carimbo"] == carimbo(estragado)
    assert do_backup["encolhimentos"] == estragado["encolhimentos"]
    # Uma tabela que não encolheu vem do mais novo, sem perguntas nem avisos.
    saida = restaurar(projeto, tmp_path, *da_empresa, "--tabelas", "produtos", "--simular")
    assert "estrago" not in saida.tudo
    # Com --empresa e sem a palavra, há alguém a quem perguntar.
    saida = restaurar(projeto, tmp_path, *da_empresa, respostas=("s", "não"))
    assert saida.codigo == 130, saida.tudo
    assert "   vendas: +60 " in re.sub(" +", " ", saida.saida).replace("\n ", "\n   "), saida.tudo
    assert impressoes(projeto) == antes


def test_o_que_uma_restauracao_tirou_nao_e_alarme(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Nem o que o desfazer dela tirou; o que sumiu depois dela, sim."""
    pouco = noite(projeto, tmp_path)
    executar_sql(
        projeto,
        "INSERT INTO produtos"
        f" SELECT n, '{DONO}', 'Novo ' || n, 1 FROM generate_series(2001, 2800) n",
    )
    muito = noite(projeto, tmp_path)
    vizinhas = alheias(impressoes(projeto), DONO)
    sem_perguntar = ("--empresa", DONO, "--confirmar", "RESTAURAR")
    saida = restaurar(projeto, tmp_path, *sem_perguntar, "--backup", carimbo(pouco))
    assert saida.codigo == 0, saida.tudo
    assert noite(projeto, tmp_path)["encolhimentos"] == []
    assert restaurar(projeto, tmp_path, "desfazer", *sem_perguntar).codigo == 0
    assert noite(projeto, tmp_path)["total_registros"] == muito["total_registros"]
    assert restaurar(projeto, tmp_path, *sem_perguntar, "--backup", carimbo(pouco)).codigo == 0
    executar_sql(projeto, f"DELETE FROM produtos WHERE user_id = '{DONO}' AND id > 60")
    (dito,) = [e for e in noite(projeto, tmp_path, 10)["encolhimentos"] if e["tabela"]]
    assert dito == {"tabela": "produtos", "antes": 300, "agora": 60, "referencia": carimbo(pouco)}
    assert alheias(impressoes(projeto), DONO) == vizinhas


def test_a_noite_com_uma_restauracao_deixada_marca_se(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    bom = noite(projeto, tmp_path)
    assert "restauracao_por_concluir" not in bom
    diario = abrir_novo(
        bom["pasta"],
        {
            "acao": "restaurar",
            "user_id": DONO,
            "nome": "Padaria Ação",
            "backup": carimbo(bom),
            "antes": carimbo(bom),
            "tabelas": ["produtos"],
            "modo": "voltar",
        },
    )
    diario.deixar()
    saida = executar(projeto, tmp_path)
    assert saida.codigo == 0, saida.tudo
    assert saida.saida.count("   ⏸️ Feito com uma restauração por concluir:") == 1
    assert ultimo_backup(tmp_path, DONO)["restauracao_por_concluir"] is True
    assert "restauracao_por_concluir" not in ultimo_backup(tmp_path, VIZINHA)
    saida = restaurar(projeto, tmp_path, respostas=("1", "d", "q"))
    assert "1. Padaria Ação (último backup: " in saida.saida
    assert ")  ⏸️ restauração por concluir\n2. Vizinha" in saida.saida
    marcado, escolhido = saida.saida.rpartition("📅")[2].splitlines()[1:3]
    assert marcado.endswith("521 registros  completo  ⏸️ restauração por concluir")
    assert escolhido.endswith("← escolhido")


def test_a_que_sumiu_do_banco_vem_primeiro_e_volta(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Em listar e no menu, até voltar ou até que se diga que foi de propósito."""
    antes = impressoes(projeto)
    noite(projeto, tmp_path)
    executar_sql(projeto, *SEM_A_VIZINHA)
    noite(projeto, tmp_path, 10)
    disco = fotografia_do_disco(tmp_path)
    listada = executar(None, tmp_path, "listar")
    nomes = [linha for linha in listada.saida.splitlines() if linha.startswith("🏢 ")][1:]
    assert nomes == [f"🏢 Vizinha  ({VIZINHA})", f"🏢 Padaria Ação  ({DONO})"]
    assert listada.saida.count("   🚨 sumiu do banco") == 1
    empresas = executar(None, tmp_path, "listar", "--json").json()["empresas"]
    assert [(e["id"], e["sumiu"]) for e in empresas] == [(VIZINHA, True), (DONO, False)]
    assert fotografia_do_disco(tmp_path) == disco

    copia = tmp_path.with_name("copia")
    shutil.copytree(tmp_path, copia)
    assert executar(None, copia, "reconhecer", "--empresa", VIZINHA).codigo == 0
    assert "sumiu do banco" not in executar(None, copia, "listar").saida

    saida = restaurar(projeto, tmp_path, respostas=("1", "0", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert saida.saida.splitlines()[1].startswith("1. Vizinha (último backup: ")
    assert saida.saida.splitlines()[1].endswith("  🚨 sumiu do banco")
    assert impressoes(projeto) == antes
    assert "sumiu do banco" not in executar(None, tmp_path, "listar").saida
    noite(projeto, tmp_path)
    assert not list(tmp_path.glob(f"*/{ausencia.ARQUIVO}"))
    assert proprias(antes, VIZINHA) == proprias(impressoes(projeto), VIZINHA)


def test_uma_ausencia_que_nao_se_le_nao_diz_nada(deposito: Deposito) -> None:
    pasta = publicar(deposito, "20260101_030000").pasta
    for lixo in ("{", json.dumps({"user_id": ANA, "vista_em": "2026-01-02T03:00:00"})):
        (pasta / ausencia.ARQUIVO).write_text(lixo, "utf-8")
        assert not da_ana(deposito).sumiu
    ausencia.anotar(pasta, "outra")
    assert not da_ana(deposito).sumiu
    ausencia.anotar(pasta, ANA)
    assert da_ana(deposito).sumiu
