"""Um PostgreSQL só para o ensaio, noutro processo: o da demonstração, se os pacotes dele estão
instalados. O cofre não importa nada dela; combina com ela um programa, uma linha e um fim."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from cofre.base import comandos
from cofre.base.config.valores import NOME_DA_URL_DE_ENSAIO, AcessoDireto
from cofre.base.erros import DependenciaAusente
from cofre.base.interprete import RAIZ

PROGRAMA = RAIZ / "scripts" / "supabase_local" / "servidores" / "banco_de_ensaio.py"

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
            raise DependenciaAusente(
                "O PostgreSQL embutido não ligou.",
                "Instale os pacotes dele no ambiente do projeto:\n"
                f"  {comandos.instalar('scripts/supabase_local/requirements.txt')}\n"
                f"Ou diga outro banco de teste no .env: {NOME_DA_URL_DE_ENSAIO}",
            )
        yield AcessoDireto(url, nome=NOME_DA_URL_DE_ENSAIO)
    finally:
        processo.communicate()
