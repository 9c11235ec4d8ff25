"""A demonstração: um Supabase embutido com três empresas, e o backup de verdade sobre ele.

Pela via direta só há o PostgreSQL, sem API nem chave: é a via do Windows, onde não há o PostgREST.
Os dados ficam em `.venv/` e servem ao começo seguinte; os backups, em `backups/demonstracao/`,
para nunca se misturarem aos de empresas reais.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from supabase_local import vitrine
from supabase_local.empresas import acidente, cliente, incendio
from supabase_local.empresas.dados import DEMONSTRACAO, criar_modelo
from supabase_local.servidores.ambiente import RAIZ, VENV
from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.postgres import ADMINISTRADOR, Banco, ClusterPostgres

PASTA = VENV / "supabase_local"
BACKUPS = RAIZ / "backups" / "demonstracao"
SCRIPT_DE_RESTAURACAO = RAIZ / "scripts" / "restaurar-empresa.py"
SCRIPT_DE_BACKUP = RAIZ / "scripts" / "backup-por-empresa.py"
VITIMA = acidente.VITIMA.user_id
PORTA_PREFERIDA = 54321
PACIENCIA_COM_O_BACKUP = 15.0
VIAS = API, DIRETA = "api", "direta"
if sys.platform == "win32":
    SINAIS_DE_FIM = (signal.SIGTERM, signal.SIGBREAK)
else:
    SINAIS_DE_FIM = (signal.SIGTERM, signal.SIGHUP)
CODIGO_DE_ERRO = 1
CODIGO_DE_INTERRUPCAO = 130

NEUTRAS = (
    *("VITE_SUPABASE_URL", "SUPABASE_SECRET_KEY", "BACKUP_CHAVE_ARQUIVO"),
    *("BACKUP_PING_URL", "BACKUP_WEBHOOK_URL"),
)
"""O que um `.env` real pode ter, e que aqui não vale nem se mostra."""

ACERTOS = """
    -- Um cliente de cada empresa fura uma regra NOT VALID, e de outros um gatilho recompõe o
    -- endereço: apagados, não voltariam iguais pela API. Aqui o acidente é para dar certo.
    SET LOCAL session_replication_role = replica;
    UPDATE clientes SET cpf = NULL WHERE length(cpf) <> 14;
    UPDATE clientes SET endereco = concat_ws(', ', logradouro, numero, cidade)
        WHERE endereco IS DISTINCT FROM concat_ws(', ', logradouro, numero, cidade);
