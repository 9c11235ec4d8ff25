"""Estragar backups de propósito, refazendo (ou não) as somas que os protegem."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Linhas = list[dict[str, Any]]


def arquivo_de(backup: Mapping[str, Any], tabela: str) -> Path:
    caminho: Path = backup["pasta"] / backup["tabelas"][tabela]["arquivo"]
    return caminho


def metadados_de(backup: Mapping[str, Any]) -> Path:
    """O arquivo de metadados deste backup."""
    pasta: Path = backup["pasta"]
    carimbo = re.search(r"_(\d{8}_\d{6})\.json$", backup["tabelas"]["produtos"]["arquivo"])
    assert carimbo is not None
    return pasta / f"backup_metadata_{carimbo[1]}.json"


def virar_um_bit(caminho: Path, onde: int | None = None) -> None:
    """O tamanho continua o mesmo, e o byte é sempre outro: um fixo seria, uma vez em 256, o que já
    lá estava no que vai cifrado. `onde`: a posição do byte (negativa, do fim); None: no meio."""
    dados = bytearray(caminho.read_bytes())
    dados[len(dados) // 2 if onde is None else onde] ^= 1
    caminho.write_bytes(dados)


def trocar_linhas(
    backup: Mapping[str, Any], tabela: str, mudar: Callable[[Linhas], Linhas]
) -> None:
    """Muda as linhas de uma tabela e refaz somas e contagens, como quem sabe o que faz."""
    caminho = arquivo_de(backup, tabela)
    linhas = mudar(json.loads(caminho.read_bytes()))
    textos = [json.dumps(linha, ensure_ascii=False) for linha in linhas]
    trocar_bytes(backup, tabela, ("[\n" + ",\n".join(textos) + "\n]\n").encode(), len(linhas))


def trocar_bytes(backup: Mapping[str, Any], tabela: str, dados: bytes, registros: int) -> None:
    """Troca o arquivo inteiro de uma tabela e refaz as somas."""
    arquivo_de(backup, tabela).write_bytes(dados)

    def refazer(bruto: dict[str, Any]) -> None:
        bruto["tabelas"][tabela].update(
            registros=registros, bytes=len(dados), sha256=hashlib.sha256(dados).hexdigest()
        )

    trocar_metadados(backup, refazer)


def trocar_metadados(backup: Mapping[str, Any], mudar: Callable[[dict[str, Any]], None]) -> None:
    """Muda os metadados no lugar."""
    caminho = metadados_de(backup)
    bruto = json.loads(caminho.read_text("utf-8"))
    mudar(bruto)
    caminho.write_text(json.dumps(bruto, ensure_ascii=False, indent=2), "utf-8")
