"""O que se deixa de fora no Windows se decide pelo que cada arquivo importa, e nada além disso."""

from __future__ import annotations

from apoio.execucao import RAIZ
from apoio.sistema import so_posix


def test_so_sai_o_arquivo_que_importa_um_modulo_do_posix() -> None:
    assert so_posix("import os, pty\nfrom fcntl import flock\n") == ["fcntl", "pty"]
    assert so_posix("import os\nfrom pathlib import Path\n# import pty\n") == []
    assert so_posix("import signal\nMATAR = signal.SIGKILL\n") == ["SIGKILL"]
    assert so_posix("import os\ndef test_x():\n    os.geteuid()\n") == []


def test_a_maioria_dos_arquivos_se_importa_no_windows() -> None:
    arquivos = sorted((RAIZ / "tests").rglob("test_*.py"))
    fora = [a.name for a in arquivos if so_posix(a.read_text(encoding="utf-8"))]
    assert "test_demonstracao.py" in fora
    assert len(fora) < len(arquivos) / 4
