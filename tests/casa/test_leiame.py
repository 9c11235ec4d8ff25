"""O README, o manual, o .env.example e o .gitignore dizem a verdade sobre o programa.

Num bloco, a marca `<!-- testado: ARGUMENTOS -->` quer dizer: é isto que `backup-por-empresa.py
ARGUMENTOS` mostra; se começa por `restaurar-empresa.py`, é este o script, e o que está escrito
depois de cada pergunta é digitado. Uma linha «…» vale por quaisquer linhas.
"""

from __future__ import annotations

import ast
import functools
import graphlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import cofre
from apoio import opcoes
from apoio.execucao import RAIZ, RESTAURACAO, executar, metadados, restaurar
from apoio.impressoes import executar_sql
from apoio.loja import GRUPO, concluiu
from apoio.opcoes import separar
from apoio.paginas import PAGINAS, Bloco, blocos
from cofre.base import erros
from cofre.base.config.ambiente import carregar
from cofre.base.config.regras import ler_regras
from cofre.comando.argumentos import CODIGOS
from cofre.deposito import ensaios
from cofre.via.contrato import DIRETA
from desempenho.cenarios import descricoes
from desempenho.opcoes import leitor
from supabase_local.empresas import acidente
from supabase_local.servidores.postgres import Banco
from supabase_local.servidores.servidor import SupabaseLocal

DAS_PROVAS = "tests/desempenho/README.md"
TUDO = "\n".join(PAGINAS.values())
EXEMPLO_DO_ENV = RAIZ / ".env.example"
PACOTE = RAIZ / "scripts" / "cofre"


# -- as telas --------------------------------------------------------------------------------


AJUDAS = {
    b.argumentos: b.texto for b in blocos() if b.argumentos and b.argumentos.endswith("--help")
}
TELAS = [b for b in blocos() if b.argumentos is not None and b.argumentos not in AJUDAS]


def da_restauracao(bloco: Bloco) -> bool:
    return separar(bloco.argumentos or "")[0] == RESTAURACAO


def da_via_direta(bloco: Bloco) -> bool:
    return f"--via {DIRETA}" in (bloco.argumentos or "")


def ajuda_de(argumentos: str) -> str:
    script, palavras = separar(argumentos)
    return opcoes.ajuda(script.name, *(p for p in palavras if p != "--help"))


@pytest.mark.parametrize("argumentos", sorted(AJUDAS))
def test_a_ajuda_e_a_de_verdade(argumentos: str) -> None:
    assert AJUDAS[argumentos] == ajuda_de(argumentos)


def test_a_pagina_das_opcoes_e_a_que_os_programas_escrevem() -> None:
    escrita = opcoes.ARQUIVO.read_text(encoding="utf-8")
    assert escrita == opcoes.pagina(), f"os programas mudaram: rode {opcoes.COMANDO}"


def test_toda_acao_tem_a_sua_ajuda() -> None:
    esperadas = {f"{opcoes.DEMONSTRACAO} --help"}
    for prefixo, script in (("", opcoes.BACKUP), (f"{RESTAURACAO.name} ", opcoes.RESTAURACAO)):
        acoes = opcoes.acoes(script)
        assert acoes
        esperadas |= {f"{prefixo}--help", *(f"{prefixo}{acao} --help" for acao in acoes)}
    assert set(AJUDAS) == esperadas
    assert {b.pagina for b in blocos() if b.argumentos in AJUDAS} == {"scripts/manual/opcoes.md"}


PERGUNTA = re.compile(
    r"^(Escolha a empresa: |Escolha as tabelas \(.*\): |Somar essas tabelas\? \(s/n\): "
    r"|Digite '[A-Z]+' para confirmar: )(.*)$",
    re.MULTILINE,
)


