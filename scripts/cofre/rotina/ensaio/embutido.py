"""Um PostgreSQL só para o ensaio, noutro processo: o da demonstração, se os pacotes dele estão
instalados. O cofre não importa nada dela; combina com ela um programa, uma linha e um fim."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from cofre.base.config.valores import NOME_DA_URL_DE_ENSAIO, RAIZ, AcessoDireto
from cofre.base.erros import DependenciaAusente

PROGRAMA = RAIZ / "scripts" / "supabase_local" / "servidores" / "banco_de_ensaio.py"
INSTALACAO = (
    "Instale os pacotes dele no ambiente do projeto:\n"
    "  .venv/bin/python -m pip install -r scripts/supabase_local/requirements.txt\n"
    "  (no Windows: .venv\\Scripts\\python.exe -m pip install"
    " -r scripts\\supabase_local\\requirements.txt)\n"
    f"Ou diga outro banco de teste no .env: {NOME_DA_URL_DE_ENSAIO}"
)


A_PARTE: dict[str, Any]
"""O Ctrl+C do terminal é nosso: ele para quando a entrada fecha."""
if sys.platform == "win32":
    A_PARTE = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    A_PARTE = {"start_new_session": True}


@contextlib.contextmanager
def postgres_embutido() -> Iterator[AcessoDireto]:
    """O servidor ligado durante o contexto; depois, nem a pasta dele fica. Se este processo morrer,
    ele para sozinho. Levanta DependenciaAusente."""
    processo = subprocess.Popen(
        [sys.executable, str(PROGRAMA)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        **A_PARTE,
    )
    try:
        url = processo.stdout.readline().strip() if processo.stdout else ""
        if not url:
            raise DependenciaAusente("O PostgreSQL embutido não ligou.", INSTALACAO)
        yield AcessoDireto(url, nome=NOME_DA_URL_DE_ENSAIO)
    finally:
        processo.communicate()
