"""Executar os scripts de verdade, em outro processo, contra um Supabase embutido."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from apoio.forno import Processo, forno
from cofre.deposito import lembranca
from cofre.rotina.painel import pagina
from cofre.via.contrato import API
from supabase_local.servidores.servidor import SupabaseLocal

RAIZ = Path(__file__).resolve().parents[2]
BACKUP = RAIZ / "scripts" / "backup-por-empresa.py"
RESTAURACAO = RAIZ / "scripts" / "restaurar-empresa.py"
DA_PAGINA = (pagina.ARQUIVO,)
"""O que cada execução refaz na raiz do depósito."""

SEM_PODERES = """
import ctypes, os, runpy, sys
if os.getuid() == 0:
    # As três palavras (que valem, que podem valer, que se herdam) de cada metade dos poderes.
    de_quem, poderes = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    c = ctypes.CDLL(None)
    c.capget(de_quem, poderes)
    poderes[0], poderes[1] = (palavra & ~0b1110 for palavra in poderes[:2])
    if c.capset(de_quem, poderes):
        sys.exit("capset falhou")
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Roda o script que está em argv[1] sem os poderes com que o root ignora os modos dos arquivos
(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH e CAP_FOWNER)."""

PACIENCIA = 120.0
"""Segundos até desistir de um script preso."""

SIM_OU_NAO = b"(s/n): "
"""Como acaba uma pergunta de sim ou não."""


@dataclass(frozen=True, slots=True)
class Saida:
    """O que um script disse e como terminou."""

    codigo: int
    saida: str
    erros: str

    @property
    def tudo(self) -> str:
        """As duas saídas, para mensagens de falha."""
        return f"--- código {self.codigo}\n{self.saida}\n--- erros\n{self.erros}"

    def json(self) -> Any:
        """O documento da saída padrão."""
        return json.loads(self.saida)


_vias = [API]


def via_da_vez() -> str:
    """A via por que vão os scripts de quem não diz outra."""
    return _vias[-1]


@contextlib.contextmanager
def pela_via(via: str) -> Iterator[None]:
    """Até ao fim, os scripts vão por esta."""
    _vias.append(via)
    try:
        yield
    finally:
        _vias.pop()


SEM_LISTAS = {"BACKUP_ARQUIVOS": "nao", "BACKUP_LOGINS": "nao"}
"""Nos testes, só as linhas: quem quer os arquivos ou os logins diz que sim em `mais`."""


def ambiente(
    projeto: SupabaseLocal | None, destino: Path, mais: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Um ambiente limpo: nada da configuração de quem roda os testes vaza para o script. O projeto
    é dado pela via da vez; se `mais` traz a de uma, só por ela (as duas: `da_api` em `mais`)."""
    limpo = {
        nome: valor
        for nome, valor in os.environ.items()
        if not nome.startswith(("SUPABASE_", "VITE_", "BACKUP_", "COPIA_", "PYTHON"))
        and nome not in ("COLUMNS", "LINES")
    }
    limpo["BACKUP_DIR"] = str(destino)
    limpo |= SEM_LISTAS
    # Cada destino é como uma máquina, com o seu perfil.
    limpo["XDG_CONFIG_HOME"] = limpo["APPDATA"] = f"{destino}.perfil"
    mais = mais or {}
    if projeto is not None and "SUPABASE_DB_URL" not in mais:
        pela_api = "SUPABASE_URL" in mais or "SUPABASE_SERVICE_ROLE_KEY" in mais
        limpo |= acesso(projeto, API if pela_api else via_da_vez())
    return {**limpo, **mais}


def acesso(projeto: SupabaseLocal, via: str) -> dict[str, str]:
    """O que o .env diz para se ir a este projeto só por esta via."""
    return da_api(projeto) if via == API else {"SUPABASE_DB_URL": projeto.uri_banco}


def da_api(projeto: SupabaseLocal) -> dict[str, str]:
    """O que o .env diz para se usar a API deste projeto, que sobe agora se ainda não subiu."""
    return {
        "SUPABASE_URL": projeto.url,
        "SUPABASE_SERVICE_ROLE_KEY": projeto.chave_service_role,
    }


