"""Os dois programas num Windows (o CPython dele, sob o wine): o mesmo que no Linux, byte a byte.

Na suíte, o essencial: um backup por cada via, uma restauração pela direta, e a trava dos arquivos
abertos, que só lá existe; `python3 tests/campanhas windows` faz tudo (CAMPANHA=1).
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from apoio.campanha import CAMPANHA
from apoio.direto import conferir_iguais
from apoio.dois_projetos import montar
from apoio.execucao import (
    BACKUP,
    RAIZ,
    RESTAURACAO,
    SEM_LISTAS,
    executar,
    fotografia_do_disco,
    metadados,
    ultimo_backup,
)
from apoio.loja import LOJA_X, PELAS_DUAS_VIAS, Loja, antes_de
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from campanhas import wine
from campanhas.wine import Fim, Windows, como_no_windows
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import Atraso, Pedido
from supabase_local.servidores.servidor import SupabaseLocal

PACIENCIA = 300.0
UMA: Final = ("--empresa", DONO)
pytestmark = pytest.mark.demorado


@pytest.fixture(scope="session")
def windows() -> Windows:
    return wine.preparar(com_postgres=CAMPANHA)


@pytest.fixture(scope="module")
def lojinha(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA,))


def acesso(projeto: SupabaseLocal, destino: Path | str, via: str = API) -> dict[str, str]:
    """O que o .env diria; pela direta, só a URL do banco. Os arquivos e os logins veem-se na
    demonstração."""
    pasta = como_no_windows(destino) if isinstance(destino, Path) else destino
    if via == DIRETA:
        return {"BACKUP_DIR": pasta, "SUPABASE_DB_URL": projeto.uri_banco, **SEM_LISTAS}
    chave = projeto.chave_service_role
    return {
        "BACKUP_DIR": pasta,
        "SUPABASE_URL": projeto.url,
        "SUPABASE_SERVICE_ROLE_KEY": chave,
        **SEM_LISTAS,
    }


def rodar(
    windows: Windows,
    do_env: dict[str, str],
    *argumentos: str,
    script: Path = BACKUP,
    programa: str = "",
) -> Fim:
    inicio = ["-c", programa] if programa else []
    return windows.rodar(*inicio, como_no_windows(script), *argumentos, mais=do_env)


def textos(fim: Fim) -> tuple[str, str]:
    """A saída e os erros: sempre UTF-8, seja qual for a página de códigos."""
    return fim.saida.decode("utf-8"), fim.erros.decode("utf-8")


# -- o mesmo que no Linux ------------------------------------------------------------------------


ESTRAGO: Final = (
    f"UPDATE produtos SET preco = preco + 1 WHERE user_id = '{DONO}'",
    "DELETE FROM vendas_itens WHERE venda_id < 50",
    f"INSERT INTO clientes VALUES (md5('novo')::uuid, '{DONO}', 'Só de agora')",
)


@pytest.mark.parametrize("via", [API, DIRETA] if CAMPANHA else [API])
def test_o_backup_e_o_do_linux_e_a_restauracao_traz_tudo_de_volta(
    windows: Windows, lojinha: SupabaseLocal, tmp_path: Path, via: str
) -> None:
    """Byte a byte, o backup e depois o banco inteiro. E o que se vê também: UTF-8 num cano, com as
    pastas escritas com uma barra só."""
    loja = Loja(lojinha, tmp_path / "windows", via)
    assert executar(lojinha, tmp_path / "linux", mais=loja.ambiente).codigo == 0
    do_env = acesso(lojinha, loja.destino, via)
    fim = rodar(windows, do_env)
    assert fim.codigo == 0, fim.tudo
    do_linux, do_windows = metadados(tmp_path / "linux"), metadados(loja.destino)
    assert {m["origem"]["via"] for m in do_windows} == {via}
    conferir_iguais(do_linux, do_windows)
    saida, erros = textos(fim)
    assert erros == ""
    assert "🏢 Empresa: Padaria Ação" in saida
    pasta = f"Z:{tmp_path.as_posix()}/windows/empresa_aaaa1111/"
    assert f"✅ Backup concluído: {pasta}" in saida
    assert (loja.destino / "painel.html").stat().st_size > 10_000
    if via == API and not CAMPANHA:
        return

    antes = antes_de(loja, DONO)
    loja.sql(*ESTRAGO)
    assert loja.impressoes() != antes.impressoes
    fim = rodar(windows, do_env, *UMA, "--confirmar", "RESTAURAR", script=RESTAURACAO)
    assert fim.codigo == 0, fim.tudo
    antes.conferir_intacto()


# -- duas execuções, e uma que morre -------------------------------------------------------------


@contextlib.contextmanager
def mudo(projeto: SupabaseLocal, tabela: str, metodo: str, dono: str) -> Iterator[threading.Event]:
    """O servidor não responde a estes pedidos; o evento diz quando veio o primeiro."""
    chegou = threading.Event()

    def dele(pedido: Pedido) -> bool:
        if metodo == "GET":
            return dono in pedido.consulta
        # Nem a prova, que o servidor desfaz, nem a sonda, que manda um corpo vazio.
        prova = pedido.cabecalhos.get("accept", "").startswith("application/vnd.pgrst.object")
        return not prova and pedido.cabecalhos.get("content-length") != "1"

    espera = Atraso(3600)
    with (
        projeto.gateway.ao_pedir(
            lambda _p, _n: chegou.set(), metodo=metodo, tabela=tabela, se=dele
        ),
        projeto.gateway.com_falha(espera, metodo=metodo, tabela=tabela, se=dele, vezes=None),
    ):
        yield chegou


def matar(processo: subprocess.Popen[bytes]) -> None:
    """Sem aviso: o processo do Windows é o do wine."""
    processo.kill()
    processo.communicate(timeout=PACIENCIA)


# -- um arquivo aberto por outro programa ----------------------------------------------------------

SEGURANDO = """
import ctypes, json, os, runpy, sys
os._exit = sys.exit  # há mais que fazer
sistema = ctypes.windll.kernel32
sistema.CreateFileW.restype = ctypes.c_void_p
sistema.CreateFileW.argtypes = [ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_uint32,
                                ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p]
