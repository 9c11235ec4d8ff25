"""Todo comando que se manda colar, no programa ou no manual, é um que os scripts entendem."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoio.execucao import RAIZ
from apoio.paginas import PAGINAS
from cofre.base.comandos import BACKUP, RESTAURACAO
from cofre.comando import acoes, restaurar
from cofre.comando.argumentos import Fazer

LER = {BACKUP: acoes.ler_argumentos, RESTAURACAO: restaurar.ler_argumentos}
NOMES = {"BACKUP": BACKUP, "RESTAURACAO": RESTAURACAO}
PALAVRA_DE = {"acao": "desfazer", "acao_do_backup": "listar", "sistema": "systemd"}
"""O que se põe no lugar de uma variável; das outras, um texto qualquer."""
VARIOS = {"*de_quem": ("--empresa", "x"), "*_so(nomes)": ("--tabelas", "x")}
"""O mesmo, das que são vários argumentos."""


def acao_de(script: str, argumentos: list[str]) -> Fazer:
    """O que estes argumentos fazem. Levanta ErroDeUso se o script não os entende."""
    return LER[script](argumentos)[1]


def do_programa() -> Iterator[tuple[str, str, list[str]]]:
    """Onde, o script e os argumentos de cada chamada de `comando`."""
    for arquivo in sorted((RAIZ / "scripts" / "cofre").rglob("*.py")):
        for no in ast.walk(ast.parse(arquivo.read_text("utf-8"))):
            nome = ast.unparse(no.func) if isinstance(no, ast.Call) else ""
            if isinstance(no, ast.Call) and nome in ("comando", "comandos.comando"):
                script, *partes = no.args
                onde = f"{arquivo.name}:{no.lineno}"
                argumentos = [valor for parte in partes for valor in _valores(parte)]
                yield onde, NOMES[ast.unparse(script).split(".")[-1]], argumentos


def _valores(no: ast.expr) -> tuple[str, ...]:
    if isinstance(no, ast.Constant):
        return (str(no.value),)
    if isinstance(no, ast.Starred):
        return VARIOS[ast.unparse(no)]
    return (PALAVRA_DE.get(ast.unparse(no), "x"),)


def das_paginas() -> Iterator[tuple[str, str, list[str]]]:
    """O mesmo, de cada linha de um bloco `sh` ou `powershell` que chama um dos scripts."""
    blocos = re.compile(r"^ *```(?:sh|powershell)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
    for pagina, texto in PAGINAS.items():
        for bloco in blocos.findall(texto):
            for linha in re.sub(r"\\\n\s*", " ", bloco).splitlines():
                achado = re.search(rf"scripts[/\\]({'|'.join(map(re.escape, LER))})(.*)", linha)
                if achado:
                    yield pagina, achado[1], shlex.split(achado[2], comments=True)


DITOS = [*do_programa(), *das_paginas()]


@pytest.mark.parametrize(("onde", "script", "argumentos"), DITOS)
def test_o_script_entende(onde: str, script: str, argumentos: list[str]) -> None:
    assert callable(acao_de(script, argumentos)), onde


def test_nenhum_comando_escrito_a_mao() -> None:
    """No programa, um comando só se escreve por `comando`: só ele sabe o Python e a pasta. O
    LEIA-ME de um exportado é lido em outra máquina, e não sabe de nenhuma."""
    achados = [
        f"{arquivo.name}: {linha.strip()}"
        for arquivo in _fontes()
        for linha in arquivo.read_text("utf-8").splitlines()
        if re.search(r"python3? scripts/", linha)
    ]
    assert [a for a in achados if not a.startswith("exportacao.py: ")] == []
    assert len(DITOS) > 40


def _fontes() -> list[Path]:
    return sorted((RAIZ / "scripts" / "cofre").rglob("*.py"))
