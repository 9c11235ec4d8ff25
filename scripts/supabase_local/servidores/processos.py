"""Servidores como processos filhos: iniciados sob um vigia, parados com certeza."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supabase_local.servidores.erros import ErroSupabaseLocal

VIGIA = Path(__file__).with_name("vigia.py")
A_PARTE: dict[str, Any]
"""Como um processo não recebe o Ctrl+C deste terminal."""
if sys.platform == "win32":
    A_PARTE = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    A_PARTE = {"start_new_session": True}


@dataclass(frozen=True, slots=True)
class Dono:
    """A conta do sistema com que um servidor roda, quando não é a nossa."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Parada:
    """Como um servidor é parado: os sinais, do mais brando ao mais firme; ou o `comando` que o
    para, se quem o iniciou já terminou (o pg_ctl, no Windows)."""

    sinais: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    paciencia: float = 10.0
    comando: tuple[str, ...] = ()


class Processo:
    """Um servidor em execução, com sua saída num arquivo de registro."""

    def __init__(
        self,
        comando: Sequence[str],
        registro: Path,
        *,
        parada: Parada | None = None,
        ambiente: Mapping[str, str] | None = None,
        dono: Dono | None = None,
        apagar: Path | None = None,
    ) -> None:
        self.registro = registro
        self._parada = parada or Parada()
        opcoes = [
            f"--sinais={','.join(str(int(s)) for s in self._parada.sinais)}",
            f"--paciencia={self._parada.paciencia}",
        ]
        if dono is not None:
            opcoes.append(f"--dono={dono.uid}:{dono.gid}")
        if apagar is not None:
            opcoes.append(f"--apagar={apagar}")
        if self._parada.comando:
            opcoes.append(f"--parar-com={json.dumps(self._parada.comando)}")
        with registro.open("wb") as saida:
            self._vigia = subprocess.Popen(
                [sys.executable, "-I", "-S", str(VIGIA), *opcoes, "--", *comando],
                stdin=subprocess.PIPE,
                stdout=saida,
                stderr=saida,
                env=dict(os.environ if ambiente is None else ambiente),
                **A_PARTE,
            )

    def vivo(self) -> bool:
        return self._vigia.poll() is None

    def parar(self) -> None:
        """Para o servidor e só volta quando ele terminou."""
        if self._vigia.stdin is not None:
            self._vigia.stdin.close()
        prazo = self._parada.paciencia * (len(self._parada.sinais) + 1) + 5
        try:
            self._vigia.wait(prazo)
        except subprocess.TimeoutExpired as erro:
            raise ErroSupabaseLocal(
                f"Um servidor embutido não parou em {prazo:.0f} s; veja {self.registro}"
            ) from erro

    def fim_do_registro(self, limite: int = 2000) -> str:
        if not self.registro.exists():
            return ""
        return self.registro.read_text(encoding="utf-8", errors="replace")[-limite:]


def porta_livre() -> int:
    """Uma porta que ninguém usa agora; outro processo pode tomá-la antes de nós."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tomada:
        tomada.bind(("127.0.0.1", 0))
        porta: int = tomada.getsockname()[1]
        return porta


def esperar(condicao: Callable[[], bool], prazo: float, intervalo: float = 0.02) -> bool:
    """Espera até a condição valer; diz se valeu dentro do prazo."""
    limite = time.monotonic() + prazo
    while not condicao():
        if time.monotonic() > limite:
            return False
        time.sleep(intervalo)
    return True
