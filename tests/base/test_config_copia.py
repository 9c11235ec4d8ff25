"""As variáveis COPIA_*: o que se entende, o que se recusa e como, e nenhuma credencial à vista."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from cofre.base.config import ambiente, processo
from cofre.base.config.copia import Copia, PastaDita, RcloneDito, S3Dito, ler_copia
from cofre.base.erros import ConfiguracaoInvalida

pytestmark = pytest.mark.skipif(os.name != "posix", reason="os caminhos daqui são do POSIX")
SEGREDO = "segredo-que-ninguem-pode-ver"
S3 = {
    "COPIA_S3_CHAVE": "AKIAEXEMPLO",
    "COPIA_S3_SEGREDO": SEGREDO,
    "COPIA_S3_REGIAO": "sa-east-1",
}
PROJETO = "https://abcdefghij.supabase.co"


def ler(destino: str, **mais: str) -> Copia:
    valores = {"COPIA_DESTINO": destino, **S3, **mais}
    return ler_copia({n: v for n, v in valores.items() if v}, Path("/dados/backups"), PROJETO)


def test_sem_nada_dito_nao_ha_copia() -> None:
    assert ler_copia({}, Path("/dados/backups")) == Copia()


def test_varios_destinos_na_ordem_e_com_virgulas_nos_caminhos() -> None:
    copia = ler("pasta:/mnt/hd, vermelho/Cofre ,S3://balde/a/b/, rclone:meu drive:Cofre,rclone:r:")

    assert copia.destinos == (
        PastaDita("pasta:/mnt/hd, vermelho/Cofre", Path("/mnt/hd, vermelho/Cofre")),
        S3Dito(
            "S3://balde/a/b/",
            "balde",
            "a/b",
            "https://s3.sa-east-1.amazonaws.com",
            "sa-east-1",
            "AKIAEXEMPLO",
            SEGREDO,
        ),
        RcloneDito("rclone:meu drive:Cofre", "meu drive", "Cofre"),
        RcloneDito("rclone:r:", "r", ""),
    )
    assert copia.avisos == ()
    assert SEGREDO not in repr(copia)


@pytest.mark.parametrize(
    ("caminho", "fica"),
    [("Cofre/x/", "Cofre/x"), ("/srv/x", "/srv/x"), ("/", "/"), ("", ""), (r"E:\C", r"E:\C")],
)
def test_o_caminho_num_remoto_fica_como_foi_escrito(caminho: str, fica: str) -> None:
    (destino,) = ler(f"rclone:nas:{caminho}").destinos

    assert isinstance(destino, RcloneDito)
    assert destino.caminho == fica


@pytest.mark.parametrize(
    ("endereco", "regiao"),
    [
        ("https://s3.us-east-005.backblazeb2.com", "us-east-005"),
        ("https://s3.eu-central-1.wasabisys.com/", "eu-central-1"),
        ("https://br-se1.magaluobjects.com", "br-se1"),
        ("https://0a1b2c.r2.cloudflarestorage.com", "auto"),
        ("https://0a1b2c.eu.r2.cloudflarestorage.com", "auto"),
        ("https://s3.sa-east-1.amazonaws.com", "sa-east-1"),
    ],
)
def test_a_regiao_vem_do_endereco_dos_servicos_conhecidos(endereco: str, regiao: str) -> None:
    (destino,) = ler("s3://balde", COPIA_S3_REGIAO="", COPIA_S3_ENDERECO=endereco).destinos

    assert isinstance(destino, S3Dito)
    assert (destino.endereco, destino.regiao) == (endereco.rstrip("/"), regiao)
    (dita,) = ler("s3://balde", COPIA_S3_REGIAO="outra", COPIA_S3_ENDERECO=endereco).destinos
    assert isinstance(dita, S3Dito)
    assert dita.regiao == "outra"


RECUSAS = [
    (r"E:\Cofre", {}, "não começa por s3://, pasta: ou rclone:"),
    ("ftp://ana:segredo-que-ninguem-pode-ver@nas/x", {}, "não começa por"),
    ("pasta:/mnt/hd,ftp://nas", {}, "não conheço «ftp://»"),
    ("pasta:", {}, "não é um caminho inteiro"),
    ("pasta:Cofre", {}, "não é um caminho inteiro"),
    ("pasta:/dados/backups", {}, "estão uma na outra"),
    ("pasta:/dados/backups/copia", {}, "estão uma na outra"),
    ("pasta:/dados", {}, "estão uma na outra"),
    ("pasta:/mnt/a,pasta:/mnt/a", {}, "repete um destino"),
    ("s3://um,s3://dois", {}, "mais de um s3://"),
    ("s3://", {}, "vem o nome do balde"),
    ("s3://balde/../x", {}, "vem o nome do balde"),
    ("s3://balde//x", {}, "vem o nome do balde"),
    ("s3://balde", {"COPIA_S3_CHAVE": ""}, "Falta a credencial do S3: COPIA_S3_CHAVE."),
    ("s3://balde", {"COPIA_S3_SEGREDO": f"{SEGREDO} x"}, "COPIA_S3_SEGREDO está malformada"),
    ("s3://balde", {"COPIA_S3_REGIAO": ""}, "Falta COPIA_S3_ENDERECO"),
    ("s3://balde", {"COPIA_S3_REGIAO": "São Paulo"}, "não é o nome de uma região"),
    (
        "s3://balde",
        {"COPIA_S3_REGIAO": "", "COPIA_S3_ENDERECO": "https://s3.exemplo.com"},
        "Falta COPIA_S3_REGIAO",
    ),
    ("s3://balde", {"COPIA_S3_ENDERECO": "s3.exemplo.com"}, "não é um endereço"),
    ("s3://balde", {"COPIA_S3_ENDERECO": "http://s3.exemplo.com"}, "viajaria à vista"),
    ("s3://balde", {"COPIA_S3_ENDERECO": f"https://k:{SEGREDO}@s3.x.com"}, "tem mais do que"),
    ("s3://balde", {"COPIA_S3_ENDERECO": "https://[x"}, "não é um endereço válido"),
    ("rclone:meudrive", {}, "o nome que o remoto tem no rclone"),
    ("rclone::sftp,host=x,pass=segredo-que-ninguem-pode-ver:y", {}, "o nome que o remoto tem"),
    ("rclone:--config:y", {}, "o nome que o remoto tem"),
    ("pasta:/mnt/a", {"COPIA_TRAVA_DIAS": "dois meses"}, "COPIA_TRAVA_DIAS é um número"),
]


@pytest.mark.parametrize(("destino", "mais", "dito"), RECUSAS, ids=range(len(RECUSAS)))
def test_o_que_nao_serve_e_recusado_com_a_cura(
    destino: str, mais: dict[str, str], dito: str
) -> None:
    with pytest.raises(ConfiguracaoInvalida) as recusa:
        ler(destino, **mais)

    erro = recusa.value
    assert dito in str(erro)
    assert erro.dica
    assert SEGREDO not in "".join(traceback.format_exception(erro)) + erro.dica


@pytest.mark.parametrize(
    ("endereco", "dito"),
    [
        ("https://abcdefghij.supabase.co/storage/v1/s3", "deste mesmo projeto"),
        ("https://abcdefghij.storage.supabase.co/storage/v1/s3", "deste mesmo projeto"),
        ("https://outro.supabase.co/storage/v1/s3", "de um projeto"),
    ],
)
def test_o_armazenamento_do_supabase_e_avisado(endereco: str, dito: str) -> None:
    (aviso,) = ler("s3://balde", COPIA_S3_ENDERECO=endereco).avisos

    assert dito in aviso


@pytest.mark.parametrize("endereco", ["http://127.0.0.1:9000", "http://nas:9000"])
def test_na_rede_de_casa_http_serve(endereco: str) -> None:
    assert ler("s3://balde", COPIA_S3_ENDERECO=endereco).avisos == ()


def test_le_se_do_env_deste_projeto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for nome in ("COPIA_DESTINO", "COPIA_TRAVA_DIAS", "BACKUP_DIR"):
        monkeypatch.delenv(nome, raising=False)
    linhas = [f"COPIA_DESTINO='pasta:{tmp_path / 'hd'}'", "COPIA_TRAVA_DIAS=60"]
    (tmp_path / ".env").write_text("\n".join(linhas), encoding="utf-8")

    copia = ambiente.copia(tmp_path)

    assert copia == Copia((PastaDita(f"pasta:{tmp_path / 'hd'}", tmp_path / "hd"),), 60)
    with pytest.raises(ConfiguracaoInvalida, match="uma na outra"):
        ambiente.copia(tmp_path, str(tmp_path / "hd" / "backups"))


def test_o_rclone_nao_recebe_as_nossas_variaveis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RCLONE_CONFIG_PASS", "do rclone")
    for nome in ("COPIA_S3_SEGREDO", "SUPABASE_DB_URL", "BACKUP_PING_URL", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(nome, SEGREDO)

    variaveis = processo.ambiente_do_rclone()

    assert variaveis["RCLONE_CONFIG_PASS"] == "do rclone"
    assert SEGREDO not in variaveis.values()
