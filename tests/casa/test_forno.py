"""O que sai do forno é igual a um processo novo, e nada de uma execução chega à seguinte."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apoio import terminal
from apoio.campanha import amostra
from apoio.execucao import (
    BACKUP,
    PACIENCIA,
    RESTAURACAO,
    abrir,
    ambiente,
    ate_o_fim,
    copiar_scripts,
    executar,
)
from apoio.forno import Forno, Processo, forno
from apoio.inventados import publicar
from apoio.terminal import num_terminal
from cofre.deposito.deposito import Deposito

# Sem as duas coisas que não mudam num filho: o modo de escrever .pyc nas flags, que ele obedece de
# outro jeito (`sem_pyc`), e o acaso da ordem dos conjuntos, que é um por forno.
MUNDO = """
import codecs, json, locale, os, signal, sys, tempfile, threading, time
def fluxo(f):
    return [f.fileno(), f.name, f.mode, codecs.lookup(f.encoding).name, f.errors, f.newlines,
            f.line_buffering, f.write_through, f.isatty(), f.seekable()]
umask = os.umask(0)
abertos = [n for n in range(3, 256) if not os.system(f"test -e /proc/{os.getpid()}/fd/{n}")]
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "ambiente": dict(os.environ), "pasta": os.getcwd(),
    "umask": umask, "abertos": abertos, "fluxos": [fluxo(f) for f in (
        sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)],
    "sinais": {s.name: str(getattr(signal.getsignal(s), "__name__", signal.getsignal(s)))
               for s in signal.Signals if s not in (signal.SIGKILL, signal.SIGSTOP)},
    "bloqueados": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "acordar": signal.set_wakeup_fd(-1), "fios": threading.active_count(),
    "locale": locale.setlocale(locale.LC_ALL), "hora": time.tzname,
    "temporaria": tempfile.gettempdir(), "flags": sys.flags[:4] + sys.flags[5:],
    "sem_pyc": sys.dont_write_bytecode, "grupo": os.getpgrp(),
    "principal": [__name__, sys.modules["__main__"].__dict__ is globals()],
    "entrada": sys.stdin.read(),
}))
"""


def mundo(tmp_path: Path, *, novo: bool, **opcoes: Any) -> dict[str, Any]:
    processo = abrir(
        None, tmp_path, "--um", "é ç 🛍️", programa=MUNDO, novo=novo, pasta=tmp_path, **opcoes
    )
    assert isinstance(processo, subprocess.Popen) is novo
    saida = ate_o_fim(processo, b"sim\n" if opcoes.get("com_entrada") else None)
    assert (saida.codigo, saida.erros) == (0, ""), saida.tudo
    lido: dict[str, Any] = saida.json()
    return lido


MUNDOS: list[tuple[dict[str, Any], int]] = [
    ({"com_entrada": True, "script": RESTAURACAO}, 0),
    ({}, 0o022),
    ({"mais": {"TZ": "Asia/Tokyo", "COLUMNS": "50", "PYTHONDONTWRITEBYTECODE": "1"}}, 0o077),
]


@pytest.mark.parametrize(("opcoes", "umask"), amostra(MUNDOS, 2))
def test_o_mundo_de_um_filho_e_o_de_um_processo_novo(
    tmp_path: Path, opcoes: dict[str, Any], umask: int
) -> None:
    anterior = os.umask(umask)
    try:
        vistos = [mundo(tmp_path, novo=novo, **opcoes) for novo in (True, False)]
    finally:
        os.umask(anterior)
    novo, filho = vistos
    assert filho == novo
    assert (filho["umask"], filho["abertos"]) == (umask, [])


def test_num_terminal_o_filho_mostra_o_que_um_processo_novo_mostra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O eco, as larguras, a ordem em que as coisas aparecem, e o código."""
    publicar(Deposito(tmp_path / "b"), "20260101_030000")
    digitado = "?\nana\nd\n?\n1\nq\n"
    ninguem = {
        "SUPABASE_URL": "http://127.0.0.1:9",
        "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_inventada",
    }
    do_forno = num_terminal(None, tmp_path / "b", 50, digitado, ninguem)
    assert "🏢 EMPRESAS COM BACKUP DISPONÍVEL" in do_forno
    monkeypatch.setattr(terminal, "forno", lambda: None)
    assert num_terminal(None, tmp_path / "b", 50, digitado, ninguem) == do_forno


def test_nada_de_uma_execucao_chega_a_seguinte(tmp_path: Path) -> None:
    """A que muda tudo o que sabe mudar não muda a outra."""
    antes = mundo(tmp_path, novo=False)
    suja = """
import builtins, json, os, signal, sys, threading, time
os.environ.update(BACKUP_DIR="/", TZ="Asia/Tokyo", SUPABASE_URL="x")
time.tzset(); os.umask(0o777); os.chdir("/")
signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGPIPE, signal.SIG_DFL)
sys.argv.append("x"); sys.path.clear(); json.dumps = None; builtins.print = None
sys.addaudithook(lambda *_: None); threading.Thread(target=time.sleep, args=(1,)).start()
import cofre.base.config.valores as valores
valores.RAIZ = None
os.open("/", os.O_RDONLY); os.close(2); os._exit(77)
"""
    assert executar(None, tmp_path, programa=suja, novo=False).codigo == 77
    assert mundo(tmp_path, novo=False) == antes


