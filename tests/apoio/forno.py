"""O forno: um processo já aquecido por trabalhador dos testes, que se divide a cada script.

Começar o Python e importar tudo custa mais que a maior parte das execuções. O que sai do forno é um
processo como outro qualquer (pode ser morto, interrompido, esperado), com a cara de um Popen.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

FORNEIRO: Final = Path(__file__).with_name("forneiro.py")
DA_PARTIDA: Final = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Os começos das variáveis que só valem para um processo ao nascer."""
DEPOIS: Final = frozenset({"PYTHONDONTWRITEBYTECODE"})
"""As destas que o forneiro sabe obedecer depois."""


class Processo(Protocol):
    """O que os testes usam de um Popen."""

    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    @property
    def stderr(self) -> IO[bytes] | None: ...
    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | Any: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def communicate(
        self, input: bytes | None = None, timeout: float | None = None
    ) -> tuple[bytes, bytes]: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...
    def terminate(self) -> None: ...


class Assado:
    """Um processo saído do forno; `fim` é o cano em que o forneiro diz o pid e como terminou."""

    def __init__(self, stdin: IO[bytes] | None, saidas: Sequence[IO[bytes]], fim: IO[bytes]):
        self.stdin = stdin
        self.stdout, self.stderr = saidas
        self.returncode: int | None = None
        self._fim = fim
        self._tranca = threading.Lock()
        self.pid = self._ler()

    def _ler(self) -> int:
        linha = self._fim.readline()
        assert linha, "o forno apagou"
        return int(linha)

    def poll(self) -> int | None:
        with self._tranca:
            if self.returncode is None and _ha_o_que_ler(self._fim, 0):
                self.returncode = self._ler()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        # Lida por um fio, a notícia ainda acorda os outros: o forneiro fecha o cano em seguida.
        if not _ha_o_que_ler(self._fim, timeout):
            raise subprocess.TimeoutExpired(f"processo {self.pid}", timeout or 0)
        codigo = self.poll()
        assert codigo is not None
        return codigo

    def communicate(
        self, input: bytes | None = None, timeout: float | None = None
    ) -> tuple[bytes, bytes]:
        limite = None if timeout is None else time.monotonic() + timeout
        lidos: list[list[bytes]] = [[], []]
        fios = [
            threading.Thread(target=lambda c, p: p.append(c.read()), args=par, daemon=True)
            for par in zip((self.stdout, self.stderr), lidos, strict=True)
            if not par[0].closed
        ]
        if self.stdin is not None:
            fios.append(threading.Thread(target=self._escrever, args=(input,), daemon=True))
        for fio in fios:
            fio.start()
        for fio in fios:
            fio.join(None if limite is None else max(0.0, limite - time.monotonic()))
            if fio.is_alive():
                raise subprocess.TimeoutExpired(f"processo {self.pid}", timeout or 0)
        self.wait(None if limite is None else max(0.0, limite - time.monotonic()))
        for cano in (self.stdout, self.stderr):
            cano.close()
        return b"".join(lidos[0]), b"".join(lidos[1])

    def _escrever(self, entrada: bytes | None) -> None:
        assert self.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # terminou sem ler tudo
            if entrada:
                self.stdin.write(entrada)
            self.stdin.close()

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def _ha_o_que_ler(cano: IO[bytes], prazo: float | None) -> bool:
    with selectors.DefaultSelector() as espera:
        espera.register(cano, selectors.EVENT_READ)
        return bool(espera.select(prazo))


