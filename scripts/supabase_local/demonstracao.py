"""A demonstração: um Supabase embutido com três empresas, e o backup de verdade sobre ele.

Os dados ficam em `.venv/` e servem ao começo seguinte; os backups, em `backups/demonstracao/`,
para nunca se misturarem aos de empresas reais.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from types import FrameType

from supabase_local import homologacao, palco, vitrine
from supabase_local.empresas import acidente, cliente, incendio, outro_projeto, perdidos
from supabase_local.palco import Projeto
from supabase_local.servidores.ambiente import RAIZ
from supabase_local.servidores.erros import ErroSupabaseLocal

SCRIPT_DE_RESTAURACAO = RAIZ / "scripts" / "restaurar-empresa.py"
SCRIPT_DE_BACKUP = RAIZ / "scripts" / "backup-por-empresa.py"
VITIMA = acidente.VITIMA.user_id
PACIENCIA_COM_O_BACKUP = 15.0
if sys.platform == "win32":
    SINAIS_DE_FIM = (signal.SIGTERM, signal.SIGBREAK)
else:
    SINAIS_DE_FIM = (signal.SIGTERM, signal.SIGHUP)
CODIGO_DE_ERRO = 1
CODIGO_DE_INTERRUPCAO = 130

NEUTRAS = (
    *("VITE_SUPABASE_URL", "SUPABASE_SECRET_KEY", "BACKUP_CHAVE_ARQUIVO"),
    *("BACKUP_PING_URL", "BACKUP_WEBHOOK_URL"),
    *("BACKUP_ARQUIVOS", "BACKUP_ARQUIVOS_MAXIMO", "BACKUP_LOGINS", "BACKUP_SEGUNDOS_FATORES"),
)
"""O que um `.env` real pode ter, e que aqui não vale nem se mostra."""

DE_TRES = ("--frota", "local:3")


class Terminada(Exception):
    """Pediram, por sinal, que a demonstração termine."""

    def __init__(self, sinal: int) -> None:
        super().__init__(sinal)
        self.codigo = 128 + sinal


def executar(auto: bool = False, via: str = palco.API, frota: bool = False) -> int:
    """A demonstração inteira (com `auto`, do zero, o acidente também e sem perguntas), por uma das
    VIAS; com `frota`, o backup é de três processos. Devolve o código de saída."""
    for sinal in SINAIS_DE_FIM:
        signal.signal(sinal, _terminar)
    # Quem a começa em segundo plano num shell deixa o Ctrl+C ignorado; aqui ele sempre vale.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    do_zero = auto
    try:
        while True:
            with palco.subir(via, do_zero=do_zero) as projeto:
                codigo = _fazer_backup(projeto.variaveis, *(DE_TRES if frota else ()))
                vitrine.mostrar_arquivos(palco.BACKUPS)
                if auto:
                    acidentes = (
                        *(_acidente, _acidente_num_cliente),
                        *(_acidente_nos_arquivos, _outro_projeto, _incendio),
                    )
                    codigos = [a(projeto, perguntar=False) for a in acidentes]
                    return codigo or max(map(projeto.contando_com_o_que_falta, codigos))
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


# -- o backup ------------------------------------------------------------------------------


def _ambiente_dos_scripts(variaveis: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **dict.fromkeys(NEUTRAS, ""), **variaveis}


def _fazer_backup(variaveis: Mapping[str, str], *opcoes: str) -> int:
    print(f"▶️  {' '.join(['python3', f'scripts/{SCRIPT_DE_BACKUP.name}', *opcoes])}\n")
    palco.BACKUPS.mkdir(parents=True, exist_ok=True)
    processo = subprocess.Popen(
        [sys.executable, str(SCRIPT_DE_BACKUP), *opcoes],
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
                codigo = _acidente_nos_arquivos(projeto, perguntar=True)
            elif letra == "o":
                codigo = _outro_projeto(projeto, perguntar=True)
            elif letra == "i":
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
        print(f"\n📄 Abra no navegador: {(palco.BACKUPS / vitrine.PAGINA).as_uri()}")
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


def _acidente_nos_arquivos(projeto: Projeto, *, perguntar: bool) -> int:
    ambiente = _ambiente_dos_scripts(projeto.variaveis)
    voltou = perdidos.perder_e_trazer(projeto.banco, SCRIPT_DE_RESTAURACAO, ambiente, perguntar)
    return CODIGO_DE_ERRO if voltou is None else voltou


def _outro_projeto(projeto: Projeto, *, perguntar: bool) -> int:
    """O de homologação só existe enquanto isto dura, e atende por onde o da demonstração atende."""
    onde, ambiente = projeto.banco, _ambiente_dos_scripts(projeto.variaveis)
    with homologacao.subir(
        onde.cluster,
        palco.PASTA / "homologacao",
        palco.BACKUPS.with_name("homologacao"),
        api=bool(projeto.variaveis["SUPABASE_URL"]),
        direta=bool(projeto.variaveis["SUPABASE_DB_URL"]),
    ) as la:
        levou = outro_projeto.levar(onde, la, SCRIPT_DE_RESTAURACAO, ambiente, perguntar)
    return CODIGO_DE_ERRO if levou is None else levou


def _incendio(projeto: Projeto, *, perguntar: bool) -> int:
    """Não há o que responder: a chave e o código estão no pendrive."""
    scripts = incendio.Scripts(SCRIPT_DE_BACKUP, SCRIPT_DE_RESTAURACAO)
    ambiente = _ambiente_dos_scripts(projeto.variaveis)
    voltou = incendio.queimar_e_trazer(projeto.banco, scripts, ambiente)
    return CODIGO_DE_ERRO if voltou is None else voltou
