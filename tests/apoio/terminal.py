"""Os scripts num terminal de verdade, de 24 linhas."""

from __future__ import annotations

import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from pathlib import Path

from apoio.execucao import PACIENCIA, RESTAURACAO, ambiente
from apoio.forno import Processo, forno
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
    env = ambiente(projeto, destino, {"TERM": "xterm-256color", **(mais or {})})
    processo = comecar(script, argumentos, env, escravo)
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


def comecar(
    script: Path, argumentos: Sequence[str], env: Mapping[str, str], terminal: int
) -> Processo:
    """O script neste terminal: saído do forno, se pode (ver `execucao.abrir`)."""
    comando = [str(script), *argumentos]
    aquecido = forno()
    if aquecido and script.parent == RESTAURACAO.parent and aquecido.serve(env):
        return aquecido.abrir_num_terminal(comando, env, terminal)
    return subprocess.Popen(
        [sys.executable, *comando], env=env, stdin=terminal, stdout=terminal, stderr=terminal
    )


class AoVivo:
    """Um script num terminal de 80 colunas, com quem lê o que ele diz antes de responder."""

    def __init__(self, destino: Path, script: Path, *argumentos: str) -> None:
        self._mestre, escravo = pty.openpty()
        ioctl(escravo, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = ambiente(None, destino, {"TERM": "xterm-256color"})
        self._processo = comecar(script, argumentos, env, escravo)
        os.close(escravo)
        self.visto = ""

    def ate(self, trecho: str) -> str:
        """O que apareceu até este trecho, desde a última vez. AssertionError se ele não aparece."""
        antes = len(self.visto)
        while trecho not in self.visto[antes:]:
            lido = self._ler()
            assert lido, f"não disse «{trecho}»:\n{self.visto}"
            self.visto += lido
        return self.visto[antes:]

    def digitar(self, linha: str) -> None:
        """Uma linha, como quem a digita."""
        os.write(self._mestre, f"{linha}\n".encode())

    def ctrl_c(self) -> None:
        """A tecla que interrompe: o sinal que o terminal manda por ela."""
        self._processo.send_signal(signal.SIGINT)

    def fim(self) -> int:
        """O código com que acabou, depois de dizer o resto."""
        while lido := self._ler():
            self.visto += lido
        os.close(self._mestre)
        return self._processo.wait(PACIENCIA)

    def _ler(self) -> str:
        try:
            bruto = os.read(self._mestre, 65536)
        except OSError:  # é assim que o Linux diz que o outro lado fechou
            return ""
        return bruto.decode("utf-8", "replace").replace("\r\n", "\n")


def sem_barras(visto: str) -> str:
    """O que fica no terminal depois que as barras se apagam."""
    linhas = []
    for linha in visto.split("\n"):
        fica = re.sub(r"   ⏳.*", "", linha).strip("\r")
        if fica or "⏳" not in linha:
            linhas.append(fica)
    return "\n".join(linhas)
