"""Fios que leem pela primeira vez, ao mesmo tempo, um tipo que ninguém tinha lido."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
# Com o msgspec direto, cai (SIGSEGV) em mais de nove de cada dez execuções.
PROGRAMA = """
import sys, threading
import msgspec
from cofre.base.moldes import leitor_de
sys.setswitchinterval(1e-6)
for n in range(200):
    dentro = msgspec.defstruct("Dentro", [("a", int, 0), ("b", "str | None", None)])
    campos = [("x", dict[str, dentro], {}), ("y", tuple[dentro, ...], ())]
    campos += [(f"c{i}", "list[int] | None", None) for i in range(10)]
    fora = msgspec.defstruct("Fora", campos)
    juntos = threading.Barrier(4)
    def ler():
        juntos.wait()
        assert leitor_de(fora).decode(b'{"x": {"k": {"a": 1}}}').x["k"].a == 1
    fios = [threading.Thread(target=ler) for _ in range(4)]
    for fio in fios:
        fio.start()
    for fio in fios:
        fio.join()
"""


def test_dois_fios_nao_derrubam_o_processo() -> None:
    feito = subprocess.run(
        [sys.executable, "-c", PROGRAMA],
        cwd=SCRIPTS,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (feito.returncode, feito.stderr) == (0, b"")
