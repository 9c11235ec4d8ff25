"""O banco de teste: só entra num que não é o de produção nem guarda nada, e não deixa nada lá.

Tudo é feito numa transação que nunca é confirmada: aconteça o que acontecer, até um `kill -9`, o
PostgreSQL desfaz o esquema, as tabelas e as linhas.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg

from cofre.base.config.valores import NOME_DA_URL_DE_ENSAIO, AcessoDireto
from cofre.base.erros import ConfiguracaoInvalida, FalhaDoServidor, ServidorSemResposta
from cofre.via.direta.conexao import conectar
from cofre.via.direta.endereco import Endereco, interpretar
from cofre.via.direta.erros import SEM_CONEXAO

COMO_DEVE_SER = (
    f"A {NOME_DA_URL_DE_ENSAIO} é a de um banco vazio, só para isso, que não é o de produção: por\n"
    "exemplo, um CREATE DATABASE ensaio num PostgreSQL desta máquina. Ou use --embutido."
)
CONFIRA = f"Confira a {NOME_DA_URL_DE_ENSAIO} no .env e se esse PostgreSQL está ligado."

_ALHEIAS = """
    SELECT c.relname FROM pg_catalog.pg_class c
    WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
        AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
        )
    ORDER BY c.relname LIMIT 4
"""
_LACO = frozenset({"localhost", "127.0.0.1", "::1"})


def endereco_de_teste(teste: AcessoDireto, producao: AcessoDireto | None) -> Endereco:
    """Onde ensaiar. Levanta ConfiguracaoInvalida, antes de conectar, se é o banco de produção."""
    onde = interpretar(teste)
    if producao is not None and _o_mesmo(onde, interpretar(producao)):
        raise ConfiguracaoInvalida(
            f"{NOME_DA_URL_DE_ENSAIO} é o mesmo banco que o de produção.", COMO_DEVE_SER
        )
    return onde


def _o_mesmo(a: Endereco, b: Endereco) -> bool:
    if a.projeto or b.projeto:  # o pooler do Supabase atende muitos projetos no mesmo endereço
        return a.projeto == b.projeto
    return (_maquina(a), a.porta, a.banco) == (_maquina(b), b.porta, b.banco)


def _maquina(e: Endereco) -> str:
    return "localhost" if e.host in _LACO else e.host


@contextlib.contextmanager
def transacao_sem_volta(onde: Endereco) -> Iterator[psycopg.Connection]:
    """Uma transação no banco de teste, sempre desfeita no fim. Levanta ConfiguracaoInvalida se o
    banco guarda tabelas; ServidorSemResposta se não se conecta, ou se a conexão cai."""
    try:
        conexao = conectar(onde)
    except FalhaDoServidor as e:
        raise ServidorSemResposta(f"O banco de teste não atendeu. {e}", CONFIRA) from None
    try:
        conexao.execute("BEGIN READ WRITE")
        _recusar_o_que_guarda_algo(conexao)
        yield conexao
    except psycopg.Error as e:
        raise _traduzido(e) from None
    finally:
        with contextlib.suppress(psycopg.Error):
            conexao.execute("ROLLBACK")
        conexao.close()


def _recusar_o_que_guarda_algo(conexao: psycopg.Connection) -> None:
    alheias = [nome for (nome,) in conexao.execute(_ALHEIAS)]
    if alheias:
        nomes = ", ".join(alheias[:3]) + (" e outras" if len(alheias) > 3 else "")
        raise ConfiguracaoInvalida(
            f"O banco de {NOME_DA_URL_DE_ENSAIO} já tem tabelas em public ({nomes}): pode ser de"
            " alguém.",
            COMO_DEVE_SER,
        )


def caiu(erro: psycopg.Error) -> bool:
    """Se o erro é da conexão, e não do que se mandou por ela."""
    codigo = erro.sqlstate or ""
    return not codigo or codigo in SEM_CONEXAO or codigo.startswith(("08", "53"))


def _traduzido(erro: psycopg.Error) -> FalhaDoServidor:
    # Só o código: o texto da libpq não é nosso para mostrar.
    if caiu(erro):
        return ServidorSemResposta("A conexão com o banco de teste caiu no meio.", CONFIRA)
    return FalhaDoServidor(
        f"O banco de teste recusou o ensaio ({erro.sqlstate}).",
        "O papel da URL precisa poder criar um esquema nesse banco (CREATE no DATABASE).",
    )
