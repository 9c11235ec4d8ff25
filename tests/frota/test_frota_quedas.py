"""Uma frota de verdade, de que morre alguém: nada se perde, nada se copia duas vezes, e diz-se."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import pytest

from apoio.campanha import CAMPANHA
from apoio.execucao import BACKUP, PACIENCIA, abrir, ambiente, ate_o_fim, executar, ler_ate
from apoio.forno import Processo
from apoio.portas import porta_presa
from frota.copiado import EMPRESAS, copiado, sem_sobras
from supabase_local.servidores.falhas import Atraso, Regra
from supabase_local.servidores.servidor import SupabaseLocal

SEMENTE: Final = 19
MORTES: Final = 25
"""Numa campanha, de cada."""
RELOGIO_ADIANTADO: Final = """
import time
de_verdade = time.time
time.time = lambda: de_verdade() + 3600
"""
"""O `sitecustomize` de uma máquina que está uma hora à frente das outras."""
DEVAGAR: Final = 0.15
"""Segundos a mais em cada pedido, para haver um meio onde morrer."""


@dataclass(slots=True)
class FrotaDePe:
    """Um agendador e os seus trabalhadores, nos seus processos, sobre uma pasta."""

    projeto: SupabaseLocal
    destino: Path
    porta: int
    agendador: Processo
    trabalhadores: list[Processo] = field(default_factory=list)

    @property
    def onde(self) -> str:
        return f"tcp://127.0.0.1:{self.porta}"

    def contratar(self, *opcoes: str, **mais: str) -> Processo:
        """Mais um trabalhador, já ligado; `mais`, o que o seu .env tem de outro modo."""
        processo = abrir(
            self.projeto,
            self.destino,
            "frota",
            "trabalhar",
            self.onde,
            *opcoes,
            mais=mais,
            novo=True,
        )
        ler_ate(processo, "ligado a")
        self.trabalhadores.append(processo)
        return processo

    def copiar(self, *opcoes: str) -> Processo:
        """Um backup, que começa e não se espera."""
        argumentos = ("--frota", self.onde, *opcoes)
        return abrir(self.projeto, self.destino, *argumentos, novo=True)

    def desmontar(self) -> None:
        for processo in (*self.trabalhadores, self.agendador):
            matar_com_os_filhos(processo.pid)
            processo.wait(PACIENCIA)


def matar_com_os_filhos(pid: int) -> None:
    """kill -9 de um processo que se começou aqui, e dos que ele começou."""
    with contextlib.suppress(psutil.NoSuchProcess):
        pai = psutil.Process(pid)
        for um in (*pai.children(recursive=True), pai):
            with contextlib.suppress(psutil.NoSuchProcess):
                um.kill()


def o_que_copia(trabalhador: Processo) -> psutil.Process:
    """De um trabalhador, o processo que copia: o outro só o vigia."""
    filhos = psutil.Process(trabalhador.pid).children(recursive=True)
    return next(f for f in filhos if "spawn_main" in " ".join(f.cmdline()))


@pytest.fixture
def montar_frota(projeto: SupabaseLocal, tmp_path: Path) -> Iterator[Callable[..., FrotaDePe]]:
    """Monta uma frota, com tantos trabalhadores; `pasta`, onde copia; `do_agendador`, o que muda no
    ambiente dele."""
    de_pe: list[FrotaDePe] = []

    def montar(quantos: int, pasta: str = "backups", **do_agendador: str) -> FrotaDePe:
        destino = tmp_path / pasta
        with porta_presa() as porta:
            so_aqui = ("frota", "agendador", "--so-aqui", "--porta", str(porta))
            agendador = abrir(None, destino, *so_aqui, mais=do_agendador, novo=True)
            ler_ate(agendador, "à espera em")
        frota = FrotaDePe(projeto, destino, porta, agendador)
        de_pe.append(frota)
        for _ in range(quantos):
            frota.contratar("--conexoes", "1")
        return frota

    yield montar
    for frota in de_pe:
        frota.desmontar()


@pytest.fixture
def devagar(projeto: SupabaseLocal) -> Iterator[None]:
    """A API demora, para haver um meio."""
    projeto.gateway.acrescentar(Regra(Atraso(DEVAGAR), lambda _: True, vezes=None))
    yield
    projeto.gateway.retirar_todas()


def esperar_publicados(destino: Path, quantos: int) -> None:
    """Até haver tantos backups na pasta."""
    ate = time.monotonic() + PACIENCIA
    while len(list(destino.glob("empresa_*/backup_metadata_*.json"))) < quantos:
        assert time.monotonic() < ate, f"não chegou a publicar {quantos}"
        time.sleep(0.02)


def um_trabalhador(frota: FrotaDePe, _backup: Processo) -> None:
    o_que_copia(frota.trabalhadores[0]).kill()


def um_trabalhador_de_vez(frota: FrotaDePe, _backup: Processo) -> None:
    matar_com_os_filhos(frota.trabalhadores[0].pid)


def o_agendador(frota: FrotaDePe, _backup: Processo) -> None:
    frota.agendador.kill()


def quem_comecou(_frota: FrotaDePe, backup: Processo) -> None:
    os.kill(backup.pid, signal.SIGKILL)


def ctrl_c(_frota: FrotaDePe, backup: Processo) -> None:
    os.kill(backup.pid, signal.SIGINT)


ACABAM: Final = (um_trabalhador, um_trabalhador_de_vez)
"""Com quem morre assim, o backup chega ao fim sozinho; com os outros, continua-se."""
PARAM: Final = {o_agendador: 4, quem_comecou: -signal.SIGKILL, ctrl_c: 130}
"""Como termina quem começou, quando morre quem."""


def mortes() -> list[tuple[Callable[[FrotaDePe, Processo], None], int]]:
    """Quem morre, e depois de quantos backups publicados."""
    sorte = random.Random(SEMENTE)
    return [(quem, sorte.randrange(1, 45)) for _ in range(MORTES) for quem in (*ACABAM, *PARAM)]


if CAMPANHA:

    @pytest.mark.usefixtures("devagar")
    @pytest.mark.parametrize(("morre", "depois_de"), mortes())
    def test_nada_se_perde_nem_se_copia_duas_vezes(
        montar_frota: Callable[..., FrotaDePe],
        de_um_so: Path,
        morre: Callable[[FrotaDePe, Processo], None],
        depois_de: int,
    ) -> None:
        frota = montar_frota(2)
        backup = frota.copiar()
        esperar_publicados(frota.destino, depois_de)
        morre(frota, backup)
        feito = ate_o_fim(backup)
        if morre in ACABAM:
            assert feito.codigo == 0, feito.tudo
        else:
            assert feito.codigo == PARAM[morre], feito.tudo
            com = () if morre is o_agendador else ("--frota", frota.onde)
            outra = executar(frota.projeto, frota.destino, "continuar", *com, novo=bool(com))
            assert outra.codigo == 0, outra.tudo
        if morre is o_agendador:
            assert "O agendador da frota deixou de responder" in feito.erros
        assert copiado(frota.destino) == copiado(de_um_so)
        assert sem_sobras(frota.destino)


if CAMPANHA:

    @pytest.mark.usefixtures("devagar")
    def test_o_ctrl_c_de_um_terminal_que_chega_a_todos_os_processos(
        projeto: SupabaseLocal, de_um_so: Path, tmp_path: Path
    ) -> None:
        destino = tmp_path / "backups"
        backup = subprocess.Popen(
            [sys.executable, str(BACKUP), "--frota", "local:2"],
            env=ambiente(projeto, destino),
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        esperar_publicados(destino, 5)
        os.killpg(backup.pid, signal.SIGINT)
        feito = ate_o_fim(backup)
        assert feito.codigo == 130, feito.tudo
        assert "Traceback" not in feito.erros
        assert sem_sobras(destino)
        outra = executar(projeto, destino, "continuar", "--frota", "local:2", novo=True)
        assert outra.codigo == 0, outra.tudo
        assert copiado(destino) == copiado(de_um_so)


def parar_ou_seguir(trabalhador: Processo, sinal: signal.Signals) -> None:
    """O sinal, a ele e aos processos que começou: a máquina que se suspende, ou acorda."""
    pai = psutil.Process(trabalhador.pid)
    for um in (*pai.children(recursive=True), pai):
        os.kill(um.pid, sinal)


if CAMPANHA:

    @pytest.mark.usefixtures("devagar")
    @pytest.mark.parametrize("depois_de", [3, 12, 27])
    def test_um_que_se_julgava_morto_acorda(
        montar_frota: Callable[..., FrotaDePe], de_um_so: Path, depois_de: int
    ) -> None:
        frota = montar_frota(2, DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="4s")
        backup = frota.copiar("--esperar", "3")
        esperar_publicados(frota.destino, depois_de)
        parar_ou_seguir(frota.trabalhadores[0], signal.SIGSTOP)
        ler_ate(backup, "saiu da frota")
        parar_ou_seguir(frota.trabalhadores[0], signal.SIGCONT)
        feito = ate_o_fim(backup)
        assert feito.codigo == 0, feito.tudo
        assert copiado(frota.destino) == copiado(de_um_so)
        # O que ele ainda fazia acaba, e não faz outro.
        time.sleep(3)
        assert copiado(frota.destino) == copiado(de_um_so)
        assert sem_sobras(frota.destino)


if CAMPANHA:

    def test_um_de_outra_hora_nao_copia(
        montar_frota: Callable[..., FrotaDePe], tmp_path: Path
    ) -> None:
        frota = montar_frota(0)
        (tmp_path / "sitecustomize.py").write_text(RELOGIO_ADIANTADO, encoding="utf-8")
        frota.contratar("--conexoes", "1", PYTHONPATH=str(tmp_path))
        feito = ate_o_fim(frota.copiar("--esperar", "0"))
        assert feito.codigo == 4, feito.tudo
        assert "o relógio dele está adiantado 1 h 0 min" in feito.erros
        assert "Não há trabalhador que sirva" in feito.erros
        assert not list(frota.destino.glob("empresa_*"))


@pytest.mark.demorado
@pytest.mark.usefixtures("devagar")
def test_quem_nao_serve_diz_se_e_o_que_um_morto_fazia_faz_se(
    montar_frota: Callable[..., FrotaDePe], de_um_so: Path, tmp_path: Path
) -> None:
    """Na suíte, o de outra pasta; por que outros não servem, e que não se lhes dá nada a fazer,
    di-lo também `test_motor`."""
    frota = montar_frota(1)
    if CAMPANHA:
        frota.contratar("--conexoes", "1", BACKUP_COMPACTAR="sim")
    frota.contratar("--conexoes", "1", BACKUP_DIR=str(tmp_path / "outra"))
    backup = frota.copiar("--json")
    esperar_publicados(frota.destino, 7)
    um_trabalhador(frota, backup)
    feito = ate_o_fim(backup)
    assert feito.codigo == 0, feito.tudo
    assert ("tem outro .env" in feito.erros) == CAMPANHA
    assert "a pasta dos backups dele não é a mesma" in feito.erros
    assert "fazem os outros" in feito.erros
    assert feito.json()["empresas_completas"] == EMPRESAS
    assert copiado(frota.destino) == copiado(de_um_so)
    assert sem_sobras(frota.destino)
    assert not list((tmp_path / "outra").glob("empresa_*"))
    assert frota.projeto.chave_service_role not in feito.tudo
