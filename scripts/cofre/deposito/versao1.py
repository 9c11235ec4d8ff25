"""O formato da primeira versão, e o que o faz parecer o de hoje. Só aqui se sabe como era.

Os metadados não diziam os arquivos, nem somas, nem por que uma tabela falhou; cada arquivo tinha o
seu carimbo, o JSON era indentado e o único filtro era `user_id`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cofre.deposito.carimbo import CARIMBO, carimbos_em, nome_dos_metadados

ELOS = (("user_id", ""),)
"""Por onde se diz de quem é uma linha; as de uma tabela sem essa coluna não se conferem."""


def em_dia(bruto: Mapping[str, Any]) -> dict[str, Any]:
    """Os metadados, com as chaves como hoje e sem as tabelas, que `arquivos` acha."""
    nomes = bruto.get("tabelas_falha")
    falhas = dict.fromkeys(map(str, nomes), "") if isinstance(nomes, list) else {}
    return {**bruto, "tabelas": {}, "falhas": falhas}


def arquivos(pasta: Path, carimbo: str) -> dict[str, str]:
    """Tabela → arquivo: os gravados depois do backup anterior da pasta e até os metadados deste."""
    anterior = max((c for c in carimbos_em(pasta) if c < carimbo), default="")
    achados: dict[str, str] = {}
    for nome in sorted(a.name for a in pasta.glob("*.json") if a.is_file()):
        casa = re.fullmatch(rf"(.+)_({CARIMBO})\.json", nome)
        if casa and nome != nome_dos_metadados(carimbo) and anterior < casa[2] <= carimbo:
            achados[casa[1]] = nome
    return achados
