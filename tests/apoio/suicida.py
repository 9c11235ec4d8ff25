"""Um programa que morre, por kill -9, antes do n-ésimo passo no disco (PASSO): criar, escrever,
ligar, renomear ou apagar algo em BACKUP_DIR, ou em ONDE, se se diz."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

from apoio.execucao import RAIZ, executar

_COMECO = """
import os, runpy, signal, sys
sys.argv.pop(0)
alvo = int(os.environ["PASSO"])
destino = os.environ.get("ONDE") or os.environ["BACKUP_DIR"]
passos = 0
ALHEIOS = {alheios!r}
MUDAM = {{"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link"}}
def gancho(evento, argumentos):
    global passos
    escreve = evento == "open" and argumentos[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    onde = str(argumentos[0]) if evento in MUDAM or escreve else ""
    if any(alheio in onde for alheio in ALHEIOS):
        return
    if evento in MUDAM or (escreve and onde.startswith(destino + os.sep)):
        passos += 1
        if passos == alvo:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(gancho)
sys.path[:0] = [os.path.dirname(sys.argv[0]), *filter(None, [os.environ.get("TESTES")])]
"""
RODA_O_SCRIPT = 'runpy.run_path(sys.argv[0], run_name="__main__")\n'
REGISTROS = ("logs", "ultima_execucao")
"""O que no destino não é de backup nenhum."""


def que_morre(faz: str = RODA_O_SCRIPT, *, alheios: tuple[str, ...] = ()) -> str:
    """O programa, para `executar(programa=...)`: faz isto (o padrão: o script pedido), que pode
    importar de TESTES. Não conta os passos em que o caminho diz um destes `alheios`."""
    return _COMECO.format(alheios=alheios) + faz


def matando(
    destino: Path,
    programa: str,
    *argumentos: str,
    pulo: int,
    mais: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, int]]:
    """Roda-o, de `pulo` em `pulo` passos, até não haver mais: o passo, e com que código acabou."""
    for passo in itertools.count(1, pulo):
        ambiente = {**(mais or {}), "PASSO": str(passo), "TESTES": str(RAIZ / "tests")}
        fim = executar(None, destino, *argumentos, mais=ambiente, programa=programa, novo=False)
        assert fim.codigo in (0, -signal.SIGKILL), fim.tudo
        yield passo, fim.codigo
        if fim.codigo == 0:
            return
