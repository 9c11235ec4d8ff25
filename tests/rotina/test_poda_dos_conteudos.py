"""A poda dos conteúdos dos arquivos: sai o que nenhum backup cita, e nunca o que algum cita."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import CAMPANHA, exemplos
from apoio.cifrados import cifrando_para
from apoio.com_listas import conteudos_em, fotos_de, publicar
from apoio.execucao import executar
from apoio.inventados import ANA, BIA
from apoio.suicida import matando, que_morre
from cofre.base.config.valores import Politica
from cofre.base.tela import RelatoTexto
from cofre.deposito.backup import Backup
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos.conferencia import arquivados
from cofre.deposito.conteudos.guarda import Conteudos
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de
from cofre.rotina.poda.plano import PodaDeEmpresa, ResumoDaPoda
from cofre.rotina.poda.poda import Poda

pytestmark = pytest.mark.usefixtures("perfil_proprio")
CHAVE, RESERVA = gerar(), gerar()
CIFRA = Cifra((CHAVE.publica, RESERVA.publica))
UM = Politica(ultimos=1)
AGORA = datetime(2026, 3, 20, 12).astimezone()
COMO = pytest.mark.parametrize("como", [None, CIFRA], ids=["em claro", "cifrado"])


def dias(deposito: Deposito, *fotos: Mapping[str, bytes], dono: str = ANA) -> list[Backup]:
    """Um backup por dia, com estas fotos."""
    return [
        publicar(deposito, f"202603{n:02}_030000", das, dono=dono) for n, das in enumerate(fotos, 1)
    ]


def poda_de(deposito: Deposito, politica: Politica = UM) -> Poda:
    return Poda(deposito, politica, RelatoTexto(None, None))


def podar(deposito: Deposito, politica: Politica = UM) -> tuple[list[PodaDeEmpresa], ResumoDaPoda]:
    poda = poda_de(deposito, politica)
    planos = poda.planejar(AGORA)
    with deposito.trabalhando():
        return planos, poda.executar(planos)


def ocupado(pasta: Path) -> int:
    return sum(p.stat().st_size for p in pasta.rglob("*") if p.is_file())


@COMO
def test_sai_o_que_ninguem_cita_e_o_plano_diz_quanto(tmp_path: Path, como: Cifra | None) -> None:
    dep = Deposito(tmp_path / "b", cifra=como)
    bolo, velha = b"bolo" * 999, b"velha" * 999
    dias(dep, {"a": velha, "b": bolo}, {"a": b"nova", "b": bolo}, {"a": b"nova", "b": bolo})
    dias(dep, {"a": velha}, dono=BIA)
    (da_ana, da_bia) = dep.pastas()
    antes, vizinha = conteudos_em(da_ana), ocupado(da_bia)
    ocupava = ocupado(dep.raiz)
    planos, resumo = podar(dep)
    (plano,) = (p for p in planos if p.saem)
    agora = conteudos_em(da_ana)
    assert (len(antes), len(agora), resumo.conteudos, resumo.apagados) == (3, 2, 1, 2)
    assert plano.conteudos == antes.keys() - agora.keys()
    assert resumo.liberados == plano.libera
    # O rol dos lacres que ficam, e o que se lembra da ordem, mudam de tamanho.
    a_parte = sum(p.stat().st_size for p in da_ana.glob("lacre*"))
    assert ocupava - ocupado(dep.raiz) >= plano.libera - a_parte
    assert ocupado(da_bia) == vizinha
    chaveiro.guardar(CHAVE)
    (ficou,) = dep.da_empresa(ANA)
    assert list(danos_de(ficou)) == []
    assert fotos_de(ficou) == {"a": b"nova", "b": bolo}


def test_sem_backups_a_sair_saem_os_que_ja_ninguem_cita(tmp_path: Path) -> None:
    """O que sobrou de um backup que não chegou ao fim."""
    dep = Deposito(tmp_path / "b")
    (backup,) = dias(dep, {"a": b"bolo"})
    Conteudos(backup.pasta, None).guardar([b"de ninguem"])
    ((plano,), resumo) = podar(dep)
    assert (len(plano.saem), len(plano.conteudos), plano.libera) == (0, 1, len(b"de ninguem"))
    assert (resumo.apagados, resumo.conteudos, resumo.liberados) == (0, 1, len(b"de ninguem"))
    assert list(conteudos_em(backup.pasta).values()) == [b"bolo"]


def test_ficam_sem_arquivos_e_sem_a_pasta_deles(tmp_path: Path) -> None:
    dep = Deposito(tmp_path / "b")
    dias(dep, {"a": b"bolo"}, {})
    podar(dep)
    (pasta,) = dep.pastas()
    assert not (pasta / "arquivos").exists()


def _metadados(backup: Backup) -> None:
    (backup.pasta / f"backup_metadata_{backup.carimbo}.json").write_bytes(b"{")


def _conteudos(backup: Backup) -> None:
    caminho = backup.pasta / f"conteudos_{backup.carimbo}.json"
    caminho.write_bytes(caminho.read_bytes().replace(b"}", b" }"))


def _sem_conteudos(backup: Backup) -> None:
    (backup.pasta / f"conteudos_{backup.carimbo}.json").unlink()


def _lacre(backup: Backup) -> None:
    caminho = backup.pasta / f"lacre_{backup.carimbo}.json"
    caminho.write_bytes(caminho.read_bytes().replace(b"numero", b"numerO"))


@pytest.mark.parametrize("estragar", [_metadados, _conteudos, _sem_conteudos, _lacre])
def test_se_algum_nao_diz_o_que_cita_nao_sai_nenhum(
    tmp_path: Path, estragar: Callable[[Backup], None]
) -> None:
    dep = Deposito(tmp_path / "b", lacrar=True)
    backups = dias(dep, {"a": b"1"}, {"a": b"2"}, {"a": b"3"}, {"a": b"4"})
    antes = conteudos_em(backups[0].pasta)
    estragar(backups[1])
    (planos, resumo) = podar(dep)
    assert [p.conteudos for p in planos] == [frozenset()] * len(planos)
    assert any("20260302" in p.presos for p in planos)
    assert resumo.conteudos == 0
    assert conteudos_em(backups[0].pasta) == antes


def test_com_um_backup_a_meio_nao_sai_nenhum(tmp_path: Path) -> None:
    """Os conteúdos dele já lá estão, e os metadados que os vão citar ainda não."""
    dep = Deposito(tmp_path / "b")
    dias(dep, {"a": b"1"}, {"a": b"2"})
    with dep.montar(ANA, datetime(2026, 3, 9, 3).astimezone()) as montagem:
        Conteudos(montagem.pasta, None).guardar([b"a caminho"])
        ((plano,), resumo) = podar(dep)
        assert plano.presos == "há um backup a meio"
        assert resumo.apagados == 1
        assert sorted(conteudos_em(montagem.pasta).values()) == [b"1", b"2", b"a caminho"]
    ((plano,), resumo) = podar(dep)
    assert (plano.presos, resumo.conteudos) == ("", 2)
    assert list(conteudos_em(montagem.pasta).values()) == [b"2"]


def test_so_sai_o_que_se_viu(tmp_path: Path) -> None:
    """Entre a pergunta e a resposta, outro ficou sem ninguém: não foi mostrado."""
    dep = Deposito(tmp_path / "b")
    (_, ultimo) = dias(dep, {"a": b"1"}, {"a": b"2"})
    poda = poda_de(dep)
    vistos = poda.planejar(AGORA)
    Conteudos(ultimo.pasta, None).guardar([b"depois"])
    assert poda.executar(vistos).conteudos == 1
    assert sorted(conteudos_em(ultimo.pasta).values()) == [b"2", b"depois"]


def test_se_o_que_fica_perdeu_um_conteudo_nada_sai(tmp_path: Path) -> None:
    dep = Deposito(tmp_path / "b")
    (_, ultimo) = dias(dep, {"a": b"1"}, {"a": b"22"})
    Conteudos(ultimo.pasta, None).caminho(
        next(n for n, d in conteudos_em(ultimo.pasta).items() if d == b"22")
    ).write_bytes(b"2x")
    antes = conteudos_em(ultimo.pasta)
    (_, resumo) = podar(dep)
    assert list(resumo.recusadas) == [ANA]
    assert conteudos_em(ultimo.pasta) == antes
    assert len(dep.da_empresa(ANA)) == 2


# -- uma história qualquer -------------------------------------------------------------------

NOMES = st.sampled_from("abcd")
DIA = st.dictionaries(NOMES, st.sampled_from([b"", b"1", b"22", b"333"]), max_size=4)
CIFRADO = st.sampled_from([False, False, False, True])
SOBRAS = st.lists(st.binary(min_size=4, max_size=5), max_size=2)


@settings(max_examples=exemplos(60), deadline=None)
@given(
    historia=st.lists(st.tuples(DIA, CIFRADO, SOBRAS), min_size=1, max_size=5),
    politica=st.builds(Politica, ultimos=st.integers(1, 3), diarios=st.integers(0, 2)),
    ilegivel=st.none() | st.integers(0, 4),
)
def test_a_poda_nunca_tira_um_conteudo_citado(
    historia: list[tuple[dict[str, bytes], bool, list[bytes]]],
    politica: Politica,
    ilegivel: int | None,
) -> None:
    """Dias em claro e cifrados, sobras de backups que não chegaram ao fim, e às vezes uns metadados
    que não se leem: o que fica lê-se inteiro e, se nada o impede, não sobra nada a mais."""
    chaveiro.guardar(CHAVE)
    with tempfile.TemporaryDirectory() as pasta:
        raiz = Path(pasta) / "b"
        fotos: dict[str, dict[str, bytes]] = {}
        for n, (das, cifrado, sobras) in enumerate(historia, 1):
            carimbo = f"202603{n:02}_030000"
            backup = publicar(Deposito(raiz, cifra=CIFRA if cifrado else None), carimbo, das)
            fotos[carimbo] = das
            for sobra in sobras:
                Conteudos(backup.pasta, None).guardar([sobra])
        if ilegivel is not None and ilegivel < len(historia):
            _metadados(Deposito(raiz).backups(backup.pasta)[ilegivel])
        podar(Deposito(raiz), politica)
        ficam = [b for b in Deposito(raiz).backups(backup.pasta) if b.meta is not None]
        citados = set()
        for b in ficam:
            assert list(danos_de(b)) == []
            assert fotos_de(b) == fotos[b.carimbo]
            citados |= {a.onde for a in arquivados(b)}
        ha = {nome.removesuffix(".age") for nome in conteudos_em(backup.pasta)}
        assert ha >= citados
        if ilegivel is None:
            assert ha == citados


# -- a morte no meio -------------------------------------------------------------------------

PODA = que_morre()
GUARDA = que_morre(
    """
