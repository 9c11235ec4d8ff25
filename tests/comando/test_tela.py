"""O que o usuário vê: as palavras do manual, em qualquer console, e só em português."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path

import pytest

from apoio.campanha import amostra
from apoio.execucao import (
    BACKUP,
    PACIENCIA,
    RAIZ,
    RESTAURACAO,
    Saida,
    ambiente,
    executar,
    fotografia_do_disco,
    metadados,
)
from apoio.forno import Processo
from apoio.loja import PELA_API, TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.terminal import comecar
from cofre.base import erros
from cofre.base.palavras import em_linhas
from cofre.comando.acoes import ler_argumentos as ler_do_backup
from cofre.comando.analisador import ACHAR, CUIDAR, FAZER, LEVAR, VER
from cofre.comando.argumentos import CODIGOS
from cofre.comando.grupos import DA_RESTAURACAO, DO_BACKUP
from cofre.comando.restaurar import ler_argumentos as ler_da_restauracao
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

TERCEIRA = "cccc3333-0000-4000-8000-000000000003"
GRANDE = f"""
    INSERT INTO empresas VALUES (gen_random_uuid(), '{TERCEIRA}', 'Mercado Grande');
    INSERT INTO produtos
        SELECT n, '{TERCEIRA}', 'Lata ' || n, n FROM generate_series(10001, 14053) n;
"""
"""Uma terceira empresa, com 4.053 produtos: mais que os 3.000 que pedem uma barra."""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, GRANDE))


# -- as palavras ---------------------------------------------------------------------------------


def _esperado(destino: Path) -> str:
    vazias = "".join(f"   ✅ {t}: 0 registros\n" for t in ("clientes", "vendas", "vendas_itens"))
    return f"""\
🚀 Iniciando backup isolado por empresa...
📊 Total de empresas: 3
ℹ️ Este banco não tem: user_approvals, subscriptions, caixa, categorias, fornecedores, despesas, \
ordens_servico, funcionarios

🏢 Empresa: Mercado Grande
   ✅ empresas: 1 registro
   ✅ produtos: 4.053 registros
{vazias}   ✅ vazia: 0 registros
   ✅ Backup concluído: {destino}/empresa_cccc3333/

🏢 Empresa: Padaria Ação
   ✅ empresas: 1 registro
   ✅ produtos: 300 registros
   ✅ clientes: 40 registros
   ✅ vendas: 60 registros
   ✅ vendas_itens: 120 registros
   ✅ vazia: 0 registros
   ✅ Backup concluído: {destino}/empresa_aaaa1111/

🏢 Empresa: Vizinha
   ✅ empresas: 1 registro
   ✅ produtos: 10 registros
   ✅ clientes: 1 registro
   ✅ vendas: 1 registro
   ✅ vendas_itens: 1 registro
   ✅ vazia: 0 registros
   ✅ Backup concluído: {destino}/empresa_bbbb2222/

📦 Resumo
   Empresas: 3 de 3 com backup completo
   Registros: 4.589
   Tamanho: TAMANHO
   Tempo: TEMPO
   Falhas: nenhuma
"""


def _sem_numeros(texto: str) -> str:
    """O texto com o tamanho e o tempo trocados por palavras."""
    texto = re.sub(r"Tamanho: \d+,\d [KM]B\n", "Tamanho: TAMANHO\n", texto)
    return re.sub(r"Tempo: \d+,\d s\n", "Tempo: TEMPO\n", texto)


def test_as_palavras_do_manual(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Pela API, as mesmas: em JSON e num terminal, mais abaixo."""
    saida = executar(projeto, tmp_path)
    assert saida.codigo == 0, saida.tudo
    assert saida.erros == ""
    assert _sem_numeros(saida.saida) == _esperado(tmp_path)
    total = sum(m["total_bytes"] for m in metadados(tmp_path))
    assert f"   Tamanho: {total / 1024:.1f} KB\n".replace(".", ",") in saida.saida


