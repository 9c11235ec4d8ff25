"""Com que Python o programa roda: o do projeto, se o que o começou não tem os pacotes.

Roda antes de tudo: só a biblioteca padrão, e nada que um Python mais antigo não leia.
"""

import contextlib
import functools
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[3]
"""A raiz do projeto: onde estão .env, cofre.toml e backups/, seja qual for a pasta corrente."""
VENV = RAIZ / ".venv"
MINIMO = (3, 11)
PACOTES = ("supabase", "dotenv", "msgspec", "rich", "tenacity", "filelock", "httpx", "jinja2")
"""O que requirements.txt instala, como se importa."""
RECOMECADO = "cofre_recomecado"
"""A opção -X do Python que impede um ambiente quebrado de recomeçar para sempre."""


def e_o_do_projeto() -> bool:
    """Se este Python é o de `.venv`."""
    return _o_mesmo(sys.prefix, VENV)


@functools.lru_cache(maxsize=8)
def _o_mesmo(um: str, outro: Path) -> bool:
    """Uma página de muitas empresas manda colar um comando por cada uma."""
    return Path(um).resolve() == Path(outro).resolve()


def do_projeto() -> Path:
    """O Python de `.venv`, haja ou não; sem console, se este não tem (pythonw)."""
    if os.name != "nt":
        return VENV.joinpath("bin", "python")
    nome = "pythonw" if Path(sys.executable or "").stem.lower() == "pythonw" else "python"
    return VENV / "Scripts" / f"{nome}.exe"


def continuar_no_projeto() -> None:
    """Recomeça este mesmo comando com o Python do projeto, se a este falta algum pacote e o outro
    existe; se não, não faz nada, e quem precisar do pacote dirá o que falta. Velho
    demais e sem outro, termina o programa."""
    if sys.version_info >= MINIMO and all(map(_ha, PACOTES)):
        return
    python = do_projeto()
    if not e_o_do_projeto() and RECOMECADO not in sys._xoptions and python.exists():
        _recomecar([str(python), "-X", RECOMECADO, *sys.argv])
    if sys.version_info < MINIMO:
        sys.exit(
            "Este programa precisa do Python 3.11 ou mais novo. Instale em https://www.python.org"
        )


def _ha(pacote: str) -> bool:
    try:
        return importlib.util.find_spec(pacote) is not None
    except (ImportError, ValueError):  # quem o procura pode dizê-lo assim
        return False


def _recomecar(comando: list[str]) -> None:
    with contextlib.suppress(OSError):  # um .venv de outra máquina: segue-se com este
        if sys.platform != "win32":
            os.execv(comando[0], comando)
        # O Windows não troca de programa: este espera, e o Ctrl+C é do outro.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(subprocess.call(comando))