class Forno:
    """O lado dos testes: pede ao forneiro um filho por vez."""

    def __init__(self, ambiente: Mapping[str, str]) -> None:
        self._partida = _da_partida(ambiente)
        self._pedidos, dele = socket.socketpair()
        self._tranca = threading.Lock()
        self._forneiro = subprocess.Popen(
            [sys.executable, str(FORNEIRO), str(dele.fileno())],
            env=dict(ambiente),
            pass_fds=[dele.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        dele.close()

    def serve(self, ambiente: Mapping[str, str]) -> bool:
        """Se um processo novo neste ambiente começaria como o forneiro começou."""
        return _da_partida(ambiente) == self._partida

    def abrir(
        self,
        argv: Sequence[str],
        ambiente: Mapping[str, str],
        *,
        pasta: Path | None,
        programa: str = "",
        com_entrada: bool = False,
    ) -> Assado:
        """Um filho que é este script, ou este programa; sem entrada, ela é vazia."""
        pedido = _pedido(argv, ambiente, pasta, programa)
        with contextlib.ExitStack() as deles:
            nossos = [_cano(deles, escrever=com_entrada and n == 0) for n in range(4)]
            canos = [c for _, c in nossos]
            if not com_entrada:
                nada = deles.enter_context(open(os.devnull, "rb"))  # noqa: PTH123
                nossos[0][0].close()
                canos[0] = nada.fileno()
            self._pedir(pedido, canos)
        entrada, *saidas, fim = (nosso for nosso, _ in nossos)
        return Assado(entrada if com_entrada else None, saidas, fim)

    def abrir_num_terminal(
        self, argv: Sequence[str], ambiente: Mapping[str, str], terminal: int
    ) -> Assado:
        """Um filho com este descritor, de um terminal, no lugar dos três canos: o que ele diz, diz
        lá."""
        return self.abrir_nestes(argv, ambiente, [terminal] * 3)

    def abrir_nestes(
        self, argv: Sequence[str], ambiente: Mapping[str, str], canos: Sequence[int]
    ) -> Assado:
        """Um filho com estes três descritores, que também são de quem o abre."""
        with contextlib.ExitStack() as deles:
            fim, dele = _cano(deles, escrever=False)
            self._pedir(_pedido(argv, ambiente), [*canos, dele])
        return Assado(None, (io.BytesIO(), io.BytesIO()), fim)

    def apagar(self) -> None:
        """O forneiro termina, e com ele o que tiver saído daqui e não terminou."""
        self._pedidos.close()
        self._forneiro.wait()

    def _pedir(self, pedido: Mapping[str, Any], canos: Sequence[int]) -> None:
        corpo = json.dumps(pedido).encode()
        with self._tranca:
            socket.send_fds(self._pedidos, [len(corpo).to_bytes(4, "big")], canos)
            self._pedidos.sendall(corpo)


def _pedido(
    argv: Sequence[str],
    ambiente: Mapping[str, str],
    pasta: Path | None = None,
    programa: str = "",
) -> dict[str, Any]:
    return {
        "argv": list(argv),
        "ambiente": dict(ambiente),
        "pasta": str(pasta or Path.cwd()),
        "programa": programa,
        "umask": _umask(),
    }


def _cano(deles: contextlib.ExitStack, *, escrever: bool) -> tuple[IO[bytes], int]:
    """(a nossa ponta, a do filho); a do filho se fecha com a pilha."""
    ler, gravar = os.pipe()
    nossa, dele = (gravar, ler) if escrever else (ler, gravar)
    deles.callback(os.close, dele)
    return open(nossa, "wb" if escrever else "rb"), dele  # noqa: PTH123


def _umask() -> int:
    """O desta hora; só se sabe trocando."""
    agora = os.umask(0o077)
    os.umask(agora)
    return agora


def _da_partida(ambiente: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in ambiente.items() if n.startswith(DA_PARTIDA) and n not in DEPOIS}


@functools.cache
def forno() -> Forno | None:
    """O deste processo de testes; None onde não há fork, ou com TESTES_SEM_FORNO no ambiente."""
    if not hasattr(os, "fork") or os.environ.get("TESTES_SEM_FORNO"):
        return None
    return Forno({n: v for n, v in os.environ.items() if not n.startswith("PYTHON")})
