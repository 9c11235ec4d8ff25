"""«cifrar» leva também os arquivos da empresa: a lista, os logins e os conteúdos, e nada fica em
claro enquanto não se provou que se abre."""

from __future__ import annotations

import itertools
import shutil
import signal
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA
from apoio.cifrados import cifrando_para, sem_nada_em_claro
from apoio.com_listas import conteudos_em, fotos_de, publicar
from apoio.execucao import RAIZ, executar
from apoio.inventados import ANA
from apoio.suicida import FORA_DOS_BACKUPS, que_morre
from cofre.base.modelo import ARQUIVOS, LOGINS
from cofre.deposito.cifra import chaveiro, cifra
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de, danos_do_conteudo

pytestmark = pytest.mark.usefixtures("perfil_proprio")
CHAVE, RESERVA = gerar(), gerar()
CIFRA = Cifra((CHAVE.publica, RESERVA.publica))
DUAS = cifrando_para(CHAVE, RESERVA)
ONTEM = {"é secreto.png": b"bolo de rolo", "a": b"", "z": bytes(range(256)) * 400}
HOJE = {**ONTEM, "é secreto.png": b"bolo novo", "copia": b"bolo de rolo"}
LOGIN = [{"id": "11111111-1111-4111-8111-111111111111", "email": "ana@doces.example"}]
SEGREDOS = ["é secreto", "bolo de rolo", "bolo novo", "ana@doces.example"]
DIA1, DIA2, DIA3 = "20260101_030000", "20260102_030000", "20260103_030000"


@pytest.fixture(autouse=True)
def _com_a_chave() -> None:
    chaveiro.guardar(CHAVE)


@pytest.fixture(scope="module")
def modelo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dois dias em claro, com arquivos e logins."""
    raiz = tmp_path_factory.mktemp("modelo")
    for dia, fotos in ((DIA1, ONTEM), (DIA2, HOJE)):
        publicar(Deposito(raiz), dia, fotos, LOGIN)
    return raiz


@pytest.fixture
def destino(modelo: Path, tmp_path: Path) -> Path:
    shutil.copytree(modelo, tmp_path / "b")
    return tmp_path / "b"


def inteiros(raiz: Path) -> list[dict[str, bytes]]:
    """O que se lê de cada backup, sem dano nenhum."""
    backups = Deposito(raiz).da_empresa(ANA)
    assert [list(danos_de(b)) for b in backups] == [[]] * len(backups)
    return [fotos_de(b) for b in backups]


def test_tudo_passa_a_cifrado_e_nada_fica_em_claro(destino: Path) -> None:
    feito = executar(None, destino, "cifrar", mais=DUAS)
    assert feito.codigo == 0, feito.tudo
    (pasta,) = Deposito(destino).pastas()
    assert sem_nada_em_claro([pasta], SEGREDOS) == []
    nomes = conteudos_em(pasta)
    assert all(n.endswith(".age") for n in nomes)
    assert len(nomes) == len({*HOJE.values(), *ONTEM.values()})
    assert inteiros(destino) == [ONTEM, HOJE]
    for backup in Deposito(destino).da_empresa(ANA):
        assert backup.meta is not None
        assert {ARQUIVOS, LOGINS} <= backup.meta.tabelas.keys()
    assert executar(None, destino, "verificar", mais=DUAS).codigo == 0
    # O dia seguinte conhece o que se cifrou: nada se guarda outra vez.
    antes = {p: p.stat().st_mtime_ns for p in (pasta / "arquivos").rglob("*") if p.is_file()}
    publicar(Deposito(destino, cifra=CIFRA), DIA3, HOJE)
    agora = {p: p.stat().st_mtime_ns for p in (pasta / "arquivos").rglob("*") if p.is_file()}
    assert agora == antes


def test_o_que_um_backup_cifrado_ja_tem_nao_se_cifra_outra_vez(destino: Path) -> None:
    publicar(Deposito(destino, cifra=CIFRA), DIA3, HOJE)
    feito = executar(None, destino, "cifrar", mais=DUAS)
    assert feito.codigo == 0, feito.tudo
    assert inteiros(destino) == [ONTEM, HOJE, HOJE]
    (pasta,) = Deposito(destino).pastas()
    assert len(conteudos_em(pasta)) == len({*HOJE.values(), *ONTEM.values()})


def test_um_conteudo_estragado_deixa_em_claro_o_que_o_cita_e_so_ele(destino: Path) -> None:
    (pasta,) = Deposito(destino).pastas()
    for caminho in (pasta / "arquivos").rglob("*"):
        if caminho.is_file() and caminho.read_bytes() == b"bolo novo":
            caminho.write_bytes(b"bolo nove")
    feito = executar(None, destino, "cifrar", mais=DUAS)
    assert feito.codigo == 6, feito.tudo
    assert "em claro: há um backup em claro que os cita" in feito.tudo
    um, outro = Deposito(destino).da_empresa(ANA)
    assert (um.cifrado, outro.cifrado) == (True, False)
    assert fotos_de(um) == ONTEM
    em_claro = [d for n, d in conteudos_em(pasta).items() if not n.endswith(".age")]
    assert sorted(em_claro) == sorted([b"bolo nove", b"bolo de rolo", b"", HOJE["z"]])


SUICIDA = que_morre(alheios=FORA_DOS_BACKUPS)
PULO = 1 if CAMPANHA else 23


def test_kill_9_enquanto_se_cifram_os_arquivos(
    modelo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Morto em qualquer passo, cada backup lê-se como era, e outra execução acaba."""
    for passo in itertools.count(1, PULO):
        destino = tmp_path / str(passo)
        monkeypatch.setenv("XDG_CONFIG_HOME", f"{destino}.perfil")
        cifra.segredo.cache_clear()
        shutil.copytree(modelo, destino)
        mais = {**DUAS, "PASSO": str(passo), "TESTES": str(RAIZ / "tests")}
        fim = executar(None, destino, "cifrar", mais=mais, programa=SUICIDA, novo=False)
        assert fim.codigo in (0, -signal.SIGKILL), fim.tudo
        # O lacre do cifrado pode já lá estar, e os metadados que ele assina ainda não.
        for b in Deposito(destino).da_empresa(ANA):
            assert b.meta is not None
            assert list(danos_do_conteudo(b, b.meta)) == []
            assert fotos_de(b) == (ONTEM if b.carimbo == DIA1 else HOJE)
        if fim.codigo:
            de_novo = executar(None, destino, "cifrar", mais=DUAS)
            assert de_novo.codigo == 0, de_novo.tudo
        (pasta,) = Deposito(destino).pastas()
        assert sem_nada_em_claro([pasta], SEGREDOS) == []
        assert inteiros(destino) == [ONTEM, HOJE]
        if fim.codigo == 0:
            break
    assert passo >= 60
