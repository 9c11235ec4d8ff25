"""Um projeto pequeno em que as linhas dependem dos logins, como nos aplicativos de verdade: apagar
o dono leva a empresa em cascata, e o login de um empregado pode sumir sozinho (logins.md, 2)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
import pytest

from apoio import logins as portaria
from apoio.cifrados import abrindo_com, cifrando_para
from apoio.execucao import (
    Saida,
    abrir_restauracao,
    da_api,
    executar,
    restaurar,
    ultimo_backup,
)
from apoio.forno import Processo
from apoio.impressoes import conexao_de, executar_sql
from apoio.reposicao import ESCRITORIO
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.deposito.cifra.chaves import ChaveQueAbre, gerar
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.postgres import ADMINISTRADOR, ClusterPostgres
from supabase_local.servidores.servidor import SupabaseLocal

DONA: Final = UUID("aaaa1111-0000-4000-8000-000000000001")
CAIXA: Final = UUID("aaaa1111-0000-4000-8000-000000000002")
GERENTE: Final = UUID("aaaa1111-0000-4000-8000-000000000003")
INTRUSO: Final = UUID("aaaa1111-0000-4000-8000-000000000004")
VIZINHO: Final = UUID("bbbb2222-0000-4000-8000-000000000001")
DE_DUAS: Final = UUID("cccc3333-0000-4000-8000-000000000001")
PLATAFORMA: Final = UUID("dddd4444-0000-4000-8000-000000000001")
EMPRESA: Final = "aaaa1111-eeee-4000-8000-000000000001"
DA_VIZINHA: Final = "bbbb2222-eeee-4000-8000-000000000001"

SENHA_DA_DONA: Final = "a senha de antes, inventada"

TABELAS: Final = """
    CREATE TABLE empresas (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL UNIQUE REFERENCES auth.users ON DELETE CASCADE,
        nome text NOT NULL, cnpj text NOT NULL UNIQUE
    );
    CREATE TABLE subscriptions (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        empresa_id uuid NOT NULL REFERENCES empresas ON DELETE CASCADE, ate date NOT NULL
    );
    CREATE TABLE user_approvals (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL UNIQUE REFERENCES auth.users ON DELETE CASCADE,
        parent_user_id uuid REFERENCES auth.users ON DELETE CASCADE,
        user_role text NOT NULL DEFAULT 'owner', status text NOT NULL DEFAULT 'pending'
    );
    CREATE TABLE funcionarios (
        id uuid PRIMARY KEY, empresa_id uuid NOT NULL REFERENCES empresas ON DELETE CASCADE,
        user_id uuid REFERENCES auth.users ON DELETE SET NULL, nome text NOT NULL
    );
    CREATE TABLE produtos (
        id bigint PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
        nome text NOT NULL
    );
    CREATE TABLE vendas (
        id bigint PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
        vendido_por uuid REFERENCES auth.users ON DELETE CASCADE, total numeric NOT NULL
    );
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
LINHAS: Final = f"""
    INSERT INTO empresas VALUES ('{EMPRESA}', '{DONA}', 'Escritório', '11'),
        ('{DA_VIZINHA}', '{VIZINHO}', 'Vizinha', '22');
    INSERT INTO subscriptions VALUES
        ('aaaa1111-5555-4000-8000-000000000001', '{EMPRESA}', '2027-01-01'),
        ('bbbb2222-5555-4000-8000-000000000001', '{DA_VIZINHA}', '2027-02-02');
    INSERT INTO user_approvals (id, user_id, parent_user_id, user_role, status) VALUES
        ('aaaa1111-6666-4000-8000-000000000001', '{DONA}', NULL, 'owner', 'approved'),
        ('aaaa1111-6666-4000-8000-000000000002', '{CAIXA}', '{DONA}', 'employee', 'approved'),
        ('aaaa1111-6666-4000-8000-000000000004', '{INTRUSO}', '{DONA}', 'employee', 'pending'),
        ('bbbb2222-6666-4000-8000-000000000001', '{VIZINHO}', NULL, 'owner', 'approved'),
        ('dddd4444-6666-4000-8000-000000000001', '{PLATAFORMA}', '{DONA}', 'admin', 'approved');
    INSERT INTO funcionarios VALUES
        ('aaaa1111-7777-4000-8000-000000000002', '{EMPRESA}', '{CAIXA}', 'Caixa'),
        ('aaaa1111-7777-4000-8000-000000000003', '{EMPRESA}', '{GERENTE}', 'Gerente'),
        ('aaaa1111-7777-4000-8000-000000000005', '{EMPRESA}', '{DE_DUAS}', 'De duas'),
        ('bbbb2222-7777-4000-8000-000000000005', '{DA_VIZINHA}', '{DE_DUAS}', 'De duas');
    INSERT INTO produtos SELECT n, '{DONA}', 'Caneta ' || n FROM generate_series(1, 20) n;
    INSERT INTO produtos VALUES (101, '{VIZINHO}', 'Lápis');
    INSERT INTO vendas SELECT n, '{DONA}', CASE WHEN n % 2 = 0 THEN '{CAIXA}'::uuid END, n
        FROM generate_series(1, 10) n;
    INSERT INTO vendas VALUES (101, '{VIZINHO}', '{VIZINHO}', 5);
"""

