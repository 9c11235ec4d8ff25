"""Um programa do projeto, rodado à vista de quem olha a demonstração."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def rodar(
    script: Path,
    argumentos: Sequence[str],
    ambiente: Mapping[str, str],
    *,
    perguntar: bool,
    responda: str = "",
) -> int:
    """Diz o comando, roda-o até o fim e devolve o código dele. `perguntar`: se quem olha responde
    ao que ele pergunta, e `responda`, o quê."""
    print(f"\n▶️  python3 scripts/{script.name} {shlex.join(argumentos)}\n", flush=True)
    if perguntar and responda:
        print(f"   (responda: {responda})\n", flush=True)
    return subprocess.run(
        [sys.executable, str(script), *argumentos],
        env=dict(ambiente),
        stdin=None if perguntar else subprocess.DEVNULL,
        check=False,
    ).returncode
