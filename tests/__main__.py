"""Todos os testes, num comando: `python3 tests [argumentos do pytest]`.

Prepara o mesmo ambiente que a demonstração, confere estilo e tipos e roda o pytest, com
servidores de verdade. Com argumentos, só o pytest roda, e os recebe. Com `--atualizar`, nada é
testado: a página das opções do manual é escrita de novo, a partir dos próprios programas.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

RAIZ = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(RAIZ / "scripts"))

from supabase_local.servidores.ambiente import continuar_no_ambiente, preparar  # noqa: E402
from supabase_local.servidores.sistema import (  # noqa: E402
    ErroDeAmbiente,
    arrumar_entrada_e_saida,
    ha_postgrest,
)

CACHE_DO_WINDOWS = ".mypy_cache/windows"
CONFERENCIAS = (
    ("Estilo", ["ruff", "check", "."]),
    ("Formatação", ["ruff", "format", "--check", "."]),
)
AO_LADO = (
    ("Tipos", ["mypy", "--platform", "linux"]),
    (
        "Tipos no Windows",
        ["mypy", "--platform", "win32", "--cache-dir", CACHE_DO_WINDOWS, "scripts"],
    ),
)


if TYPE_CHECKING:  # um Python antigo chega até aqui, para que se lhe diga que o é
    Etapa = tuple[str, list[str]]
    """O título, e o módulo a executar com os seus argumentos."""


def executar(titulo: str, modulo_e_argumentos: list[str]) -> bool:
    intitular(titulo)
    comando = [sys.executable, "-m", *modulo_e_argumentos]
    return subprocess.run(comando, cwd=RAIZ, check=False).returncode == 0


def intitular(titulo: str) -> None:
    print(f"\n── {titulo} {'─' * (70 - len(titulo))}", flush=True)


@contextlib.contextmanager
def ao_lado(etapas: Sequence[Etapa], falhas: list[str]) -> Iterator[None]:
    """Executa estas enquanto durar, e no fim mostra o que disseram. Cada uma usa um processador só,
    e os testes passam boa parte do tempo à espera."""
    with contextlib.ExitStack() as pilha:
        andam = []
        for titulo, argumentos in etapas:
            dito = pilha.enter_context(tempfile.TemporaryFile())
            comando = [sys.executable, "-m", *argumentos]
            processo = subprocess.Popen(comando, cwd=RAIZ, stdout=dito, stderr=subprocess.STDOUT)
            pilha.callback(processo.kill)
            andam.append((titulo, processo, dito))
        yield
        for titulo, processo, dito in andam:
            intitular(titulo)
            if processo.wait() != 0:
                falhas.append(titulo)
            dito.seek(0)
            print(dito.read().decode("utf-8", "replace"), end="", flush=True)


def main() -> int:
    arrumar_entrada_e_saida()
    # Começada em segundo plano, a suíte herdaria o Ctrl+C ignorado, e os testes o mandam.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        extras = [RAIZ / "tests" / p / "requirements.txt" for p in ("", "desempenho")]
        # Sem o PostgREST (no Windows), roda o resto, e o fim diz o que ficou de fora.
        preparar(extras, com_api=ha_postgrest())
    except ErroDeAmbiente as erro:
        print(f"❌ {erro}", file=sys.stderr)
        return 2
    continuar_no_ambiente()
    # Sem guardar o que se compila, cada trabalhador reescreve todos os asserts (dez segundos de
    # processador), e cada programa que um teste começa compila tudo outra vez.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if sys.argv[1:] == ["--atualizar"]:
        from apoio import opcoes

        opcoes.atualizar()
        print(f"📄 {opcoes.ARQUIVO.relative_to(RAIZ).as_posix()}")
        return 0

    inteira = not sys.argv[1:]
    # Cada trabalhador fica com uma fatia seguida, porque as peças caras são por módulo; quem acaba
    # antes toma do fim da dos outros. Dois a mais que os processadores: muito do tempo é de espera.
    trabalhadores = str((os.cpu_count() or 1) + 2)
    padrao = ["-n", trabalhadores, "--dist", "worksteal", "--durations", "15"]
    testes = ("Testes", ["pytest", *(sys.argv[1:] or padrao)])
    etapas: list[Etapa] = [*(CONFERENCIAS if inteira else ()), testes]
    falhas: list[str] = []
    with ao_lado(AO_LADO if inteira else (), falhas):
        falhas += [titulo for titulo, comando in etapas if not executar(titulo, comando)]
    print(f"\n❌ Falhou: {', '.join(falhas)}" if falhas else "\n✅ Tudo certo.")
    return 1 if falhas else 0


if __name__ == "__main__":
    sys.exit(main())