sistema.CloseHandle.argtypes = [ctypes.c_void_p]
LER, EXISTENTE = 0x80000000, 3
script, vezes = sys.argv[1:]
sys.path.insert(0, script.rpartition("\\\\")[0])
for arquivo, partilha, argumentos in json.loads(vezes):
    aberto = sistema.CreateFileW(arquivo, LER, partilha, None, EXISTENTE, 0, None)
    assert aberto != ctypes.c_void_p(-1).value, arquivo
    sys.argv = [script, *argumentos]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as fim:
        print("CÓDIGO", fim.code or 0, flush=True)
    sistema.CloseHandle(aberto)
"""
"""O script, uma vez por cada [arquivo, partilha, argumentos], com o arquivo aberto entretanto por
outro; `partilha`: o que este deixa os outros fazerem (0 nada, como uma planilha; 3 ler e escrever,
como um navegador; nunca trocar). Num processo só: a partilha é de cada abertura, e não de quem a
faz, e é a importar tudo outra vez que um programa passa o tempo neste Windows."""


def test_o_que_outro_programa_segura_e_dito_assim(
    windows: Windows, lojinha: SupabaseLocal, tmp_path: Path
) -> None:
    """A página aberta não impede o backup, e uma tabela aberta não passa por danificada. Nenhuma é
    «sem permissão»: o que há a fazer é fechar o outro programa."""
    direta = {"SUPABASE_DB_URL": lojinha.uri_banco}
    assert executar(lojinha, tmp_path, *UMA, mais=direta).codigo == 0
    backup = ultimo_backup(tmp_path, DONO)
    tabela = como_no_windows(backup["pasta"] / backup["tabelas"]["produtos"]["arquivo"])
    pagina = como_no_windows(tmp_path / "painel.html")
    com_a_pagina = [(pagina, partilha, UMA) for partilha in ((3, 0) if CAMPANHA else (3,))]
    vezes = json.dumps([*com_a_pagina, (tabela, 0, ["verificar"])])
    fim = rodar(windows, acesso(lojinha, tmp_path, DIRETA), vezes, programa=SEGURANDO)
    assert fim.codigo == 0, fim.tudo
    saida, erros = (texto.replace("\r\n", "\n") for texto in textos(fim))
    aberta = "O arquivo está aberto em outro programa"
    assert re.findall(r"^CÓDIGO (\d+)$", saida, re.MULTILINE) == [*("0" for _ in com_a_pagina), "4"]
    assert saida.count(f"A página não foi atualizada. {aberta}") == len(com_a_pagina)
    assert aberta in erros, "a tabela, ao conferir"
    assert "Sem permissão" not in saida + erros
    solta = executar(None, tmp_path, "verificar")
    assert solta.codigo == 0, solta.tudo


# -- a campanha ------------------------------------------------------------------------------------

SEM_CONSOLE = """
import runpy, sys
sys.stdin = sys.stdout = sys.stderr = None  # como no pythonw, e numa tarefa agendada
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("\\\\")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
NOMES = (
    "Dados da Loja",
    "Ação & Cia (2ª via)",
    "pontos.no.meio",
    "café ☕ 日本",
    "a" * 60 + "/" + "b" * 60 + "/" + "c" * 60 + "/" + "d" * 60 + "/" + "e" * 60,
)

