"""O que a página «O PC queimou» manda fazer à mão, tal e qual: o age, o ssh-keygen, o gunzip e os
arquivos da cópia. Nem uma linha do programa: um teste confere que nada dele se importa aqui."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from apoio.programas import achar


def resgatar(
    copia: Path, chave: Path, autorizados: Path, rascunho: Path
) -> dict[str, dict[str, bytes]]:
    """De cada empresa (o nome dela), as tabelas (o JSON) do backup mais novo. AssertionError se
    algo não confere."""
    empresas: dict[str, dict[str, bytes]] = {}
    for pasta in sorted((copia / "lacres").iterdir()):
        lacre = sorted(pasta.glob("*.json"))[-1]
        corpo = conferir(lacre, autorizados, rascunho)
        detalhes = json.loads(abrir(copia, corpo["detalhes"], chave))
        empresas[detalhes["nome"]] = {
            nome: abrir(copia, tabela["sha256_cifrado"], chave)
            for nome, tabela in detalhes["tabelas"].items()
        }
    return empresas


def conferir(lacre: Path, autorizados: Path, rascunho: Path) -> dict[str, Any]:
    """O corpo de um lacre que o ssh-keygen diz ser bom: `head -n1`, `tail -n +2` e `-Y verify`."""
    corpo, _, bloco = lacre.read_bytes().partition(b"\n")
    (rascunho / "sig").write_bytes(bloco)
    comando = ["-Y", "verify", "-f", str(autorizados), "-I", "cofre", "-n", "cofre"]
    feito = subprocess.run(
        [achar(["ssh-keygen"], "openssh-client"), *comando, "-s", str(rascunho / "sig")],
        input=corpo + b"\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert feito.returncode == 0, feito.stderr
    assert b'Good "cofre" signature' in feito.stdout
    lido: dict[str, Any] = json.loads(corpo)
    return lido


def abrir(copia: Path, soma: str, chave: Path) -> bytes:
    """`sha256sum`, `age -d -i` e `gunzip`."""
    arquivo = copia / "blobs" / soma[:2] / f"{soma}.age"
    assert hashlib.sha256(arquivo.read_bytes()).hexdigest() == soma
    aberto = subprocess.run(
        [achar(["age"], "age"), "-d", "-i", str(chave), str(arquivo)],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return subprocess.run(
        ["gunzip"], input=aberto.stdout, capture_output=True, timeout=60, check=True
    ).stdout
