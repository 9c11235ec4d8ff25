"""Um programa que morre, por kill -9: antes do n-ésimo passo no disco (PASSO), que é criar,
escrever, ligar, renomear ou apagar algo em BACKUP_DIR, ou em ONDE, se se diz; ou no n-ésimo pedido
que faz a um projeto."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from apoio.execucao import PACIENCIA, RAIZ, Saida, ate_o_fim, executar
from apoio.forno import Processo
from supabase_local.servidores.falhas import Pedido
from supabase_local.servidores.servidor import SupabaseLocal

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
FORA_DOS_BACKUPS = ("logs", "ultima_execucao")
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


@contextlib.contextmanager
def morte_no_pedido(
    projeto: SupabaseLocal, vez: int = 1, onde: str = "antes", **quais: Any
) -> Iterator[Callable[[Processo], Saida]]:
    """O que se entrega recebe o processo que vai morrer, espera que acabe, e diz como: por kill -9,
    antes de o pedido `vez` destes (`metodo`, `tabela`, `se`) chegar ao servidor, ou `depois`, com a
    resposta pronta e perdida; ou ao fim do que fazia, se os pedidos são menos."""
    nasceu = threading.Event()
    nascidos: list[Processo] = []

    def matar(_pedido: Pedido, qual: int) -> bool:
        if qual != vez:
            return True
        assert nasceu.wait(PACIENCIA)
        (processo,) = nascidos
        processo.kill()
        processo.wait(PACIENCIA)
        return False

    def morrer(processo: Processo) -> Saida:
        nascidos.append(processo)
        nasceu.set()
        return ate_o_fim(processo)

    ganchos = (matar, None) if onde == "antes" else (None, matar)
    with projeto.gateway.ao_pedir(*ganchos, **quais):
        yield morrer
