"""O processo do forno: importa tudo uma vez e, a cada pedido, se divide num filho que é o script.

Cada pedido traz o que o sistema daria a um processo novo (argv, ambiente, pasta, umask e os três
canos), e o filho se arruma como o Python ao começar: daí em diante é o script, inclusive para o
próprio interpretador, que conta os erros e termina o processo. Do cofre, no pai só roda o que dá
sempre o mesmo e fica guardado: os modelos da página, as expressões das opções, as formas do JSON.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import platform
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SO_QUANDO_SE_USA = (
    "supabase psycopg httpx httpcore h11 h2.connection certifi anyio jinja2 filelock dotenv pwd"
    " rich.progress encodings.idna encodings.unicode_escape"
).split()
"""O que o cofre, ou o que ele usa, só importa dentro das funções."""
AO_NASCER = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}
"""O que este processo herdou: é o que um processo novo herdaria."""


def aquecer() -> None:
    """Importa tudo o que os scripts importam."""
    sys.path[0] = str(SCRIPTS)
    cofre = importlib.import_module("cofre")
    for modulo in pkgutil.walk_packages(cofre.__path__, "cofre."):
        importlib.import_module(modulo.name)
    for nome in SO_QUANDO_SE_USA:
        importlib.import_module(nome)
    _descobrir()
    assert threading.active_count() == 1, "um fio não passa para o filho"
    gc.collect()
    gc.freeze()


def _descobrir() -> None:
    """O que cada execução descobriria de novo, e é igual em todas: em metade delas, custa mais do
    que o que fazem."""
    modelos = importlib.import_module("cofre.rotina.painel.pagina")._modelos()
    for nome in modelos.list_templates(extensions=["jinja"]):
        modelos.get_template(nome)
    platform.platform()  # pergunta o processador a outro processo
    time.strptime("2026", "%Y")
    for modulo, acao in (("acoes", "listar"), ("restaurar", "continuar")):
        importlib.import_module(f"cofre.comando.{modulo}").ler_argumentos([acao])
    leitor_de = importlib.import_module("cofre.base.moldes").leitor_de
    por_ver = list(importlib.import_module("msgspec").Struct.__subclasses__())
    while por_ver:
        forma = por_ver.pop()
        por_ver += forma.__subclasses__()
        if forma.__module__.startswith("cofre."):
            leitor_de(forma)


class Forneiro:
    """Atende aos pedidos até o outro lado fechar; em cada filho, `atender` devolve o pedido."""

    def __init__(self, pedidos: socket.socket) -> None:
        self._pedidos = pedidos
        self._vivos: dict[int, int] = {}
        """pid → o cano em que se conta como terminou."""
        self._acorda, aviso = os.pipe()
        for ponta in (self._acorda, aviso):
            os.set_blocking(ponta, False)
        signal.set_wakeup_fd(aviso)
        signal.signal(signal.SIGCHLD, lambda _sinal, _quadro: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # o Ctrl+C é de quem roda os testes

    def atender(self) -> dict[str, Any] | None:
        """O pedido, no filho; None, no pai, quando não há mais quem peça."""
        with selectors.DefaultSelector() as espera:
            espera.register(self._pedidos, selectors.EVENT_READ)
            espera.register(self._acorda, selectors.EVENT_READ)
            while True:
                prontos = {chave.fd for chave, _ in espera.select()}
                if self._acorda in prontos:
                    self._contar_os_que_terminaram()
                if self._pedidos.fileno() in prontos:
                    pedido, canos = self._ler()
                    if not pedido:
                        self._matar_os_vivos()
                        return None
                    if self._dividir(canos):
                        return pedido

    def _ler(self) -> tuple[dict[str, Any], list[int]]:
        tamanho, canos, _, _ = socket.recv_fds(self._pedidos, 4, 4)
        if not tamanho:
            return {}, []
        falta, corpo = int.from_bytes(tamanho, "big"), b""
        while len(corpo) < falta:
            corpo += self._pedidos.recv(falta - len(corpo))
        pedido: dict[str, Any] = json.loads(corpo)
        return pedido, canos

    def _dividir(self, canos: list[int]) -> bool:
        """Verdade no filho, já com os três canos nos lugares e nenhum outro descritor aberto."""
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for lugar, cano in enumerate(canos[:3]):
                os.dup2(cano, lugar)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            return True
        for cano in canos[:3]:
            os.close(cano)
        self._vivos[pid] = canos[3]
        os.write(canos[3], b"%d\n" % pid)
        return False

    def _matar_os_vivos(self) -> None:
        for pid in self._vivos:
            os.kill(pid, signal.SIGKILL)
        while self._vivos:
            time.sleep(0.01)
            self._contar_os_que_terminaram()

    def _contar_os_que_terminaram(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._acorda, 512):
                pass
        with contextlib.suppress(ChildProcessError):
            while (terminado := os.waitpid(-1, os.WNOHANG))[0]:
                pid, estado = terminado
                cano = self._vivos.pop(pid)
                with contextlib.suppress(BrokenPipeError):  # quem o abriu já não quer saber
                    os.write(cano, b"%d\n" % os.waitstatus_to_exitcode(estado))
                os.close(cano)


def virar(pedido: dict[str, Any]) -> None:
    """Deixa o filho como o Python deixaria um processo novo."""
    for sinal, como in AO_NASCER.items():
        signal.signal(sinal, como)
    os.environ.clear()
    os.environ.update(pedido["ambiente"])
    time.tzset()
    os.umask(pedido["umask"])
    os.chdir(pedido["pasta"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.argv = pedido["argv"]
    sys.stdin = sys.__stdin__ = _aberto(0, "r", sys.stdin)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _aberto(1, "w", sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _aberto(2, "w", sys.stderr)  # type: ignore[misc]


def _aberto(descritor: int, modo: str, como: Any) -> Any:
    """Igual ao que o Python abre ao começar, mas vendo o que está agora no descritor."""
    fluxo: Any = open(  # noqa: SIM115
        descritor,
        modo,
        buffering=1 if descritor == 2 else -1,
        encoding=como.encoding,
        errors=como.errors,
        newline=None if modo == "r" else "\n",
        closefd=False,
    )
    fluxo.buffer.raw.name = como.name
    return fluxo


def main() -> None:
    aquecer()
    pedido = Forneiro(socket.socket(fileno=int(sys.argv[1]))).atender()
    if pedido is None:
        return
    virar(pedido)
    try:
        if programa := pedido["programa"]:
            sys.path[0] = ""
            sys.modules["__main__"] = principal = ModuleType("__main__")
            exec(compile(programa, "<string>", "exec"), vars(principal))
        else:
            _so_o_cofre_de(Path(sys.argv[0]).parent)
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as saida:
        if saida.code is None or type(saida.code) is int:
            terminar(saida.code or 0)
        raise
    terminar(0)


def _so_o_cofre_de(pasta: Path) -> None:
    """Ao lado de um script copiado há outro cofre: esse importa-se de novo, que nada do daqui
    serve (nem a raiz dele); os pacotes dos outros são os mesmos."""
    if pasta != SCRIPTS:
        sys.path[0] = str(pasta)
        for nome in [n for n in sys.modules if n.partition(".")[0] == "cofre"]:
            del sys.modules[nome]


def terminar(codigo: int) -> None:
    """O que o interpretador faz ao acabar sem erro, menos desfazer os módulos: são centenas, e
    levam mais do que quase tudo o que um script faz. Se a saída não se deixa escrever, volta, e é o
    interpretador que acaba."""
    for fio in threading.enumerate():
        if fio is not threading.current_thread() and not fio.daemon:
            fio.join()
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codigo)


if __name__ == "__main__":
    main()
