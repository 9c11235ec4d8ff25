"""O que se manda colar funciona como está, de qualquer pasta, e com o Python que tem os pacotes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from apoio.execucao import BACKUP, PACIENCIA, RAIZ, Saida, ambiente, copiar_scripts
from apoio.loja import TANTO_FAZ
from cofre.base import comandos
from cofre.base.palavras import em_linhas

VIA = TANTO_FAZ

SEM_PACOTES = (sys.executable, "-S")
"""Um Python como o do sistema: sem site-packages, e fora do ambiente do projeto."""


def rodar(comando: tuple[str, ...] | str, pasta: Path, destino: Path) -> Saida:
    """Nesta pasta, até o fim; uma linha é colada no shell."""
    feito = subprocess.run(
        comando,
        cwd=pasta,
        env=ambiente(None, destino),
        shell=isinstance(comando, str),
        capture_output=True,
        timeout=PACIENCIA,
        check=False,
    )
    return Saida(feito.returncode, feito.stdout.decode(), feito.stderr.decode())


@pytest.mark.parametrize("na_raiz", [True, False])
def test_sem_os_pacotes_segue_com_o_python_do_projeto(tmp_path: Path, na_raiz: bool) -> None:
    """E o comando que se manda colar, colado ali mesmo, faz o que diz, na pasta que se pediu."""
    destino = tmp_path / "meus backups"
    pasta = RAIZ if na_raiz else tmp_path
    saida = rodar((*SEM_PACOTES, str(BACKUP), "listar", "--destino", str(destino)), pasta, tmp_path)
    python, script = ".venv/bin/python", "scripts/backup-por-empresa.py"
    curto = (python, script) if na_raiz else (f"{RAIZ}/{python}", f"{RAIZ}/{script}")
    linha = f"{' '.join(curto)} --destino '{destino}'"
    assert (saida.codigo, saida.saida, saida.erros.splitlines()) == (
        3,
        "",
        [
            f"❌ Nenhum backup em {destino}/.",
            "   Faça o primeiro:",
            f"     {linha}",
            "   Se eles estão em outra pasta, diga qual com --destino ou BACKUP_DIR.",
        ],
    )
    colado = rodar(f"{linha} listar", pasta, tmp_path)
    assert (colado.codigo, colado.erros) == (3, saida.erros)


@pytest.mark.parametrize("quebrado", ["não há", "de outra máquina", "vazio"])
def test_sem_pacote_em_lugar_nenhum(tmp_path: Path, quebrado: str) -> None:
    """Sem `.venv`, ou com um que não serve: a causa e as linhas que instalam, sem recomeçar para
    sempre."""
    script = copiar_scripts(tmp_path / "p")
    raiz = script.parents[1]
    bin_ = raiz / ".venv" / "bin"
    if quebrado != "não há":
        bin_.mkdir(parents=True)
    if quebrado == "de outra máquina":
        (bin_ / "python").write_bytes(b"\x7fnada")
        (bin_ / "python").chmod(0o755)
    if quebrado == "vazio":
        (bin_ / "python").write_text(
            f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', encoding="utf-8"
        )
        (bin_ / "python").chmod(0o755)
    saida = rodar((*SEM_PACOTES, str(script)), raiz, tmp_path / "b")
    assert saida.codigo == 2, saida.tudo
    causa, *cura = saida.erros.splitlines()
    assert causa.startswith("❌ No module named '")
    primeira, criar, instalar = cura
    assert primeira == (
        "   Instale no ambiente do projeto; daí em diante o programa acha o Python dele sozinho:"
    )
    assert criar.split()[1:] == ["-m", "venv", ".venv"]
    python = criar.split()[0]
    assert Path(shutil.which(python) or python).exists()
    assert instalar == "     .venv/bin/python -m pip install -r requirements.txt"


def test_uma_empresa_de_id_estranho_e_um_argumento_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(os.sep)
    monkeypatch.setattr(sys, "argv", ["x", "--destino=/tmp/a b"])
    linha = comandos.comando(comandos.RESTAURACAO, "desfazer", "--empresa", "a'b;c \x1b[2J")
    visto = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s|' {linha}"], capture_output=True, check=True
    )
    assert visto.stdout.decode().split("|")[1:-1] == [
        f"{RAIZ}/scripts/restaurar-empresa.py",
        "desfazer",
        "--empresa",
        "a'b;c \ufffd[2J",
        "--destino",
        "/tmp/a b",
    ]


def test_quebra_entre_palavras_e_nunca_um_comando_nem_uma_hora() -> None:
    texto = textwrap.dedent("""\
        1. Grupo Raval (último backup: 2026-01-16 18:29)
           • uma linha recuada com um marcador e palavras
        ⚠️ um aviso que não cabe numa linha tão estreita
             .venv/bin/python scripts/backup-por-empresa.py reconhecer --empresa x
        12345678901234567890123456789012345678901234567890 fim""")
    assert em_linhas(texto, 40).split("\n") == [
        "1. Grupo Raval (último backup:",
        "   2026-01-16 18:29)",
        "   • uma linha recuada com um marcador e",
        "     palavras",
        "⚠️ um aviso que não cabe numa linha tão",
        "   estreita",
        "     .venv/bin/python scripts/backup-por-empresa.py reconhecer --empresa x",
        "12345678901234567890123456789012345678901234567890",
        "fim",
    ]
    assert em_linhas("✅ 🏢🏢🏢 ab cd", 14).split("\n") == ["✅ 🏢🏢🏢 ab", "   cd"]
    assert em_linhas(texto, None) == texto
