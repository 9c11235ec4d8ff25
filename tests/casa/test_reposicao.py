"""O projeto que um teste deixa e outro aproveita é igual a um acabado de nascer, ou é outro."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Callable, Iterator

import psycopg
import pytest

from apoio.campanha import amostra
from apoio.execucao import PACIENCIA
from apoio.impressoes import Impressoes, impressoes, sequencias_atras
from apoio.loja import GRUPO, LOJA_X
from apoio.lojinha import LOJINHA
from apoio.reposicao import Estante, estante_de
from apoio.servidores import LOJA, VAZIO, FabricaDeSupabase
from supabase_local.servidores.falhas import Atraso
from supabase_local.servidores.postgres import ClusterPostgres
from supabase_local.servidores.servidor import SupabaseLocal

Projeto = SupabaseLocal


@pytest.fixture(scope="module")
def da_casa(cluster: ClusterPostgres) -> Iterator[Estante]:
    with estante_de(cluster) as estante:
        yield estante


def usado(cluster: ClusterPostgres, estante: Estante, usar: Callable[[Projeto], object]) -> Projeto:
    """Um projeto da loja com a API no ar, usado assim e devolvido."""
    with contextlib.ExitStack() as pilha:
        projeto = FabricaDeSupabase(cluster, pilha, estante)()
        assert projeto.gateway.url
        usar(projeto)
    return projeto


def sql(*comandos: str, sem_gatilhos: bool = False) -> Callable[[Projeto], None]:
    def fazer(projeto: Projeto) -> None:
        with psycopg.connect(projeto.uri_admin) as banco:
            if sem_gatilhos:
                banco.execute("SET LOCAL session_replication_role = replica")
            for comando in comandos:
                banco.execute(comando.encode())

    return fazer


def conteudo(projeto: Projeto) -> tuple[Impressoes, list[tuple[object, ...]], list[object]]:
    """As linhas de cada tabela, as sequências, e as linhas na ordem em que estão guardadas."""
    with psycopg.connect(projeto.uri_admin) as banco:
        sequencias = banco.execute(
            "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        ).fetchall()
        guardadas = banco.execute("SELECT id FROM produtos ORDER BY ctid").fetchall()
    return impressoes(projeto), sequencias, list(guardadas)


def ler(projeto: Projeto, caminho: str) -> bytes:
    chave = projeto.chave_service_role
    pedido = urllib.request.Request(projeto.url + caminho, headers={"apikey": chave})
    with urllib.request.urlopen(pedido, timeout=PACIENCIA) as resposta:
        corpo: bytes = resposta.read()
    return corpo


COMANDOS: list[tuple[str, ...]] = [
    (),
    # As linhas que furam regras por validar estão nestas.
    (f"DELETE FROM produtos WHERE user_id = '{LOJA_X}'",),
    (f"UPDATE despesas SET descricao = 'Outra' WHERE user_id = '{GRUPO}'",),
    ("INSERT INTO categorias (user_id, nome) SELECT user_id, 'x' FROM empresas",),
    ("DELETE FROM auth.users", "TRUNCATE empresas CASCADE", "UPDATE vendas SET total = 0"),
    ("ANALYZE", "SELECT nextval(seqrelid) FROM pg_sequence"),
]


@pytest.mark.parametrize("comandos", amostra(COMANDOS, 3))
def test_as_linhas_e_as_sequencias_voltam(
    cluster: ClusterPostgres, da_casa: Estante, comandos: tuple[str, ...]
) -> None:
    cluster.criar_banco("como_nasce", modelo=LOJA)
    novo = conteudo(SupabaseLocal(cluster, banco="como_nasce"))
    cluster.apagar_banco("como_nasce")
    projeto = usado(cluster, da_casa, sql(*comandos, sem_gatilhos=bool(comandos)))
    outra_vez: list[object] = []

    def ver(de_novo: Projeto) -> None:
        assert de_novo is projeto
        outra_vez.append(conteudo(de_novo))
        assert sequencias_atras(de_novo) == []
        assert de_novo.gateway.pedidos == []
        assert ler(de_novo, f"/rest/v1/empresas?select=id&user_id=eq.{LOJA_X}").count(b"id") == 1

    assert usado(cluster, da_casa, ver) is projeto
    assert outra_vez == [novo]


def parar_a_api(projeto: Projeto) -> None:
    projeto.parar()


def prender_um_pedido(projeto: Projeto) -> None:
    """O cliente desiste, e o servidor ainda o atende."""
    with (
        projeto.gateway.com_falha(Atraso(3600), tabela="empresas"),
        contextlib.suppress(TimeoutError),
    ):
        chave = projeto.chave_service_role
        pedido = urllib.request.Request(
            f"{projeto.url}/rest/v1/empresas", headers={"apikey": chave}
        )
        urllib.request.urlopen(pedido, timeout=0.2)


def mudar_o_auth(projeto: Projeto) -> None:
    projeto.auth.modos.antigo = True


def por_um_arquivo(projeto: Projeto) -> None:
    pasta = projeto.cluster.armazem(projeto.banco)
    pasta.mkdir(parents=True, exist_ok=True)
    (pasta / "um").touch()


def reler_o_esquema(projeto: Projeto) -> None:
    projeto.recarregar_esquema()


def derrubar_as_conexoes(projeto: Projeto) -> None:
    """As da API, que as guarda para o próximo pedido e não deu por nada."""
    da_api = (
        "FROM pg_stat_activity WHERE usename = 'authenticator' AND datname = current_database()"
    )
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        banco.execute(f"SELECT pg_terminate_backend(pid, 10000) {da_api} AND query !~ 'LISTEN'")


USOS: list[Callable[[Projeto], object]] = [
        sql("CREATE TABLE outra (id int)"),
        sql("ALTER TABLE produtos ADD COLUMN outra int"),
        sql("ALTER TABLE produtos DROP CONSTRAINT produtos_preco_nao_negativo"),
        sql("ALTER TABLE produtos DISABLE TRIGGER ALL"),
        sql("REVOKE ALL ON produtos FROM service_role"),
        sql("DROP TABLE anotacoes"),
        sql("CREATE OR REPLACE FUNCTION uma() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());"
            " END $$"),
        sql("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO anon',"
            " current_database()); END $$"),
        sql("SELECT lo_create(0)"),
        *(parar_a_api, prender_um_pedido, mudar_o_auth, por_um_arquivo, reler_o_esquema),
        derrubar_as_conexoes,
]  # fmt: skip


@pytest.mark.parametrize("usar", amostra(USOS, 7))
def test_o_que_nao_se_repoe_nao_se_aproveita(
    cluster: ClusterPostgres, da_casa: Estante, usar: Callable[[Projeto], object]
) -> None:
    projeto = usado(cluster, da_casa, usar)
    assert not cluster.existe_banco(projeto.banco)
    assert da_casa.tirar((LOJA, 1000, None, False), LOJA) is None


def test_uma_conexao_que_ficou_nao_se_aproveita(cluster: ClusterPostgres, da_casa: Estante) -> None:
    abertas = []

    def deixar_aberta(projeto: Projeto) -> None:
        abertas.append(psycopg.connect(projeto.uri_admin))
        abertas[0].execute("SELECT 1")

    projeto = usado(cluster, da_casa, deixar_aberta)
    abertas[0].close()
    assert not cluster.existe_banco(projeto.banco)


def test_com_os_mesmos_textos_a_terceira_vez_aproveita_a_segunda(
    cluster: ClusterPostgres, da_casa: Estante
) -> None:
    """A primeira pode ser a única; com outros textos, é outro; e o que só vale no próprio banco
    nunca se copia."""
    so_la = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());" \
        " END $$"  # fmt: skip

    def um(*textos: str) -> Projeto:
        with contextlib.ExitStack() as pilha:
            projeto = FabricaDeSupabase(cluster, pilha, da_casa)(VAZIO, sql=textos)
            assert ler(projeto, "/rest/v1/vendas?select=id&limit=1")
            with cluster.conectar(projeto.banco) as banco:
                com_jit = banco.execute("SHOW jit").fetchone()
            assert com_jit == (("off" if so_la in textos else "on"),)
        return projeto

    primeira, segunda, terceira = (um(LOJINHA) for _ in range(3))
    assert primeira is not segunda
    assert segunda is terceira
    outros = [um(LOJINHA, so_la) for _ in range(3)]
    assert len({id(p) for p in (primeira, segunda, *outros)}) == 5


def test_de_um_molde_que_um_teste_mudou_nasce_outro(
    cluster: ClusterPostgres, da_casa: Estante
) -> None:
    cluster.criar_banco("de_um_teste", sql=(LOJINHA,))

    def copia(vendas: int) -> Projeto:
        with contextlib.ExitStack() as pilha:
            projeto = FabricaDeSupabase(cluster, pilha, da_casa)("de_um_teste")
            assert ler(projeto, "/rest/v1/vendas?select=id").count(b"id") == vendas
        return projeto

    primeira, segunda = copia(61), copia(61)
    cluster.executar("de_um_teste", "DELETE FROM vendas_itens; DELETE FROM vendas WHERE id > 9")
    terceira, quarta = copia(9), copia(9)
    cluster.apagar_banco("de_um_teste")
    assert primeira is segunda is not terceira
    assert terceira is quarta
