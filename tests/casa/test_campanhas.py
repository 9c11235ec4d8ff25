"""O que a suíte só faz em amostra está inteiro nalguma campanha."""

from __future__ import annotations

import re
from pathlib import Path

from campanhas.__main__ import CAMPANHAS, SEM_CAMPANHA

TESTES = Path(__file__).resolve().parents[1]
EM_AMOSTRA = re.compile(r"^from apoio\.campanha import", re.MULTILINE)


def test_o_que_se_amostra_esta_inteiro_numa_campanha() -> None:
    inteiros = {
        arquivo
        for nome, alvos in CAMPANHAS.items()
        if nome not in SEM_CAMPANHA
        for alvo in alvos
        for arquivo in (
            (TESTES.parent / alvo).glob("test_*.py")
            if alvo.count("/") == 1
            else [TESTES.parent / alvo]
        )
    }
    assert [a for a in inteiros if not a.is_file()] == []
    amostrados = {
        arquivo
        for arquivo in TESTES.glob("*/test_*.py")
        if EM_AMOSTRA.search(arquivo.read_text("utf-8"))
    }
    assert sorted(a.name for a in amostrados - inteiros) == []
