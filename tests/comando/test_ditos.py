"""Todo comando que se manda colar, no programa ou no manual, é um que os scripts entendem."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shlex
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from apoio.cifrados import cifrando_para
from apoio.direto import copiar_direto
from apoio.execucao import RAIZ, executar
from apoio.execucao import restaurar as rodar_restauracao
from apoio.impressoes import executar_sql
from apoio.lojinha import DONO
from apoio.paginas import PAGINAS
from cofre.base.comandos import BACKUP, RESTAURACAO
from cofre.comando import acoes, restaurar
from cofre.comando.argumentos import Fazer
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.quando import e_data
from supabase_local.servidores.servidor import SupabaseLocal

LER = {BACKUP: acoes.ler_argumentos, RESTAURACAO: restaurar.ler_argumentos}
NOMES = {"BACKUP": BACKUP, "RESTAURACAO": RESTAURACAO}
PALAVRA_DE = {"acao": "desfazer", "acao_do_backup": "listar", "sistema": "systemd"}
"""O que se põe no lugar de uma variável; das outras, um texto qualquer."""
VARIOS = {
    "*de_quem": ("--empresa", "x"),
    "*_so(b.tabelas)": ("--tabelas", "x"),
    "*_modo(b)": ("--modo", "recuperar"),
    "*qual": ("--tabela", "x", "--chave", "x"),
}
"""O mesmo, das que são vários argumentos."""


def acao_de(script: str, argumentos: list[str]) -> Fazer:
    """O que estes argumentos fazem. Levanta ErroDeUso se o script não os entende."""
    return LER[script](argumentos)[1]


def do_programa() -> Iterator[tuple[str, str, list[str]]]:
    """Onde, o script e os argumentos de cada chamada de `comando`."""
    for arquivo in sorted((RAIZ / "scripts" / "cofre").rglob("*.py")):
        texto = arquivo.read_text("utf-8")
        # Quem nem a tem escrita não a chama: cada trabalhador dos testes passa por aqui.
        for no in ast.walk(ast.parse(texto)) if "comando(" in texto else ():
            if isinstance(no, ast.Call) and _e_comando(no.func):
                script, *partes = no.args
                onde = f"{arquivo.name}:{no.lineno}"
                argumentos = [valor for parte in partes for valor in _valores(parte)]
                yield onde, NOMES[ast.unparse(script).split(".")[-1]], argumentos


def _e_comando(no: ast.expr) -> bool:
    """Se é `comando` ou `comandos.comando`."""
    if isinstance(no, ast.Attribute):
        return no.attr == "comando" and isinstance(no.value, ast.Name) and no.value.id == "comandos"
    return isinstance(no, ast.Name) and no.id == "comando"


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


# -- rodar cada um -------------------------------------------------------------------------------

CHAVE = str(uuid.UUID(hashlib.md5(b"c7").hexdigest()))
"""A de um cliente da lojinha."""
QUEM, CLIENTE = "padaria", "Cliente 7"
NO_LUGAR = {
    "raval": QUEM,
    "maria": CLIENTE,
    "98765": "7",
    "clientes": "clientes",
    "arquivos": "clientes",
    "arquivos: balde=fotos, nome=abc/logo.png": f"clientes: nome={CLIENTE}",
    "4f2c0000-0000-4000-8000-000000000001": CHAVE,
    "4f2c…": CHAVE,
    "preco,custo": "preco,nome",
}
"""O que os exemplos dizem, na lojinha."""
DO_MOLDE = {"--empresa": QUEM, "--tabelas": "clientes", "--tabela": "clientes", "--chave": CHAVE}
"""Depois de cada opção, o que se põe no lugar de uma variável; e, sem opção, na ordem:"""
NA_ORDEM = {"historia": (QUEM, "clientes", CHAVE), "comparar": (QUEM, "ontem")}
PARA = cifrando_para(gerar(), gerar())
"""As chaves de quem cifra."""
NOUTRO_LUGAR = {
    ("agendar", "03:00"),
    ("agendar", "15min"),
    ("chaves", "confiar"),
    ("chaves", "criar"),
    ("chaves", "trocar"),
    ("ensaiar", "--embutido"),
    ("--frota", "x"),
    ("frota", "agendador"),
    ("frota", "trabalhar", "x"),
}
"""Os que se provam noutro lugar, com outra agenda (`test_agenda`), outro perfil, outros processos
(`tests/frota`) ou outro PostgreSQL (a tela do manual, em `test_leiame`)."""


@pytest.fixture(scope="module")
def pronta(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um depósito da lojinha com dois backups, um arquivo exportado e uma restauração feita."""
    pasta = tmp_path_factory.mktemp("pronta")
    assert copiar_direto(projeto, pasta / "b").codigo == 0
    executar_sql(projeto, "UPDATE produtos SET preco = 1 WHERE id < 9")
    de_volta = ("--empresa", DONO, "--confirmar", "RESTAURAR")
    direta = {"SUPABASE_DB_URL": projeto.uri_banco}
    assert rodar_restauracao(projeto, pasta / "b", *de_volta, mais=direta).codigo == 0
    assert copiar_direto(projeto, pasta / "b").codigo == 0
    fora = ("exportar", QUEM, str(pasta / "raval.zip"))
    assert executar(None, pasta / "b", *fora).codigo == 0
    return pasta