@PELA_API
def test_json_e_silencioso(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Um documento na saída padrão, as mesmas palavras na de erros; calado, nem elas."""
    saida = executar(projeto, tmp_path, "--json")
    assert saida.codigo == 0, saida.tudo
    assert _sem_numeros(saida.erros) == _esperado(tmp_path)
    documento = saida.json()
    feitos = {m["user_id"]: m for m in metadados(tmp_path)}
    assert [e["nome"] for e in documento["empresas"]] == [
        "Mercado Grande",
        "Padaria Ação",
        "Vizinha",
    ]
    for empresa in documento["empresas"]:
        meta = feitos[empresa["id"]]
        assert empresa["tabelas"] == {n: t["registros"] for n, t in meta["tabelas"].items()}
        assert empresa["pasta"] == str(meta["pasta"])
        assert (empresa["completo"], empresa["consistencia"]) == (True, "instantanea")
    assert (documento["codigo"], documento["total_registros"]) == (0, 4589)

    calado = executar(projeto, tmp_path, "--silencioso", mais=_pela_direta(projeto))
    assert calado == Saida(0, "", "")
    calado = executar(projeto, tmp_path, "--silencioso", "--json", mais=_pela_direta(projeto))
    assert calado.erros == ""
    assert calado.json()["total_registros"] == 4589


def test_pasta_como_no_manual(projeto: SupabaseLocal) -> None:
    """Dentro do projeto, a pasta aparece como ./backups/...; o destino é um temporário de lá."""
    dentro = BACKUP.parents[1] / "backups" / f"teste_{os.getpid()}"
    try:
        saida = executar(projeto, dentro, "--empresa", VIZINHA)
        assert saida.codigo == 0, saida.tudo
        esperado = f"   ✅ Backup concluído: ./backups/{dentro.name}/empresa_bbbb2222/\n"
        assert esperado in saida.saida
    finally:
        shutil.rmtree(dentro, ignore_errors=True)


# -- consoles ------------------------------------------------------------------------------------


def _pela_direta(projeto: SupabaseLocal) -> dict[str, str]:
    """O que uma execução diz, e a quem, não depende da via: esta custa metade."""
    return {"SUPABASE_DB_URL": projeto.uri_banco}


CONSOLES: list[Mapping[str, str]] = [
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"LC_ALL": "POSIX", "TERM": "dumb"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("mais", amostra(CONSOLES, 2))
def test_utf_8_seja_qual_for_o_console(
    projeto: SupabaseLocal, tmp_path: Path, mais: Mapping[str, str]
) -> None:
    saida = executar(projeto, tmp_path, mais={**mais, **_pela_direta(projeto)})
    assert saida.codigo == 0, saida.tudo
    assert _sem_numeros(saida.saida) == _esperado(tmp_path)
    assert saida.erros == ""
    errado = executar(projeto, tmp_path, "--turbo", mais=mais)
    assert errado.codigo == 2
    assert errado.erros.startswith("❌ Não entendi o comando: não conheço: --turbo.\n")


def _no_shell(projeto: SupabaseLocal, destino: Path, comando: str) -> Saida:
    feito = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {comando}", "bash", sys.executable, str(BACKUP)],
        env=ambiente(projeto, destino, _pela_direta(projeto)),
        capture_output=True,
        timeout=PACIENCIA,
        check=False,
    )
    return Saida(feito.returncode, feito.stdout.decode(), feito.stderr.decode())


DESVIOS = (*("<&- >&- 2>&-", ">&-", "2>&-", "> /dev/full", ">&- 2>&-", "<&-", "2> /dev/full"),)
DE_QUEM_LISTA = amostra(DESVIOS, 2)


@pytest.mark.parametrize("desvio", amostra(DESVIOS, 5))
def test_saidas_fechadas_ou_cheias(
    projeto: SupabaseLocal, copiadas: Path, tmp_path: Path, desvio: str
) -> None:
    """Sem plateia o trabalho é o mesmo: o backup fica inteiro, e os arquivos, limpos."""
    saida = _no_shell(projeto, tmp_path, f'"$1" "$2" --empresa {VIZINHA} {desvio}')
    assert saida.codigo == 0, saida.tudo
    assert executar(None, tmp_path, "verificar").codigo == 0
    assert [m["user_id"] for m in metadados(tmp_path)] == [VIZINHA]

    if desvio in DE_QUEM_LISTA:
        eram = fotografia_do_disco(copiadas)
        saida = _no_shell(projeto, copiadas, f'"$1" "$2" listar {desvio}')
        assert saida.codigo == 0, saida.tudo
        assert fotografia_do_disco(copiadas) == eram


@pytest.fixture(scope="module")
def copiadas(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um backup de cada empresa, que ninguém muda."""
    destino = tmp_path_factory.mktemp("copiadas")
    saida = executar(projeto, destino, mais=_pela_direta(projeto))
    assert saida.codigo == 0, saida.tudo
    return destino


@pytest.mark.parametrize("acao", amostra(["", "listar", "verificar", "--help", "listar --json"], 3))
def test_cano_fechado(projeto: SupabaseLocal, copiadas: Path, tmp_path: Path, acao: str) -> None:
    """`| head -1` fecha o cano: o backup continua até o fim e o código é o de sempre."""
    destino = copiadas if acao else tmp_path
    saida = _no_shell(projeto, destino, f'"$1" "$2" {acao} | head -n 1')
    assert saida.codigo == 0, saida.tudo
    assert "json" in acao or saida.erros == ""
    assert "Exception" not in saida.erros
    assert len(saida.saida.splitlines()) == 1
    assert len(metadados(destino)) == 3


# -- terminal ------------------------------------------------------------------------------------

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _no_terminal(
    projeto: SupabaseLocal | None, destino: Path, colunas: int, *programa: str
) -> tuple[int, str]:
    """O código e tudo o que chegou a um terminal de verdade desta largura."""
    mestre, escravo = pty.openpty()
    ioctl(escravo, termios.TIOCSWINSZ, struct.pack("HHHH", 24, colunas, 0, 0))
    env = ambiente(projeto, destino, {"TERM": "xterm-256color"})
    processo: Processo
    if programa:
        processo = subprocess.Popen(
            [sys.executable, *programa], env=env, stdin=escravo, stdout=escravo, stderr=escravo
        )
    else:
        processo = comecar(BACKUP, (), env, escravo)
    os.close(escravo)
    partes = []
    while True:
        try:
            parte = os.read(mestre, 65536)
        except OSError:  # EIO: o outro lado fechou
            break
        if not parte:
            break
        partes.append(parte)
    os.close(mestre)
    return processo.wait(PACIENCIA), b"".join(partes).decode("utf-8")


def _largura(texto: str) -> int:
    largas = sum(unicodedata.east_asian_width(c) in "WF" for c in texto)
    return len(texto) + largas


_PERGUNTAS = {
    "os programas": "from cofre.base.tela import RelatoTexto as R\n"
    "R(sys.stdout, sys.stderr).perguntar('Pergunta: ')",
    "a demonstração": "from supabase_local.vitrine import escolha\nescolha()",
}
_SINAL_PERDIDO = """
import signal, sys, threading
sys.path.insert(0, sys.argv[1])
def sair(*_):
    sys.exit(43)
signal.signal(signal.SIGTERM, sair)
# Quem recebe o sinal é a outra linha de execução: a leitura desta não é interrompida.
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
"""


@pytest.mark.parametrize("quem", _PERGUNTAS)
def test_o_sinal_no_instante_da_pergunta_e_atendido(quem: str) -> None:
    """Sem ninguém digitar mais nada: um sinal que não interrompe a leitura é o que acontece quando
    ele chega entre o último comando do Python e o começo dela."""
    mestre, escravo = pty.openpty()
    processo = subprocess.Popen(
        [sys.executable, "-c", _SINAL_PERDIDO + _PERGUNTAS[quem], str(RAIZ / "scripts")],
        stdin=escravo,
        stdout=escravo,
        stderr=escravo,
    )
    os.close(escravo)
    visto = b""
    while not visto.endswith(b": "):
        visto += os.read(mestre, 4096)
    time.sleep(0.3)  # já está a ler
    processo.send_signal(signal.SIGTERM)
    try:
        assert processo.wait(PACIENCIA) == 43
    finally:
        processo.kill()
        processo.wait()
        os.close(mestre)


@pytest.mark.parametrize("colunas", [80, 40])
@PELA_API
def test_barra_no_terminal(projeto: SupabaseLocal, tmp_path: Path, colunas: int) -> None:
    codigo, visto = _no_terminal(projeto, tmp_path, colunas)
    assert codigo == 0, visto
    limpo = _ESCAPE.sub("", visto).replace("\r\n", "\n")
    # O que fica na tela são as palavras; a barra é desenhada por cima de si mesma e apagada.
    ficam = [linha.rpartition("\r")[2] for linha in limpo.split("\n")]
    palavras = [linha for linha in ficam if not linha.startswith("   ⏳")]
    sem_vazias = [linha for linha in palavras if linha.strip()]
    esperado = em_linhas("\n".join(_esperado_no_terminal(tmp_path, limpo)), colunas)
    assert sem_vazias == [linha for linha in esperado.split("\n") if linha]
    quadros = re.findall(r"   ⏳[^\r\n]*", limpo)
    assert quadros != []
    # O «^C» que o terminal escreve tem de caber na mesma linha, ou a barra não se apagaria.
    assert all(_largura(quadro) <= colunas - len("^C") for quadro in quadros), quadros
    # Só a tabela grande tem barra.
    assert not any("Padaria" in quadro or "Vizinha" in quadro for quadro in quadros)
    if colunas == 80:
        # As três são lidas juntas, e a conta é a das três.
        assert any("Mercado Grande e mais 2 · prod" in quadro for quadro in quadros), quadros
        assert any(f"/{4053 + 310}" in quadro for quadro in quadros), quadros
    assert visto.count("\x1b[?25l") == visto.count("\x1b[?25h") == 1  # o cursor volta


def _esperado_no_terminal(destino: Path, visto: str) -> list[str]:
    linhas = _esperado(destino).splitlines()
    for nome in ("Tamanho", "Tempo"):
        (achada,) = re.findall(rf"   {nome}: [^\r\n]+", visto)
        linhas = [achada if linha.startswith(f"   {nome}:") else linha for linha in linhas]
    return linhas


ETAPAS = f"""
import sys, time
sys.path.insert(0, {str(BACKUP.parent)!r})
from cofre.base.tela import RelatoTexto, preparar_saidas
preparar_saidas()
relato = RelatoTexto(sys.stdout, sys.stderr)
with relato.acompanhando("Comparando a empresa com o backup"):
    time.sleep(0.3)
    with relato.acompanhando("de dentro"):
        relato.avanco("Mercado Grande", "movimentacoes_estoque_antigas", 2500, 5000)
        time.sleep(0.3)
    relato.linha("no meio")
    relato.avanco("Mercado Grande", "movimentacoes_estoque_antigas", 5000, 5000)
    time.sleep(0.3)
relato.linha("fim")
"""


@pytest.mark.parametrize("colunas", [80, 50])
def test_a_etapa_aparece_mesmo_sem_tabela_grande(tmp_path: Path, colunas: int) -> None:
    """Entre escolher e ver o plano ninguém fica diante de uma tela parada; no fim nada sobra."""
    codigo, visto = _no_terminal(None, tmp_path, colunas, "-c", ETAPAS)
    assert codigo == 0, visto
    limpo = _ESCAPE.sub("", visto).replace("\r\n", "\n")
    quadros = re.findall(r"   ⏳[^\r\n]*", limpo)
    # O «^C» que o terminal escreve tem de caber na mesma linha, ou a barra não se apagaria.
    assert all(_largura(quadro) <= colunas - len("^C") for quadro in quadros), quadros
    assert any(re.fullmatch(r"   ⏳ Comparando a .*[━╸╺ ]+", quadro) for quadro in quadros)
    # É o nome que encolhe num terminal estreito; a conta aparece inteira.
    assert any("Mercado" in q and "2500/5000" in q for q in quadros), quadros
    assert not any("de dentro" in quadro or "/?" in quadro for quadro in quadros)
    ficam = [linha.rpartition("\r")[2] for linha in limpo.split("\n")]
    palavras = [linha for linha in ficam if linha.strip() and not linha.startswith("   ⏳")]
    assert palavras == ["no meio", "fim"]
    assert visto.count("\x1b[?25l") == visto.count("\x1b[?25h") == 1


def test_num_cano_nao_ha_etapas_nem_barras() -> None:
    feito = subprocess.run(
        [sys.executable, "-c", ETAPAS], capture_output=True, timeout=PACIENCIA, check=True
    )
    assert feito.stdout.decode() == "no meio\nfim\n"


def test_em_linhas_nada_se_perde() -> None:
    texto = "Tabelas: um, dois, uma_tabela_de_nome_maior_que_a_linha\nfim"
    assert em_linhas(texto, None, 4) == em_linhas(texto, 80, 4) == texto
    assert em_linhas(texto, 20, 4).split("\n") == [
        "Tabelas: um, dois,",
        "    uma_tabela_de_nome_maior_que_a_linha",
        "fim",
    ]


MALVADOS = {
    "\x1b[2J\x1b]0;invadido\x07Loja": "\ufffd[2J\ufffd]0;invadido\ufffdLoja",
    "Loja\r✅ Tudo certo\nfalso": "Loja\ufffd✅ Tudo certo\ufffdfalso",
    "abc\u202egnp.exe": "abc\ufffdgnp.exe",
    "a\u2066b\u200bc\u2028d": "a\ufffdb\ufffdc\ufffdd",
    "[bold red]x[/] :smile: {task}": "[bold red]x[/] :smile: {task}",
    "Família 👩\u200d👧 Ltda": "Família 👩\u200d👧 Ltda",
}


def test_nomes_que_mexeriam_com_o_terminal(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, "DELETE FROM vendas_itens; DELETE FROM vendas;"
                                         "DELETE FROM empresas"))  # fmt: skip
    with projeto.cluster.conectar(projeto.banco) as banco:
        for nome in MALVADOS:
            banco.execute(
                "INSERT INTO empresas VALUES (gen_random_uuid(), gen_random_uuid(), %s)", (nome,)
            )
    codigo, visto = _no_terminal(projeto, tmp_path, 80)
    assert codigo == 0, visto
    no_terminal = _ESCAPE.sub("", visto).replace("\r\n", "\n").splitlines()
    no_cano = executar(projeto, tmp_path, "--json")
    listado = executar(None, tmp_path, "listar")
    verificado = executar(None, tmp_path, "verificar")
    ambigua = executar(projeto, tmp_path, "--empresa", "lo")
    for mostrado in MALVADOS.values():
        assert f"🏢 Empresa: {mostrado}" in no_terminal
        assert f"🏢 Empresa: {mostrado}\n" in no_cano.erros
        assert f"🏢 {mostrado}  (" in listado.saida
        assert f"🏢 Empresa: {mostrado}\n" in verificado.saida
    assert "Loja\ufffd✅ Tudo certo" in ambigua.erros
    for texto in (no_cano.erros, listado.saida, verificado.saida, ambigua.erros):
        assert not set(texto) & set("\x1b\x07\r\u202e\u2066\u200b\u2028")
    # Nos dados, o nome é o que é.
    assert {e["nome"] for e in no_cano.json()["empresas"]} == set(MALVADOS)
    assert {m["nome"] for m in metadados(tmp_path)} == set(MALVADOS)