from pathlib import Path
from apoio.com_listas import publicar
from cofre.base.config.valores import Cifragem
from cofre.deposito.cifra.cifra import de_configuracao
from cofre.deposito.deposito import Deposito
chaves = os.environ.get("BACKUP_CIFRAR_PARA")
cifra = de_configuracao(Cifragem(chaves)) if chaves else None
fotos = {"a": b"1", "b": b"nova", "c": b"3" * 300000}
publicar(Deposito(Path(destino), cifra=cifra), "20260302_030000", fotos)
"""
)
PULO = 1 if CAMPANHA else 17
DUAS = cifrando_para(CHAVE, RESERVA)
ONTEM, HOJE = {"a": b"1", "b": b"velha"}, {"a": b"1", "b": b"nova", "c": b"3" * 300_000}


@COMO
@pytest.mark.parametrize("primeiro", [False, True])
def test_kill_9_enquanto_se_guarda(tmp_path: Path, como: Cifra | None, primeiro: bool) -> None:
    """Ontem fica como estava; hoje está inteiro ou não está. A poda leva o que sobrou, e o backup
    seguinte dá certo."""
    chaveiro.guardar(CHAVE)
    modelo, destino, passo = tmp_path / "modelo", tmp_path / "b", 0
    modelo.mkdir()
    if not primeiro:
        publicar(Deposito(modelo, cifra=como), "20260301_030000", ONTEM)
    shutil.copytree(modelo, destino)
    for numero, codigo in matando(destino, GUARDA, mais=DUAS if como else None, pulo=PULO):
        passo = numero
        deposito = Deposito(destino, cifra=como)
        deposito.preparar()
        fotos = {b.carimbo: fotos_de(b) for b in deposito.da_empresa(ANA)}
        certas = {"20260302_030000": HOJE} | ({} if primeiro else {"20260301_030000": ONTEM})
        assert fotos.items() <= certas.items()
        assert primeiro or "20260301_030000" in fotos
        assert codigo or fotos == certas
        if not fotos:
            assert [list(p.iterdir()) for p in deposito.pastas()] in ([], [[]])
        terceiro = publicar(deposito, "20260303_030000", HOJE)
        assert fotos_de(terceiro) == HOJE
        podar(deposito)
        assert [fotos_de(b) for b in deposito.da_empresa(ANA)] == [HOJE]
        assert len(conteudos_em(terceiro.pasta)) == len(HOJE)
        shutil.rmtree(destino)
        shutil.copytree(modelo, destino)
    assert passo >= 15


@COMO
def test_kill_9_enquanto_se_podam_os_conteudos(tmp_path: Path, como: Cifra | None) -> None:
    """Cada backup que há está inteiro, e a poda seguinte não deixa nada a mais."""
    chaveiro.guardar(CHAVE)
    modelo, destino, passo = tmp_path / "modelo", tmp_path / "b", 0
    dep = Deposito(modelo, cifra=como)
    dias(dep, {"a": b"1", "b": b"x"}, {"a": b"1", "c": b"y"}, {"a": b"1", "d": b"z"})
    dias(dep, {"a": b"1", "b": b"x"}, dono=BIA)
    certas = {b.carimbo: fotos_de(b) for b in dep.da_empresa(ANA)}
    da_bia = conteudos_em(dep.pasta_da_empresa(BIA))
    shutil.copytree(modelo, destino)
    pedido = ("podar", "--manter-ultimos", "1", "--sim")
    for numero, codigo in matando(destino, PODA, *pedido, pulo=PULO):
        passo = numero
        deposito = Deposito(destino)
        for b in deposito.da_empresa(ANA):
            assert list(danos_de(b)) == []
            assert fotos_de(b) == certas[b.carimbo]
        if codigo:
            assert executar(None, destino, *pedido).codigo == 0
        assert list(certas)[-1:] == [b.carimbo for b in deposito.da_empresa(ANA)]
        assert len(conteudos_em(deposito.pasta_da_empresa(ANA))) == 2
        assert conteudos_em(deposito.pasta_da_empresa(BIA)) == da_bia
        shutil.rmtree(destino)
        shutil.copytree(modelo, destino)
    assert passo >= 30