@pytest.mark.demorado
def test_as_telas_e_os_dialogos_sao_os_de_verdade(
    supabase: SupabaseLocal, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Um backup, e o que se vê dele; o acidente da demonstração restaurado, por cada via; depois,
    só os clientes que faltam; e isso desfeito, o que o backup seguinte nota."""
    destino = tmp_path / "backups"
    # Como na demonstração: o cliente que fura uma regra NOT VALID não voltaria.
    executar_sql(supabase, "UPDATE clientes SET cpf = NULL WHERE length(cpf) <> 14")
    conferir_telas(supabase, destino)
    capfd.readouterr()
    tudo, so_o_que_falta, desfeita = (
        t for t in TELAS if da_restauracao(t) and not da_via_direta(t)
    )
    (pela_direta,) = (t for t in TELAS if da_via_direta(t))
    for dialogo in (pela_direta, tudo):
        acidente.provocar(Banco(supabase.cluster, supabase.banco))
        sem_molduras = "\n".join(b.texto for b in blocos())
        for linha in capfd.readouterr().out.splitlines():
            assert linha in sem_molduras
        conferir_dialogo(supabase, destino, dialogo)

    executar_sql(
        supabase,
        f"DELETE FROM clientes WHERE user_id = '{GRUPO}'",
        f"INSERT INTO clientes (user_id, nome) VALUES ('{GRUPO}', 'Novo da Silva')",
    )
    conferir_dialogo(supabase, destino, so_o_que_falta)
    conferir_dialogo(supabase, destino, desfeita)

    de_volta = ("--empresa", GRUPO, "--tabelas", "clientes", "--confirmar", "RESTAURAR")
    direta = {"SUPABASE_DB_URL": supabase.uri_banco}
    assert concluiu(restaurar(supabase, destino, *de_volta, mais=direta))
    executar_sql(supabase, f"DELETE FROM clientes WHERE user_id = '{GRUPO}'")
    (encolheu,) = [b for b in blocos() if "📉" in b.texto]
    fim = executar(supabase, destino, mais=direta)
    assert fim.codigo == erros.DADOS_ENCOLHERAM, fim.tudo
    real = sem_o_que_varia(fim.saida.replace(str(destino), "./backups"))
    conferir_tela(sem_o_que_varia(encolheu.texto).splitlines(), real.splitlines())


def conferir_telas(supabase: SupabaseLocal, destino: Path) -> None:
    """As do programa do backup, a começar por um; o ensaio, num PostgreSQL embutido, fica dito."""
    telas = [t for t in TELAS if not da_restauracao(t)]
    acoes = ["", "listar", "verificar", "painel", "ensaiar --embutido"]
    assert {t.argumentos for t in telas} == set(acoes)
    for acao in acoes:
        fim = executar(supabase, destino, *acao.split())
        assert fim.codigo == 0, fim.tudo
        real = sem_o_que_varia(fim.saida.replace(str(destino), "./backups"))
        for tela in (t for t in telas if t.argumentos == acao):
            conferir_tela(sem_o_que_varia(tela.texto).splitlines(), real.splitlines())
    feitos = {
        (e.como, e.registros): m["total_registros"]
        for m in metadados(destino)
        if (e := ensaios.ler(m["pasta"], m["user_id"]).ultimo_sucesso)
    }
    (feito,) = feitos
    assert feito == (ensaios.RESTAURADO, feitos[feito])


def conferir_dialogo(supabase: SupabaseLocal, destino: Path, tela: Bloco) -> None:
    _, argumentos = separar(tela.argumentos or "")
    respostas = tuple(resposta for _, resposta in PERGUNTA.findall(tela.texto))
    mais = {"SUPABASE_DB_URL": supabase.uri_banco} if da_via_direta(tela) else {}
    fim = restaurar(supabase, destino, *argumentos, respostas=respostas, mais=mais)
    assert concluiu(fim), fim.tudo
    real = como_num_terminal(sem_o_que_varia(fim.saida), respostas)
    conferir_tela(sem_o_que_varia(tela.texto).splitlines(), real.splitlines())


def como_num_terminal(saida: str, respostas: tuple[str, ...]) -> str:
    """Num cano, o que se digita não aparece; num terminal, sim."""
    restam = iter(respostas)
    return PERGUNTA.sub(lambda achada: f"{achada[1]}{next(restam)}\n", saida)


def sem_o_que_varia(texto: str) -> str:
    texto = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "<quando>", texto)
    texto = re.sub(r"--backup \d{8}_\d{6}", "--backup <carimbo>", texto)
    # Um instante cujos microssegundos acabam em zero tem um caractere a menos.
    texto = re.sub(r"\d+,\d [KM]B", "<tamanho>", texto)
    texto = re.sub(r"a volta inteira levou .*", "a volta inteira levou <tempo>", texto)
    return re.sub(r"Tempo: .*", "Tempo: <tempo>", texto)


def conferir_tela(esperadas: list[str], reais: list[str]) -> None:
    """Os trechos entre «…» vêm todos, em ordem, do começo ao fim da tela."""
    trechos = [
        trecho.splitlines()
        for trecho in re.split(r"^…\n", "\n".join([*esperadas, ""]), flags=re.MULTILINE)
    ]
    posicao = 0
    for n, trecho in enumerate(trechos):
        comecos = range(posicao, len(reais) - len(trecho) + 1)
        achado = next((c for c in comecos if reais[c : c + len(trecho)] == trecho), None)
        assert achado is not None, f"não veio, nesta ordem: {trecho}"
        assert n > 0 or achado == 0, f"antes do que a página mostra: {reais[:achado]}"
        posicao = achado + len(trecho)
    assert not trechos[-1] or posicao == len(reais), f"a página não mostra: {reais[posicao:]}"


# -- opções, códigos, variáveis ----------------------------------------------------------------

DE_OUTROS_PROGRAMAS = {"--user", "--now", "--atualizar"}  # systemctl e os testes


def test_toda_opcao_citada_existe() -> None:
    existentes = {o for ajuda in AJUDAS for o in opcoes_em(ajuda_de(ajuda))}
    do_manual = "\n".join(texto for pagina, texto in PAGINAS.items() if pagina != DAS_PROVAS)
    assert opcoes_em(do_manual) - DE_OUTROS_PROGRAMAS == existentes
    assert opcoes_em(PAGINAS[DAS_PROVAS]) == opcoes_em(leitor(descricoes()).format_help())


def opcoes_em(texto: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", texto))


def test_os_codigos_de_saida_sao_os_dos_erros() -> None:
    da_ajuda = dict(re.findall(r"^  (\d+) +(.*)$", CODIGOS, re.MULTILINE))
    da_tabela = re.findall(r"^\| (\d+) \| (.*?) \| .+ \|$", TUDO, re.MULTILINE)
    assert da_tabela == list(da_ajuda.items()), "uma tabela só, na ordem dos códigos"
    classes = [c for c in vars(erros).values() if isinstance(c, type)]
    dos_erros = {c.codigo for c in classes if issubclass(c, erros.ErroCofre)}
    assert {int(c) for c in da_ajuda} == dos_erros | {
        erros.TUDO_CERTO,
        erros.DADOS_ENCOLHERAM,
        erros.NEM_TUDO_COMO_ERA,
        erros.HA_DIFERENCAS,
        erros.COPIA_FALHOU,
        erros.PROMESSA_QUEBRADA,
    }


VARIAVEL = re.compile(r"\b(?:(?:VITE_)?SUPABASE|BACKUP|ENSAIO|COPIA)_[A-Z_]+[A-Z]\b")


@functools.cache
def variaveis_do_codigo(pasta: Path = PACOTE) -> frozenset[str]:
    return frozenset(v for arquivo in pasta.rglob("*.py") for v in lido(arquivo).variaveis)


@pytest.mark.parametrize("documento", [TUDO, EXEMPLO_DO_ENV.read_text(encoding="utf-8")])
def test_as_variaveis_documentadas_sao_as_lidas(documento: str) -> None:
    assert variaveis_do_codigo() >= {"SUPABASE_URL", "BACKUP_DIR"}
    ditas = set(VARIAVEL.findall(documento))
    do_embutido = {nome for nome in ditas if nome.startswith("SUPABASE_LOCAL_")}
    assert ditas - do_embutido == variaveis_do_codigo()
    assert do_embutido <= variaveis_do_codigo(RAIZ / "scripts" / "supabase_local")


def test_so_a_config_le_o_ambiente() -> None:
    leitores = {
        arquivo.name
        for arquivo in PACOTE.rglob("*.py")
        if re.search("environb?|getenv", arquivo.read_text(encoding="utf-8"))
        for no in ast.walk(arvore(arquivo))
        if isinstance(no, ast.Attribute) and no.attr in ("environ", "environb", "getenv")
    }
    assert leitores == {"variaveis.py", "processo.py"}


def test_o_exemplo_sem_preencher_e_recusado_com_clareza(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nome in variaveis_do_codigo():
        monkeypatch.delenv(nome, raising=False)
    (tmp_path / ".env").write_bytes(EXEMPLO_DO_ENV.read_bytes())
    with pytest.raises(erros.ConfiguracaoInvalida, match="SUPABASE_URL"):
        carregar(tmp_path)


def test_o_cofre_toml_do_leiame_e_entendido(tmp_path: Path) -> None:
    exemplos = [b.texto for b in blocos() if b.linguagem == "toml"]
    caminho = tmp_path / "cofre.toml"
    # Juntos são um arquivo só: as chaves soltas vão antes das seções, onde quer que se mostrem.
    exemplos.sort(key=lambda exemplo: exemplo.startswith("["))
    caminho.write_text("\n".join(exemplos), encoding="utf-8")
    regras = ler_regras(caminho)
    assert regras.arquivos
    assert regras.colunas_de_logins
    (promessa,) = regras.promessas.values()
    assert promessa.perder
    assert promessa.voltar
    assert regras.ignorar
    assert regras.anonimizar.trocar
    assert regras.anonimizar.manter
    assert regras.podem_encolher
    assert {bool(r.dono) for r in regras.tabelas.values()} == {True, False}


# -- o desenho do código -----------------------------------------------------------------------


def arvore(arquivo: Path) -> ast.Module:
    return ast.parse(arquivo.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Lido:
    """O que se quer saber de um arquivo, numa passada: o que ele importa, e que variáveis diz."""

    citados: frozenset[str]
    variaveis: frozenset[str]


@functools.cache
def lido(arquivo: Path) -> Lido:
    nos = list(ast.walk(arvore(arquivo)))
    return Lido(
        frozenset(c for no in nos for c in citados_por(no)),
        frozenset(
            no.value
            for no in nos
            if isinstance(no, ast.Constant) and isinstance(no.value, str)
            if VARIAVEL.fullmatch(no.value)
        ),
    )


@functools.cache
def citacoes() -> dict[Path, frozenset[str]]:
    """Arquivo do cofre → os módulos, e os nomes deles, que importa em qualquer lugar."""
    return {arquivo: lido(arquivo).citados for arquivo in PACOTE.rglob("*.py")}


def importacoes() -> dict[str, set[str]]:
    """Módulo → módulos do cofre que ele importa."""
    modulos = {nome_do_modulo(a): citados for a, citados in citacoes().items()}
    return {
        modulo: {c for c in citados if c in modulos} - {modulo}
        for modulo, citados in modulos.items()
    }


def nome_do_modulo(arquivo: Path) -> str:
    partes = arquivo.relative_to(PACOTE.parent).with_suffix("").parts
    return ".".join(p for p in partes if p != "__init__")


def citados_por(no: ast.AST) -> Iterator[str]:
    if isinstance(no, ast.Import):
        yield from (nome.name for nome in no.names)
    elif isinstance(no, ast.ImportFrom):
        assert no.level == 0, "importações relativas escondem a direção"
        yield no.module or ""
        yield from (f"{no.module}.{nome.name}" for nome in no.names)


def camadas() -> list[list[str]]:
    """As salas declaradas na docstring do pacote, da mais alta à mais baixa."""
    texto = (cofre.__doc__ or "").partition("vêm depois:")[2].partition(".")[0]
    return [[nome.strip() for nome in camada.split(",")] for camada in texto.split("→")]


def salas() -> set[str]:
    """As pastas de primeiro nível do cofre."""
    return {p.parent.name for p in PACOTE.glob("*/__init__.py")}


def test_as_importacoes_entre_salas_so_descem() -> None:
    altura = {nome: n for n, camada in enumerate(camadas()) for nome in camada}
    assert set(altura) == salas(), "a docstring de cofre/__init__.py declara cada sala"
    assert [p.name for p in PACOTE.glob("*.py")] == ["__init__.py"], "nada fora das salas"
    arestas = {
        (de.split(".")[1], para.split(".")[1])
        for de, destinos in importacoes().items()
        for para in destinos
        if de.count(".") > 1 and para.count(".") > 1
    }
    sobem = [
        (de, para) for de, para in sorted(arestas) if de != para and altura[de] >= altura[para]
    ]
    assert sobem == []


def test_toda_pasta_diz_o_que_entra_o_que_sai_e_o_que_levanta() -> None:
    for pasta in PACOTE.glob("*/**/__init__.py"):
        texto = ast.get_docstring(arvore(pasta)) or ""
        faltam = [p for p in ("Entra", "Sai", "Levanta") if p not in texto]
        assert faltam == [], pasta


def test_nao_ha_ciclos() -> None:
    grafo = importacoes()
    assert len(grafo) > 20
    graphlib.TopologicalSorter(grafo).prepare()


def test_o_programa_nao_depende_da_demonstracao() -> None:
    citados = frozenset[str]().union(*citacoes().values())
    assert not [c for c in citados if c.split(".")[0] in ("supabase_local", "apoio")]


def test_so_um_arquivo_conhece_o_supabase_py() -> None:
    quem = {
        a.relative_to(PACOTE).as_posix()
        for a, citados in citacoes().items()
        for c in citados
        if c.split(".")[0] in ("supabase", "postgrest")
    }
    assert quem == {"via/api/cliente.py"}


# -- o que nunca pode ir para o repositório ----------------------------------------------------


@pytest.fixture
def git(tmp_path: Path) -> list[str]:
    """Um git de índice vazio sobre esta pasta: vale o .gitignore, e nada da máquina."""
    comando = ["git", f"--git-dir={tmp_path / 'vazio.git'}", f"--work-tree={RAIZ}"]
    rodar_git([*comando, "init", "-q"])
    return comando


def rodar_git(comando: list[str]) -> subprocess.CompletedProcess[str]:
    limpo = {n: v for n, v in os.environ.items() if not n.startswith("GIT_")}
    return subprocess.run(
        comando,
        cwd=RAIZ,
        env={**limpo, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    ("caminho", "protegido"),
    [
        (".env", True),
        (".env.local", True),
        ("cofre.toml", True),
        ("backups/empresa_abc12345/clientes_20260116_182944.json", True),
        ("backups/demonstracao/empresa_abc12345/clientes_20260116_182944.json", True),
        ("backups/backup.log", True),
        ("backups/.trava", True),
        (".venv/bin/python", True),
        (".env.example", False),
        ("backups/.gitkeep", False),
        ("README.md", False),
        ("scripts/backup-por-empresa.py", False),
    ],
)
def test_o_gitignore_protege(git: list[str], caminho: str, protegido: bool) -> None:
    assert rodar_git([*git, "check-ignore", "-q", caminho]).returncode == (0 if protegido else 1)


def test_backups_vem_vazia_no_repositorio(git: list[str]) -> None:
    assert [a for a in versionados(git) if a.startswith("backups/")] == ["backups/.gitkeep"]


def versionados(git: list[str]) -> list[str]:
    """Tudo o que o .gitignore deixa ir para o repositório."""
    lista = rodar_git([*git, "ls-files", "-z", "--others", "--exclude-standard"])
    assert lista.returncode == 0, lista.stderr
    return [a for a in lista.stdout.split("\0") if a]


def segredos() -> dict[str, re.Pattern[str]]:
    """O que não pode estar em arquivo nenhum. As partes são juntadas aqui para que este próprio
    arquivo possa ser conferido."""
    pasta_pessoal = str(Path.home())
    daqui = [str(RAIZ), pasta_pessoal if pasta_pessoal.count(os.sep) > 1 else str(RAIZ)]
    indices = (os.environ.get(n, "") for n in ("PIP_INDEX_URL", "npm_config_registry"))
    anfitrioes = [".".join(p) for p in (("pypi", "org"), ("pythonhosted", "org"))]
    anfitrioes += [".".join(p) for p in (("npmjs", "org"), ("npmjs", "com"))]
    anfitrioes += [a for a in (urlsplit(i).hostname for i in indices) if a]
    return {
        "chave JWT": re.compile(r"eyJ[\w-]{30,}"),
        "chave secreta": re.compile(r"(?<!\w)sb_" + r"secret_(?!(.)\1+\b)[\w-]{21,}"),
        "caminho desta máquina": re.compile("|".join(rf"{re.escape(d)}(?![\w-])" for d in daqui)),
        "pasta pessoal": re.compile(r"/(?:home|Users)/\w|[A-Za-z]:[\\/]+Users[\\/]+\w"),
        "registro de pacotes": re.compile("|".join(map(re.escape, anfitrioes))),
    }


def test_nenhum_arquivo_leva_segredos_nem_marcas_desta_maquina(git: list[str]) -> None:
    procurados = segredos()
    achados = [
        f"{arquivo}: {o_que}"
        for arquivo in versionados(git)
        for o_que, padrao in procurados.items()
        if padrao.search((RAIZ / arquivo).read_text(encoding="utf-8", errors="replace"))
    ]
    assert achados == []


def test_a_procura_acha_o_que_procura() -> None:
    exemplos = {
        "chave JWT": "eyJ" + "hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "chave secreta": "sb_" + "secret_" + "a1B2c3D4e5F6g7H8i9J0_k",
        "caminho desta máquina": f'cd "{RAIZ}"',
        "pasta pessoal": "cd /" + "home/ana/cofre",
        "registro de pacotes": "https://" + "registry.npmjs" + ".org/",
    }
    for o_que, padrao in segredos().items():
        assert padrao.search(exemplos[o_que]), o_que
    assert not segredos()["chave secreta"].search("sb_" + "secret_" + "x" * 30)