# -- ajuda e recusas -----------------------------------------------------------------------------

INGLES = re.compile(
    r"\b(usage|options?|show|help message|exit|positional|arguments?|default|error|invalid|"
    r"choose|required|expected|and|the|this)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("acao", [["backup"], ["listar"], ["verificar"], ["ensaiar"], ["podar"]])
@pytest.mark.parametrize("opcao", ["--help", "-h"])
@pytest.mark.parametrize("colunas", ["40", "80"])
def test_ajuda_em_portugues(tmp_path: Path, acao: list[str], opcao: str, colunas: str) -> None:
    saida = executar(None, tmp_path, *acao, opcao, mais={"COLUMNS": colunas})
    assert saida.codigo == 0, saida.tudo
    assert saida.erros == ""
    assert saida.saida.startswith("uso: backup-por-empresa.py ")
    assert INGLES.findall(saida.saida) == []
    _, opcoes = saida.saida.replace(CODIGOS, "").split("\nopções:\n")
    assert all(len(linha) <= int(colunas) for linha in opcoes.splitlines()), opcoes
    nomes = ["--empresa", "--destino", "--json", "--silencioso"]
    nomes += ["--tabelas", "--conexoes", "--tentativas"] if acao == ["backup"] else []
    for nome in nomes:
        assert f"\n  {nome}" in opcoes


AJUDAS = {BACKUP: (DO_BACKUP, "backup"), RESTAURACAO: (DA_RESTAURACAO, "restaurar")}
GRUPOS = [FAZER, VER, ACHAR, CUIDAR, LEVAR]


@pytest.mark.parametrize("colunas", ["40", "50", "80", "200"])
@pytest.mark.parametrize("script", AJUDAS)
def test_as_acoes_cabem_numa_tela_em_grupos(tmp_path: Path, script: Path, colunas: str) -> None:
    """Cada ação num só grupo, na ordem do que se quer; as opções estão na ajuda de cada uma."""
    grupos, sem_acao = AJUDAS[script]
    saida = executar(None, tmp_path, "--help", script=script, mais={"COLUMNS": colunas})
    assert (saida.codigo, saida.erros) == (0, "")
    linhas = saida.saida.splitlines()
    assert all(len(linha) <= int(colunas) for linha in linhas if ".py" not in linha), saida.saida
    assert len(linhas) <= 40 or int(colunas) < 80
    assert INGLES.findall(saida.saida) == []
    assert list(grupos) == [g for g in GRUPOS if g in grupos]
    mostradas: dict[str, list[str]] = {}
    for linha in linhas:
        if linha.removesuffix(":") in GRUPOS:
            mostradas[linha.removesuffix(":")] = []
        elif achada := re.match(r"  (\w[\w-]*)  ", linha):
            list(mostradas.values())[-1].append(achada[1])
    assert mostradas == {grupo: list(acoes) for grupo, acoes in grupos.items()}
    todas = [acao for acoes in grupos.values() for acao in acoes]
    assert len(todas) == len(set(todas))
    assert linhas[-1] == f"  {script.name} {sem_acao} --help"


@pytest.mark.parametrize("script", AJUDAS)
def test_a_acao_de_sem_acao_tem_nome(script: Path) -> None:
    """O que se diz antes dela vale como depois, e é o mesmo que não dizer nome nenhum."""
    _, nome = AJUDAS[script]
    argumentos = ("--empresa", "x", "--conexoes", "3")
    ler = {BACKUP: ler_do_backup, RESTAURACAO: ler_da_restauracao}[script]
    vistos = []
    for ditos in ([*argumentos], [*argumentos, nome], [nome, *argumentos]):
        opcoes, fazer = ler(ditos)
        vistos.append((vars(opcoes) | {"acao": None}, fazer))
    assert vistos[0] == vistos[1] == vistos[2]


def test_codigos_documentados_sao_os_usados(tmp_path: Path) -> None:
    """Cada código da ajuda é o de algum erro (ou 0, 9, 10, 12 ou 14), e cada erro está na ajuda."""
    ditos = {int(n) for n in re.findall(r"^  (\d+) ", CODIGOS, re.MULTILINE)}
    assert CODIGOS in executar(None, tmp_path, "backup", "--help").saida
    tipos = [erros.ErroCofre]
    for tipo in tipos:
        tipos += tipo.__subclasses__()
    sem_erro = {
        erros.TUDO_CERTO,
        erros.HA_DIFERENCAS,
        erros.DADOS_ENCOLHERAM,
        erros.NEM_TUDO_COMO_ERA,
        erros.PROMESSA_QUEBRADA,
    }
    assert ditos == sem_erro | {tipo.codigo for tipo in tipos}


RECUSAS = {
    ("copiar",): "Não entendi o comando: não conheço a ação «copiar».",
    ("verifcar",): "a ação «verifcar».\n   Você quis dizer verificar?\n   Veja as opções",
    ("re",): "a ação «re».\n   Você quis dizer reconhecer?\n   Veja as opções",
    ("p",): "a ação «p».\n   Você quis dizer painel ou procurar ou podar?\n   Veja as opções",
    ("Histó",): "a ação «Histó».\n   Você quis dizer historia?\n   Veja as opções",
    ("--silencioso", "desfazer"): "a ação «desfazer».\n   É do outro programa:\n",
    ("listra",): "a ação «listra».\n   Você quis dizer listar ou historia?\n   Veja as opções",
    ("d'água\n",): "não conheço a ação «d'água\ufffd».\n   Veja as opções",
    ("--data", "2026-11-27"): "Não entendi o comando: não conheço: --data.\n",
    ("--tabelass", "x"): "não conheço: --tabelass.\n   Você quis dizer --tabelas?\n   Veja",
    ("listar", "--data", "x"): "Não entendi o comando: não conheço: --data.\n",
    ("podar", "--manter-diario", "7"): "não conheço: --manter-diario.\n   Você quis dizer --manter",
    ("--turbo",): "Não entendi o comando: não conheço: --turbo.",
    ("listar", "--conexoes", "2"): "Não entendi o comando: listar não aceita --conexoes.",
    ("--empresa",): "Não entendi o comando: --empresa precisa de um valor.",
    ("--conexoes", "zero"): "--conexoes: é um número de 1 a 32, não «zero».",
    ("--conexoes", "0"): "--conexoes: é um número de 1 a 32, não «0».",
    ("--tentativas", "101"): "--tentativas: é um número de 1 a 100, não «101».",
    ("--tabelas", ","): "--tabelas: precisa de ao menos um nome.",
    ("--json=sim",): "--json não leva valor.",
    ("--emp=x",): "não conheço: --emp=x.",
    ("listar", "sobra"): "não conheço: sobra.",
}


@pytest.mark.parametrize("argumentos", RECUSAS)
@PELA_API
def test_recusas(projeto: SupabaseLocal, tmp_path: Path, argumentos: tuple[str, ...]) -> None:
    projeto.gateway.esquecer_pedidos()
    saida = executar(projeto, tmp_path, *argumentos)
    assert saida.codigo == 2, saida.tudo
    assert saida.saida == ""
    assert RECUSAS[argumentos] in saida.erros
    assert saida.erros.endswith("   Veja as opções com --help.\n")
    assert INGLES.findall(saida.erros) == []
    assert projeto.gateway.pedidos == []
    assert list(tmp_path.iterdir()) == []
    em_json = executar(projeto, tmp_path, *argumentos, "--json")
    assert em_json.json()["codigo"] == 2


@pytest.mark.parametrize(
    "modulo", amostra(["supabase", "dotenv", "msgspec", "tenacity", "filelock"], 3)
)
@pytest.mark.parametrize("acao", [[], ["verificar"]])
@PELA_API
def test_modulo_que_falta(
    projeto: SupabaseLocal, tmp_path: Path, modulo: str, acao: list[str]
) -> None:
    """Como num Python em que `pip install` não foi feito: a causa e a linha que instala."""
    sem = tmp_path / "sem"
    sem.mkdir()
    barra = f"raise ModuleNotFoundError(\"No module named '{modulo}'\", name='{modulo}')\n"
    (sem / f"{modulo}.py").write_text(barra)
    destino = tmp_path / "b"
    destino.mkdir()
    saida = executar(projeto, destino, *acao, mais={"PYTHONPATH": str(sem)})
    if acao and modulo in ("supabase", "filelock", "tenacity"):
        assert saida.codigo == 3, saida.tudo  # esta ação não precisa dele
        return
    assert saida.codigo == 2, saida.tudo
    assert saida.erros.splitlines() == [
        f"❌ No module named '{modulo}'.",
        "   Instale no ambiente do projeto; daí em diante o programa acha o Python dele sozinho:",
        "     python3 -m venv .venv",
        "     .venv/bin/python -m pip install -r requirements.txt",
    ]
    assert metadados(destino) == []


# -- escolher a empresa --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "qual",
    [DONO, DONO.upper(), "aaaa", "aaaa1111-0", "padaria ação", "PADARIA AÇÃO", "ação", "pad"],
)
def test_empresa_por_id_comeco_ou_nome(projeto: SupabaseLocal, tmp_path: Path, qual: str) -> None:
    escolha = ("--empresa", qual, "--tabelas", "empresas")
    saida = executar(projeto, tmp_path, *escolha, mais=_pela_direta(projeto))
    assert saida.codigo == 0, saida.tudo
    assert [m["user_id"] for m in metadados(tmp_path)] == [DONO]
    assert "📊 Total de empresas: 1\n" in saida.saida


