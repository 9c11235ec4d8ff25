"""O `age` de verdade, de fora: quem julga se o que ciframos é o que dizemos que é.

Onde não há, e se pode instalar (root num Debian), instala-se uma vez; senão, o teste falha dizendo
como.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import filelock
import pytest

INSTALAR = ["apt-get", "install", "-y", "--no-install-recommends", "age"]


def rodar(argumentos: Sequence[str], entrada: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """O `age` com estes argumentos; o código de saída é de quem chama conferir."""
    comando = [_achar("age"), *argumentos]
    return subprocess.run(comando, input=entrada, capture_output=True, check=False, timeout=60)


def cifrar(conteudo: bytes, para: Iterable[str], *, armadura: bool = False) -> bytes:
    """O conteúdo cifrado por ele para estas chaves públicas."""
    chaves = [parte for chave in para for parte in ("-r", chave)]
    feito = rodar([*chaves, *(["-a"] if armadura else [])], conteudo)
    assert feito.returncode == 0, feito.stderr
    return feito.stdout


def decifrar(cifrado: bytes, chave_privada: str) -> bytes:
    """O que ele tira de um arquivo cifrado, com esta chave; falha se ele o recusa."""
    feito = decifrar_se_der(cifrado, chave_privada)
    assert feito.returncode == 0, feito.stderr
    return feito.stdout


def decifrar_se_der(cifrado: bytes, chave: str) -> subprocess.CompletedProcess[bytes]:
    """O mesmo, sem conferir o código."""
    with tempfile.TemporaryDirectory() as pasta:
        identidade = Path(pasta) / "chave.txt"
        identidade.write_text(chave + "\n", encoding="ascii")
        return rodar(["-d", "-i", str(identidade)], cifrado)


def nova_chave() -> str:
    """O arquivo que o `age-keygen` escreve: comentários e a chave privada."""
    feito = subprocess.run([_achar("age-keygen")], capture_output=True, check=True, timeout=60)
    return feito.stdout.decode("ascii")


def _achar(programa: str) -> str:
    achado = shutil.which(programa)
    if achado is None and _pode_instalar():
        with filelock.FileLock(Path(tempfile.gettempdir()) / "cofre_instala_age.lock"):
            achado = shutil.which(programa) or _instalar(programa)
    if achado is None:
        pytest.fail(f"Falta o {programa}. Instale-o com:\n  sudo {' '.join(INSTALAR)}")
    return achado


def _pode_instalar() -> bool:
    return os.name == "posix" and os.geteuid() == 0 and Path("/usr/bin/apt-get").exists()


def _instalar(programa: str) -> str | None:
    ambiente = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for comando in (["apt-get", "update"], INSTALAR):
        subprocess.run(comando, env=ambiente, capture_output=True, check=False)
    return shutil.which(programa)
