"""O que está aqui está lá: nada pela metade, nada duas vezes, e o que sumiu volta."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from apoio.danos import virar_um_bit
from apoio.destinos import LugarPasta, conteudo_da_pasta
from apoio.lacrados import Computador
from cofre.deposito.lacre.lacre import Lacre, ler
from cofre.remoto import daqui, envio, marco
from cofre.remoto.destino import AoEnviar, Destino, Objeto, Situacao
from cofre.remoto.disposicao import endereco_no_nome, soma_no_nome
from cofre.remoto.erros import DestinoErrado, DestinoFora, FalhaDaCopia, Travado
from cofre.remoto.marco import JaUsado, Marco

NOSSO = Marco(para=("age1nossa",), confere=("ssh-ed25519 nossa",))


@pytest.fixture
def lugar(tmp_path: Path) -> LugarPasta:
    """Uma pasta já tomada em uso."""
    (tmp_path / "fora").mkdir()
    lugar = LugarPasta(tmp_path / "fora")
    marco.preparar(lugar.destino, NOSSO, JaUsado(), tmp_path)
    return lugar


@pytest.fixture
def pc(tmp_path: Path) -> Computador:
    """Duas empresas, dois dias; só uma tabela muda."""
    pc = Computador(tmp_path / "backups")
    fixa = {e: os.urandom(3000) for e in ("ana", "bia")}
    for dia in ("20260110_030000", "20260111_030000"):
        for empresa in ("ana", "bia"):
            pc.guardar(empresa, dia, {"clientes": fixa[empresa], "vendas": os.urandom(5000)})
    return pc


def mandar(destino: Destino, pc: Computador, podres: Iterable[str] = ()) -> envio.Envio:
    backups = daqui.inventariar(pc.deposito).backups
    return envio.enviar(destino, backups, lambda _foi, _total: None, tuple(podres))


def faltas(conteudo: dict[str, bytes]) -> list[str]:
    """O que um lacre que lá está cita e não está inteiro: vazio, sempre, é a promessa."""
    somas = {s: d for n, d in conteudo.items() if (s := soma_no_nome(n))}
    return [
        soma
        for nome, dados in conteudo.items()
        if endereco_no_nome(nome)
        for soma, bytes_ in ler(dados).blobs
        if len(somas.get(soma, b"")) != bytes_ or hashlib.sha256(somas[soma]).hexdigest() != soma
    ]


def esperado(pc: Computador) -> dict[str, bytes]:
    """O que deve haver lá, feito só dos arquivos daqui."""
    tudo: dict[str, bytes] = {}
    for arquivo in pc.raiz.glob("empresa_*/*"):
        dados = arquivo.read_bytes()
        if arquivo.name.startswith("lacre_"):
            lacre = ler(dados)
            tudo[f"lacres/{lacre.empresa}/{lacre.carimbo}-{lacre.escritor}.json"] = dados
        elif arquivo.name.endswith(".age"):
            soma = hashlib.sha256(dados).hexdigest()
            tudo[f"blobs/{soma[:2]}/{soma}.age"] = dados
    return tudo


def sem_o_marco(conteudo: dict[str, bytes]) -> dict[str, bytes]:
    return {n: d for n, d in conteudo.items() if n != "cofre.json" and not n.startswith("cofre/")}


def test_vai_tudo_uma_vez_e_outra_vez_nada(pc: Computador, lugar: LugarPasta) -> None:
    primeiro = mandar(lugar.destino, pc)
    assert sem_o_marco(lugar.conteudo()) == esperado(pc)
    assert not faltas(lugar.conteudo())
    # 2 empresas × (1 tabela que não muda + 2 dias × (1 tabela + os detalhes)).
    assert (primeiro.conteudos, primeiro.lacres, primeiro.problemas) == (10, 4, [])
    assert primeiro.bytes == sum(len(d) for n, d in esperado(pc).items() if n.startswith("blobs"))

    datas = {p: p.stat().st_mtime_ns for p in lugar.raiz.rglob("*") if p.is_file()}
    segundo = mandar(lugar.destino, pc)
    assert (segundo.conteudos, segundo.bytes, segundo.lacres) == (0, 0, 0)
    assert datas == {p: p.stat().st_mtime_ns for p in lugar.raiz.rglob("*") if p.is_file()}


def test_um_dia_sem_mudanca_so_leva_os_detalhes_e_o_lacre(
    pc: Computador, lugar: LugarPasta
) -> None:
    mandar(lugar.destino, pc)
    ultimo = {
        t: (pc.pasta("ana") / f"{t}_20260111_030000.json.gz.age").read_bytes()
        for t in ("clientes", "vendas")
    }
    pc.guardar("ana", "20260112_030000", ultimo)
    feito = mandar(lugar.destino, pc)
    assert (feito.conteudos, feito.bytes, feito.lacres) == (1, 200, 1)
    assert sem_o_marco(lugar.conteudo()) == esperado(pc)


@dataclass
class Cortado:
    """Um destino que cai depois de tantas escritas."""

    por_baixo: Destino
    restam: int
    nome: str = "pasta:Cortada"
    de_pasta: bool = True
    ao_escrever: Callable[[str], None] = lambda _nome: None
    travados: tuple[str, ...] = ()

    def listar(self, prefixo: str) -> Iterator[Objeto]:
        return self.por_baixo.listar(prefixo)

    def enviar(self, itens: Iterable[tuple[str, Path]], ao_enviar: AoEnviar) -> None:
        for nome, arquivo in itens:
            if not self.restam:
                raise DestinoFora("a linha caiu")
            if nome.endswith(self.travados or ("nenhum",)):
                raise Travado("está travado")
            self.restam -= 1
            self.por_baixo.enviar([(nome, arquivo)], ao_enviar)
            self.ao_escrever(nome)

    def ler(self, nome: str, saida: BinaryIO, desde: int = 0) -> None:
        self.por_baixo.ler(nome, saida, desde)

    def apagar(self, nome: str) -> None:
        self.por_baixo.apagar(nome)

    def sondar(self, amostra: str = "cofre.json") -> Situacao:
        return self.por_baixo.sondar(amostra)


def test_cortado_em_cada_escrita_nada_parece_inteiro_sem_o_ser_e_so_o_resto_vai_depois(
    pc: Computador, lugar: LugarPasta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envio, "GRUPO", 9000)  # os lacres aos punhados
    escritas = len(esperado(pc))
    for k in range(escritas):
        for pasta in ("blobs", "lacres"):
            shutil.rmtree(lugar.raiz / pasta, ignore_errors=True)
        with pytest.raises(DestinoFora):
            mandar(Cortado(lugar.destino, k), pc)
        assert not faltas(lugar.conteudo()), k
        foram: list[str] = []
        mandar(Cortado(lugar.destino, escritas, ao_escrever=foram.append), pc)
        assert len(foram) == len(set(foram)) == escritas - k
        assert sem_o_marco(lugar.conteudo()) == esperado(pc), k


def test_os_lacres_vao_aos_poucos_do_mais_novo_ao_mais_antigo(
    pc: Computador, lugar: LugarPasta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envio, "GRUPO", 1)
    foram: list[str] = []
    mandar(Cortado(lugar.destino, 99, ao_escrever=foram.append), pc)
    lacres = [n for n in foram if n.startswith("lacres")]
    assert [n.split("/")[2][:8] for n in lacres] == ["20260111", "20260111", "20260110", "20260110"]
    assert foram.index(lacres[0]) < len(foram) - 4, "o primeiro não esperou pelos outros"


def test_um_conteudo_aproveitado_que_some_no_meio_volta(pc: Computador, lugar: LugarPasta) -> None:
    """A poda, noutra máquina, não sabia do lacre que se estava a escrever."""
    mandar(lugar.destino, pc)
    antiga = (pc.pasta("ana") / "clientes_20260111_030000.json.gz.age").read_bytes()
    pc.guardar("ana", "20260112_030000", {"clientes": antiga, "vendas": os.urandom(100)})
    soma = hashlib.sha256(antiga).hexdigest()
    podado: list[str] = []

    def podar(nome: str) -> None:
        if nome.startswith("lacres"):
            (lugar.raiz / "blobs" / soma[:2] / f"{soma}.age").unlink()
            podado.append(nome)

    feito = mandar(Cortado(lugar.destino, 99, ao_escrever=podar), pc)
    assert len(podado) == 1
    assert not faltas(lugar.conteudo())
    assert sem_o_marco(lugar.conteudo()) == esperado(pc)
    assert feito.conteudos == 3


def test_o_que_alguem_apagou_ou_cortou_la_volta(pc: Computador, lugar: LugarPasta) -> None:
    mandar(lugar.destino, pc)
    blobs = sorted(p for p in lugar.raiz.glob("blobs/*/*"))
    lacres = sorted(p for p in lugar.raiz.glob("lacres/*/*"))
    blobs[0].unlink()
    blobs[1].write_bytes(blobs[1].read_bytes()[:-1])
    lacres[0].unlink()
    lacres[1].write_bytes(b"{}")
    feito = mandar(lugar.destino, pc)
    assert (feito.conteudos, feito.lacres) == (2, 2)
    assert sem_o_marco(lugar.conteudo()) == esperado(pc)


def test_o_que_se_sabe_podre_vai_de_novo_mesmo_com_o_tamanho_certo(
    pc: Computador, lugar: LugarPasta
) -> None:
    mandar(lugar.destino, pc)
    podre = next(iter(sorted(lugar.raiz.glob("blobs/*/*"))))
    podre.write_bytes(bytes(len(podre.read_bytes())))
    assert mandar(lugar.destino, pc).conteudos == 0, "pelo tamanho não se vê"
    assert mandar(lugar.destino, pc, [podre.stem]).conteudos == 1
    assert sem_o_marco(lugar.conteudo()) == esperado(pc)


def test_o_que_a_trava_nao_deixa_trocar_e_dito_e_o_resto_segue(
    pc: Computador, lugar: LugarPasta
) -> None:
    """No R2, a trava de um objeto impede também de o trocar."""
    mandar(lugar.destino, pc)
    cortado = sorted(lugar.raiz.glob("lacres/*/*"))[0]
    dele = {soma for soma, _ in ler(cortado.read_bytes()).blobs}
    cortado.write_bytes(b"{")
    podre = next(p for p in sorted(lugar.raiz.glob("blobs/*/*")) if p.stem not in dele)
    podre.write_bytes(bytes(len(podre.read_bytes())))
    pc.guardar("ana", "20260112_030000", {"clientes": os.urandom(300)})
    travada = Cortado(lugar.destino, 99, travados=(podre.name, cortado.name))
    feito = mandar(travada, pc, [podre.stem])
    assert [p.partition(": ")[2] for p in feito.problemas] == [
        "está estragado lá, e a trava não deixa trocá-lo"
    ] * 2
    assert feito.travados == {podre.stem}
    assert (feito.conteudos, feito.lacres) == (2, 1)
    destravada = mandar(lugar.destino, pc, [podre.stem])
    assert destravada.problemas == []
    assert sem_o_marco(lugar.conteudo()) == esperado(pc)


def test_o_que_se_estragou_aqui_nao_vai_nem_o_lacre_que_o_cita(
    pc: Computador, lugar: LugarPasta
) -> None:
    estragado = pc.pasta("ana") / "vendas_20260111_030000.json.gz.age"
    virar_um_bit(estragado, 0)
    feito = mandar(lugar.destino, pc)
    assert feito.problemas == [
        "empresa_aaaa1111, 20260111_030000: 1 arquivo não está mais como foi lacrado"
    ]
    assert feito.lacres == 3
    assert not faltas(lugar.conteudo())
    virar_um_bit(estragado, 0)
    assert mandar(lugar.destino, pc).problemas == []
    assert sem_o_marco(lugar.conteudo()) == esperado(pc)


def test_dois_computadores_escrevem_no_mesmo_lugar_ate_no_mesmo_segundo(
    pc: Computador, lugar: LugarPasta, tmp_path: Path
) -> None:
    outro = Computador(tmp_path / "outro", escritor="fedcba9876543210")
    outro.guardar("ana", "20260111_030000", {"clientes": os.urandom(3000)})
    mandar(lugar.destino, pc)
    mandar(lugar.destino, outro)
    assert sem_o_marco(lugar.conteudo()) == esperado(pc) | esperado(outro)
    assert not faltas(lugar.conteudo())


def test_sem_lacre_nao_se_envia_e_diz_se_quantos(pc: Computador, lugar: LugarPasta) -> None:
    (pc.pasta("bia") / "lacre_20260111_030000.json").unlink()
    (pc.pasta("bia") / "lacre_20260110_030000.json").write_bytes(b"{}\nlixo")
    achados = daqui.inventariar(pc.deposito)
    assert (len(achados.backups), achados.sem_lacre, len(achados.ilegiveis)) == (2, 1, 1)
    assert "empresa_bbbb2222/lacre_20260110_030000.json" in achados.ilegiveis[0]


# -- o disco certo ---------------------------------------------------------------------------


def test_uma_pasta_vazia_nunca_usada_e_tomada_e_a_que_tem_outras_coisas_nao(tmp_path: Path) -> None:
    (tmp_path / "nova").mkdir()
    nova = LugarPasta(tmp_path / "nova")
    assert marco.preparar(nova.destino, NOSSO, JaUsado(), tmp_path) == NOSSO
    assert marco.ler(nova.destino) == NOSSO
    (tmp_path / "alheia").mkdir()
    (tmp_path / "alheia" / "fotos da praia.txt").write_text("oi", encoding="utf-8")
    alheia = LugarPasta(tmp_path / "alheia")
    with pytest.raises(DestinoErrado, match="há lá outras coisas"):
        marco.preparar(alheia.destino, NOSSO, JaUsado(), tmp_path)
    assert list(alheia.conteudo()) == ["fotos da praia.txt"]


def test_um_lugar_vazio_que_ja_teve_a_copia_so_recomeca_a_pedido(tmp_path: Path) -> None:
    """O disco não está ligado, e no lugar dele há uma pasta vazia deste."""
    (tmp_path / "vazia").mkdir()
    vazia = LugarPasta(tmp_path / "vazia")
    with pytest.raises(DestinoErrado, match="já tinha uma cópia lá"):
        marco.preparar(vazia.destino, NOSSO, JaUsado(antes=True), tmp_path)
    assert vazia.conteudo() == {}
    marco.preparar(vazia.destino, NOSSO, JaUsado(antes=True, comecar=True), tmp_path)
    assert marco.ler(vazia.destino) == NOSSO


def test_chaves_novas_acrescentam_se_e_as_de_outros_recusam(tmp_path: Path) -> None:
    (tmp_path / "fora").mkdir()
    lugar = LugarPasta(tmp_path / "fora")
    marco.preparar(lugar.destino, NOSSO, JaUsado(), tmp_path)
    antes = lugar.conteudo()["cofre.json"]
    trocada = Marco(para=("age1nova",), confere=NOSSO.confere)
    for _ in range(2):  # a segunda vez já não escreve nada
        junto = marco.preparar(lugar.destino, trocada, JaUsado(antes=True), tmp_path)
        assert junto.para == ("age1nossa", "age1nova")
        assert len(lugar.conteudo()) == 2
    assert lugar.conteudo()["cofre.json"] == antes, "nunca se escreve por cima"
    estranho = Marco(para=("age1outra",), confere=("ssh-ed25519 outra",))
    with pytest.raises(DestinoErrado, match="de outras chaves"):
        marco.preparar(lugar.destino, estranho, JaUsado(), tmp_path)
    assert len(lugar.conteudo()) == 2


@pytest.mark.parametrize("dados", [b"", b"{", b"[]", b'{"formato": 99}'])
def test_um_marco_estragado_ou_do_futuro_recusa_sem_gravar(tmp_path: Path, dados: bytes) -> None:
    (tmp_path / "fora").mkdir()
    lugar = LugarPasta(tmp_path / "fora")
    lugar.por("cofre.json", dados)
    with pytest.raises(FalhaDaCopia):
        marco.preparar(lugar.destino, NOSSO, JaUsado(antes=True), tmp_path)
    assert lugar.conteudo() == {"cofre.json": dados}


def test_o_lacre_que_vai_e_o_mesmo_arquivo_daqui(pc: Computador, lugar: LugarPasta) -> None:
    mandar(lugar.destino, pc)
    daqui_ = (pc.pasta("ana") / "lacre_20260111_030000.json").read_bytes()
    lacre: Lacre = ler(daqui_)
    la = conteudo_da_pasta(lugar.raiz / "lacres" / lacre.empresa)
    assert la[f"20260111_030000-{lacre.escritor}.json"] == daqui_