TODOS: Final = {
    DONA: "dona@escritorio.example",
    CAIXA: "caixa@escritorio.example",
    GERENTE: "gerente@escritorio.example",
    INTRUSO: "intruso@fora.example",
    VIZINHO: "vizinho@vizinha.example",
    DE_DUAS: "de-duas@fora.example",
    PLATAFORMA: "admin@plataforma.example",
}


@dataclass(frozen=True, slots=True)
class Escritorio:
    """O projeto, a via por que se copia e restaura, e a chave, se os backups vão cifrados."""

    projeto: SupabaseLocal
    destino: Path
    via: str
    chave: ChaveQueAbre | None = None
    mais: dict[str, str] = field(default_factory=dict)

    def copiar(self, *argumentos: str, **mais: str) -> Saida:
        """Um backup da empresa da DONA, que tem de dar certo."""
        saida = executar(
            self.projeto, self.destino, "--empresa", str(DONA), *argumentos, mais=self._mais(mais)
        )
        assert saida.codigo == 0, saida.tudo
        return saida

    def ver(self, *argumentos: str) -> Saida:
        """Uma ação que só olha os backups."""
        return executar(self.projeto, self.destino, *argumentos, mais=self._mais({}))

    def restaurar(
        self, *argumentos: str, respostas: tuple[str, ...] = (), via: str = "", **mais: str
    ) -> Saida:
        """Com --confirmar, a não ser que haja respostas ou se simule."""
        acao = argumentos[:1] if argumentos[:1] in (("desfazer",), ("continuar",)) else ()
        opcoes = argumentos[len(acao) :]
        palavra = "DESFAZER" if acao == ("desfazer",) else "RESTAURAR"
        calado = respostas or "--simular" in opcoes
        return restaurar(
            self.projeto,
            self.destino,
            *(*acao, "--empresa", str(DONA), *(() if calado else ("--confirmar", palavra))),
            *opcoes,
            respostas=respostas,
            mais=self._mais(mais, via or self.via),
        )

    def abrir(self, *argumentos: str, **mais: str) -> Processo:
        """A restauração, noutro processo: começa-a e volta já."""
        opcoes = ("--empresa", str(DONA), "--confirmar", "RESTAURAR", *argumentos)
        return abrir_restauracao(self.projeto, self.destino, *opcoes, mais=self._mais(mais))

    def _mais(self, mais: Mapping[str, str], via: str = "") -> dict[str, str]:
        cifra = {}
        if self.chave is not None:
            cifra = {
                **cifrando_para(self.chave),
                "BACKUP_UMA_CHAVE_SO": "sim",
                **abrindo_com(self.destino.parent, self.chave),
            }
        direta = {"SUPABASE_DB_URL": self.projeto.uri_banco}
        acesso = direta if (via or self.via) == DIRETA else da_api(self.projeto)
        return {"BACKUP_LOGINS": "sim", **cifra, **acesso, **self.mais, **mais}

    def sql(self, *comandos: str) -> None:
        """Como administrador."""
        for comando in comandos:
            executar_sql(self.projeto, comando)

    def valores(self, consulta: str) -> list[tuple[Any, ...]]:
        """As linhas de uma consulta."""
        with conexao_de(self.projeto) as banco:
            return banco.execute(consulta.encode()).fetchall()

    def linhas(self) -> dict[str, list[str]]:
        """Todas as linhas de todas as tabelas públicas, em texto, por ordem."""
        nomes = "empresas subscriptions user_approvals funcionarios produtos vendas".split()
        return {
            n: [t for (t,) in self.valores(f"SELECT t::text FROM {n} t ORDER BY 1")] for n in nomes
        }

    def do_auth(self, menos: frozenset[UUID] = frozenset()) -> dict[tuple[str, str], str]:
        """As impressões de tudo em `auth`, menos o que é destes."""
        return portaria.impressoes_do_auth(self.projeto, menos)

    def apagar(self, *quem: UUID) -> None:
        """Como o Auth: o que pende vai em cascata."""
        for login in quem:
            portaria.apagar_login(self.projeto, login)

    def lista(self) -> list[dict[str, Any]]:
        """As linhas da lista de logins do último backup em claro."""
        backup = ultimo_backup(self.destino, str(DONA))
        arquivo = backup["pasta"] / backup["listas"]["auth.users"]["arquivo"]
        lidas: list[dict[str, Any]] = msgspec.json.decode(arquivo.read_bytes())
        return lidas

    def notas(self) -> dict[str, Any]:
        """As da lista de logins do último backup."""
        lista: dict[str, Any] = ultimo_backup(self.destino, str(DONA))["listas"]["auth.users"]
        return dict(lista["notas"])