if CAMPANHA:

    @PELAS_DUAS_VIAS
    def test_a_restauracao_da_loja_inteira_nao_toca_nas_outras(
        windows: Windows, loja: Loja
    ) -> None:
        antes = antes_de(loja, LOJA_X)
        loja.sql(
            f"DELETE FROM despesas WHERE user_id = '{LOJA_X}'",
            f"UPDATE produtos SET preco = preco + 1 WHERE user_id = '{LOJA_X}' AND preco > 0",
            sem_gatilhos=True,
        )
        opcoes = ("--empresa", LOJA_X, "--confirmar", "RESTAURAR", "--efeitos", "desfazer")
        do_env = acesso(loja.projeto, loja.destino, loja.via)
        fim = rodar(windows, do_env, *opcoes, script=RESTAURACAO)
        assert fim.codigo == 0, fim.tudo
        antes.conferir()

    def test_a_segunda_execucao_espera_a_vez_e_a_morta_se_continua(
        windows: Windows, lojinha: SupabaseLocal, tmp_path: Path
    ) -> None:
        """A trava é do Windows: a segunda sai com 5 e diz quem está lá; morta a primeira, a trava
        some com ela, e `continuar` deixa tudo como no Linux."""
        do_env = acesso(lojinha, tmp_path / "windows")
        with mudo(lojinha, "vendas", "GET", DONO) as chegou:
            primeira = windows.abrir(como_no_windows(BACKUP), mais=do_env)
            assert chegou.wait(PACIENCIA)
            segunda = rodar(windows, do_env, "--esperar", "0")
            assert segunda.codigo == 5, segunda.tudo
            assert "está em uso por backup (processo" in textos(segunda)[1]
            matar(primeira)
        assert metadados(tmp_path / "windows") == []
        fim = rodar(windows, do_env, "continuar")
        assert fim.codigo == 0, fim.tudo
        assert executar(lojinha, tmp_path / "linux").codigo == 0
        conferir_iguais(metadados(tmp_path / "linux"), metadados(tmp_path / "windows"))
        sobras = [n for n in fotografia_do_disco(tmp_path / "windows") if ".em_andamento" in n]
        assert sobras == []

    @pytest.mark.parametrize("codificacao", ["cp1252", "cp850", "ascii", "utf-8"])
    def test_a_saida_e_utf_8_em_qualquer_pagina_de_codigos(
        windows: Windows, lojinha: SupabaseLocal, tmp_path: Path, codificacao: str
    ) -> None:
        do_env = acesso(lojinha, tmp_path, DIRETA) | {"PYTHONIOENCODING": f"{codificacao}:strict"}
        fim = rodar(windows, do_env, *UMA)
        assert fim.codigo == 0, fim.tudo
        assert "🏢 Empresa: Padaria Ação" in textos(fim)[0]

    def test_sem_console_o_backup_e_feito_e_o_log_diz(
        windows: Windows, lojinha: SupabaseLocal, tmp_path: Path
    ) -> None:
        do_env = acesso(lojinha, tmp_path, DIRETA)
        fim = rodar(windows, do_env, "--tipo", "agendado", programa=SEM_CONSOLE)
        assert (fim.codigo, fim.saida, fim.erros) == (0, b"", b"")
        assert len(metadados(tmp_path)) == 2
        (log,) = (tmp_path / "logs").glob("*.log")
        assert "✅ Backup concluído" in log.read_text("utf-8")

    def test_o_cano_que_fecha_cedo_nao_estraga_o_backup(
        windows: Windows, lojinha: SupabaseLocal, tmp_path: Path
    ) -> None:
        processo = windows.abrir(como_no_windows(BACKUP), mais=acesso(lojinha, tmp_path, DIRETA))
        assert processo.stdout is not None
        processo.stdout.close()  # como `| Select-Object -First 1`
        processo.wait(PACIENCIA)
        backups = [b for p in Deposito(tmp_path).pastas() for b in Deposito(tmp_path).backups(p)]
        assert [d for b in backups for d in danos_de(b)] == []
        assert rodar(windows, acesso(lojinha, tmp_path, DIRETA)).codigo == 0

    @pytest.mark.parametrize("nome", NOMES, ids=["espaços", "acentos", "pontos", "fora", "longo"])
    def test_pastas_com_nomes_dificeis_numa_letra_de_disco(
        windows: Windows, lojinha: SupabaseLocal, tmp_path: Path, nome: str
    ) -> None:
        """Numa pasta de C:, o backup, a volta e o que a tela diz; nas longas demais, ou dá certo ou
        se diz que é longa, e nada fica pela metade."""
        # O disco C: é de todos os trabalhadores, e a pasta de cada um tem o mesmo nome.
        raiz = windows.disco_c / f"provas_{tmp_path.parent.name}_{tmp_path.name}"
        destino = raiz / nome
        do_windows = f"C:\\{raiz.name}\\" + nome.replace("/", "\\")
        try:
            fim = rodar(windows, acesso(lojinha, do_windows, DIRETA), *UMA)
            saida, erros = textos(fim)
            print(f"caminho de {len(do_windows)} caracteres: código {fim.codigo}")
            if fim.codigo == 4:
                assert "O caminho é longo demais" in saida + erros
                return
            assert fim.codigo == 0, fim.tudo
            assert f"Backup concluído: C:/{raiz.name}/{nome}/empresa_aaaa1111/" in saida
            assert executar(lojinha, tmp_path / "linux", *UMA).codigo == 0
            conferir_iguais(metadados(tmp_path / "linux"), metadados(destino))
            simulado = (*UMA, "--simular")
            do_env = acesso(lojinha, do_windows, DIRETA)
            fim = rodar(windows, do_env, *simulado, script=RESTAURACAO)
            assert fim.codigo == 0, fim.tudo
        finally:
            shutil.rmtree(raiz, ignore_errors=True)

    def test_a_restauracao_morta_no_meio_se_continua(windows: Windows, loja: Loja) -> None:
        """Pela API: morta numa escrita, e `continuar` termina; as outras empresas, intactas."""
        antes = antes_de(loja, LOJA_X)
        loja.sql(
            f"DELETE FROM despesas WHERE user_id = '{LOJA_X}'",
            f"UPDATE produtos SET preco = preco + 1 WHERE user_id = '{LOJA_X}' AND preco > 0",
            sem_gatilhos=True,
        )
        do_env = acesso(loja.projeto, loja.destino)
        opcoes = ("--empresa", LOJA_X, "--confirmar", "RESTAURAR", "--efeitos", "desfazer")
        with mudo(loja.projeto, "despesas", "POST", LOJA_X) as chegou:
            morta = windows.abrir(como_no_windows(RESTAURACAO), *opcoes, mais=do_env)
            assert chegou.wait(PACIENCIA)
            matar(morta)
        antes.conferir_outras()
        fim = rodar(windows, do_env, "continuar", *opcoes, script=RESTAURACAO)
        assert fim.codigo == 0, fim.tudo
        antes.conferir()

    @pytest.mark.parametrize("via", [API, DIRETA])
    def test_uma_empresa_levada_a_outro_projeto(
        windows: Windows, criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str
    ) -> None:
        """E desfeita; antes, a pasta de lá que só nas maiúsculas não é a de cá é recusada."""
        dois = montar(criar_supabase, tmp_path, via=via)
        antes = dois.ponto()
        do_env = acesso(dois.origem, dois.backups)
        de_la = ("--para", como_no_windows(dois.env), *UMA, "--confirmar", "RESTAURAR")
        dois.escrever_env(BACKUP_DIR=como_no_windows(dois.backups).upper())
        fim = rodar(windows, do_env, "clonar", *de_la, script=RESTAURACAO)
        assert fim.codigo == 8, fim.tudo
        assert "BACKUP_DIR" in textos(fim)[1]
        dois.conferir_intacto(antes)
        dois.escrever_env(BACKUP_DIR=como_no_windows(dois.backups_de_la))
        fim = rodar(windows, do_env, "clonar", *de_la, script=RESTAURACAO)
        assert fim.codigo == 0, fim.tudo
        assert dois.diferem() == {}
        dois.conferir_origem(antes)
        dois.conferir_alheias(antes)
        fim = rodar(windows, do_env, "desfazer", *de_la, script=RESTAURACAO)
        assert fim.codigo == 0, fim.tudo
        dois.conferir_intacto(antes)

    def test_o_ensaio_num_postgresql_embutido(
        windows: Windows, lojinha: SupabaseLocal, tmp_path: Path
    ) -> None:
        do_env = acesso(lojinha, tmp_path, DIRETA)
        assert rodar(windows, do_env, *UMA).codigo == 0
        fim = rodar(windows, do_env, "ensaiar", "--embutido")
        assert fim.codigo == 0, fim.tudo

    def test_a_demonstracao_inteira(windows: Windows, tmp_path: Path) -> None:
        """O PostgreSQL do Windows, o acidente e a volta; no fim, nada fica em execução."""
        programa = (
            "import sys; from pathlib import Path\n"
            "from supabase_local import demonstracao as d, palco\n"
            "from supabase_local.servidores.sistema import arrumar_entrada_e_saida\n"
            "from supabase_local.servidores.sistema import ha_postgrest\n"
            "arrumar_entrada_e_saida()\n"
            "base = Path(sys.argv[1])\n"
            "palco.PASTA, palco.BACKUPS = base / 'pg', base / 'backups'\n"
            "sys.exit(d.executar(auto=True, via='api' if ha_postgrest() else 'direta'))\n"
        )
        scripts = {"PYTHONPATH": como_no_windows(RAIZ / "scripts")}
        fim = windows.rodar(
            "-c", programa, como_no_windows(tmp_path), mais=scripts, prazo=PACIENCIA * 2
        )
        assert fim.codigo == 0, fim.tudo
        saida, erros = textos(fim)
        assert erros == ""
        assert "só o PostgreSQL, sem API" in saida
        assert "✅ produtos: 819 registros" in saida
        assert "clientes: 145 → 0" in saida
        assert "🔍 «Grupo Raval»: 145 clientes, soma dos preços R$ 374.081,79" in saida
        assert "ficam de fora: só há a conexão direta" in saida
        assert "🔍 «Loja X», em homologação: 60 produtos, 20 clientes, 15 vendas" in saida
        assert saida.count("✅ intacta: ") == 13
        assert not (tmp_path / "pg" / "cluster" / "dados" / "postmaster.pid").exists()
        linux = executar(None, tmp_path / "backups", "verificar")
        assert linux.codigo == 0, linux.tudo
