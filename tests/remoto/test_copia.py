"""Todos os destinos: o que dá errado num fica nele, e o que se soube fica anotado."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import msgspec
import pytest

from apoio.destinos import LugarPasta
from apoio.lacrados import EMPRESAS, Computador
from cofre.base.erros import primeiro_codigo
from cofre.base.tela import RelatoTexto
from cofre.deposito.lacre.lacre import pseudonimo
from cofre.remoto import situacao
from cofre.remoto.copia import Copiado, Remetente, copiar
from cofre.remoto.destino import Destino
from cofre.remoto.marco import Marco
from cofre.remoto.pasta import DestinoPasta
from cofre.remoto.situacao import Copia

ANA, BIA = pseudonimo(EMPRESAS["ana"]), pseudonimo(EMPRESAS["bia"])


@pytest.fixture
def pc(tmp_path: Path) -> Computador:
    pc = Computador(tmp_path / "backups")
    for dia in ("20260110_030000", "20260111_030000"):
        pc.guardar("ana", dia, {"clientes": os.urandom(300)})
    pc.guardar("bia", "20260110_030000", {"clientes": os.urandom(300)})
    return pc


@pytest.fixture
def lugares(tmp_path: Path) -> list[LugarPasta]:
    lugares = [LugarPasta(tmp_path / nome) for nome in ("um", "dois")]
    for lugar in lugares:
        lugar.raiz.mkdir()
    return lugares


def destinos(lugares: Iterable[LugarPasta]) -> list[Destino]:
    return [DestinoPasta(x.raiz, f"pasta:{x.raiz.name}") for x in lugares]


def mandar(
    pc: Computador, para: Iterable[Destino], *, em_claro: bool = False, comecar: bool = False
) -> tuple[list[Copiado], str]:
    saida = StringIO()
    nosso = Marco(confere=(pc.chave.publica,))
    relato = RelatoTexto(saida, saida)
    feitos = copiar(Remetente(pc.deposito, nosso, relato, em_claro, comecar), para)
    return feitos, saida.getvalue()


def sabido(pc: Computador) -> dict[str, Copia]:
    return dict(situacao.ler(pc.raiz))


def test_vai_a_todos_e_anota_o_mais_novo_de_cada_empresa(
    pc: Computador, lugares: list[LugarPasta]
) -> None:
    feitos, dito = mandar(pc, destinos(lugares))
    assert [f.codigo for f in feitos] == [0, 0]
    assert lugares[0].conteudo() == lugares[1].conteudo()
    assert "✅ pasta:um: 3 backups (6 arquivos, 1,5 KB)" in dito
    for copia in sabido(pc).values():
        assert copia.enviada is not None
        assert copia.falha == ""
        assert {e: n.carimbo for e, n in copia.empresas.items()} == {
            ANA: "20260111_030000",
            BIA: "20260110_030000",
        }
    assert "✅ pasta:dois: já estava tudo lá" in mandar(pc, destinos(lugares))[1]


def test_um_que_falha_nao_para_os_outros_e_fica_dito_porque(
    pc: Computador, lugares: list[LugarPasta]
) -> None:
    mandar(pc, destinos(lugares))
    shutil.rmtree(lugares[0].raiz)
    pc.guardar("bia", "20260111_030000", {"clientes": os.urandom(300)})
    feitos, dito = mandar(pc, destinos(lugares))
    assert [f.codigo for f in feitos] == [13, 0]
    assert "❌ pasta:um: a pasta da cópia não existe" in dito
    assert "Ligue o disco" in dito
    copias = sabido(pc)
    assert "não existe" in copias["pasta:um"].falha
    assert copias["pasta:um"].empresas[BIA].carimbo == "20260110_030000"
    assert copias["pasta:dois"].falha == ""
    assert copias["pasta:dois"].empresas[BIA].carimbo == "20260111_030000"


def test_um_disco_trocado_por_um_vazio_recusa_se_ate_se_pedir(
    pc: Computador, lugares: list[LugarPasta]
) -> None:
    mandar(pc, destinos(lugares))
    shutil.rmtree(lugares[0].raiz)
    lugares[0].raiz.mkdir()
    ((feito, _), dito) = mandar(pc, destinos(lugares))
    assert feito.codigo == 13
    assert "já tinha uma cópia lá" in dito
    assert lugares[0].conteudo() == {}
    assert [f.codigo for f in mandar(pc, destinos(lugares), comecar=True)[0]] == [0, 0]
    assert lugares[0].conteudo() == lugares[1].conteudo()


def test_o_que_nao_esta_cifrado_nao_vai_sem_se_insistir(
    pc: Computador, lugares: list[LugarPasta]
) -> None:
    claro = os.urandom(50)
    ficha = b'{"em": "claro"}'
    pasta = pc.pasta("ana")
    lacre = pc.lacrar("ana", "20260112_030000", [claro, ficha], ficha, b"")
    (pasta / "clientes_20260112_030000.json").write_bytes(claro)
    (pasta / "backup_metadata_20260112_030000.json").write_bytes(ficha)
    (pasta / "lacre_20260112_030000.json").write_bytes(lacre.dados)
    (feito,), dito = mandar(pc, destinos(lugares[:1]))
    assert feito.codigo == 13
    assert feito.problemas == (
        "empresa_aaaa1111: o backup mais novo não está cifrado, e em claro não vai",
    )
    assert "✅ pasta:um: 3 backups" in dito, "os outros foram"
    assert claro not in lugares[0].conteudo().values()
    assert sabido(pc)["pasta:um"].empresas[ANA].carimbo == "20260111_030000"
    (feito,), _ = mandar(pc, destinos(lugares[:1]), em_claro=True)
    assert feito.codigo == 0
    assert {n.rpartition(".")[2] for n, d in lugares[0].conteudo().items() if d == claro} == {"bin"}


def test_um_destino_que_sai_do_env_deixa_de_ser_esperado_mas_nao_se_esquece(
    pc: Computador, lugares: list[LugarPasta]
) -> None:
    mandar(pc, destinos(lugares))
    mandar(pc, destinos(lugares[:1]))
    assert {n: c.em_uso for n, c in sabido(pc).items()} == {"pasta:um": True, "pasta:dois": False}
    assert sabido(pc)["pasta:dois"].usada


def test_o_que_uma_conferencia_achou_podre_vai_de_novo_e_deixa_de_o_ser(
    pc: Computador, lugares: list[LugarPasta]
) -> None:
    mandar(pc, destinos(lugares))
    podre = sorted(lugares[0].raiz.glob("blobs/*/*"))[0]
    bom = podre.read_bytes()
    podre.write_bytes(bytes(len(bom)))
    situacao.anotar(pc.raiz, "pasta:um", lambda c: msgspec.structs.replace(c, podres=(podre.stem,)))
    mandar(pc, destinos(lugares))
    assert podre.read_bytes() == bom
    assert sabido(pc)["pasta:um"].podres == ()


def test_de_varios_codigos_manda_o_mais_grave() -> None:
    assert primeiro_codigo(0, 0) == 0
    assert primeiro_codigo(10, 13) == 13
    assert primeiro_codigo(13, 4) == 4
    assert primeiro_codigo(13, 6) == 6
    assert primeiro_codigo(14, 10) == 10
    assert primeiro_codigo(0, 5) == 5