def povoar(projeto: SupabaseLocal) -> None:
    """As linhas das duas empresas, com os logins de todos: quem é dono, e quem tem sessão aberta,
    tem outra senha."""
    for quem, email in TODOS.items():
        senha = SENHA_DA_DONA if quem == DONA else None
        portaria.criar_login(projeto, email, senha, id=quem, com_sessao=quem in (DONA, VIZINHO))
    projeto.cluster.executar(projeto.banco, LINHAS, ADMINISTRADOR)


class Montar(Protocol):
    """Um escritório, `com_backup` do que ele é ou sem nenhum; o `gatilho` é posto depois."""

    def __call__(
        self, via: str, *, cifrado: bool = False, gatilho: str = "", com_backup: bool = True
    ) -> Escritorio: ...


@pytest.fixture(scope="session")
def modelo_do_escritorio(cluster: ClusterPostgres) -> str:
    """O nome do banco com tudo, de que se copiam os escritórios."""
    cluster.criar_banco(ESCRITORIO, modelo=VAZIO, sql=(TABELAS,))
    with SupabaseLocal(cluster, banco=ESCRITORIO) as projeto:
        povoar(projeto)
    return ESCRITORIO


@pytest.fixture(scope="session")
def escritorios_guardados(
    cluster: ClusterPostgres, modelo_do_escritorio: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, bool], Escritorio]:
    """De cada via, em claro e cifrado, o backup e a chave: faz-se uma vez, quando se pede."""
    feitos: dict[tuple[str, bool], Escritorio] = {}

    def guardado(via: str, cifrado: bool) -> Escritorio:
        if (via, cifrado) not in feitos:
            pasta = tmp_path_factory.mktemp("escritorio")
            chave = gerar() if cifrado else None
            cluster.criar_banco("para_o_escritorio", modelo=modelo_do_escritorio)
            with SupabaseLocal(cluster, banco="para_o_escritorio") as projeto:
                feitos[via, cifrado] = Escritorio(projeto, pasta / "backups", via, chave)
                feitos[via, cifrado].copiar()
            cluster.apagar_banco("para_o_escritorio")
        return feitos[via, cifrado]

    return guardado


@pytest.fixture
def escritorio(
    criar_supabase: FabricaDeSupabase,
    modelo_do_escritorio: str,
    escritorios_guardados: Callable[[str, bool], Escritorio],
    tmp_path: Path,
) -> Montar:
    """Monta um; o backup dele não se faz outra vez: copia-se."""

    def montado(
        via: str, *, cifrado: bool = False, gatilho: str = "", com_backup: bool = True
    ) -> Escritorio:
        projeto = criar_supabase(modelo_do_escritorio, com_api=via == API)
        destino = tmp_path / "backups"
        if com_backup:
            guardado = escritorios_guardados(via, cifrado)
            e = Escritorio(projeto, destino, via, guardado.chave)
            for de, para in ((guardado.destino, destino), (perfil(guardado), perfil(e))):
                if de.is_dir():
                    shutil.copytree(de, para)
        else:
            e = Escritorio(projeto, destino, via, gerar() if cifrado else None)
        if gatilho:
            e.sql(gatilho)
        return e

    return montado


def perfil(e: Escritorio) -> Path:
    """A pasta do usuário na máquina dele (ver `execucao.ambiente`)."""
    return Path(f"{e.destino}.perfil")


def montar(
    criar: FabricaDeSupabase, pasta: Path, via: str, *, cifrado: bool = False, gatilho: str = ""
) -> Escritorio:
    """As duas empresas, com os logins de todos, e o `gatilho` do projeto, se há; sem backup
    ainda."""
    projeto = criar(VAZIO, sql=(TABELAS,))
    povoar(projeto)
    if gatilho:
        projeto.cluster.executar(projeto.banco, gatilho, ADMINISTRADOR)
    chave = gerar() if cifrado else None
    return Escritorio(projeto, pasta / "backups", via, chave)
