"""O PostgreSQL embutido: um cluster com os papéis do Supabase e quantos bancos se queira.

Só o 127.0.0.1 é escutado, com senha. `fsync` está desligado: os dados são inventados e a
velocidade importa mais do que sobreviver a uma queda de energia.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql

from supabase_local.servidores import nascimento
from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.ligado import Ligado
from supabase_local.servidores.lugar import (
    binarios,
    dono_do_servidor,
    pasta_do_cluster,
    versao_dos,
)
from supabase_local.servidores.processos import Processo, esperar, porta_livre
from supabase_local.servidores.sistema import travar
from supabase_local.servidores.subida import afastar_sobra, como_sobe, opcoes_do_initdb

ADMINISTRADOR = "supabase_admin"
PAPEIS_COM_SENHA = ("postgres", "authenticator")
ARMAZEM = "armazem"
"""A pasta, ao lado dos dados, com o conteúdo dos arquivos do Storage de cada banco."""
TENTATIVAS_DE_PORTA = 5
PRAZO_PARA_SUBIR = 60.0
PARAMETROS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
}
# A senha protege de vizinhos na máquina, não de quem leia o disco: derivá-la pode ser barato.
PARAMETROS_DESDE_O_16 = {"scram_iterations": "1"}


class ClusterPostgres(Ligado):
    """Um servidor PostgreSQL numa pasta; gerenciador de contexto.

    `efemero` apaga a pasta ao parar, ainda que o processo que o iniciou tenha sido morto.
    `instalacao` é a pasta com `bin`, `lib` e `share` de outro PostgreSQL que não o embutido.
    """

    def __init__(
        self,
        pasta: Path,
        *,
        efemero: bool = False,
        parametros: Mapping[str, str] | None = None,
        instalacao: Path | None = None,
    ) -> None:
        self._dono = dono_do_servidor()
        self.pasta = pasta_do_cluster(pasta, self._dono)
        self._efemero = efemero
        self._instalacao = instalacao
        self._parametros = {**PARAMETROS, **(parametros or {})}
        self._processo: Processo | None = None
        self._trava: IO[bytes] | None = None
        self.porta = 0
        self.senha = ""

    # -- vida do servidor ------------------------------------------------------------------

    def iniciar(self) -> None:
        self._travar()
        try:
            bin_postgres = binarios(self._dono, self._instalacao)
            afastar_sobra(bin_postgres, self._dados)
            nova = self._feito_de() != nascimento.resumo()
            if nova:
                self._criar_cluster(bin_postgres)
            self.senha = self._arquivo_da_senha.read_text(encoding="utf-8")
            self._subir(bin_postgres)
            if nova:
                self._preparar_papeis()
                self._marca_de_pronto.write_text(nascimento.resumo(), encoding="utf-8")
        except BaseException:
            self.parar()
            raise

    def parar(self) -> None:
        if self._processo is not None:
            self._processo.parar()
            self._processo = None
        if self._trava is not None:
            self._trava.close()
            self._trava = None

    @property
    def _dados(self) -> Path:
        return self.pasta / "dados"

    @property
    def registro(self) -> Path:
        """Onde o servidor escreve o que lhe acontece."""
        return self.pasta / "postgres.log"

    @property
    def _marca_de_pronto(self) -> Path:
        return self.pasta / "pronto"

    def _feito_de(self) -> str | None:
        """O resumo do SQL com que o cluster nasceu: com outro, ele nasce de novo."""
        try:
            return self._marca_de_pronto.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    @property
    def _arquivo_da_senha(self) -> Path:
        return self.pasta / "senha"

    def _travar(self) -> None:
        self._trava = (self.pasta / "trava").open("ab")
        if not travar(self._trava, esperar=False):
            self._trava.close()
            self._trava = None
            raise ErroSupabaseLocal(
                f"O Supabase embutido de {self.pasta} já está em uso por outro processo."
            )

    def _criar_cluster(self, bin_postgres: Path) -> None:
        self._marca_de_pronto.unlink(missing_ok=True)
        shutil.rmtree(self._dados, ignore_errors=True)
        shutil.rmtree(self.pasta / ARMAZEM, ignore_errors=True)
        self._dados.mkdir(mode=0o700)
        self._arquivo_da_senha.unlink(missing_ok=True)
        self._arquivo_da_senha.touch(mode=0o600)
        self._arquivo_da_senha.write_text(secrets.token_hex(16), encoding="utf-8")
        conta: dict[str, Any] = {}
        if sys.platform != "win32" and self._dono is not None:
            conta = {"user": self._dono.uid, "group": self._dono.gid, "extra_groups": []}
            for item in (self._dados, self._arquivo_da_senha):
                os.chown(item, self._dono.uid, self._dono.gid)
        comando = [
            str(bin_postgres / "initdb"),
            f"--pgdata={self._dados}",
            f"--username={ADMINISTRADOR}",
            f"--pwfile={self._arquivo_da_senha}",
            *opcoes_do_initdb(versao_dos(bin_postgres)),
        ]
        resultado = subprocess.run(
            comando, cwd="/", capture_output=True, check=False, stdin=subprocess.DEVNULL, **conta
        )
        if resultado.returncode != 0:
            detalhe = resultado.stderr.decode("utf-8", "replace")
            raise ErroSupabaseLocal(f"initdb falhou em {self.pasta}:\n{detalhe}")

    def _subir(self, bin_postgres: Path) -> None:
        parametros = dict(self._parametros)
        if versao_dos(bin_postgres) >= 16:
            parametros = {**PARAMETROS_DESDE_O_16, **parametros}
        for _ in range(TENTATIVAS_DE_PORTA):
            self.porta = porta_livre()
            parametros["port"] = str(self.porta)
            comando, parada = como_sobe(bin_postgres, self._dados, parametros)
            processo = Processo(
                comando,
                self.registro,
                parada=parada,
                dono=self._dono,
                apagar=self.pasta if self._efemero else None,
            )
            self._processo = processo
            esperar(lambda p=processo: not p.vivo() or self._responde(), PRAZO_PARA_SUBIR)  # type: ignore[misc]
            if processo.vivo() and self._responde():
                return
            processo.parar()
        raise ErroSupabaseLocal(
            f"O PostgreSQL embutido não subiu; veja {processo.registro}:\n"
            + processo.fim_do_registro()
        )

    def _responde(self) -> bool:
        try:
            psycopg.connect(self.uri("postgres", ADMINISTRADOR), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _preparar_papeis(self) -> None:
        """Tudo entra também no template1, de onde cada banco novo nasce já com a cara certa."""
        self.executar("template1", nascimento.papeis(), ADMINISTRADOR)
        with self.conectar("postgres", ADMINISTRADOR) as conexao:
            for papel in PAPEIS_COM_SENHA:
                conexao.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(papel), sql.Literal(self.senha)
                    )
                )
        for texto in nascimento.de_todo_banco():
            self.executar("template1", texto, ADMINISTRADOR)

    # -- bancos ----------------------------------------------------------------------------

    def uri(self, banco: str, papel: str = "postgres") -> str:
        return f"postgresql://{papel}:{self.senha}@127.0.0.1:{self.porta}/{quote(banco, safe='')}"

    def conectar(self, banco: str, papel: str = "postgres") -> psycopg.Connection:
        """Uma conexão em autocommit."""
        return psycopg.connect(self.uri(banco, papel), autocommit=True)

    def executar(self, banco: str, texto: str, papel: str = "postgres") -> None:
        """Executa um texto com vários comandos, numa só transação."""
        with self.conectar(banco, papel) as conexao:
            conexao.execute(texto)

    def criar_banco(self, nome: str, modelo: str | None = None, sql: Iterable[str] = ()) -> None:
        """Cria um banco do papel `postgres`; cada texto de `sql` é executado como ele."""
        self._comando(
            "CREATE DATABASE {} TEMPLATE {} OWNER postgres STRATEGY FILE_COPY",
            nome,
            modelo or "template1",
        )
        if modelo and (daquele := self.armazem(modelo)).is_dir():
            shutil.copytree(daquele, self.armazem(nome), dirs_exist_ok=True)
        for texto in sql:
            self.executar(nome, texto)

    def armazem(self, banco: str) -> Path:
        """A pasta com o conteúdo dos arquivos do Storage deste banco; só existe se há algum."""
        return self.pasta / ARMAZEM / quote(banco, safe="")

    def renomear_banco(self, nome: str, novo: str) -> None:
        """Dá outro nome ao banco, e aos arquivos dele; ninguém pode estar nele."""
        self._comando("ALTER DATABASE {} RENAME TO {}", nome, novo)
        if self.armazem(nome).is_dir():
            self.armazem(nome).rename(self.armazem(novo))

    def apagar_banco(self, nome: str) -> None:
        """Remove o banco e os arquivos dele, derrubando quem estiver nele."""
        self._comando("DROP DATABASE IF EXISTS {} WITH (FORCE)", nome)
        shutil.rmtree(self.armazem(nome), ignore_errors=True)

    def existe_banco(self, nome: str) -> bool:
        with self.conectar("postgres", ADMINISTRADOR) as conexao:
            consulta = conexao.execute("SELECT 1 FROM pg_database WHERE datname = %s", [nome])
            return consulta.fetchone() is not None

    def _comando(self, texto: LiteralString, *nomes: str) -> None:
        comando = sql.SQL(texto).format(*(sql.Identifier(nome) for nome in nomes))
        with self.conectar("postgres", ADMINISTRADOR) as conexao:
            conexao.execute(comando)


@dataclass(frozen=True, slots=True)
class Banco:
    """Um dos bancos de um cluster: o que basta a quem usa a conexão direta."""

    cluster: ClusterPostgres
    nome: str

    @property
    def uri(self) -> str:
        """A SUPABASE_DB_URL dele, com o papel `postgres`."""
        return self.cluster.uri(self.nome)

    def conectar(self) -> psycopg.Connection:
        """Uma conexão em autocommit."""
        return self.cluster.conectar(self.nome)
