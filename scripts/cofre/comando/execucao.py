"""O único lugar onde um erro vira palavras e código de saída."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from cofre.base.config import ambiente
from cofre.base.erros import ErroCofre
from cofre.base.relato import Relato, RelatoSilencioso, codigo_de
from cofre.base.tela import RelatoJson, RelatoTexto, preparar_saidas
from cofre.comando.argumentos import Fazer


def registrada(acao: str, *, avisa: bool = False) -> Callable[[Fazer], Fazer]:
    """Faz uma ação deixar log e `ultima_execucao.json` na pasta dos backups; se `avisa`, também o
    ping e o webhook. A ação decorada nunca levanta ErroCofre: já o contou."""

    def decorar(executar: Fazer) -> Fazer:
        @functools.wraps(executar)
        def acompanhada(opcoes: Namespace, relato: Relato) -> int:
            from cofre.rotina.acompanhamento import Acompanhamento  # só quem age o carrega

            try:
                pasta = _pasta_do_log(opcoes)
                para = ambiente.destinatarios() if avisa else None
            except ErroCofre:
                return executar(opcoes, relato)  # sem .env que se leia, a própria ação o diz
            partes = (getattr(opcoes, "empresa", None), getattr(opcoes, "tabelas", None))
            repetida = getattr(opcoes, "cada", None) is not None
            acompanhamento = Acompanhamento(acao, pasta, para, not any(partes), repetida)
            return acompanhamento.executar(lambda r: executar(opcoes, r), relato)

        return acompanhada

    return decorar


def _pasta_do_log(opcoes: Namespace) -> Path:
    """A dos backups do projeto em que se mexe; de uma clonagem, a daqui: a do destino pode ser para
    quem não deve ver o que se escreveu no comando. Levanta ErroCofre."""
    outro = getattr(opcoes, "para", None)
    if outro is not None and opcoes.acao != "clonar":
        return ambiente.carregar_outro(outro).destino
    return ambiente.pasta_de_backups(destino=opcoes.destino)


def executar(ler_argumentos: Callable[[list[str]], tuple[Namespace, Fazer]]) -> None:
    """Lê a linha de comando, executa a ação e termina o processo com o código dela."""
    preparar_saidas()
    argumentos = sys.argv[1:]
    _sigterm_como_ctrl_c()
    relato = escolher_relato("--json" in argumentos, "--silencioso" in argumentos)

    def tudo() -> int:
        opcoes, acao = ler_argumentos(argumentos)
        return acao(opcoes, escolher_relato(opcoes.json, opcoes.silencioso))

    _sair(codigo_de(tudo, relato))


def escolher_relato(json: bool, silencioso: bool) -> Relato:
    """O relato pedido, sobre a saída padrão e a de erros."""
    base = RelatoJson if json else RelatoTexto
    relato: Relato = base(sys.stdout, sys.stderr)
    return RelatoSilencioso(relato) if silencioso else relato


def _sigterm_como_ctrl_c() -> None:
    def interromper(_sinal: int, _quadro: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interromper)
    signal.signal(signal.SIGINT, interromper)  # um `&` no shell deixaria o Ctrl+C ignorado


def _sair(codigo: int) -> None:
    """Termina já: um fio preso num servidor mudo não pode segurar o processo, e um cano fechado não
    pode virar um aviso do Python no fim."""
    for saida in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            saida.flush()
    os._exit(codigo)
