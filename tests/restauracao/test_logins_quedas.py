"""Morrer em qualquer pedido de uma restauração com logins, e depois concluir ou desfazer.

Na suíte, uma amostra, onde o pedido importa; `python3 tests/campanhas logins` morre antes e depois
de cada um: dos pedidos à API, e, pela via direta, do que se manda ao banco.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from apoio import logins as portaria
from apoio.campanha import CAMPANHA
from apoio.escritorio import CAIXA, DONA, SENHA_DA_DONA, TODOS, Escritorio, montar
from apoio.execucao import PACIENCIA
from apoio.forno import Processo
from apoio.impressoes import executar_sql
from apoio.loja import copiar_deposito
from apoio.procurador import Destino, procurador
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA, NadaEncontrado
from cofre.via.contrato import API, DIRETA
from supabase_local.empresas.logins import SENHA
from supabase_local.servidores.falhas import Pedido

OS_DOIS: Final = frozenset({DONA, CAIXA})
DO_APP: Final = (
    "empresas",
    "subscriptions",
    "user_approvals",
    "funcionarios",
    "produtos",
    "vendas",
)
TABELAS: Final = (*DO_APP, *(f"auth.{t}" for t in portaria.TABELAS))

VIRA_DONO: Final = """
    CREATE FUNCTION public.ao_nascer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    DECLARE nova uuid;
    BEGIN
        INSERT INTO empresas (user_id, nome, cnpj) VALUES (NEW.id, 'Nova', md5(NEW.id::text))
            ON CONFLICT DO NOTHING RETURNING id INTO nova;
        IF nova IS NOT NULL THEN
            INSERT INTO subscriptions (empresa_id, ate) VALUES (nova, '2099-01-01');
        END IF;
        INSERT INTO user_approvals (user_id, user_role, status)
            VALUES (NEW.id, 'owner', 'approved') ON CONFLICT DO NOTHING;
        RETURN NEW;
    END $$;
    ALTER FUNCTION public.ao_nascer() OWNER TO postgres;
    CREATE TRIGGER ao_nascer AFTER INSERT ON auth.users
        FOR EACH ROW EXECUTE FUNCTION public.ao_nascer();
