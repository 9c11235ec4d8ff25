"""Um backup com arquivos, num .zip: vai inteiro, volta inteiro, e um zip hostil não deixa nada."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from apoio.com_listas import conteudos_em, fotos_de, publicar
from cofre.base.erros import BackupDanificado, ZipRecusado
from cofre.deposito.backup import Backup
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de
from cofre.deposito.zip.exportacao import CSV, JSON, exportar
from cofre.deposito.zip.importacao import importar

pytestmark = pytest.mark.usefixtures("perfil_proprio")
CHAVE, RESERVA = gerar(), gerar()
CIFRA = Cifra((CHAVE.publica, RESERVA.publica))
COMO = pytest.mark.parametrize("como", [None, CIFRA], ids=["em claro", "cifrado"])
FOTOS = {"a b/é.png": b"bolo", "a": b"", "z": bytes(range(256)) * 900}
LOGINS = [{"id": "11111111-1111-4111-8111-111111111111", "email": "ana@doces.example"}]
DIA = "20260301_030000"
SOMA = hashlib.sha256(b"bolo").hexdigest()
Entradas = dict[str, bytes]


def exportado(tmp_path: Path, como: Cifra | None, formato: str = JSON) -> tuple[Backup, Path]:
    backup = publicar(Deposito(tmp_path / "b", cifra=como), DIA, FOTOS, LOGINS)
    arquivo = tmp_path / "backup.zip"
    exportar(backup, arquivo, formato, sobrescrever=False)
    return backup, arquivo


def trazer(arquivo: Path, deposito: Deposito) -> Backup:
    with deposito.trabalhando():
        return importar(arquivo, deposito).backup


def de_dentro(arquivo: Path) -> Entradas:
    with zipfile.ZipFile(arquivo) as zip_:
        return {nome: zip_.read(nome) for nome in zip_.namelist()}


@COMO
def test_vai_inteiro_e_volta_inteiro(tmp_path: Path, como: Cifra | None) -> None:
    chaveiro.guardar(CHAVE)
    backup, arquivo = exportado(tmp_path, como)
    novo = Deposito(tmp_path / "novo")
    trazido = trazer(arquivo, novo)
    assert list(danos_de(trazido)) == []
    assert fotos_de(trazido) == FOTOS
    assert conteudos_em(trazido.pasta) == conteudos_em(backup.pasta)
    ja = importar(arquivo, novo)
    assert ja.ja_estava
    leia_me = de_dentro(arquivo)["LEIA-ME.txt"].decode("utf-8-sig")
    assert "3 arquivos" in leia_me
    assert "storage.objects_" in leia_me


def test_com_o_carimbo_tomado_os_nomes_mudam_e_os_conteudos_sao_os_mesmos(tmp_path: Path) -> None:
    _, arquivo = exportado(tmp_path, None)
    novo = Deposito(tmp_path / "novo")
    publicar(novo, DIA, {**FOTOS, "outra": b"outra"})
    trazido = trazer(arquivo, novo)
    assert trazido.carimbo == "20260301_030001"
    assert fotos_de(trazido) == FOTOS
    assert list(danos_de(trazido)) == []
    assert len(conteudos_em(trazido.pasta)) == len(FOTOS) + 1


def test_a_planilha_nao_leva_logins_nem_conteudos(tmp_path: Path) -> None:
    _, arquivo = exportado(tmp_path, None, CSV)
    dentro = de_dentro(arquivo)
    assert {Path(n).name for n in dentro} == {
        "LEIA-ME.txt",
        "produtos.csv",
        "storage.objects.csv",
    }
    assert b"ana@doces.example" not in b"".join(dentro.values())


# -- um zip hostil ---------------------------------------------------------------------------


def _do_bolo(entradas: Entradas) -> str:
    return next(n for n in entradas if n.endswith(SOMA))


def _trocado(entradas: Entradas) -> None:
    entradas[_do_bolo(entradas)] = b"bola"


def _maior(entradas: Entradas) -> None:
    entradas[_do_bolo(entradas)] = b"bolo" * 1000


def _a_menos(entradas: Entradas) -> None:
    del entradas[_do_bolo(entradas)]


def _a_mais(entradas: Entradas) -> None:
    outro = hashlib.sha256(b"outro").hexdigest()
    entradas[f"empresa_x/arquivos/{outro[:2]}/{outro}"] = b"outro"


def _noutra_pasta(entradas: Entradas) -> None:
    dados = entradas.pop(_do_bolo(entradas))
    entradas[f"empresa_x/arquivos/00/{SOMA}"] = dados


def _que_sobe(entradas: Entradas) -> None:
    entradas[f"../arquivos/{SOMA[:2]}/../../../{SOMA}"] = b"bolo"


def _que_parece_cifrado(entradas: Entradas) -> None:
    dados = entradas.pop(nome := _do_bolo(entradas))
    entradas[f"{nome}.age"] = dados


def _duas_vezes(entradas: Entradas) -> None:
    entradas[f"outra/arquivos/{SOMA[:2]}/{SOMA}"] = b"bolo"


def _citados(mudar: Callable[[bytes], bytes]) -> Callable[[Entradas], None]:
    def estragar(entradas: Entradas) -> None:
        nome = next(n for n in entradas if "conteudos_" in n)
        entradas[nome] = mudar(entradas[nome])

    return estragar


HOSTIS: dict[str, Callable[[Entradas], None]] = {
    "um conteúdo trocado": _trocado,
    "um maior": _maior,
    "um a menos": _a_menos,
    "um a mais": _a_mais,
    "noutra pasta": _noutra_pasta,
    "um que sobe": _que_sobe,
    "um que parece cifrado": _que_parece_cifrado,
    "o mesmo duas vezes": _duas_vezes,
    "o que se cita, vazio": _citados(lambda _: b"[]\n"),
    "o que se cita, sem um": _citados(lambda d: d.replace(SOMA.encode(), b"0" * 64)),
}


@pytest.mark.parametrize("qual", HOSTIS)
@pytest.mark.parametrize("ja_ha", [False, True])
def test_um_zip_hostil_nao_deixa_nada(tmp_path: Path, qual: str, ja_ha: bool) -> None:
    _, arquivo = exportado(tmp_path, None)
    entradas = de_dentro(arquivo)
    HOSTIS[qual](entradas)
    with zipfile.ZipFile(tmp_path / "mau.zip", "w", zipfile.ZIP_DEFLATED) as zip_:
        for nome, dados in entradas.items():
            zip_.writestr(nome, dados)
    novo = Deposito(tmp_path / "novo")
    if ja_ha:
        publicar(novo, "20260101_030000", {"z": FOTOS["z"]})
    antes = {p: p.read_bytes() for p in _arquivos(novo)}
    with pytest.raises((ZipRecusado, BackupDanificado)):
        trazer(tmp_path / "mau.zip", novo)
    assert {p: p.read_bytes() for p in _arquivos(novo)} == antes


def _arquivos(deposito: Deposito) -> list[Path]:
    """Os de empresas, menos os que só lembram."""
    achados = (p for pasta in deposito.pastas() for p in pasta.rglob("*"))
    return [p for p in achados if p.is_file() and not p.name.startswith(".")]