"""
"""O que se muda nos dados inventados, sem os gatilhos."""


class Terminada(Exception):
    """Pediram, por sinal, que a demonstração termine."""

    def __init__(self, sinal: int) -> None:
        super().__init__(sinal)
        self.codigo = 128 + sinal


def executar(auto: bool = False, via: str = API) -> int:
    """A demonstração inteira (com `auto`, do zero, o acidente também e sem perguntas), por uma das
    VIAS; devolve o código de saída."""
    for sinal in SINAIS_DE_FIM:
        signal.signal(sinal, _terminar)
    # Quem a começa em segundo plano num shell deixa o Ctrl+C ignorado; aqui ele sempre vale.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    do_zero = auto
    try:
        while True:
            with _supabase(via, do_zero=do_zero) as projeto:
                codigo = _fazer_backup(projeto.variaveis)
                vitrine.mostrar_arquivos(BACKUPS)
                if auto:
                    acidentes = (_acidente, _acidente_num_cliente, _incendio)
                    return codigo or max(a(projeto, perguntar=False) for a in acidentes)
                vitrine.mostrar_como_experimentar(projeto.variaveis, _comandos(), projeto.banco.uri)
                do_zero, ultimo = _atender(projeto)
            if not do_zero:
                return ultimo or codigo
    except ErroSupabaseLocal as erro:
        print(f"\n❌ {erro}", file=sys.stderr)
        return CODIGO_DE_ERRO
    except KeyboardInterrupt:
        print("\n👋 Interrompida; nada ficou em execução.")
        return CODIGO_DE_INTERRUPCAO
    except Terminada as fim:
        return fim.codigo


def _terminar(sinal: int, quadro: FrameType | None) -> None:
    raise Terminada(sinal)


# -- o servidor ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Projeto:
    """O que está no ar: o banco, e as variáveis com que os scripts falam com ele, e não com um
    projeto real: o que está no ambiente vence o `.env`, ainda que vazio."""

    banco: Banco
    variaveis: Mapping[str, str]


@contextlib.contextmanager
def _supabase(via: str, *, do_zero: bool) -> Iterator[Projeto]:
    print("🐘 Iniciando o Supabase embutido...")
    if do_zero and BACKUPS.is_dir():
        shutil.rmtree(BACKUPS)
    with ClusterPostgres(PASTA / "cluster") as cluster:
        banco = Banco(cluster, _banco_com_dados(cluster, do_zero=do_zero))
        if via == DIRETA:
            print(f"   ✅ no ar em 127.0.0.1:{cluster.porta} (só o PostgreSQL, sem API)\n")
            yield Projeto(banco, _configuracao(SUPABASE_DB_URL=banco.uri))
            return
        # Só aqui: sem a API, nem o gateway nem o PostgREST precisam estar instalados.
        from supabase_local.servidores.servidor import SupabaseLocal

        porta = PORTA_PREFERIDA if _porta_esta_livre(PORTA_PREFERIDA) else 0
        with SupabaseLocal(cluster, banco=banco.nome, porta=porta, segredo=_segredo()) as supabase:
            print(f"   ✅ no ar em {supabase.url}\n")
            acesso = {
                "SUPABASE_URL": supabase.url,
                "SUPABASE_SERVICE_ROLE_KEY": supabase.chave_secreta,
            }
            yield Projeto(banco, _configuracao(**acesso))


def _banco_com_dados(cluster: ClusterPostgres, *, do_zero: bool) -> str:
    """O banco leva no nome o resumo do que o define: se isso muda, nasce outro."""
    nome = f"demonstracao_{_resumo_das_fontes()}"
    if cluster.existe_banco(nome) and not do_zero:
        if not acidente.ficou_por_consertar(Banco(cluster, nome)):
            print("   ♻️ com os dados da vez anterior (no menu, r começa do zero)")
            return nome
        print("   ♻️ o acidente da vez anterior ficou por restaurar: os dados nascem de novo")
    print("   🌱 criando três empresas inventadas...")
    rascunho = "demonstracao_rascunho"
    for antigo in _bancos_de_demonstracao(cluster):
        cluster.apagar_banco(antigo)
    criar_modelo(cluster, rascunho, DEMONSTRACAO)
    cluster.executar(rascunho, ACERTOS, ADMINISTRADOR)
    cluster.executar("postgres", f'ALTER DATABASE "{rascunho}" RENAME TO "{nome}"', ADMINISTRADOR)
    return nome


def _bancos_de_demonstracao(cluster: ClusterPostgres) -> list[str]:
    with cluster.conectar("postgres") as conexao:
        linhas = conexao.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'demonstracao%'"
        ).fetchall()
    return [nome for (nome,) in linhas]


def _resumo_das_fontes() -> str:
    pasta = Path(__file__).parent
    empresas = pasta / "empresas"
    fontes = sorted(pasta.glob("*/sql/*.sql"))
    fontes += [empresas / f"{nome}.py" for nome in ("dados", "cadastros", "movimento", "invencao")]
    resumo = hashlib.sha256(ACERTOS.encode())
    for fonte in fontes:
        resumo.update(fonte.read_bytes())
    return resumo.hexdigest()[:12]


def _segredo() -> str:
    """O mesmo a cada começo, para que as chaves já copiadas continuem a valer."""
    arquivo = PASTA / "segredo"
    if not arquivo.exists():
        PASTA.mkdir(parents=True, exist_ok=True)
        arquivo.touch(mode=0o600)
        arquivo.write_text(secrets.token_hex(32), encoding="utf-8")
    return arquivo.read_text(encoding="utf-8")


def _porta_esta_livre(porta: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tomada:
        tomada.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tomada.bind(("127.0.0.1", porta))
        except OSError:
            return False
    return True


# -- o backup ------------------------------------------------------------------------------


def _configuracao(**acesso: str) -> dict[str, str]:
    """O acesso dito, e vazio o que um `.env` real poderia dizer a mais: nada daqui vai para a cópia
    dos backups de verdade."""
    nomes = (
        *("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_DB_URL", "SUPABASE_DB_CA"),
        *("BACKUP_CIFRAR_PARA", "COPIA_DESTINO"),
    )
    return {**dict.fromkeys(nomes, ""), **acesso, "BACKUP_DIR": str(BACKUPS)}


def _ambiente_dos_scripts(variaveis: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **dict.fromkeys(NEUTRAS, ""), **variaveis}


def _fazer_backup(variaveis: Mapping[str, str]) -> int:
    print(f"▶️  python3 scripts/{SCRIPT_DE_BACKUP.name}\n")
    BACKUPS.mkdir(parents=True, exist_ok=True)
    processo = subprocess.Popen(
        [sys.executable, str(SCRIPT_DE_BACKUP)],
        env=_ambiente_dos_scripts(variaveis),
        stdin=subprocess.DEVNULL,
    )
    try:
        codigo = processo.wait()
    except KeyboardInterrupt:
        # O Ctrl+C do terminal já chegou a ele também.
        _esperar_fim(processo)
        raise
    except BaseException:
        processo.terminate()
        _esperar_fim(processo)
        raise
    if codigo != 0:
        print(f"\n❌ O backup terminou com o código {codigo}.", file=sys.stderr)
    return codigo


def _esperar_fim(processo: subprocess.Popen[bytes]) -> None:
    """Dá-lhe tempo de terminar em ordem; depois, não."""
    try:
        processo.wait(PACIENCIA_COM_O_BACKUP)
    except subprocess.TimeoutExpired:
        processo.kill()
        processo.wait()


# -- o menu --------------------------------------------------------------------------------


def _comandos() -> list[list[str]]:
    """O que experimentar noutro terminal."""
    backup, restauracao = SCRIPT_DE_BACKUP.name, SCRIPT_DE_RESTAURACAO.name
    return [
        [backup],
        [backup, "listar"],
        [restauracao],
        [restauracao, "desfazer", "--empresa", str(VITIMA)],
    ]


def _atender(projeto: Projeto) -> tuple[bool, int]:
    """O menu, até que se queira terminar ou começar do zero; diz qual, e o código da última
    restauração, se houve. Um Ctrl+C, em qualquer ponto, volta ao menu."""
    codigo = 0
    if sys.stdin is None or not sys.stdin.isatty():
        print("\n👋 A entrada não é um terminal: a demonstração termina aqui.")
        return False, codigo
    while True:
        try:
            letra = vitrine.escolha()
            if letra in ("", "q"):
                print("👋 Até logo!")
                return False, codigo
            if letra == "r":
                return True, codigo
            if letra in ("a", "d"):
                codigo = _acidente(projeto, perguntar=True, so_desfazer=letra == "d")
            elif letra == "b":
                codigo = _acidente_num_cliente(projeto, perguntar=True)
            elif letra == "c":
                codigo = _incendio(projeto, perguntar=True)
            else:
                _fazer(letra, projeto)
        except KeyboardInterrupt:
            print("\n↩️ De volta ao menu.")


def _fazer(letra: str, projeto: Projeto) -> None:
    """As escolhas que não mexem no banco."""
    if letra == "f":
        _fazer_backup(projeto.variaveis)
    elif letra == "l":
        ambiente = _ambiente_dos_scripts(projeto.variaveis)
        print(f"\n▶️  python3 scripts/{SCRIPT_DE_BACKUP.name} listar\n", flush=True)
        subprocess.run([sys.executable, str(SCRIPT_DE_BACKUP), "listar"], env=ambiente, check=False)
    elif letra == "p":
        print(f"\n📄 Abra no navegador: {(BACKUPS / vitrine.PAGINA).as_uri()}")
    else:
        print(f"   «{letra}» não está no menu.")


def _acidente(projeto: Projeto, *, perguntar: bool, so_desfazer: bool = False) -> int:
    """Provoca, restaura com o script de verdade (ou só desfaz a última restauração) e mostra as
    vizinhas. Devolve o código."""
    antes = acidente.retrato_das_vizinhas(projeto.banco)
    ambiente = _ambiente_dos_scripts(projeto.variaveis)
    if so_desfazer:
        codigo = acidente.desfazer(SCRIPT_DE_RESTAURACAO, ambiente)
    else:
        acidente.provocar(projeto.banco)
        codigo = acidente.restaurar(SCRIPT_DE_RESTAURACAO, ambiente, perguntar=perguntar)
    intactas = acidente.mostrar_depois(projeto.banco, antes)
    return codigo if intactas else CODIGO_DE_ERRO


def _acidente_num_cliente(projeto: Projeto, *, perguntar: bool) -> int:
    ambiente = _ambiente_dos_scripts(projeto.variaveis)
    voltou = cliente.perder_e_trazer(projeto.banco, SCRIPT_DE_RESTAURACAO, ambiente, perguntar)
    return CODIGO_DE_ERRO if voltou is None else voltou


def _incendio(projeto: Projeto, *, perguntar: bool) -> int:
    """Não há o que responder: a chave e o código estão no pendrive."""
    scripts = incendio.Scripts(SCRIPT_DE_BACKUP, SCRIPT_DE_RESTAURACAO)
    ambiente = _ambiente_dos_scripts(projeto.variaveis)
    voltou = incendio.queimar_e_trazer(projeto.banco, scripts, ambiente)
    return CODIGO_DE_ERRO if voltou is None else voltou
