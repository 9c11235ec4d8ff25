"""Todos os testes, num comando: `python3 tests [argumentos do pytest]`.

Prepara o mesmo ambiente que a demonstração, confere estilo e tipos e roda o pytest, com
servidores de verdade. Com argumentos, só o pytest roda, e os recebe. Com `--atualizar`, nada é
testado: a página das opções do manual é escrita de novo, a partir dos próprios programas.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

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
    ("Tipos", ["mypy", "--platform", "linux"]),
    (
        "Tipos no Windows",
        ["mypy", "--platform", "win32", "--cache-dir", CACHE_DO_WINDOWS, "scripts"],
    ),
)


def executar(titulo: str, modulo_e_argumentos: list) -> bool:  # type: ignore[type-arg]
    print(f"\n── {titulo} {'─' * (70 - len(titulo))}", flush=True)
    comando = [sys.executable, "-m", *modulo_e_argumentos]
    return subprocess.run(comando, cwd=RAIZ, check=False).returncode == 0


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
    if sys.argv[1:] == ["--atualizar"]:
        from apoio import opcoes

        opcoes.atualizar()
        print(f"📄 {opcoes.ARQUIVO.relative_to(RAIZ).as_posix()}")
        return 0

    etapas = [] if sys.argv[1:] else list(CONFERENCIAS)
    # Cada trabalhador fica com uma fatia seguida, porque as peças caras são por módulo; quem acaba
    # antes toma do fim da dos outros. Dois a mais que os processadores: muito do tempo é de espera.
    trabalhadores = str((os.cpu_count() or 1) + 2)
    padrao = ["-n", trabalhadores, "--dist", "worksteal", "--durations", "15"]
    etapas.append(("Testes", ["pytest", *(sys.argv[1:] or padrao)]))
    falhas = [titulo for titulo, comando in etapas if not executar(titulo, comando)]
    print(f"\n❌ Falhou: {', '.join(falhas)}" if falhas else "\n✅ Tudo certo.")
    return 1 if falhas else 0


if __name__ == "__main__":
    sys.exit(main())
