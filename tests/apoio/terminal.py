"""Os scripts num terminal de verdade, de 24 linhas."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from pathlib import Path

from apoio.execucao import PACIENCIA, RESTAURACAO, ambiente
from supabase_local.servidores.servidor import SupabaseLocal


def num_terminal(
    projeto: SupabaseLocal | None,
    destino: Path,
    colunas: int,
    digitado: str,
    mais: Mapping[str, str] | None = None,
    argumentos: Sequence[str] = (),
    script: Path = RESTAURACAO,
) -> str:
    """O que a restauração (ou outro `script`) mostra num terminal desta largura, com o que se
    digitou de uma vez."""
    mestre, escravo = pty.openpty()
    ioctl(escravo, termios.TIOCSWINSZ, struct.pack("HHHH", 24, colunas, 0, 0))
    processo = subprocess.Popen(
        [sys.executable, str(script), *argumentos],
        env=ambiente(projeto, destino, {"TERM": "xterm-256color", **(mais or {})}),
        stdin=escravo,
        stdout=escravo,
        stderr=escravo,
    )
    os.close(escravo)
    os.write(mestre, digitado.encode())
    partes = []
    try:
        while parte := os.read(mestre, 65536):
            partes.append(parte)
    except OSError:  # é assim que o Linux diz que o outro lado fechou
        pass
    os.close(mestre)
    processo.wait(PACIENCIA)
    visto = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(partes).decode())
    return visto.replace("\r\n", "\n")


def sem_barras(visto: str) -> str:
    """O que fica no terminal depois que as barras se apagam."""
    linhas = []
    for linha in visto.split("\n"):
        fica = re.sub(r"   ⏳.*", "", linha).strip("\r")
        if fica or "⏳" not in linha:
            linhas.append(fica)
    return "\n".join(linhas)
