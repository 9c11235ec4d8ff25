"""O preparo do ambiente diz, em português, o que falta e com que comando se instala."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from supabase_local.servidores import ambiente
from supabase_local.servidores.sistema import ErroDeAmbiente, ha_postgrest


def so_existe(monkeypatch: pytest.MonkeyPatch, *programas: str) -> None:
    def which(nome: str) -> str | None:
        return f"/usr/bin/{nome}" if nome in programas else None

    monkeypatch.setattr(shutil, "which", which)


@pytest.fixture(autouse=True)
def _fora_do_ambiente(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ambiente, "estamos_nele", lambda: False)
    monkeypatch.setattr(ambiente, "POSTGREST", tmp_path / "ausente")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.parametrize(
    ("instalador", "comando"),
    [("apt-get", "apt install npm"), ("dnf", "nodejs-npm"), ("brew", "brew install node")],
)
def test_sem_npm(monkeypatch: pytest.MonkeyPatch, instalador: str, comando: str) -> None:
    so_existe(monkeypatch, instalador)
    with pytest.raises(ErroDeAmbiente, match="Falta o npm") as erro:
        ambiente.conferir_o_que_ja_deve_existir()
    assert comando in str(erro.value)
    assert str(erro.value).count("\n   ") == 1


def test_sem_npm_num_sistema_desconhecido_mostra_todos(monkeypatch: pytest.MonkeyPatch) -> None:
    so_existe(monkeypatch)
    with pytest.raises(ErroDeAmbiente) as erro:
        ambiente.conferir_o_que_ja_deve_existir()
    assert str(erro.value).count("\n   ") == 4


def test_sem_ensurepip(monkeypatch: pytest.MonkeyPatch) -> None:
    so_existe(monkeypatch, "apt-get", "npm")
    monkeypatch.setattr(importlib.util, "find_spec", lambda nome: None)
    with pytest.raises(ErroDeAmbiente, match="apt install python3-venv"):
        ambiente.conferir_o_que_ja_deve_existir()


def test_python_antigo(monkeypatch: pytest.MonkeyPatch) -> None:
    so_existe(monkeypatch, "apt-get", "npm")
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(ErroDeAmbiente, match=r"Python 3\.11 ou mais novo; este é o 3\.10"):
        ambiente.conferir_o_que_ja_deve_existir()


def test_no_windows_a_api_nao_roda_e_a_direta_roda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    so_existe(monkeypatch)  # nem npm é preciso
    assert not ha_postgrest()
    with pytest.raises(ErroDeAmbiente, match=r"(?s)Windows AMD64.*--via direta.*README"):
        ambiente.conferir_o_que_ja_deve_existir()
    ambiente.conferir_o_que_ja_deve_existir(com_api=False)


def test_com_tudo_pronto_nada_e_executado(monkeypatch: pytest.MonkeyPatch) -> None:
    """O segundo começo não pode custar: nem pip, nem npm, nem venv são chamados."""
    monkeypatch.undo()

    def proibido(*argumentos: object, **opcoes: object) -> None:
        raise AssertionError(f"não devia executar {argumentos}")

    monkeypatch.setattr(subprocess, "run", proibido)
    testes = ambiente.RAIZ / "tests"
    extras = [testes / p / "requirements.txt" for p in ("", "desempenho")]
    ambiente.preparar(extras, com_api=ha_postgrest())
