"""A cópia conferida sem chave nenhuma: cada adulteração se acha, e nada de certo se acusa."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apoio.danos import virar_um_bit
from apoio.destinos import LugarPasta
from apoio.lacrados import EMPRESAS, Computador
from cofre.deposito.lacre.lacre import ler, pseudonimo
from cofre.remoto import conferencia, daqui, envio, marco
from cofre.remoto.conferencia import Conferencia, Parte, Sabido
from cofre.remoto.disposicao import Endereco
from cofre.remoto.marco import JaUsado, Marco

ANA, BIA = pseudonimo(EMPRESAS["ana"]), pseudonimo(EMPRESAS["bia"])
DIAS = ("20260110_030000", "20260111_030000", "20260112_030000")


@pytest.fixture
def pc(tmp_path: Path) -> Computador:
    pc = Computador(tmp_path / "backups")
    for dia in DIAS:
        for empresa in ("ana", "bia"):
            pc.guardar(empresa, dia, {"clientes": os.urandom(300), "vendas": os.urandom(500)})
    return pc


@pytest.fixture
def lugar(tmp_path: Path, pc: Computador) -> LugarPasta:
    """A cópia inteira do que está no computador."""
    (tmp_path / "fora").mkdir()
    lugar = LugarPasta(tmp_path / "fora")
    marco.preparar(lugar.destino, Marco(confere=(pc.chave.publica,)), JaUsado(), tmp_path)
    mandar(lugar, pc)
    return lugar


def mandar(lugar: LugarPasta, pc: Computador) -> None:
    backups = daqui.inventariar(pc.deposito).backups
    envio.enviar(lugar.destino, backups, lambda _foi, _total: None)


def ver(lugar: LugarPasta, pc: Computador, parte: Parte | None = None, **mais: Any) -> Conferencia:
    sabido: dict[str, Any] = {
        "conhecidas": {pc.chave.publica},
        "escritor": pc.escritor,
        "esperados": {ANA: Endereco(ANA, DIAS[2], pc.escritor)},
        "agora": datetime.now(UTC),
    }
    return conferencia.conferir(
        lugar.destino, Sabido(**{**sabido, **mais}), parte, lambda _foi, _total: None
    )


def ditos(visto: Conferencia) -> list[tuple[str, str, str]]:
    return sorted((a.empresa, a.carimbo, a.causa) for a in visto.achados)


def do_lacre(lugar: LugarPasta, dia: str, empresa: str = ANA) -> Path:
    (achado,) = lugar.raiz.glob(f"lacres/{empresa}/{dia}-*.json")
    return achado


def um_blob(lugar: LugarPasta, dia: str) -> Path:
    soma = ler(do_lacre(lugar, dia).read_bytes()).blobs[0].sha256
    return lugar.raiz / f"blobs/{soma[:2]}/{soma}.age"


def test_inteira_e_dita_inteira_por_fora_e_por_dentro(lugar: LugarPasta, pc: Computador) -> None:
    visto = ver(lugar, pc, Parte(1, 1))
    assert (visto.achados, visto.chegando, visto.orfaos, visto.podres) == ([], [], 0, [])
    assert visto.somados == visto.conteudos == 18
    assert visto.bytes_somados == visto.bytes
    da_ana = visto.empresas[ANA]
    assert (da_ana.backups, da_ana.carimbo, da_ana.numero) == (3, DIAS[2], 3)
    assert set(visto.empresas) == {ANA, BIA}


def test_um_lacre_mudado(lugar: LugarPasta, pc: Computador) -> None:
    virar_um_bit(do_lacre(lugar, DIAS[1]))
    ((empresa, carimbo, causa),) = ditos(ver(lugar, pc))
    assert (empresa, carimbo) == (ANA, DIAS[1])
    assert causa.startswith("o lacre não ")


def test_um_lacre_trocado_pelo_de_outro_dia_ou_de_outra_empresa(
    lugar: LugarPasta, pc: Computador
) -> None:
    do_lacre(lugar, DIAS[1]).write_bytes(do_lacre(lugar, DIAS[0]).read_bytes())
    do_lacre(lugar, DIAS[0], BIA).write_bytes(do_lacre(lugar, DIAS[0]).read_bytes())
    assert ditos(ver(lugar, pc)) == sorted(
        [
            (ANA, DIAS[1], "o lacre está com o nome de outro"),
            (BIA, DIAS[0], "o lacre está com o nome de outro"),
        ]
    )


def test_o_lacre_que_mudou_sem_mudar_de_tamanho_vai_de_novo(
    lugar: LugarPasta, pc: Computador
) -> None:
    bom = lugar.conteudo()
    virar_um_bit(do_lacre(lugar, DIAS[1]))
    mandar(lugar, pc)
    assert lugar.conteudo() != bom, "pelo tamanho não se vê"
    visto = ver(lugar, pc)
    backups = daqui.inventariar(pc.deposito).backups
    envio.enviar(lugar.destino, backups, lambda _foi, _total: None, visto.podres)
    assert lugar.conteudo() == bom
    assert ver(lugar, pc).achados == []


def test_um_lacre_do_meio_tirado(lugar: LugarPasta, pc: Computador) -> None:
    do_lacre(lugar, DIAS[1]).unlink()
    assert ditos(ver(lugar, pc)) == [(ANA, DIAS[1], "o lacre não está mais lá")]


def test_um_lacre_antigo_posto_de_novo_no_lugar_do_que_se_assinou(
    lugar: LugarPasta, pc: Computador
) -> None:
    """Bem assinado, mas não é o que o mais novo cita."""
    outro = Computador(pc.raiz.parent / "lado", escritor=pc.escritor, chave=pc.chave)
    falso = outro.guardar("ana", DIAS[1], {"clientes": os.urandom(300)})
    do_lacre(lugar, DIAS[1]).write_bytes(falso.dados)
    assert (ANA, DIAS[1], "não é o mesmo que foi assinado") in ditos(ver(lugar, pc))


def test_o_ultimo_tirado_so_quem_o_enviou_sabe(lugar: LugarPasta, pc: Computador) -> None:
    do_lacre(lugar, DIAS[2]).unlink()
    causa = "foi o último que este computador enviou, e não está mais lá"
    assert ditos(ver(lugar, pc)) == [(ANA, DIAS[2], causa)]
    de_fora = ver(lugar, pc, esperados={}, escritor="outro")
    assert de_fora.achados == [], "de outro computador não se sabe: o manual o diz"
    assert de_fora.empresas[ANA].carimbo == DIAS[1], "mas vê-se a data do último"


def test_forjado_por_quem_nao_se_conhece(lugar: LugarPasta, pc: Computador) -> None:
    """Quem entra no balde cifra para a nossa chave que fecha, e assina com a dele."""
    ladrao = Computador(pc.raiz.parent / "ladrao", escritor="badbadbadbadbad0")
    forjado = ladrao.guardar("ana", "20260113_030000", {"clientes": os.urandom(300)})
    mandar(lugar, ladrao)
    visto = ver(lugar, pc)
    causa = f"assinado por quem este computador não conhece (código {forjado.codigo})"
    assert ditos(visto) == [(ANA, "20260113_030000", causa)]
    assert visto.empresas[ANA].carimbo == DIAS[2], "o forjado não conta"


def test_conteudos_que_faltam_cortados_ou_a_mais(lugar: LugarPasta, pc: Computador) -> None:
    um_blob(lugar, DIAS[0]).unlink()
    cortado = um_blob(lugar, DIAS[1])
    cortado.write_bytes(cortado.read_bytes()[:-1])
    lugar.por(f"blobs/ff/{'f' * 64}.age", b"de um envio cortado")
    lugar.por("blobs/ff/x (1).age", b"de um sincronizador")
    visto = ver(lugar, pc)
    causa = "1 conteúdo falta ou tem outro tamanho"
    assert ditos(visto) == [(ANA, DIAS[0], causa), (ANA, DIAS[1], causa)]
    assert visto.orfaos == 1


def test_um_conteudo_trocado_do_mesmo_tamanho_so_a_soma_o_acha(
    lugar: LugarPasta, pc: Computador
) -> None:
    podre = um_blob(lugar, DIAS[1])
    virar_um_bit(podre)
    assert ver(lugar, pc).achados == []
    visto = ver(lugar, pc, Parte(1, 1))
    assert visto.podres == [podre.stem]
    assert ditos(visto) == [(ANA, DIAS[1], f"o conteúdo {podre.stem[:12]}… não tem a sua soma")]


@pytest.mark.parametrize("parte", [Parte(1, 30), Parte(2, 7), Parte(1, 1), Parte(3, 5)])
def test_as_partes_dos_dias_passam_por_tudo(parte: Parte) -> None:
    somas = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(500)]
    dias = -(-parte.t // parte.n)
    for primeiro in (739000, 739017):
        vistos = {s for d in range(primeiro, primeiro + dias) for s in somas if parte.tem(s, d)}
        assert vistos == set(somas)
    de_um_dia = sum(parte.tem(s, 739000) for s in somas)
    assert de_um_dia <= 500 * parte.n / parte.t * 2 + 5


def test_a_parte_de_um_dia_baixa_so_ela(lugar: LugarPasta, pc: Computador) -> None:
    agora = datetime.now(UTC)
    somados = [
        ver(lugar, pc, Parte(1, 3), agora=agora + timedelta(days=d)).somados for d in range(3)
    ]
    assert sum(somados) == 18
    assert max(somados) < 18


@pytest.mark.parametrize(
    "estragar",
    [
        lambda lugar: um_blob(lugar, DIAS[2]).unlink(),
        lambda lugar: um_blob(lugar, DIAS[2]).write_bytes(b""),
        lambda lugar: do_lacre(lugar, DIAS[1]).unlink(),
        lambda lugar: do_lacre(lugar, DIAS[2]).write_bytes(b"{"),
    ],
    ids=["falta um conteúdo", "um conteúdo por encher", "falta um lacre", "um lacre cortado"],
)
def test_numa_pasta_sincronizada_o_que_outro_enviou_hoje_ainda_chega(
    lugar: LugarPasta, pc: Computador, estragar: Callable[[LugarPasta], object]
) -> None:
    estragar(lugar)
    de_longe: dict[str, Any] = {"escritor": "outro", "esperados": {}}
    visto = ver(lugar, pc, **de_longe)
    assert (visto.achados, len(visto.chegando)) == ([], 1)
    depois = datetime.now(UTC) + timedelta(days=1, minutes=1)
    assert len(ver(lugar, pc, **de_longe, agora=depois).achados) == 1, "um dia depois, é dano"
    assert ver(lugar, pc, esperados={}).achados, "do que este computador gravou, já é dano"


def test_o_que_este_computador_podou_nao_falta(lugar: LugarPasta, pc: Computador) -> None:
    """O lacre mais novo ainda o cita: foi podado depois, e a cópia começou depois disso."""
    do_lacre(lugar, DIAS[0]).unlink()
    assert ver(lugar, pc).achados
    assert ver(lugar, pc, vivos={ANA: DIAS[1:]}).achados == []
    assert ver(lugar, pc, vivos={ANA: DIAS}).achados
    assert ver(lugar, pc, vivos={BIA: DIAS[1:]}).achados
