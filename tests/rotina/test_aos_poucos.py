"""O que some aos poucos: nenhum backup perde muito do anterior, e numa semana perdeu-se muito."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.execucao import restaurar
from apoio.impressoes import alheias, executar_sql, impressoes, valor
from apoio.inventados import ANA, BIA, linhas, publicar
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, projeto  # noqa: F401
from apoio.relogio import executar_em
from cofre.deposito.carimbo import momento
from cofre.deposito.deposito import Deposito
from cofre.deposito.ordem import PRIMEIRA, Ordem
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.rotina.aos_poucos import aos_poucos, de_antes_de_hoje
from cofre.rotina.encolhimento import Encolhimento, encolhimentos, referencias
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

HOJE: Final = datetime(2026, 3, 20, 14, 0).astimezone()


def dia(antes: int, hora: str = "030000") -> str:
    return f"{HOJE - timedelta(days=antes):%Y%m%d}_{hora}"


def achados(
    deposito: Deposito, agora: dict[str, int], dias: int = 7, reconhecido: Ordem = PRIMEIRA
) -> list[tuple[str, int, int, str]]:
    """O que se diz além do que as referências de sempre dizem."""
    pasta = deposito.pasta_da_empresa(ANA)
    de_sempre = referencias(deposito.da_empresa_do_mais_novo(ANA), reconhecido)
    salvas = {n: TabelaSalva(n, f"{n}.json", quantos) for n, quantos in agora.items()}
    assert not encolhimentos(de_sempre, salvas, 30.0, inteira=False)
    antigos = tuple(de_antes_de_hoje(pasta, ANA, HOJE, dias, reconhecido))
    ditos = aos_poucos(antigos, de_sempre, (), salvas, 30.0, inteira=False)
    assert all(e.aos_poucos for e in ditos)
    return [(e.tabela, e.antes, e.agora, e.referencia) for e in ditos]


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    return Deposito(tmp_path)


def historia(deposito: Deposito, quantas: dict[str, int], **mais: Any) -> None:
    for quando, n in quantas.items():
        publicar(deposito, quando, {"clientes": linhas(n)}, **mais)


def test_um_pouco_por_dia(deposito: Deposito) -> None:
    historia(deposito, {dia(n): 100 + 10 * n for n in range(1, 12)})
    assert achados(deposito, {"clientes": 118}) == [("clientes", 170, 118, dia(7))]
    assert achados(deposito, {"clientes": 119}) == []
    assert achados(deposito, {"clientes": 95}, dias=3) == []
    assert achados(deposito, {"clientes": 90}, dias=3) == [("clientes", 130, 90, dia(3))]


def test_um_pouco_por_quarto_de_hora(deposito: Deposito) -> None:
    """O último de ontem, e não o do começo de hoje nem o de uma hora qualquer."""
    historia(deposito, {dia(1, "120000"): 900, dia(1, "234500"): 100})
    historia(deposito, {dia(0, f"{hora:02}0000"): 98 - 3 * hora for hora in range(14)})
    assert achados(deposito, {"clientes": 57}) == [
        ("clientes", 100, 57, dia(1, "234500")),
    ]


def test_sem_uma_semana_vale_o_mais_antigo(deposito: Deposito) -> None:
    historia(deposito, {dia(3): 100, dia(2): 85, dia(1): 75})
    assert achados(deposito, {"clientes": 60}) == [("clientes", 100, 60, dia(3))]


def test_o_que_nao_serve_de_referencia(deposito: Deposito) -> None:
    """Uma foto, um incompleto, um de outra empresa, um que se reconheceu depois."""
    historia(deposito, {dia(9): 60})
    historia(deposito, {dia(8): 500}, tipo="pre_restauracao")
    historia(deposito, {dia(8, "040000"): 500}, falhas={"vendas": "x"})
    historia(deposito, {dia(8, "050000"): 500}, dono=BIA)
    historia(deposito, {dia(2): 58, dia(1): 50})
    assert achados(deposito, {"clientes": 40}) == [("clientes", 60, 40, dia(9))]
    desde = (momento(dia(2)), dia(2))
    assert achados(deposito, {"clientes": 40}, reconhecido=desde) == []


def test_a_de_poucas_linhas_que_se_esvazia_sempre_nao_conta(deposito: Deposito) -> None:
    historia(deposito, {dia(8): 19, dia(1): 0})
    assert achados(deposito, {"clientes": 0}) == []


def test_o_documento_diz_que_foi_aos_poucos_e_so_entao() -> None:
    um = Encolhimento("clientes", 170, 119, dia(7), aos_poucos=True)
    assert Encolhimento.de_documento(um.documento()) == um
    assert um.em_palavras.endswith("agora, 119 (aos poucos)")
    assert set(Encolhimento("a", 2, 1, dia(7)).documento()) == {
        "tabela",
        "antes",
        "agora",
        "referencia",
    }


def test_o_que_sumiu_aos_poucos_volta_sem_desfazer_o_resto(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
) -> None:
    """O comando que o alarme dá repõe as linhas, e não toca no que mudou na semana."""
    antes = impressoes(projeto)
    quando = datetime.now().astimezone() - timedelta(days=6)
    for codigo, ate in ((0, 300), (0, 240), (0, 215), (10, 205)):
        executar_sql(projeto, f"DELETE FROM produtos WHERE user_id = '{DONO}' AND id > {ate}")
        fim = executar_em(quando, projeto, tmp_path / "b")
        assert fim.codigo == codigo, fim.tudo
        quando += timedelta(days=1)
    executar_sql(projeto, "UPDATE produtos SET nome = 'Pão de hoje' WHERE id = 7")
    assert "📉 produtos: eram 300 registros em" in fim.saida
    (comando,) = [linha for linha in fim.saida.splitlines() if "--modo recuperar" in linha]
    assert "reconhecer" in fim.saida
    argumentos = shlex.split(comando)[2:]
    feito = restaurar(projeto, tmp_path / "b", *argumentos, "--confirmar", "RESTAURAR")
    assert feito.codigo == 0, feito.tudo
    assert valor(projeto, f"SELECT count(*) FROM produtos WHERE user_id = '{DONO}'") == 300
    assert valor(projeto, "SELECT nome FROM produtos WHERE id = 7") == "Pão de hoje"
    assert alheias(impressoes(projeto), DONO) == alheias(antes, DONO)
