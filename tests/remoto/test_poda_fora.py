"""Podar a cópia: só o que ninguém quer, pelas datas do destino, e à menor dúvida nada."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apoio.destinos import LugarPasta
from apoio.lacrados import Computador
from cofre.base.config.valores import Politica
from cofre.deposito.lacre.lacre import ler
from cofre.remoto import daqui, envio, marco, poda
from cofre.remoto.disposicao import endereco_no_nome, soma_no_nome
from cofre.remoto.erros import Travado
from cofre.remoto.marco import JaUsado, Marco
from cofre.remoto.pasta import DestinoPasta
from cofre.remoto.poda import CopiaSuspeita, Podado
from cofre.rotina.poda.fora import PlanoDeFora, planejar_fora

AGORA = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIAS = 30


def quando(n: int) -> datetime:
    """O dia em que se enviou o backup n."""
    return AGORA - timedelta(days=DIAS - n)


@pytest.fixture(scope="module")
def modelo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Computador]:
    """Trinta dias de uma empresa, com a data de cada um no destino; uma tabela nunca muda."""
    raiz = tmp_path_factory.mktemp("modelo")
    pc = Computador(raiz / "backups")
    (raiz / "fora").mkdir()
    lugar = LugarPasta(raiz / "fora")
    marco.preparar(lugar.destino, Marco(confere=(pc.chave.publica,)), JaUsado(), raiz)
    fixa = os.urandom(300)
    for n in range(DIAS):
        tabelas = {"clientes": fixa, "vendas": os.urandom(500)}
        pc.guardar("ana", f"{quando(n):%Y%m%d}_030000", tabelas)
        enviar(lugar, pc, quando(n))
        if n >= 7:  # aqui só ficam sete
            pc.podar("ana", f"{quando(n - 7):%Y%m%d}_030000")
    pc.guardar("ana", f"{AGORA:%Y%m%d}_030000", {"clientes": fixa, "vendas": os.urandom(500)})
    enviar(lugar, pc, AGORA)
    return raiz, pc


@pytest.fixture
def pc(modelo: tuple[Path, Computador], tmp_path: Path) -> Computador:
    raiz, pc = modelo
    shutil.copytree(raiz, tmp_path, dirs_exist_ok=True)
    return replace(
        pc, raiz=tmp_path / "backups", numeros={**pc.numeros}, vivos=copy.deepcopy(pc.vivos)
    )


@pytest.fixture
def lugar(pc: Computador) -> LugarPasta:
    return LugarPasta(pc.raiz.parent / "fora")


def enviar(lugar: LugarPasta, pc: Computador, quando: datetime) -> None:
    """O que for novo fica com essa data lá."""
    antes = set(lugar.raiz.rglob("*"))
    envio.enviar(lugar.destino, daqui.inventariar(pc.deposito).backups, lambda _foi, _total: None)
    for novo in set(lugar.raiz.rglob("*")) - antes:
        os.utime(novo, (quando.timestamp(),) * 2)


def planejar(
    lugar: LugarPasta, pc: Computador, politica: Politica | None = None, **mais: bool
) -> PlanoDeFora:
    reunidos = poda.reunir(lugar.destino, {pc.chave.publica})
    return planejar_fora("fora", reunidos, politica or Politica(diarios=10), AGORA, **mais)


def podar(lugar: LugarPasta, pc: Computador, plano: PlanoDeFora) -> Podado:
    return poda.apagar(lugar.destino, plano.saem, {pc.chave.publica}, AGORA)


def lacres(lugar: LugarPasta) -> list[str]:
    return sorted(p.name[:8] for p in lugar.raiz.glob("lacres/*/*"))


def inteira(lugar: LugarPasta) -> bool:
    """Se cada lacre que lá está tem todos os seus conteúdos."""
    conteudo = lugar.conteudo()
    somas = {soma_no_nome(n) for n in conteudo}
    lidos = [ler(d) for n, d in conteudo.items() if endereco_no_nome(n)]
    return all(soma in somas for lacre in lidos for soma, _ in lacre.blobs)


def test_saem_os_que_nenhuma_regra_quer_e_os_conteudos_so_deles(
    lugar: LugarPasta, pc: Computador
) -> None:
    plano = planejar(lugar, pc)
    assert plano.demais
    assert (plano.todos, len(plano.saem)) == (31, 21)
    feito = podar(lugar, pc, plano)
    assert lacres(lugar) == [f"{quando(n):%Y%m%d}" for n in range(21, 31)]
    assert (feito.backups, feito.travados) == (21, 0)
    assert inteira(lugar)
    citados = {s for p in lugar.raiz.glob("lacres/*/*") for s, _ in ler(p.read_bytes()).blobs}
    sobram = {p.stem for p in lugar.raiz.glob("blobs/*/*")} - citados
    assert sobram == set(), "os de mais de sete dias sem dono saíram todos"
    assert feito.conteudos == 42
    de_novo = podar(lugar, pc, planejar(lugar, pc))
    assert de_novo == Podado(0, 0, 0, 0)


def test_o_que_ainda_esta_aqui_fica_diga_a_regra_o_que_disser(
    lugar: LugarPasta, pc: Computador
) -> None:
    podar(lugar, pc, planejar(lugar, pc, Politica(ultimos=1)))
    assert lacres(lugar) == [f"{quando(n):%Y%m%d}" for n in range(23, 31)]
    enviar(lugar, pc, AGORA)
    assert len(lacres(lugar)) == 8, "e não volta nada: não há poda e envio um contra o outro"


def test_os_tres_mais_novos_ficam_mesmo_de_um_computador_que_ja_nao_escreve(
    lugar: LugarPasta, pc: Computador, tmp_path: Path
) -> None:
    outro = Computador(tmp_path / "outro", escritor="fedcba9876543210", chave=pc.chave)
    for n in range(5):
        outro.guardar("bia", f"2025010{n + 1}_030000", {"clientes": os.urandom(9)})
        if n:
            outro.podar("bia", f"2025010{n}_030000")
        enviar(lugar, outro, datetime(2025, 1, n + 1, tzinfo=UTC))
    plano = planejar(lugar, pc, Politica(ultimos=1))
    da_bia = [b.endereco.carimbo[:8] for b in plano.saem if "2025" in b.endereco.carimbo]
    assert da_bia == ["20250101", "20250102"]


def test_a_data_que_vale_e_a_do_destino(lugar: LugarPasta, pc: Computador, tmp_path: Path) -> None:
    """Quem tem a credencial e a chave de assinar deste computador põe lá cem backups «antigos» e
    «futuros»: pela data do destino são todos de hoje, e nenhum bom sai por causa deles."""
    antes = {b.endereco for b in planejar(lugar, pc).saem}
    invadido = Computador(tmp_path / "invadido", chave=pc.chave, numeros={"ana": 1000})
    for n in range(1, 29):
        for mes in ("202601", "202702"):
            invadido.guardar("ana", f"{mes}{n:02}_120000", {"clientes": b"", "vendas": b""})
    enviar(lugar, invadido, AGORA)
    saem = {b.endereco for b in planejar(lugar, pc, Politica(diarios=10)).saem}
    bons = {e for e in saem if e.carimbo.endswith("030000")}
    assert bons <= antes


@pytest.mark.parametrize("como", ["cortado", "de outra chave", "com outro nome"])
def test_um_lacre_que_nao_presta_e_nada_sai(
    lugar: LugarPasta, pc: Computador, tmp_path: Path, como: str
) -> None:
    plano = planejar(lugar, pc)
    um = sorted(lugar.raiz.glob("lacres/*/*"))[25]
    if como == "cortado":
        um.write_bytes(um.read_bytes()[:-40])
    elif como == "com outro nome":
        um.rename(um.with_name(um.name.replace("_030000", "_040000")))
    else:
        ladrao = Computador(tmp_path / "ladrao", escritor="badbadbadbadbad0")
        ladrao.guardar("ana", "20260301_050000", {"clientes": b"x"})
        enviar(lugar, ladrao, AGORA)
    antes = lugar.conteudo()
    with pytest.raises(CopiaSuspeita):
        planejar(lugar, pc)
    # Também se só então apareceu: os lacres confirmados saem, mas conteúdo nenhum.
    with pytest.raises(CopiaSuspeita):
        podar(lugar, pc, plano)
    depois = lugar.conteudo()
    assert {n for n in antes if n.startswith("blobs")} <= set(depois)


def test_o_que_encolheu_de_repente_segura_o_que_veio_antes(
    lugar: LugarPasta, pc: Computador
) -> None:
    antes = len(planejar(lugar, pc).saem)
    amanha = AGORA + timedelta(days=1)
    pc.guardar("ana", f"{amanha:%Y%m%d}_030000", {"clientes": b"", "vendas": b"x"})
    enviar(lugar, pc, AGORA)
    assert planejar(lugar, pc).saem == ()
    assert len(planejar(lugar, pc, apesar_do_encolhimento=True).saem) >= antes


def test_um_backup_de_algumas_tabelas_ou_com_buracos_nao_vale_por_um_completo(
    lugar: LugarPasta, pc: Computador
) -> None:
    noite = f"{AGORA:%Y%m%d}_230000"
    pc.guardar("ana", noite, {"clientes": os.urandom(2000)})  # só uma, e maior
    enviar(lugar, pc, AGORA + timedelta(hours=11))
    (plano,) = planejar(lugar, pc).decididos.values()
    completo = next(b for b in plano if b.carimbo.startswith(f"{AGORA:%Y%m%d}_03"))
    assert "diário" in completo.motivos, "o dia é dele, e não do parcial da noite"


@dataclass(frozen=True)
class Travada(DestinoPasta):
    """Uma pasta em que parte não se apaga: faz as vezes da trava de um balde."""

    travados: frozenset[str] = field(default=frozenset())

    def apagar(self, nome: str) -> None:
        if nome in self.travados:
            raise Travado(f"{self.nome}: {nome} está travado.")
        DestinoPasta.apagar(self, nome)


def test_o_que_a_trava_segura_fica_e_o_resto_sai(lugar: LugarPasta, pc: Computador) -> None:
    plano = planejar(lugar, pc)
    nomes = frozenset(b.endereco.nome for b in plano.saem[:4])
    travada = Travada(lugar.raiz, "pasta:Cofre", nomes)
    feito = poda.apagar(travada, plano.saem, {pc.chave.publica}, AGORA)
    assert (feito.backups, feito.travados, feito.conteudos) == (17, 4, 34)
    assert inteira(lugar)


def test_um_conteudo_sem_lacre_espera_sete_dias(lugar: LugarPasta, pc: Computador) -> None:
    for dias, nome in ((6, "a"), (8, "b")):
        caminho = f"blobs/{nome * 2}/{nome * 64}.age"
        lugar.por(caminho, b"de um envio a meio")
        hora = (AGORA - timedelta(days=dias)).timestamp()
        os.utime(lugar.raiz / caminho, (hora, hora))
    poda.apagar(lugar.destino, (), {pc.chave.publica}, AGORA)
    nomes = {n for n in lugar.conteudo() if "/aa/a" in n or "/bb/b" in n}
    assert len([n for n in nomes if "/aa/aaaa" in n]) == 1
    assert len([n for n in nomes if "/bb/bbbb" in n]) == 0


def test_um_relogio_daqui_adiantado_nao_encurta_a_espera(lugar: LugarPasta, pc: Computador) -> None:
    caminho = f"blobs/aa/{'a' * 64}.age"
    lugar.por(caminho, b"de um envio a meio")
    os.utime(lugar.raiz / caminho, ((AGORA - timedelta(days=1)).timestamp(),) * 2)
    daqui_a_um_ano = AGORA + timedelta(days=365)
    poda.apagar(lugar.destino, (), {pc.chave.publica}, daqui_a_um_ano)
    assert caminho in lugar.conteudo()


def test_parada_em_cada_apagar_nunca_fica_um_lacre_sem_os_seus(
    lugar: LugarPasta, pc: Computador
) -> None:
    @dataclass(frozen=True)
    class Cai(DestinoPasta):
        restam: list[int] = field(default_factory=list)

        def apagar(self, nome: str) -> None:
            if not self.restam:
                raise KeyboardInterrupt
            self.restam.pop()
            DestinoPasta.apagar(self, nome)

    for k in _alguns(60):
        plano = planejar(lugar, pc)
        destino = Cai(lugar.raiz, "pasta:Cofre", [0] * k)
        with pytest.raises(KeyboardInterrupt):
            poda.apagar(destino, plano.saem, {pc.chave.publica}, AGORA)
        assert inteira(lugar), k
    podar(lugar, pc, planejar(lugar, pc))
    assert len(lacres(lugar)) == 10
    assert inteira(lugar)


def _alguns(quantos: int) -> Iterable[int]:
    """Cada corte continua o anterior: a soma deles passa por quase todos."""
    return (0, 1, 2, 5, 3, 7, quantos // 4)


def test_um_envio_que_corre_ao_mesmo_tempo_se_cura_na_vez_seguinte(
    lugar: LugarPasta, pc: Computador
) -> None:
    """A poda apaga um conteúdo entre a última olhada do envio e o fim dele."""
    velha = os.urandom(400)
    lugar.por("blobs/00/x.age", b"")
    pc.guardar("ana", "20260302_030000", {"clientes": velha, "vendas": os.urandom(500)})
    enviar(lugar, pc, AGORA)
    alvo = next(p for p in lugar.raiz.glob("blobs/*/*") if p.read_bytes() == velha)
    alvo.unlink()
    assert not inteira(lugar)
    enviar(lugar, pc, AGORA)
    assert inteira(lugar)
