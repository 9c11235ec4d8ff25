"""O que segura, num destino, quem quiser apagar a cópia: visto num S3 de verdade, e dito."""

from __future__ import annotations

from pathlib import Path

import pytest

from apoio.destinos import LugarPasta
from apoio.lacrados import Computador
from apoio.servidores_s3 import ServidoresS3
from cofre.remoto import daqui, envio, marco
from cofre.remoto.destino import Destino
from cofre.remoto.marco import JaUsado, Marco
from cofre.remoto.protecao import protecao_de


def com_um_lacre(destino: Destino, tmp_path: Path) -> str:
    """O nome de um lacre que lá ficou."""
    pc = Computador(tmp_path / "backups")
    pc.guardar("ana", "20260110_030000", {"clientes": b"x" * 300})
    marco.preparar(destino, Marco(confere=(pc.chave.publica,)), JaUsado(), tmp_path)
    backups = daqui.inventariar(pc.deposito).backups
    envio.enviar(destino, backups, lambda _foi, _total: None)
    return backups[0].endereco.nome


@pytest.mark.parametrize(
    ("como", "ditos", "esperadas"),
    [
        ("nada", 0, ["⚠️ daqui não se vê trava nem versões"]),
        ("nada", 60, ["⚠️ COPIA_TRAVA_DIAS diz 60, e daqui não se vê trava nenhuma"]),
        ("versões", 0, ["↩️ guarda versões"]),
        ("trava", 30, ["🔒 trava de 30 dias (governance)", "↩️ guarda versões"]),
        (
            "trava",
            60,
            [
                "🔒 trava de 30 dias (governance)",
                "⚠️ COPIA_TRAVA_DIAS diz 60, e a trava é de 30 dias",
                "↩️ guarda versões",
            ],
        ),
    ],
)
def test_a_trava_e_as_versoes_que_ha_sao_ditas(
    servidores_s3: ServidoresS3, tmp_path: Path, como: str, ditos: int, esperadas: list[str]
) -> None:
    servidor = servidores_s3["moto"]
    balde = servidor.novo_balde(**({"ObjectLockEnabledForBucket": True} if como == "trava" else {}))
    if como == "versões":
        servidor.boto.put_bucket_versioning(
            Bucket=balde.balde, VersioningConfiguration={"Status": "Enabled"}
        )
    if como == "trava":
        regra = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}
        servidor.boto.put_object_lock_configuration(
            Bucket=balde.balde,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": regra},
        )
    (tmp_path / "daqui").mkdir()
    pasta = LugarPasta(tmp_path / "daqui")
    lacre = com_um_lacre(pasta.destino, tmp_path)
    # Não pelo nosso envio: a um balde com trava, o moto pede um cabeçalho que só ele pede.
    for nome, dados in pasta.conteudo().items():
        balde.por(nome, dados)
    frases = protecao_de(balde.destino, lacre, ditos)
    assert len(frases) == len(esperadas), frases
    for frase, esperada in zip(frases, esperadas, strict=True):
        assert frase.startswith(esperada)


def test_de_uma_pasta_nada_se_diz(tmp_path: Path) -> None:
    (tmp_path / "fora").mkdir()
    destino = LugarPasta(tmp_path / "fora").destino
    assert protecao_de(destino, com_um_lacre(destino, tmp_path), 60) == []
