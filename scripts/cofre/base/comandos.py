"""Os comandos que se mandam colar: como estão, funcionam na pasta em que a pessoa está."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from cofre.base import interprete
from cofre.base.interprete import RAIZ, VENV
from cofre.base.palavras import visivel

BACKUP, RESTAURACAO = "backup-por-empresa.py", "restaurar-empresa.py"
DO_BANCO, DA_COPIA = "scripts/requirements-direto.txt", "scripts/requirements-copia.txt"
DE_ANONIMIZAR = "scripts/requirements-anonimizar.txt"
"""As dependências da conexão direta; e as de cifrar, e de copiar para fora daqui."""
_O_ENV = re.compile(r"(?<![\w./])\.env(?![\w.])")
_OUTRO: list[tuple[Path, Path]] = []
"""O .env e a pasta dos backups do outro projeto, enquanto é nele que se mexe."""


@contextlib.contextmanager
def noutro_projeto(env: Path, pasta: Path) -> Iterator[None]:
    """Enquanto dura, os comandos que se mandam colar são sobre o projeto deste .env, que tem os
    backups nesta pasta."""
    _OUTRO.append((env, pasta))
    try:
        yield
    finally:
        _OUTRO.pop()


def de_outro_env(texto: str, nome: str) -> str:
    """O que se diz do .env, quando é outro o arquivo que diz o projeto: pelo nome dele."""
    return _O_ENV.sub(nome, texto)


def comando(script: str, *argumentos: str) -> str:
    """Uma linha que roda este script da pasta `scripts/` com estes argumentos, e com a mesma pasta
    de backups, se esta execução recebeu uma. Na raiz do projeto, com caminhos curtos; em qualquer
    outra pasta, inteiros."""
    if _OUTRO:
        return _no_outro(script, argumentos, *_OUTRO[-1])
    pasta = _destino(sys.argv[1:])
    destino: tuple[str, ...] = () if pasta is None else ("--destino", str(Path(pasta).absolute()))
    return em_linha([_python(), _curto(RAIZ.joinpath("scripts", script)), *argumentos, *destino])


def _no_outro(script: str, argumentos: Sequence[str], env: Path, pasta: Path) -> str:
    """A mesma linha, para o outro projeto: de lá só se conclui e se desfaz; do que não fala com o
    servidor, basta a pasta. Fazer um backup daquele projeto é com o .env dele no lugar."""
    if script == RESTAURACAO:
        mais = [*(argumentos or ("continuar",)), "--para", str(env)]
    else:
        mais = [*argumentos, *(("--destino", str(pasta)) if argumentos else ())]
    return em_linha([_python(), _curto(RAIZ.joinpath("scripts", script)), *mais])


def instalar(requisitos: str, *, criando: bool = False) -> str:
    """As linhas que instalam no ambiente do projeto este arquivo de dependências, de nome relativo
    à raiz; `criando`, também o ambiente."""
    python = interprete.do_projeto() if os.name != "nt" else VENV / "Scripts" / "python.exe"
    partes = [_curto(python), "-m", "pip", "install", "-r", _curto(RAIZ / requisitos)]
    criar = [_do_path(), "-m", "venv", _curto(VENV)]
    return "\n".join(em_linha(c) for c in ((criar, partes) if criando else (partes,)))


def como_instalar(requisitos: str = "") -> str:
    """O que digitar para ter estes pacotes; sem dizer quais, os do projeto, e o ambiente dele."""
    if not requisitos:
        linhas = instalar("requirements.txt", criando=True)
        return (
            "Instale no ambiente do projeto; daí em diante o programa acha o Python dele sozinho:\n"
            + textwrap.indent(linhas, "  ")
        )
    return f"No ambiente do projeto:\n{textwrap.indent(instalar(requisitos), '  ')}"


def em_linha(partes: Sequence[str]) -> str:
    """As partes como o terminal desta máquina as lê (no Windows, tanto o PowerShell como o cmd)."""
    return visivel(shlex.join(partes) if os.name != "nt" else subprocess.list2cmdline(partes))


def _python() -> str:
    """Como chamar este Python. Com um espaço no caminho, o PowerShell não o rodaria, pelas aspas:
    aí se chama um do PATH, que chega ao do projeto sozinho."""
    if not interprete.e_o_do_projeto():
        return _do_path()
    curto = _curto(interprete.do_projeto())
    return _do_path() if os.name == "nt" and " " in curto else curto


def _do_path() -> str:
    """Um Python de fora do projeto: este, se é um, pelo nome se o PATH o acha por ele."""
    if os.name == "nt":
        return next((n for n in ("py", "python") if shutil.which(n)), sys.executable)
    if interprete.e_o_do_projeto():
        return "python3"
    este = Path(sys.executable or "python3")
    achado = shutil.which(este.name)
    return este.name if achado and Path(achado) == este else str(este)


def _curto(caminho: Path) -> str:
    """Relativo à raiz, se é nela que se está."""
    inteiro, raiz = str(caminho), str(RAIZ)
    return inteiro.removeprefix(f"{raiz}{os.sep}") if os.getcwd() == raiz else inteiro  # noqa: PTH109


def _destino(argumentos: Sequence[str]) -> str | None:
    """O que veio em --destino, se veio."""
    for n, argumento in enumerate(argumentos):
        nome, igual, valor = argumento.partition("=")
        if nome == "--destino":
            return valor if igual else next(iter(argumentos[n + 1 : n + 2]), None)
    return None