def abrir(
    projeto: SupabaseLocal | None,
    destino: Path,
    *argumentos: str,
    mais: Mapping[str, str] | None = None,
    script: Path = BACKUP,
    pasta: Path | None = None,
    programa: str = "",
    novo: bool | None = None,
    com_entrada: bool = False,
) -> Processo:
    """Começa o script na pasta corrente dada e volta já (para matá-lo no meio, por exemplo).
    Com um `programa` em Python, é ele que roda, e recebe o script em argv[1]. O processo sai do
    forno, a não ser que tenha de ser `novo` (o de um programa é, se não se diz o contrário) ou que
    algo o obrigue: um script sem o cofre ao lado, variáveis que só valem ao nascer, um sistema sem
    fork."""
    env = ambiente(projeto, destino, mais)
    comando = [*(["-c"] if programa else []), str(script), *argumentos]
    aquecido = None if (bool(programa) if novo is None else novo) else forno()
    if aquecido and (script.parent / "cofre").is_dir() and aquecido.serve(env):
        return aquecido.abrir(comando, env, pasta=pasta, programa=programa, com_entrada=com_entrada)
    return subprocess.Popen(
        [sys.executable, *(["-c", programa] if programa else []), str(script), *argumentos],
        cwd=pasta,
        env=env,
        stdin=subprocess.PIPE if com_entrada else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def executar(
    projeto: SupabaseLocal | None,
    destino: Path,
    *argumentos: str,
    mais: Mapping[str, str] | None = None,
    script: Path = BACKUP,
    pasta: Path | None = None,
    programa: str = "",
    novo: bool | None = None,
) -> Saida:
    """Roda o script até o fim."""
    return ate_o_fim(
        abrir(
            projeto,
            destino,
            *argumentos,
            mais=mais,
            script=script,
            pasta=pasta,
            programa=programa,
            novo=novo,
        )
    )


def ate_o_fim(processo: Processo, entrada: bytes | None = None) -> Saida:
    """Espera o processo terminar, com esta entrada padrão e mais nada."""
    saida, erros = processo.communicate(entrada, timeout=PACIENCIA)
    assert processo.returncode is not None
    return Saida(processo.returncode, saida.decode("utf-8"), erros.decode("utf-8"))


def restaurar(
    projeto: SupabaseLocal | None,
    destino: Path,
    *argumentos: str,
    respostas: Iterable[str] = (),
    mais: Mapping[str, str] | None = None,
) -> Saida:
    """Roda a restauração até o fim com estas respostas na entrada padrão, e mais nenhuma."""
    processo = abrir_restauracao(projeto, destino, *argumentos, mais=mais)
    return ate_o_fim(processo, "".join(f"{resposta}\n" for resposta in respostas).encode())


def abrir_restauracao(
    projeto: SupabaseLocal | None,
    destino: Path,
    *argumentos: str,
    mais: Mapping[str, str] | None = None,
) -> Processo:
    """Começa a restauração e volta já; a entrada padrão é um cano."""
    return abrir(projeto, destino, *argumentos, mais=mais, script=RESTAURACAO, com_entrada=True)


def ler_ate(processo: Processo, trecho: str) -> str:
    """O que o processo disse até este trecho, que não precisa acabar a linha. AssertionError, com o
    que ele disse, se terminou antes, se parou numa pergunta de sim ou não que não é esta (a essas
    se responde uma a uma, com `responder`) ou se a PACIENCIA acabou: então é morto."""
    assert processo.stdout is not None
    lido, fim = b"", trecho.encode()
    prazo = threading.Timer(PACIENCIA, processo.kill)
    prazo.start()
    try:
        while not lido.endswith(fim):
            # Um byte por vez, e sem reserva: o resto é de quem ler depois.
            byte = os.read(processo.stdout.fileno(), 1)
            lido += byte
            if not byte or (lido.endswith(SIM_OU_NAO) and not fim.endswith(SIM_OU_NAO)):
                processo.kill()
                raise AssertionError(f"não disse «{trecho}»:\n{lido.decode(errors='replace')}")
    finally:
        prazo.cancel()
    return lido.decode()


def responder(processo: Processo, resposta: str) -> None:
    """Dá uma resposta ao processo, e deixa a entrada padrão aberta."""
    assert processo.stdin is not None
    processo.stdin.write(f"{resposta}\n".encode())
    processo.stdin.flush()


def metadados(destino: Path) -> list[dict[str, Any]]:
    """Os metadados de todos os backups do destino, em ordem de caminho."""
    carimbo = "[0-9]" * 8 + "_" + "[0-9]" * 6
    achados = sorted(destino.glob(f"empresa_*/backup_metadata_{carimbo}.json"))
    return [{**json.loads(m.read_text("utf-8")), "pasta": m.parent} for m in achados]


def ultimo_backup(destino: Path, user_id: str) -> dict[str, Any]:
    """Os metadados do backup mais novo de uma empresa, com `pasta`."""
    seus = [m for m in metadados(destino) if m["user_id"] == user_id]
    return max(seus, key=lambda m: m["inicio"])


def linhas_salvas(backup: Mapping[str, Any], tabela: str) -> list[bytes]:
    """Os bytes de cada linha de uma tabela no arquivo (uma por linha do arquivo).

    Não serve para tabelas com quebras de linha dentro de colunas `json`.
    """
    bruto = (backup["pasta"] / backup["tabelas"][tabela]["arquivo"]).read_bytes()
    if bruto == b"[]\n":
        return []
    assert bruto.startswith(b"[\n")
    assert bruto.endswith(b"\n]\n")
    linhas: list[bytes] = bruto[2:-3].split(b",\n")
    return linhas


def linhas_do_banco(projeto: SupabaseLocal, tabela: str, onde: str = "true") -> list[bytes]:
    """Os bytes de `row_to_json` de cada linha, lidos direto do PostgreSQL, sem ordem certa."""
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        banco.execute("SET timezone = 'UTC'")
        modelo = sql.SQL("SELECT convert_to(row_to_json(t)::text, 'UTF8') FROM {} t WHERE ")
        consulta = modelo.format(sql.Identifier(tabela))
        linhas: Iterable[tuple[bytes]] = banco.execute(consulta + sql.SQL(onde)).fetchall()
        return [linha for (linha,) in linhas]


REGISTROS = (".travas", "logs", "ultima_execucao.json")
"""O que toda execução escreve na pasta dos backups, e que não é de backup nenhum."""


def fotografia_do_disco(pasta: Path, *, com_registros: bool = False) -> dict[str, bytes]:
    """Todos os arquivos sob a pasta, com os bytes de cada um (pastas vazias terminam em /). Menos a
    página e a lembrança da ordem, que se tiram dos outros e mudam (delas cuidam test_painel.py e
    test_ordem.py), e os registros das execuções, a não ser que se peçam."""
    fotografia = {}
    for caminho in sorted(pasta.rglob("*")):
        relativo = caminho.relative_to(pasta)
        if caminho.name in DA_PAGINA or caminho.name.startswith(lembranca.ARQUIVO):
            continue
        if not com_registros and set(REGISTROS) & set(relativo.parts):
            continue
        nome = relativo.as_posix()
        if caminho.is_file() and not caminho.is_symlink():
            fotografia[nome] = caminho.read_bytes()
        elif caminho.is_dir() and not any(caminho.iterdir()):
            fotografia[f"{nome}/"] = b""
    return fotografia


def conteudo(backup: Mapping[str, Any]) -> dict[str, bytes]:
    """Os bytes do arquivo de cada tabela de um backup."""
    pasta: Path = backup["pasta"]
    return {nome: (pasta / t["arquivo"]).read_bytes() for nome, t in backup["tabelas"].items()}


def copiar_scripts(raiz: Path) -> Path:
    """Copia o backup para outra raiz, onde o .env e o cofre.toml são outros; devolve o script."""
    pasta = raiz / "scripts"
    pasta.mkdir(parents=True)
    shutil.copy2(BACKUP, pasta)
    # Já compilados, e sem o que outro processo esteja agora a compilar.
    pela_metade = shutil.ignore_patterns("*.pyc.*")
    shutil.copytree(RAIZ / "scripts" / "cofre", pasta / "cofre", ignore=pela_metade)
    return pasta / BACKUP.name


def linhas_do_arquivo(backup: Mapping[str, Any], tabela: str) -> list[bytes]:
    """Os bytes de cada linha salva, separadas por um leitor de JSON que não é o do cofre."""
    bruto = (backup["pasta"] / backup["tabelas"][tabela]["arquivo"]).read_bytes()
    return [bytes(linha) for linha in msgspec.json.decode(bruto, type=list[msgspec.Raw])]
