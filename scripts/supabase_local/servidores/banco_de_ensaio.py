"""Um PostgreSQL vazio para um ensaio: escreve a URL na saída e vive até a entrada fechar.

É um programa, e não uma função, para que o cofre possa usá-lo sem depender deste pacote.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from supabase_local.servidores.postgres import ClusterPostgres

BANCO = "ensaio"


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="cofre_ensaio_") as pasta,
        ClusterPostgres(Path(pasta) / "pg", efemero=True) as cluster,
    ):
        cluster.criar_banco(BANCO)
        print(cluster.uri(BANCO), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