def test_empresas_repetidas(projeto: SupabaseLocal, tmp_path: Path) -> None:
    escolha: tuple[str, ...] = ("--empresa", "vizinha", "--empresa", "aaaa", "--empresa", DONO)
    escolha += ("--tabelas", "empresas")
    saida = executar(projeto, tmp_path, *escolha, mais=_pela_direta(projeto))
    assert saida.codigo == 0, saida.tudo
    assert sorted(m["user_id"] for m in metadados(tmp_path)) == [DONO, VIZINHA]


def test_empresa_ambigua_lista_as_candidatas(projeto: SupabaseLocal, tmp_path: Path) -> None:
    saida = executar(projeto, tmp_path, "--empresa", "a")
    assert saida.codigo == 0, saida.tudo  # um só id começa com «a»
    saida = executar(projeto, tmp_path / "b", "--empresa", "i")
    assert saida.codigo == 2, saida.tudo
    assert saida.erros.splitlines() == [
        "❌ «i» pode ser mais de uma empresa.",
        "   Use o id inteiro de uma destas:",
        f"     {DONO}  Padaria Ação",
        f"     {VIZINHA}  Vizinha",
    ]
    assert metadados(tmp_path / "b") == []


@pytest.mark.parametrize("qual", ["Açougue", "", "  "])
def test_empresa_que_nao_existe(projeto: SupabaseLocal, tmp_path: Path, qual: str) -> None:
    saida = executar(projeto, tmp_path, "--empresa", qual)
    assert saida.codigo == 3, saida.tudo
    assert saida.erros.splitlines() == [
        f"❌ Nenhuma empresa com id ou nome «{qual}».",
        "   Empresas:",
        f"     {TERCEIRA}  Mercado Grande",
        f"     {DONO}  Padaria Ação",
        f"     {VIZINHA}  Vizinha",
    ]
    assert metadados(tmp_path) == []


@PELA_API
def test_nenhuma_empresa(criar_supabase: FabricaDeSupabase, tmp_path: Path) -> None:
    vazio = criar_supabase(VAZIO, sql=(LOJINHA, "DELETE FROM empresas"))
    saida = executar(vazio, tmp_path)
    assert saida.codigo == 3, saida.tudo
    assert saida.erros.splitlines()[:2] == [
        "❌ Nenhuma empresa encontrada",
        "   Causas possíveis:",
    ]
    assert "GRANT SELECT ON public.empresas, public.user_approvals TO service_role;" in saida.erros