@pytest.mark.parametrize(
    ("programa", "codigo", "erros"),
    [
        ("import sys; sys.exit(5)", 5, ""),
        ("import sys; sys.exit('adeus')", 1, "adeus\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'fim')", 0, "fim"),
        ("raise ZeroDivisionError('ops')", 1, "ZeroDivisionError: ops\n"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt\n"),
    ],
)
def test_termina_como_o_python_termina(
    tmp_path: Path, programa: str, codigo: int, erros: str
) -> None:
    for novo in (True, False):
        saida = executar(None, tmp_path, programa=programa, novo=novo)
        assert saida.codigo == codigo, saida.tudo
        assert saida.erros.endswith(erros)


@pytest.fixture
def dorminhoco(tmp_path: Path) -> Iterator[Processo]:
    programa = "import time; print('pronto', flush=True); time.sleep(3600)"
    processo = abrir(None, tmp_path, programa=programa, novo=False)
    assert processo.stdout is not None
    assert processo.stdout.readline() == b"pronto\n"
    yield processo
    processo.kill()


@pytest.mark.parametrize("sinal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_recebe_sinais_e_e_esperado(dorminhoco: Processo, sinal: int) -> None:
    assert dorminhoco.poll() is None
    for esperar in (dorminhoco.wait, lambda prazo: dorminhoco.communicate(timeout=prazo)):
        with pytest.raises(subprocess.TimeoutExpired):
            esperar(0.01)
    dorminhoco.send_signal(sinal)
    assert dorminhoco.wait(PACIENCIA) == -sinal
    assert dorminhoco.poll() == dorminhoco.returncode == -sinal
    with pytest.raises(ProcessLookupError):
        os.kill(dorminhoco.pid, 0)  # não fica nem o registro dele
    dorminhoco.kill()


def test_o_que_so_vale_ao_nascer_faz_nascer_um_processo(tmp_path: Path) -> None:
    aquecido = forno()
    assert aquecido is not None
    assert aquecido.serve(ambiente(None, tmp_path, {"TZ": "Asia/Tokyo"}))
    for nome in ("PYTHONIOENCODING", "LC_ALL", "LANG"):
        processo = abrir(None, tmp_path, "--help", mais={nome: "cp1252"})
        assert isinstance(processo, subprocess.Popen)
        processo.communicate(timeout=PACIENCIA)
    copia = tmp_path / BACKUP.name
    copia.write_text("print('a cópia')", encoding="utf-8")
    processo = abrir(None, tmp_path, script=copia)
    assert ate_o_fim(processo).saida == "a cópia\n"


def test_de_um_script_copiado_so_serve_o_cofre_que_ele_tem_ao_lado(tmp_path: Path) -> None:
    script = copiar_scripts(tmp_path / "raiz")
    modulo = script.parent / "cofre" / "comando" / "listar.py"
    modulo.write_text(modulo.read_text("utf-8") + '\nprint("o de", __file__)\n', "utf-8")
    ditos = [
        executar(None, tmp_path / "b", "listar", script=script, novo=novo) for novo in (True, False)
    ]
    assert ditos[0] == ditos[1]
    assert f"o de {modulo}\n" in ditos[1].saida
    assert "o de" not in executar(None, tmp_path / "b", "listar").saida


def test_sem_quem_peca_o_forneiro_termina_e_nao_deixa_filhos(tmp_path: Path) -> None:
    outro = Forno({n: v for n, v in os.environ.items() if not n.startswith("PYTHON")})
    filho = outro.abrir(
        ["-c"], dict(os.environ), pasta=tmp_path, programa="import time; time.sleep(3600)"
    )
    outro.apagar()
    assert filho.wait(PACIENCIA) == -signal.SIGKILL


COMANDOS: list[tuple[Path, list[str]]] = [
    (RESTAURACAO, ["--simular"]),
    *((BACKUP, [acao]) for acao in ("listar", "verificar", "podar", "ensaiar", "painel")),
    (BACKUP, []),
]


@pytest.mark.parametrize(("script", "argumentos"), amostra(COMANDOS, 3))
def test_cada_script_diz_o_mesmo_num_processo_novo(
    tmp_path: Path, script: Path, argumentos: list[str]
) -> None:
    """Importar tudo antes não esconde uma importação que falte."""
    ditos = [
        executar(None, tmp_path / "b", *argumentos, script=script, novo=novo, mais={"TERM": "dumb"})
        for novo in (True, False)
    ]
    assert ditos[0].codigo in (2, 3, 0)
    assert ditos[0] == ditos[1]


def test_o_de_uma_copia_do_projeto_e_como_se_a_importasse(tmp_path: Path) -> None:
    """O .env, o cofre.toml, os backups e os comandos que manda colar são os de lá."""
    script = copiar_scripts(tmp_path / "outra")
    (tmp_path / "outra" / ".env").write_text("BACKUP_IDADE_MAXIMA=amanha\n", "utf-8")
    publicar(Deposito(tmp_path / "outra" / "backups"), "20260101_030000")
    ditos = [
        executar(None, tmp_path, *acao, script=script, novo=novo, mais={"BACKUP_DIR": ""})
        for acao in (["listar"], ["verificar"], ["agendar", "mostrar", "--sistema", "cron"])
        for novo in (True, False)
    ]
    assert ditos[::2] == ditos[1::2]
    assert [d.codigo for d in ditos[::2]] == [2, 0, 0]
    assert str(script) in ditos[-1].saida
