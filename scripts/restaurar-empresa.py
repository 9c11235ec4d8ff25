"""Restauração de uma empresa: veja `python scripts/restaurar-empresa.py --help`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Este programa precisa do Python 3.11 ou mais novo. Instale em https://www.python.org")

from cofre.comando.execucao import executar
from cofre.comando.restaurar import ler_argumentos

if __name__ == "__main__":
    executar(ler_argumentos)
