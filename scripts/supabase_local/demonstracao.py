"""A demonstração: um Supabase embutido com três empresas, e o backup de verdade sobre ele.

Pela via direta só há o PostgreSQL, sem API nem chave: é a via do Windows, onde não há o PostgREST.
Os dados ficam em `.venv/` e servem ao começo seguinte; os backups, em `backups/demonstracao/`,
para nunca se misturarem aos de empresas reais.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import select
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from supabase_local.empresas import acidente
from supabase_local.empresas.dados import DEMONSTRACAO, criar_modelo
from supabase_local.servidores.ambiente import RAIZ, VENV
from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.postgres import ADMINISTRADOR, Banco, ClusterPostgres

PASTA = VENV / "supabase_local"
BACKUPS = RAIZ / "backups" / "demonstracao"
SCRIPT_DE_RESTAURACAO = RAIZ / "scripts" / "restaurar-empresa.py"
SCRIPT_DE_BACKUP = RAIZ / "scripts" / "backup-por-empresa.py"
PORTA_PREFERIDA = 54321
ARQUIVOS_MOSTRADOS = 4
PAGINA = "painel.html"
_CARIMBO = re.compile(r"\d{8}_\d{6}(?=\.json$|$)")
PACIENCIA_COM_O_BACKUP = 15.0
ATENCAO = 0.5
"""Segundos em que um sinal é atendido, com a pergunta na tela."""
VIAS = API, DIRETA = "api", "direta"
if sys.platform == "win32":
    SINAIS_DE_FIM = (signal.SIGTERM, signal.SIGBREAK)
else:
    SINAIS_DE_FIM = (signal.SIGTERM, signal.SIGHUP)
CODIGO_DE_ERRO = 1
CODIGO_DE_INTERRUPCAO = 130


class Terminada(Exception):
    """Pediram, por sinal, que a demonstração termine."""

    def __init__(self, sinal: int) -> None:
        super().__init__(sinal)
        self.codigo = 128 + sinal


def executar(auto: bool = False, via: str = API) -> int:
    """A demonstração inteira (com `auto`, o acidente também, sem perguntas), por uma das VIAS;
    devolve o código de saída."""
    for sinal in SINAIS_DE_FIM:
        signal.signal(sinal, _terminar)
    # Quem a começa em segundo plano num shell deixa o Ctrl+C ignorado; aqui ele sempre vale.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with _supabase(via) as projeto:
            variaveis = projeto.variaveis
            codigo = _fazer_backup(variaveis)
            _mostrar_arquivos()
            if auto:
                return codigo or _acidente(projeto, perguntar=False)
            _mostrar_como_experimentar(variaveis)
            return _esperar(projeto) or codigo
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
def _supabase(via: str) -> Iterator[Projeto]:
    print("🐘 Iniciando o Supabase embutido...")
    with ClusterPostgres(PASTA / "cluster") as cluster:
        banco = Banco(cluster, _banco_com_dados(cluster))
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


def _banco_com_dados(cluster: ClusterPostgres) -> str:
    """O banco leva no nome o resumo do que o define: se isso muda, nasce outro."""
    nome = f"demonstracao_{_resumo_das_fontes()}"
    if cluster.existe_banco(nome) and not acidente.ficou_por_consertar(Banco(cluster, nome)):
        return nome
    print("   🌱 criando três empresas inventadas...")
    rascunho = "demonstracao_rascunho"
    for antigo in _bancos_de_demonstracao(cluster):
        cluster.apagar_banco(antigo)
    criar_modelo(cluster, rascunho, DEMONSTRACAO)
    # Um cliente de cada empresa fura uma regra NOT VALID: apagado, não voltaria pela API. Aqui o
    # acidente é para dar certo.
    cluster.executar(rascunho, "UPDATE clientes SET cpf = NULL WHERE length(cpf) <> 14")
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
    resumo = hashlib.sha256()
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
    """O acesso dito, e vazio o que um `.env` real poderia dizer a mais."""
    nomes = ("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_DB_URL", "SUPABASE_DB_CA")
    return {**dict.fromkeys(nomes, ""), **acesso, "BACKUP_DIR": str(BACKUPS)}


def _ambiente_dos_scripts(variaveis: Mapping[str, str]) -> dict[str, str]:
    neutras = {"VITE_SUPABASE_URL": "", "SUPABASE_SECRET_KEY": ""}
    return {**os.environ, **neutras, **variaveis}


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


# -- o que o leitor vê depois --------------------------------------------------------------


def _mostrar_arquivos() -> None:
    """As pastas das empresas, com os maiores arquivos do último backup, e a página."""
    print(f"\n📁 Os arquivos estão em {BACKUPS}")
    for pasta in sorted(item for item in BACKUPS.glob("empresa_*") if item.is_dir()):
        arquivos = [item for item in pasta.iterdir() if _CARIMBO.search(item.stem)]
        if not arquivos:
            continue
        ultimo = max(_momento_de(item) for item in arquivos)
        novos = sorted(item for item in arquivos if _momento_de(item) == ultimo)
        tamanho = sum(item.stat().st_size for item in novos) // 1024
        quantos = f"{len(novos)} {'arquivo' if len(novos) == 1 else 'arquivos'}"
        print(f"   {pasta.name}/  (último backup: {quantos}, {tamanho} KB)")
        maiores = sorted(novos, key=lambda item: item.stat().st_size, reverse=True)
        for arquivo in sorted(maiores[:ARQUIVOS_MOSTRADOS]):
            print(f"      {arquivo.name}")
    if (BACKUPS / PAGINA).is_file():
        print(f"\n📄 Para ver tudo no navegador, abra {BACKUPS / PAGINA}")


def _momento_de(arquivo: Path) -> str:
    """O carimbo no fim do nome: produtos_20260116_182944.json."""
    achado = _CARIMBO.search(arquivo.stem)
    return achado[0] if achado else ""


def _mostrar_como_experimentar(variaveis: Mapping[str, str]) -> None:
    python = f".venv/bin/{Path(sys.executable).name}"
    print("\n🧪 Para experimentar, em outro terminal, nesta pasta:\n")
    if os.name == "nt":  # o PowerShell
        python = ".venv\\Scripts\\python.exe"
        print(f"   cd {_entre_aspas(str(RAIZ))}")
        for nome, valor in variaveis.items():
            print(f"   $env:{nome} = {_entre_aspas(valor)}")
    else:
        print(f"   cd {shlex.quote(str(RAIZ))}")
        for nome, valor in variaveis.items():
            print(f"   export {nome}={shlex.quote(valor)}")
    print(f"   {python} scripts/{SCRIPT_DE_BACKUP.name}")
    print(f"   {python} scripts/{SCRIPT_DE_BACKUP.name} --help")
    print(f"   {python} scripts/{SCRIPT_DE_RESTAURACAO.name}")
    print("\n   (O que está acima só vale nesta demonstração, nesta máquina.)")


def _entre_aspas(valor: str) -> str:
    """Como o PowerShell escreve um texto sem nada a interpretar."""
    return "'" + valor.replace("'", "''") + "'"


def _esperar(projeto: Projeto) -> int:
    """Fica no ar até Enter; «a» provoca o acidente. Devolve o código da restauração, se houve."""
    codigo = 0
    if sys.stdin is None or not sys.stdin.isatty():
        print("\n👋 A entrada não é um terminal: a demonstração termina aqui.")
        return codigo
    while True:
        print("\n💥 a + Enter provoca um acidente numa das empresas, para restaurá-la aqui mesmo.")
        print("⏎  Enter termina a demonstração e desliga o Supabase embutido. ", end="", flush=True)
        if sys.platform != "win32":
            # O sinal que chega no instante em que `input()` começa só o interromperia na próxima
            # tecla (6 de 300 vezes, medido, quando ele vem logo depois da pergunta).
            while not select.select([sys.stdin], [], [], ATENCAO)[0]:
                pass
        try:
            resposta = input()
        except EOFError:
            resposta = ""
        if resposta.strip().lower() != "a":
            print("👋 Até logo!")
            return codigo
        codigo = _acidente(projeto, perguntar=True)


def _acidente(projeto: Projeto, *, perguntar: bool) -> int:
    """Provoca, restaura com o script de verdade e mostra as vizinhas. Devolve o código."""
    antes = acidente.retrato_das_vizinhas(projeto.banco)
    acidente.provocar(projeto.banco)
    ambiente = _ambiente_dos_scripts(projeto.variaveis)
    codigo = acidente.restaurar(SCRIPT_DE_RESTAURACAO, ambiente, perguntar=perguntar)
    intactas = acidente.mostrar_depois(projeto.banco, antes)
    return codigo if intactas else CODIGO_DE_ERRO
