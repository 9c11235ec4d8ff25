"""O `age` de verdade, de fora: quem julga se o que ciframos é o que dizemos que é."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from apoio.programas import achar


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
    return achar([programa], "age")