def _de_verdade(argumentos: tuple[str, ...], carimbos: Sequence[str]) -> list[str]:
    """Os argumentos com o que há na lojinha; as datas são as dos backups, do mais antigo."""
    trocados, datas = [], iter(carimbos)
    soltos = iter(NA_ORDEM.get(argumentos[0] if argumentos else "", ()))
    for antes, dito in zip(("", *argumentos), argumentos, strict=False):
        if dito == "x":
            dito = "ontem" if antes == "--backup" else DO_MOLDE.get(antes) or next(soltos)
        data = e_data(dito) and antes != "--parte"
        trocados.append(next(datas) if data else NO_LUGAR.get(dito, dito))
    return trocados


@pytest.mark.parametrize(
    ("script", "argumentos"),
    [par for par in sorted({(s, tuple(a)) for _, s, a in DITOS}) if par[1] not in NOUTRO_LUGAR],
)
def test_e_roda_de_qualquer_pasta(
    projeto: SupabaseLocal,
    pronta: Path,
    tmp_path: Path,
    script: str,
    argumentos: tuple[str, ...],
) -> None:
    """Sem responder a nada: nem erro de uso, nem defeito; as outras pastas ficam como eram."""
    shutil.copytree(pronta / "b", tmp_path / "b")
    onde = tmp_path / "onde"
    onde.mkdir()
    if "importar" in argumentos:
        shutil.copy(pronta / "raval.zip", onde)
    if "--para" in argumentos:
        env = f"SUPABASE_DB_URL={projeto.uri_banco}\nBACKUP_DIR=la\n"
        (onde / ".env.destino").write_text(env, encoding="utf-8")
    if "chaves.jsonl" in argumentos:
        qual = {"tabela": "clientes", "chave": {"id": CHAVE}}
        (onde / "chaves.jsonl").write_text(json.dumps(qual), encoding="utf-8")
    dela = (tmp_path / "b").glob("empresa_aaaa1111/backup_metadata_*.json")
    carimbos = [a.stem.removeprefix("backup_metadata_") for a in sorted(dela)]
    feito = executar(
        projeto,
        tmp_path / "b",
        *_de_verdade(argumentos, carimbos),
        script=RAIZ / "scripts" / script,
        pasta=onde,
        mais={
            "SUPABASE_DB_URL": projeto.uri_banco,
            **(PARA if "cifrar" in argumentos else {}),
            **_com_copia(argumentos, tmp_path / "fora"),
        },
    )
    assert feito.codigo not in (1, 2), feito.tudo
    assert "Traceback" not in feito.tudo


def _com_copia(argumentos: tuple[str, ...], fora: Path) -> dict[str, str]:
    """Os da cópia precisam de um destino; os outros não a fazem."""
    if not {"enviar", "trazer", "--copia"} & {*argumentos}:
        return {}
    fora.mkdir()
    return {"COPIA_DESTINO": f"pasta:{fora}"}


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
