"""Um projeto a medir: um banco atrás do PostgREST e do nginx, e os nossos scripts sobre ele."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from apoio.execucao import BACKUP, RESTAURACAO, ambiente
from desempenho.corrida import Comando, Corredor, Corrida
from desempenho.nginx import Nginx
from desempenho.opcoes import Opcoes
from supabase_local.servidores.chaves import Chaves, gerar_chaves
from supabase_local.servidores.postgres import ADMINISTRADOR, ClusterPostgres
from supabase_local.servidores.postgrest import ServidorPostgrest

ARRUMAR = """
    SELECT 'VACUUM (ANALYZE) ' || string_agg(oid::regclass::text, ', ')
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
"""O comando que deixa as tabelas, e só elas, como o autovacuum as deixaria."""

NADA: Mapping[str, str] = {}
RESPOSTAS = "RESTAURAR\nsim\n"
"""O que se digita na restauração: a palavra, e sim aos efeitos na tabela, se os perguntar."""

_numeros = itertools.count(1)


def parametros_do_postgres() -> dict[str, str]:
    """A memória de um servidor como os que se usam. Sem esperar pelo disco, como no resto do
    embutido: o de cada máquina é outro, e com os vizinhos dele as medidas variam."""
    memoria = psutil.virtual_memory().total // 2**20
    return {
        "shared_buffers": f"{min(memoria // 4, 2048)}MB",
        "effective_cache_size": f"{memoria // 2}MB",
        "maintenance_work_mem": "256MB",
        "work_mem": "8MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
    }


@dataclass(frozen=True, slots=True)
class Projeto:
    """Um banco, a sua API e um depósito."""

    cluster: ClusterPostgres
    banco: str
    chaves: Chaves
    gateway: Nginx
    corredor: Corredor
    pasta: Path

    def novo_destino(self) -> Path:
        """Uma pasta de backups vazia."""
        return self.pasta / f"backups_{next(_numeros)}"

    def ambiente(
        self, destino: Path, *, direta: bool = False, mais: Mapping[str, str] = NADA
    ) -> dict[str, str]:
        """O ambiente em que os scripts rodam, com os segredos deste projeto."""
        mais = {
            "SUPABASE_URL": self.gateway.url,
            "SUPABASE_SERVICE_ROLE_KEY": self.chaves.service_role,
            **mais,
        }
        if direta:
            mais["SUPABASE_DB_URL"] = self.cluster.uri(self.banco)
        return ambiente(None, destino, mais)

    def copiar(
        self,
        destino: Path,
        *argumentos: str,
        direta: bool = False,
        vigiar: bool = False,
        mais: Mapping[str, str] = NADA,
    ) -> Corrida:
        """Roda o backup até o fim e mede-o. Levanta MedicaoFalhou."""
        comando: Comando = (sys.executable, BACKUP, *argumentos)
        onde = self.ambiente(destino, direta=direta, mais=mais)
        return self.corredor.correr(comando, onde, vigiar=vigiar)

    def copiar_e_apagar(
        self, dono: str, *, direta: bool = False, mais: Mapping[str, str] = NADA
    ) -> Corrida:
        """Um backup desta empresa, que só interessa pelo que custou. Levanta MedicaoFalhou."""
        destino = self.novo_destino()
        corrida = self.copiar(destino, "--empresa", dono, direta=direta, mais=mais)
        shutil.rmtree(destino)
        return corrida

    def verificar(self, destino: Path) -> Corrida:
        """Confere os backups do destino, e mede. Levanta MedicaoFalhou."""
        comando: Comando = (sys.executable, BACKUP, "verificar", "--silencioso")
        return self.corredor.correr(comando, self.ambiente(destino))

    def restaurar(self, destino: Path, dono: str, *, direta: bool = False) -> Corrida:
        """Roda a restauração sem diálogo e mede-a. Levanta MedicaoFalhou."""
        comando: Comando = (
            sys.executable,
            RESTAURACAO,
            "--empresa",
            dono,
            "--confirmar",
            "RESTAURAR",
        )
        return self.corredor.correr(comando, self.ambiente(destino, direta=direta))

    def restaurar_respondendo(self, destino: Path, dono: str) -> Corrida:
        """A restauração de todas as tabelas, com o diálogo. Levanta MedicaoFalhou."""
        comando: Comando = (sys.executable, RESTAURACAO, "--empresa", dono)
        return self.corredor.correr(comando, self.ambiente(destino), digitado=RESPOSTAS)

    def sql(self, *comandos: str) -> None:
        """Executa os comandos, cada um na sua transação, e arruma a casa depois."""
        executar(self.cluster, self.banco, *comandos)


@dataclass(frozen=True, slots=True)
class Banca:
    """O que um cenário usa: o cluster, uma pasta sua e os tamanhos pedidos."""

    cluster: ClusterPostgres
    pasta: Path
    opcoes: Opcoes
    dizer: Callable[[str], None]

    @contextlib.contextmanager
    def projeto(self, *comandos: str, atraso: int = 0, modelo: str = "") -> Iterator[Projeto]:
        """Um projeto sobre um banco novo (uma cópia do `modelo`, se dito), em que estes comandos já
        rodaram; some ao sair."""
        nome = f"desempenho_{next(_numeros)}"
        pasta = self.pasta / nome
        pasta.mkdir()
        with contextlib.ExitStack() as pilha:
            pilha.callback(shutil.rmtree, pasta, ignore_errors=True)
            pilha.callback(self.cluster.apagar_banco, nome)
            self.cluster.criar_banco(nome, modelo or None)
            executar(self.cluster, nome, *comandos)
            chaves = gerar_chaves()
            registro = pasta / "postgrest.log"
            postgrest = pilha.enter_context(
                ServidorPostgrest(self.cluster, nome, segredo=chaves.segredo, registro=registro)
            )
            gateway = pilha.enter_context(
                Nginx(postgrest.url, chaves, pasta / "nginx", atraso=atraso)
            )
            yield Projeto(self.cluster, nome, chaves, gateway, Corredor(pasta), pasta)


def executar(cluster: ClusterPostgres, banco: str, *comandos: str) -> None:
    """Como `Projeto.sql`, antes de haver um projeto."""
    with cluster.conectar(banco) as conexao:
        for comando in comandos:
            conexao.execute(comando.encode())
        (arrumar,) = conexao.execute(ARRUMAR).fetchone() or ("",)
        conexao.execute(str(arrumar).encode())
    with cluster.conectar(banco, ADMINISTRADOR) as conexao:
        conexao.execute("CHECKPOINT")
