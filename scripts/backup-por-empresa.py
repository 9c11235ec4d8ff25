"""Backup isolado por empresa: veja `python scripts/backup-por-empresa.py --help`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Este programa precisa do Python 3.11 ou mais novo. Instale em https://www.python.org")

from cofre.comando.acoes import ler_argumentos
from cofre.comando.execucao import executar

if __name__ == "__main__":
    executar(ler_argumentos)
