"""Os conteúdos dos arquivos vão para a cópia e voltam, cada um uma vez, e saem com o último que os
cita."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA
from apoio.cifrados import abrindo_com, cifrando_para
from apoio.com_listas import conteudos_em, fotos_de, publicar
from apoio.danos import virar_um_bit
from apoio.destinos import LugarPasta
from apoio.execucao import executar
from apoio.inventados import ANA, BIA
from apoio.lacres import codigo_de
from apoio.suicida import que_morre
from cofre.deposito.backup import Backup
from cofre.deposito.cifra import chaveiro, cifra
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.lacre import pseudonimo
from cofre.deposito.verificacao import danos_de
from cofre.remoto import conferencia, daqui, envio, marco, poda
from cofre.remoto.conferencia import Parte, Sabido
from cofre.remoto.descida import Descida, Trazido
from cofre.remoto.marco import JaUsado, Marco
from cofre.remoto.vinda import CopiaDanificada, Fora, NaCopia

pytestmark = pytest.mark.usefixtures("perfil_proprio")
CHAVE, RESERVA = gerar(), gerar()
CIFRA = Cifra((CHAVE.publica, RESERVA.publica))
COMO = pytest.mark.parametrize("como", [None, CIFRA], ids=["em claro", "cifrado"])
GZIP = b"\x1f\x8b" + os.urandom(40)
FOTOS = {"a": b"bolo", "b": os.urandom(9000), "vazio": b"", "tabela": b"[]\n", "x.gz": GZIP}
OUTRAS = {**FOTOS, "a": b"outra", "c": b"mais uma"}
DIA1, DIA2 = "20260301_030000", "20260302_030000"
AGORA = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.fixture
def lugar(tmp_path: Path) -> LugarPasta:
    (tmp_path / "fora").mkdir()
    lugar = LugarPasta(tmp_path / "fora")
    marco.preparar(lugar.destino, Marco(confere=("ssh-ed25519 nossa",)), JaUsado(), tmp_path)
    return lugar


def deposito(tmp_path: Path, como: Cifra | None, nome: str = "b") -> Deposito:
    return Deposito(tmp_path / nome, cifra=como, lacrar=True)


def dois_dias(dep: Deposito) -> list[Backup]:
    """Com uma tabela vazia, que é também o conteúdo de um arquivo."""
    tabelas: dict[str, list[dict[str, object]]] = {"vazia": [], "produtos": [{"id": 1}]}
    return [publicar(dep, d, f, tabelas=tabelas) for d, f in ((DIA1, FOTOS), (DIA2, OUTRAS))]


def mandar(lugar: LugarPasta, dep: Deposito) -> envio.Envio:
    return envio.enviar(lugar.destino, daqui.inventariar(dep).backups, _calado)


def _calado(_foi: int, _total: int) -> None:
    """Ninguém olha o avanço."""


def trazer(lugar: LugarPasta, dep: Deposito, dia: str) -> Trazido:
    fora = Fora(lugar.destino)
    ana = pseudonimo(ANA)
    (endereco,) = (e for e in fora.la.lacres if (e.carimbo, e.empresa) == (dia, ana))
    nele: NaCopia = fora.abrir(endereco, fora.lacre(endereco, conhecidos.conhecidas()))
    with dep.trabalhando():
        return Descida(lugar.destino, fora.la, dep, _calado).trazer(nele)


@COMO
def test_vao_uma_vez_e_voltam_como_eram(
    tmp_path: Path, lugar: LugarPasta, como: Cifra | None
) -> None:
    chaveiro.guardar(CHAVE)
    dep = deposito(tmp_path, como)
    um, outro = dois_dias(dep)
    assert mandar(lugar, dep).problemas == []
    blobs = {n: d for n, d in lugar.conteudo().items() if n.startswith("blobs/")}
    assert {hashlib.sha256(d).hexdigest() for d in conteudos_em(um.pasta).values()} <= {
        n.rsplit("/", 1)[1].split(".")[0] for n in blobs
    }
    assert (mandar(lugar, dep).conteudos, mandar(lugar, dep).lacres) == (0, 0)
    novo = Deposito(tmp_path / "novo")
    trazido = trazer(lugar, novo, DIA2)
    assert list(danos_de(trazido.backup)) == []
    assert fotos_de(trazido.backup) == OUTRAS
    for meu in trazido.backup.pasta.rglob("*"):
        if meu.is_file() and os.name == "posix" and "arquivos" in meu.parts:
            assert meu.stat().st_mode & 0o077 == 0
    de_antes = trazer(lugar, novo, DIA1)
    assert fotos_de(de_antes.backup) == FOTOS
    # O que o outro dia já trouxe não se baixa outra vez.
    assert de_antes.bytes < trazido.bytes - len(FOTOS["b"]) + 1000
    assert conteudos_em(de_antes.backup.pasta) == conteudos_em(um.pasta)
    assert not (novo.raiz / ".trazendo").exists()
    assert fotos_de(outro) == OUTRAS


@COMO
@pytest.mark.parametrize("estrago", ["sumiu", "mudou"])
def test_o_que_falta_ou_mudou_la_ve_se_e_nao_entra(
    tmp_path: Path, lugar: LugarPasta, como: Cifra | None, estrago: str
) -> None:
    chaveiro.guardar(CHAVE)
    dep = deposito(tmp_path, como)
    _, outro = dois_dias(dep)
    mandar(lugar, dep)
    grande = max(conteudos_em(outro.pasta).items(), key=lambda par: len(par[1]))[0]
    (la,) = lugar.raiz.glob(f"blobs/*/{grande.removesuffix('.age')}.*")
    if estrago == "sumiu":
        la.unlink()
    else:
        virar_um_bit(la, -1)
    depois = datetime.now(UTC) + timedelta(days=2)
    sabido = Sabido(conhecidos.conhecidas(), "", {}, depois)
    visto = conferencia.conferir(lugar.destino, sabido, Parte(1, 1), _calado)
    assert [a.carimbo for a in visto.achados] in ([DIA1, DIA2], [DIA1], [DIA2])
    novo = Deposito(tmp_path / "novo")
    with pytest.raises(CopiaDanificada):
        trazer(lugar, novo, DIA2)
    assert not list(novo.raiz.glob("empresa_*"))
    # O que alguém apagou de lá volta na vez seguinte.
    if estrago == "sumiu":
        assert mandar(lugar, dep).conteudos == 1
        assert fotos_de(trazer(lugar, novo, DIA2).backup) == OUTRAS


def test_o_que_ca_se_estragou_nao_vai_e_e_dito(tmp_path: Path, lugar: LugarPasta) -> None:
    dep = deposito(tmp_path, CIFRA)
    backup = publicar(dep, DIA1, FOTOS)
    grande = max((backup.pasta / "arquivos").rglob("*.age"), key=lambda p: p.stat().st_size)
    virar_um_bit(grande, -1)
    feito = mandar(lugar, dep)
    assert feito.lacres == 0
    assert any("não está" in p for p in feito.problemas)


@COMO
def test_podar_a_copia_leva_so_os_conteudos_que_ninguem_cita(
    tmp_path: Path, lugar: LugarPasta, como: Cifra | None
) -> None:
    chaveiro.guardar(CHAVE)
    dep = deposito(tmp_path, como)
    um, outro = dois_dias(dep)
    publicar(dep, DIA2, FOTOS, dono=BIA)
    mandar(lugar, dep)
    velho = (AGORA - timedelta(days=19)).timestamp()
    for arquivo in lugar.raiz.rglob("*"):
        os.utime(arquivo, (velho, velho))
    for arquivo in lugar.raiz.glob(f"lacres/*/{DIA2}*"):
        os.utime(arquivo, (AGORA.timestamp(), AGORA.timestamp()))
    nela = poda.reunir(lugar.destino, conhecidos.conhecidas())
    saem = [b for b in nela if b.endereco.carimbo == DIA1]
    assert all(b.completo for b in nela)
    poda.apagar(lugar.destino, saem, conhecidos.conhecidas(), AGORA)
    somas = {n.rsplit("/", 1)[1].split(".")[0] for n in lugar.conteudo() if n.startswith("blobs")}
    lacres = [x.lacre for x in daqui.inventariar(dep).backups]
    assert somas == {b.sha256 for x in lacres if x.carimbo == DIA2 for b in x.blobs}
    assert fotos_de(trazer(lugar, Deposito(tmp_path / "novo"), DIA2).backup) == OUTRAS
    assert fotos_de(um) == FOTOS
    assert fotos_de(outro) == OUTRAS


def test_menos_fotos_nao_fazem_parecer_que_faltam_tabelas(
    tmp_path: Path, lugar: LugarPasta
) -> None:
    dep = deposito(tmp_path, CIFRA)
    publicar(dep, DIA1, {f"{n}": os.urandom(200) for n in range(60)})
    mandar(lugar, dep)
    publicar(dep, DIA2, {"so": b"uma"})
    mandar(lugar, dep)
    antes, agora = poda.reunir(lugar.destino, conhecidos.conhecidas())
    assert (antes.completo, agora.completo) == (True, True)
    assert (antes.encolhido, agora.encolhido) == (False, True)


SUICIDA = que_morre()
PULO = 1 if CAMPANHA else 29


def test_morto_enquanto_se_traz_nao_ha_meio_backup_e_continua(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Com outro dia já cá, que reparte conteúdos com o que vem."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "b.perfil"))
    cifra.segredo.cache_clear()
    chaveiro.guardar(CHAVE)
    dep = deposito(tmp_path, CIFRA)
    dois_dias(dep)
    (tmp_path / "fora").mkdir()
    mais = {**cifrando_para(CHAVE, RESERVA), "COPIA_DESTINO": f"pasta:{tmp_path / 'fora'}"}
    enviado = executar(None, dep.raiz, "enviar", mais=mais)
    assert enviado.codigo == 0, enviado.tudo
    mais = {**mais, **abrindo_com(tmp_path, CHAVE)}
    quem = ("--empresa", ANA, "--codigo", codigo_de(dep.raiz), "--confirmar")
    modelo = tmp_path / "modelo"
    veio = executar(None, modelo, "trazer", *quem, "--backup", DIA1, mais=mais)
    assert veio.codigo == 0, veio.tudo
    for passo in itertools.count(1, PULO):
        novo = tmp_path / f"novo{passo}"
        shutil.copytree(modelo, novo)
        shutil.copytree(f"{modelo}.perfil", f"{novo}.perfil")
        monkeypatch.setenv("XDG_CONFIG_HOME", f"{novo}.perfil")
        pedido = ("trazer", *quem, "--backup", DIA2)
        ambiente = {**mais, "PASSO": str(passo)}
        fim = executar(None, novo, *pedido, mais=ambiente, programa=SUICIDA, novo=False)
        assert fim.codigo in (0, -signal.SIGKILL), fim.tudo
        Deposito(novo).preparar()
        lidas = {b.carimbo: fotos_de(b) for b in Deposito(novo).da_empresa(ANA)}
        assert lidas.items() <= {DIA1: FOTOS, DIA2: OUTRAS}.items()
        assert lidas[DIA1] == FOTOS
        if fim.codigo:
            de_novo = executar(None, novo, *pedido, mais=mais)
            assert de_novo.codigo == 0, de_novo.tudo
        (pasta,) = Deposito(novo).pastas()
        assert [list(danos_de(b)) for b in Deposito(novo).backups(pasta)] == [[], []]
        assert len(conteudos_em(pasta)) == len({*FOTOS.values(), *OUTRAS.values()})
        if fim.codigo == 0:
            break
    assert passo >= 30
