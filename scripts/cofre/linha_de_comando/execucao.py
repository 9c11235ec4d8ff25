"""O único lugar onde um erro vira palavras e código de saída."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from types import FrameType

from cofre.base.erros import INSTALACAO, DefeitoInterno, DependenciaAusente, ErroCofre, Interrompido
from cofre.base.relato import Relato, RelatoJson, RelatoSilencioso, RelatoTexto, preparar_saidas
from cofre.linha_de_comando.argumentos import Executar


def executar(ler_argumentos: Callable[[list[str]], tuple[Namespace, Executar]]) -> None:
    """Lê a linha de comando, executa a ação e termina o processo com o código dela."""
    preparar_saidas()
    argumentos = sys.argv[1:]
    _sigterm_como_ctrl_c()
    relato = escolher_relato("--json" in argumentos, "--silencioso" in argumentos)

    def tudo() -> int:
        opcoes, acao = ler_argumentos(argumentos)
        return acao(opcoes, escolher_relato(opcoes.json, opcoes.silencioso))

    _sair(codigo_de(tudo, relato))


def codigo_de(fazer: Callable[[], int], relato: Relato) -> int:
    """Faz, e devolve o código de saída; o que `fazer` levantar é contado ao relato."""
    try:
        return fazer()
    except (ErroCofre, KeyboardInterrupt) as e:
        return _contar(e if isinstance(e, ErroCofre) else Interrompido("Interrompido."), relato)
    except ModuleNotFoundError as e:
        return _contar(DependenciaAusente(f"No module named '{e.name}'.", INSTALACAO), relato)
    except Exception as e:
        return _contar(DefeitoInterno(e), relato)


def escolher_relato(json: bool, silencioso: bool) -> Relato:
    """O relato pedido, sobre a saída padrão e a de erros."""
    base = RelatoJson if json else RelatoTexto
    relato: Relato = base(sys.stdout, sys.stderr)
    return RelatoSilencioso(relato) if silencioso else relato


def _contar(erro: ErroCofre, relato: Relato) -> int:
    relato.erro(f"❌ {erro}")
    for linha in erro.dica.splitlines():
        relato.erro(f"   {linha}")
    relato.documento({"codigo": erro.codigo, "erro": str(erro), "dica": erro.dica})
    return erro.codigo


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