"""
"""Pela API ele dispara: quem volta ganha uma empresa que nunca teve."""

PEDIDOS: Final = {API: 200, DIRETA: 250}
"""Mais do que uma restauração faz: os que passam da conta não matam ninguém."""
TODAS: Final = [
    (via, "todos", n, onde)
    for via in (API, DIRETA)
    for n in range(1, PEDIDOS[via])
    for onde in ("antes", "depois")
]
AMOSTRA: Final = [
    (API, "o login", 1, "depois"),
    (API, "o login", 2, "depois"),
    (API, "as linhas", 30, "antes"),
    (DIRETA, "o login", 2, "depois"),
    (DIRETA, "o fim", 1, "depois"),
]
QUE: Final = {
    "todos": rb"",
    "o login": rb'^POST /auth/v1/admin/users|INSERT INTO auth\."?users',
    "as linhas": rb"^(POST|PATCH|DELETE) /rest/",
    "o fim": rb"COMMIT",
}
"""Que pedidos se contam, pelo método e o caminho, ou pelo que se manda ao banco."""


@dataclass(frozen=True, slots=True)
class Cenario:
    """Um escritório com um backup, e sem a dona e o caixa: o que deles pendia foi com eles."""

    e: Escritorio
    alvo: dict[str, list[str]] = field(default_factory=dict)
    estragado: dict[str, list[str]] = field(default_factory=dict)
    do_auth: dict[tuple[str, str], str] = field(default_factory=dict)
    identidades: list[tuple[object, ...]] = field(default_factory=list)

    def comecar(self, tmp_path: Path) -> Escritorio:
        """O mesmo projeto, estragado outra vez, com outra cópia dos backups."""
        colunas = self.e.valores(
            "SELECT format('%I.%I', table_schema, table_name), string_agg(quote_ident(column_name),"
            " ', ') FROM information_schema.columns WHERE table_schema = 'guardado' GROUP BY 1"
        )
        for guardada, quais in colunas:
            qual = guardada.removeprefix("guardado.").strip('"')
            executar_sql(
                self.e.projeto,
                f"DELETE FROM {qual}",
                f"INSERT INTO {qual} ({quais}) OVERRIDING SYSTEM VALUE"
                f" SELECT {quais} FROM {guardada}",
                sem_gatilhos=True,
            )
        return replace(self.e, destino=copiar_deposito(self.e.destino, tmp_path))

    def das_vizinhas(self) -> list[str]:
        """As linhas das outras empresas."""
        todas = (linha for das in self.e.linhas().values() for linha in das)
        return sorted(linha for linha in todas if "bbbb2222" in linha)


def _cenario(criar: FabricaDeSupabase, pasta: Path, via: str) -> Cenario:
    com_senhas = montar(criar, pasta, DIRETA, cifrado=True, gatilho=VIRA_DONO)
    perfil = {"XDG_CONFIG_HOME": f"{com_senhas.destino}.perfil"}
    com_senhas.copiar()
    e = replace(com_senhas, via=via, mais={**perfil, "APPDATA": perfil["XDG_CONFIG_HOME"]})
    cenario = Cenario(e, e.linhas(), {}, e.do_auth(OS_DOIS), _identidades(e))
    e.apagar(*OS_DOIS)
    e.sql("CREATE SCHEMA guardado")
    for tabela in TABELAS:
        colunas = e.valores(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
            f" WHERE attrelid = '{tabela}'::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = ''"
        )[0][0]
        e.sql(f'CREATE TABLE guardado."{tabela}" AS SELECT {colunas} FROM {tabela}')
    return replace(cenario, estragado=e.linhas())


def _identidades(e: Escritorio) -> list[tuple[object, ...]]:
    return e.valores("SELECT user_id, provider, provider_id FROM auth.identities ORDER BY 1, 2, 3")


@pytest.fixture(scope="module")
def cenarios(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Cenario]:
    """O de cada via, feito quando se pede."""
    feitos: dict[str, Cenario] = {}

    def de(via: str) -> Cenario:
        if via not in feitos:
            pasta = tmp_path_factory.mktemp(via)
            feitos[via] = _cenario(criar_supabase_do_modulo, pasta, via)
        return feitos[via]

    return de


@pytest.mark.parametrize(("via", "que", "n", "onde"), TODAS if CAMPANHA else AMOSTRA)
def test_kill_9_num_pedido(
    cenarios: Callable[[str], Cenario], tmp_path: Path, via: str, que: str, n: int, onde: str
) -> None:
    """Depois de concluir, as linhas são as do backup, os dois entram com a senha de antes, e nada
    do que o gatilho inventou fica; depois de desfazer, as linhas são as que se acharam. O que é das
    outras empresas, no banco e no Auth, nunca muda."""
    cenario = cenarios(via)
    e = cenario.comecar(tmp_path)
    vizinhas = cenario.das_vizinhas()
    morreu = _matar(e, QUE[que], n, onde)
    assert (cenario.das_vizinhas(), e.do_auth(OS_DOIS)) == (vizinhas, cenario.do_auth)
    assert morreu or CAMPANHA
    if not morreu:
        _conferir_no_alvo(cenario, e)
        return
    acao = "continuar" if n % 2 else "desfazer"
    saida = e.restaurar(acao)
    porque = (que, n, onde, acao, saida.tudo)
    if saida.codigo == NadaEncontrado.codigo:
        assert e.linhas() == cenario.estragado, porque
        assert _identidades(e) == [i for i in cenario.identidades if i[0] not in OS_DOIS], porque
        return
    if acao == "desfazer":
        assert saida.codigo == 0, porque
        assert e.linhas() == cenario.estragado, porque
        assert e.do_auth(OS_DOIS) == cenario.do_auth, porque
        if not CAMPANHA:
            return
        faltavam = [q for q in OS_DOIS if portaria.linha_do_login(e.projeto, q) is None]
        saida = e.restaurar("--logins", "todos")
        assert saida.codigo == (NEM_TUDO_COMO_ERA if via == API and faltavam else 0), saida.tudo
    else:
        assert saida.codigo == (NEM_TUDO_COMO_ERA if via == API else 0), porque
    _conferir_no_alvo(cenario, e)


def _conferir_no_alvo(cenario: Cenario, e: Escritorio) -> None:
    assert e.linhas() == cenario.alvo
    assert e.do_auth(OS_DOIS) == cenario.do_auth
    assert _identidades(e) == cenario.identidades
    assert portaria.entra(e.projeto, TODOS[DONA], SENHA_DA_DONA) == DONA
    assert portaria.entra(e.projeto, TODOS[CAIXA], SENHA) == CAIXA


def _matar(e: Escritorio, que: bytes, n: int, onde: str) -> bool:
    """kill -9 antes de o n-ésimo destes pedidos chegar ao servidor, ou depois, com a resposta
    perdida. Falso, se a restauração acabou antes."""
    morte = Morte(e, que, n)
    pelo_meio = _pela_api if e.via == API else _pela_direta
    with pelo_meio(e, morte, onde) as mais:
        morte.processo = e.abrir("--logins", "todos", **mais)
        morte.processo.communicate(timeout=PACIENCIA)
    return morte.processo.returncode == -signal.SIGKILL


@dataclass(slots=True)
class Morte:
    """A de um processo, no n-ésimo destes pedidos; pela via direta, só os que vêm depois do diário:
    antes dele nada se escreve que não se desfaça."""

    e: Escritorio
    que: bytes
    n: int
    processo: Processo | None = None
    _vistos: int = 0
    _trinco: threading.Lock = field(default_factory=threading.Lock)

    def e_agora(self, dados: bytes) -> bool:
        """Se este é o pedido em que se morre."""
        with self._trinco:
            if self.processo is None or not re.search(self.que, dados) or not self._conta():
                return False
            self._vistos += 1
            return self._vistos == self.n

    def _conta(self) -> bool:
        return self.e.via == API or any(self.e.destino.glob("empresa_*/restauracao_*.json"))

    def matar(self) -> None:
        """Morre já."""
        assert self.processo is not None
        self.processo.kill()
        self.processo.wait(PACIENCIA)


@contextlib.contextmanager
def _pela_api(e: Escritorio, morte: Morte, onde: str) -> Iterator[dict[str, str]]:
    def gancho(pedido: Pedido, _vez: int) -> bool:
        if not morte.e_agora(f"{pedido.metodo} {pedido.caminho}".encode()):
            return True
        morte.matar()
        return False

    antes, depois = (gancho, None) if onde == "antes" else (None, gancho)
    with e.projeto.gateway.ao_pedir(antes, depois):
        yield {}


@contextlib.contextmanager
def _pela_direta(e: Escritorio, morte: Morte, onde: str) -> Iterator[dict[str, str]]:
    foi = threading.Event()

    def ida(dados: bytes) -> Destino:
        if morte.e_agora(dados):
            if onde == "antes":
                morte.matar()
                return Destino.CORTAR
            foi.set()
        return Destino.PASSAR

    def volta(_dados: bytes) -> Destino:
        if foi.is_set() and morte.processo is not None and morte.processo.poll() is None:
            morte.matar()
            return Destino.CORTAR
        return Destino.PASSAR

    with procurador(e.projeto.cluster.porta, ida, volta) as porta:
        yield {"SUPABASE_DB_URL": re.sub(r":\d+/", f":{porta}/", e.projeto.uri_banco)}
