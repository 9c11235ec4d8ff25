"""As páginas se leem: os caminhos existem, as ligações levam a algum lugar, e nada sobrou nelas."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from apoio.paginas import PAGINAS, RAIZ, ancora, ligacoes, sobras, titulos

LEIAME = PAGINAS["README.md"]
MANUAL = [p for p in PAGINAS if p.startswith("scripts/manual/")]
EXEMPLO_DO_ENV = (RAIZ / ".env.example").read_text(encoding="utf-8")
CAMINHO = re.compile(r"(?<![\w./-])(?:scripts|tests|\.ci)(?:[/\\][\w.-]+)+")
SOLTOS = re.compile(r"(?<!\w)(?:requirements\.txt|\.env\.example|\.gitignore)")


def test_quem_perdeu_dados_acha_a_restauracao_na_primeira_tela() -> None:
    primeira = "\n".join(LEIAME.splitlines()[:20])
    assert "## Perdeu dados agora?" in primeira
    acoes = ("procurar", "registro", "desfazer", "continuar")
    for comando in ("listar", "restaurar-empresa.py", *(f"{acao} " for acao in acoes)):
        assert comando in primeira, comando
    assert r".venv\Scripts\python.exe" in primeira


def test_o_leiame_e_curto_e_leva_a_cada_pagina() -> None:
    assert len(LEIAME.splitlines()) <= 330
    citadas = {arquivo for arquivo, _ in ligacoes(LEIAME)}
    assert {p for p in PAGINAS if p != "README.md"} <= citadas


@pytest.mark.parametrize("pagina", PAGINAS)
def test_todo_caminho_citado_existe(pagina: str) -> None:
    citados = [*CAMINHO.findall(PAGINAS[pagina]), *SOLTOS.findall(PAGINAS[pagina])]
    caminhos = {c.replace("\\", "/").rstrip(".") for c in citados}
    assert [c for c in sorted(caminhos) if not (RAIZ / c).exists()] == []


def test_todo_teste_citado_existe() -> None:
    """Pelo nome: a pasta em que está pode mudar."""
    citados = set(re.findall(r"`(test_\w+\.py)`", "\n".join(PAGINAS.values())))
    assert len(citados) > 5
    assert citados - {a.name for a in (RAIZ / "tests").rglob("test_*.py")} == set()


def test_os_comandos_de_quem_comeca_estao_la() -> None:
    linhas = LEIAME.splitlines()
    assert "python3 scripts/demonstracao.py" in linhas
    assert "python3 tests" in linhas
    assert (RAIZ / "tests" / "__main__.py").exists()


def test_o_exemplo_do_env_cita_paginas_que_existem() -> None:
    citadas = set(re.findall(r"scripts/manual/[\w-]+\.md", EXEMPLO_DO_ENV))
    assert len(citadas) > 3
    assert citadas <= set(MANUAL)
    assert not re.search(r"se[cç][aã]o \d", EXEMPLO_DO_ENV), "uma seção muda de número"


def test_as_recusas_da_copia_no_manual_sao_as_do_programa() -> None:
    pagina = PAGINAS["scripts/manual/copia-destinos.md"]
    tabela = pagina.partition("## Quando o lugar recusa")[2].partition("\n## ")[0]
    ditas = [d for linha in re.findall(r"^\| (`.*?) \|", tabela, re.M) for d in linha.split("`, `")]
    ditas = [dita.strip("`") for dita in ditas]
    assert len(ditas) > 15
    pasta = RAIZ / "scripts" / "cofre" / "remoto"
    programa = " ".join(a.read_text(encoding="utf-8") for a in pasta.glob("*.py"))
    programa = programa.replace("{MARCA}", "cofre.json")
    assert [dita for dita in ditas if dita not in programa] == []


# -- ligações ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pagina", PAGINAS)
def test_toda_ligacao_leva_a_algum_lugar(pagina: str) -> None:
    perdidas = []
    for arquivo, parte in ligacoes(PAGINAS[pagina]):
        destino = normal(PurePosixPath(pagina).parent / arquivo) if arquivo else pagina
        ancoras = [ancora(t) for t in titulos(PAGINAS.get(destino, ""))]
        if not (RAIZ / destino).is_file() or (parte and parte not in ancoras):
            perdidas.append(f"{arquivo}#{parte}")
    assert perdidas == []


def normal(caminho: PurePosixPath) -> str:
    """O caminho sem «..», a partir da raiz do projeto."""
    partes: list[str] = []
    for parte in caminho.parts:
        if parte == "..":
            partes.pop()
        else:
            partes.append(parte)
    return "/".join(partes)


def test_de_cada_pagina_do_manual_se_volta_ao_indice() -> None:
    assert [p for p in MANUAL if ("../../README.md", "o-manual") not in ligacoes(PAGINAS[p])] == []


@pytest.mark.parametrize("pagina", PAGINAS)
def test_um_titulo_por_pagina_e_nenhum_repetido(pagina: str) -> None:
    """Dois títulos iguais teriam a mesma âncora."""
    todos = titulos(PAGINAS[pagina])
    assert len(re.findall(r"^# ", re.sub(r"```.*?```", "", PAGINAS[pagina], flags=re.S), re.M)) == 1
    assert len({ancora(t) for t in todos}) == len(todos)


def test_os_apoios_dos_testes_estao_na_pagina_deles() -> None:
    citados = {arquivo for arquivo, _ in ligacoes(PAGINAS["tests/README.md"])}
    apoio = RAIZ / "tests" / "apoio"
    existem = {f"apoio/{a.name}" for a in apoio.glob("*.py") if a.name != "__init__.py"}
    assert {c for c in citados if c.startswith("apoio/")} == existem


def test_as_salas_do_codigo_estao_na_pagina_delas() -> None:
    salas = re.findall(r"^\| `(\w+)` \|", PAGINAS["scripts/README.md"], re.MULTILINE)
    existem = {p.parent.name for p in (RAIZ / "scripts" / "cofre").glob("*/__init__.py")}
    assert sorted(salas) == sorted(existem)


# -- o que uma junção deixa --------------------------------------------------------------------


@pytest.mark.parametrize("pagina", PAGINAS)
def test_nada_sobrou_de_uma_juncao(pagina: str) -> None:
    assert sobras(PAGINAS[pagina]) == []


LINHA = "O tipo diz como o backup nasceu: **manual** é o que você"
OUTRAS = "\n".join(f"Uma linha qualquer, de número {n}." for n in range(13))


@pytest.mark.parametrize(
    "texto",
    [
        f"{LINHA} fez.\n{LINHA} ou a tarefa agendada fez.\n",
        "| `tabelas` | de cada uma: `arquivo`, `registros`, `bytes` e `sha256` |\n" * 2,
        "```text\n├── empresa_def67890/                        outra\n│   └── …\n"
        "├── empresa_def67890/                        outra\n```\n",
        "Um parágrafo.\n\n```text\numa tela\n",
        "```text\numa tela\n```\n  10   tudo foi copiado\n",
        "```text\numa tela\n\n```sh\nls\n```\n",
        "```\numa tela\n```\n",
        "Um parágrafo.\n```text\numa tela\n```\n",
        "Um parágrafo.\n## Um título\n\nOutro.\n",
        "## Um título\nUm parágrafo.\n",
        "Um parágrafo que alguém emendou " + "sem quebrar a linha " * 5 + "até o fim.\n",
    ],
)
def test_a_procura_acha_o_que_sobra(texto: str) -> None:
    assert len(sobras(texto)) >= 1


@pytest.mark.parametrize(
    "texto",
    [
        f"{LINHA} fez.\n{OUTRAS}\n{LINHA} ou a tarefa agendada fez.\n",
        f"<!-- testado: -->\n```text\n{LINHA}\n{LINHA}\n```\n",
        "```sh\n.venv/bin/python scripts/backup-por-empresa.py --empresa raval\n"
        '.venv/bin/python scripts/backup-por-empresa.py --empresa "Loja X"\n```\n',
        "## Um título\n\n- um item:\n\n  ```sh\n  ls\n  ```\n\n- outro\n",
        "| a | b |\n|---|---|\n| c | d |\n",
    ],
)
def test_a_procura_nao_acha_o_que_esta_certo(texto: str) -> None:
    assert sobras(texto) == []
