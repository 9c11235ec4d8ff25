"""Dois processos que acabam ao mesmo tempo: a página e `ultima_execucao.json` nunca ficam pela
metade, e o que um diz o outro não apaga."""

from __future__ import annotations

import io
import json
import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from apoio.acervo import guardar
from apoio.execucao import PACIENCIA, executar, fotografia_do_disco
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, VIZINHA
from cofre.base.config.limites import Destinatarios
from cofre.base.erros import FalhaDoServidor, TravaOcupada
from cofre.base.modelo import Empresa
from cofre.base.tela import RelatoTexto
from cofre.deposito.deposito import Deposito
from cofre.rotina.acompanhamento import Acompanhamento
from cofre.rotina.painel import pagina
from cofre.rotina.ultima import ARQUIVO

VIA = TANTO_FAZ

PROCESSOS = multiprocessing.get_context("spawn")
VEZES = 12
COMECO = datetime(2026, 11, 1, 3, tzinfo=UTC)
IDADE = timedelta(days=36500)
NOMES = {DONO: "Padaria Ação", VIZINHA: "Vizinha"}


def _relato() -> RelatoTexto:
    return RelatoTexto(io.StringIO(), io.StringIO())


def _registrar(raiz: Path, codigo: int, partida: Barrier) -> None:
    """Uma execução por pasta; só a que falha tem a quem avisar."""
    para = Destinatarios("", "") if codigo else None
    for vez in range(VEZES):
        partida.wait()
        execucao = Acompanhamento("backup", raiz / str(vez), para, tudo=False)
        assert execucao.executar(lambda _: codigo, _relato()) == codigo


def _publicar(raiz: Path, user_id: str, partida: Barrier) -> None:
    deposito = Deposito(raiz)
    with deposito.trabalhando():
        for vez in range(VEZES):
            guardar(deposito, user_id, NOMES[user_id], COMECO + timedelta(days=vez))
            partida.wait()
            relato = _relato()
            assert pagina.atualizar_painel(deposito, relato, IDADE) is not None


def _as_duas_coisas(
    execucoes: Path, codigo: int, paginas: Path, user_id: str, partida: Barrier
) -> None:
    _registrar(execucoes, codigo, partida)
    _publicar(paginas, user_id, partida)


def _juntos(*processos: BaseProcess) -> Iterator[None]:
    """Um passo de cada vez, enquanto algum trabalha; no fim, todos acabaram bem."""
    for processo in processos:
        processo.start()
    while any(p.is_alive() for p in processos):
        yield
        for processo in processos:
            processo.join(0.01)
    assert [p.exitcode for p in processos] == [0, 0]


def test_nada_fica_pela_metade_nem_se_perde_um_alarme_e_a_pagina_diz_tudo(tmp_path: Path) -> None:
    execucoes, paginas = tmp_path / "execucoes", tmp_path / "paginas"
    for vez in range(VEZES):
        (execucoes / str(vez)).mkdir(parents=True)
    Deposito(paginas).preparar()
    partida = PROCESSOS.Barrier(2, timeout=PACIENCIA)
    codigos = (0, FalhaDoServidor.codigo)
    processos = [
        PROCESSOS.Process(target=_as_duas_coisas, args=(execucoes, c, paginas, e, partida))
        for c, e in zip(codigos, NOMES, strict=True)
    ]
    caminho = paginas / pagina.ARQUIVO
    for _ in _juntos(*processos):
        for arquivo in execucoes.glob(f"*/{ARQUIVO}"):
            assert json.loads(arquivo.read_bytes())["codigo"] in codigos
        if caminho.exists():
            assert caminho.read_bytes().rstrip().endswith(b"</html>")
    for vez in range(VEZES):
        lida = json.loads((execucoes / str(vez) / ARQUIVO).read_bytes())
        assert lida["alarme"] is True, vez  # acabe quem acabar por último
    assert not list(execucoes.glob("*/.*.novo"))
    ultimo = (COMECO + timedelta(days=VEZES - 1)).astimezone()
    pronta = caminho.read_text("utf-8")
    for nome in NOMES.values():
        assert nome in pronta
    assert pronta.count(f"{ultimo:%d/%m/%Y}") >= len(NOMES)
    assert not list(paginas.glob(".*.novo"))


# -- reconhecer, ao lado de quem trabalha na empresa -----------------------------------------------


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    deposito = Deposito(tmp_path, acao="backup")
    deposito.preparar()
    for user_id, nome in NOMES.items():
        guardar(deposito, user_id, nome, COMECO)
    return deposito


@pytest.mark.parametrize("quais", [("--empresa", DONO), ("--todas",)], ids=["uma", "todas"])
def test_reconhecer_espera_por_quem_tem_a_empresa_e_nao_a_pula_calado(
    deposito: Deposito, quais: tuple[str, ...]
) -> None:
    raiz = deposito.raiz
    feito = "empresa_{}/encolhimento_reconhecido.json".format
    with deposito.trava_da_empresa(Empresa(DONO, NOMES[DONO])):
        saida = executar(None, raiz, "reconhecer", *quais, "--esperar", "0", "--json")
        assert saida.codigo == TravaOcupada.codigo, saida.tudo
        assert "A empresa Padaria Ação está em uso por backup (processo " in saida.erros
        outras = [VIZINHA] if quais == ("--todas",) else []
        assert [e["id"] for e in saida.json()["empresas"]] == outras
        disco = fotografia_do_disco(raiz)
        assert feito("aaaa1111") not in disco
        assert (feito("bbbb2222") in disco) is bool(outras)
    # O que se publicou enquanto se esperava conta.
    novo = guardar(deposito, DONO, NOMES[DONO], COMECO + timedelta(days=1))
    depois = executar(None, raiz, "reconhecer", "--empresa", DONO, "--json")
    assert depois.codigo == 0, depois.tudo
    assert [e["a_partir_de"] for e in depois.json()["empresas"]] == [novo.carimbo]
    assert json.loads(fotografia_do_disco(raiz)[feito("aaaa1111")])["user_id"] == DONO
