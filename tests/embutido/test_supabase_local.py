"""O Supabase embutido se comporta como o hospedado, no que os outros testes tomam por certo."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from supabase import create_client

from apoio.campanha import CAMPANHA
from apoio.execucao import PACIENCIA, RAIZ
from apoio.servidores import LOJA, VAZIO, FabricaDeSupabase
from supabase_local.empresas.dados import DEMONSTRACAO, Perfil, inventar, ler_sql, linhas_de, semear
from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.lugar import dono_do_servidor, pasta_do_cluster
from supabase_local.servidores.postgres import ClusterPostgres
from supabase_local.servidores.processos import esperar
from supabase_local.servidores.servidor import SupabaseLocal

RAVAL = str(DEMONSTRACAO[0].user_id)


@pytest.fixture(scope="module")
def loja(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Um projeto que os testes deste módulo só leem."""
    return criar_supabase_do_modulo()


def pedir(projeto: SupabaseLocal, caminho: str, chave: str | None = None) -> httpx.Response:
    return httpx.get(
        f"{projeto.url}/rest/v1/{caminho}",
        headers={"apikey": chave or projeto.chave_secreta, "Prefer": "count=exact"},
    )


def total(resposta: httpx.Response) -> int:
    return int(resposta.headers["Content-Range"].split("/")[1])


# -- chaves e papéis -------------------------------------------------------------------------


def test_as_chaves_de_servico_veem_todas_as_linhas(loja: SupabaseLocal) -> None:
    for chave in (loja.chave_service_role, loja.chave_secreta):
        resposta = pedir(loja, f"produtos?select=id&user_id=eq.{RAVAL}", chave)
        assert (resposta.status_code, total(resposta)) == (200, 819)


def test_as_chaves_publicas_nada_veem_por_causa_da_rls(loja: SupabaseLocal) -> None:
    for chave in (loja.chave_anon, loja.chave_publicavel):
        resposta = pedir(loja, "produtos?select=id", chave)
        assert (resposta.status_code, resposta.json()) == (200, [])


def test_uma_pessoa_ve_so_o_que_e_dela(loja: SupabaseLocal) -> None:
    resposta = httpx.get(
        f"{loja.url}/rest/v1/clientes?select=user_id",
        headers={
            "apikey": loja.chave_anon,
            "Authorization": f"Bearer {loja.jwt('authenticated', sub=RAVAL)}",
        },
    )
    assert [linha["user_id"] for linha in resposta.json()] == [RAVAL] * 145


def test_um_jwt_vencido_e_recusado(loja: SupabaseLocal) -> None:
    vencido = loja.jwt("service_role", validade=-60)
    resposta = httpx.get(
        f"{loja.url}/rest/v1/clientes",
        headers={"apikey": loja.chave_anon, "Authorization": f"Bearer {vencido}"},
    )
    assert (resposta.status_code, resposta.json()["message"]) == (401, "JWT expired")


def test_a_biblioteca_do_supabase_fala_com_as_duas_chaves(loja: SupabaseLocal) -> None:
    for chave in (loja.chave_service_role, loja.chave_secreta):
        nomes = create_client(loja.url, chave).table("empresas").select("nome").execute()
        assert {linha["nome"] for linha in nomes.data} == {p.nome for p in DEMONSTRACAO}  # type: ignore[index,call-overload]


# -- os limites do serviço hospedado ---------------------------------------------------------


def test_mil_linhas_por_resposta_e_http_200(loja: SupabaseLocal) -> None:
    resposta = httpx.get(
        f"{loja.url}/rest/v1/produtos?limit=5000", headers={"apikey": loja.chave_secreta}
    )
    assert (resposta.status_code, len(resposta.json())) == (200, 1000)


def test_o_limite_de_linhas_pode_ser_outro(criar_supabase: FabricaDeSupabase) -> None:
    projeto = criar_supabase(max_linhas=7)
    assert len(pedir(projeto, "produtos").json()) == 7


def test_uma_consulta_demorada_e_interrompida_em_8_segundos(
    criar_supabase: FabricaDeSupabase,
) -> None:
    demora = """
        CREATE FUNCTION demorar() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(20)';
        CREATE FUNCTION prazo() RETURNS text LANGUAGE sql AS
            $$ SELECT current_setting('statement_timeout') $$;
    """
    projeto = criar_supabase(VAZIO, sql=(demora,))
    cabecalhos = {"apikey": projeto.chave_secreta}
    url = f"{projeto.url}/rest/v1/rpc"
    assert httpx.post(f"{url}/prazo", headers=cabecalhos, json={}).json() == "8s"
    resposta = httpx.post(f"{url}/demorar", headers=cabecalhos, json={}, timeout=PACIENCIA)
    assert (resposta.status_code, resposta.json()["code"]) == (500, "57014")


def test_tabela_sem_concessao_some_da_descricao_e_da_42501(
    criar_supabase: FabricaDeSupabase,
) -> None:
    projeto = criar_supabase(sql=("CREATE TABLE esquecida (id int PRIMARY KEY)",))
    resposta = pedir(projeto, "esquecida")
    assert (resposta.status_code, resposta.json()["code"]) == (403, "42501")
    assert "esquecida" not in pedir(projeto, "").json()["definitions"]


def test_recarregar_mostra_a_coluna_nova(criar_supabase: FabricaDeSupabase) -> None:
    projeto = criar_supabase()
    projeto.cluster.executar(projeto.banco, "ALTER TABLE produtos ADD COLUMN novidade int")
    projeto.recarregar_esquema()
    assert "novidade" in pedir(projeto, "").json()["definitions"]["produtos"]["properties"]


# -- o que a API mostra do esquema -----------------------------------------------------------


def test_a_descricao_lista_tabelas_e_visoes_mas_nao_particoes(loja: SupabaseLocal) -> None:
    definicoes = set(pedir(loja, "").json()["definitions"])
    assert {"produtos", "Pedido Item", "auditoria", "produtos_em_falta"} <= definicoes
    assert "resumo_produtos" in definicoes
    assert not {nome for nome in definicoes if nome.startswith("auditoria_")}


def test_a_descricao_mostra_ligacoes_um_para_um_e_esconde_as_compostas(loja: SupabaseLocal) -> None:
    definicoes = pedir(loja, "").json()["definitions"]

    def ligacoes(tabela: str) -> list[str]:
        colunas = definicoes[tabela]["properties"].items()
        return [nome for nome, coluna in colunas if "<fk " in coluna.get("description", "")]

    assert ligacoes("login_funcionarios") == ["funcionario_id"]  # desde o 12.0.3
    assert ligacoes("recibos") == []
    assert ligacoes("produtos") == ["categoria_id", "fornecedor_id"]  # e não auth.users


def test_xmin_e_ctid_distinguem_tabelas_de_visoes(loja: SupabaseLocal) -> None:
    assert pedir(loja, "registro_acessos?select=ctid,xmin").status_code == 200
    assert pedir(loja, "auditoria?select=xmin").status_code == 200
    assert pedir(loja, "produtos_em_falta?select=xmin").status_code == 400


def test_tipos_dificeis_chegam_como_foram_gravados(loja: SupabaseLocal) -> None:
    corpo = pedir(loja, f"tipos_dificeis?user_id=eq.{RAVAL}").text
    assert '"largo":1234567890123456789012345.123456789012345,' in corpo
    assert '"bruto":{"b" : 1.0, "a":2,\n  "b": 1.10e5}' in corpo
    assert '"momento":"infinity"' in corpo
    assert '"duplo":"NaN"' in corpo


# -- o PostgreSQL ----------------------------------------------------------------------------


@pytest.fixture
def banco(cluster: ClusterPostgres) -> Iterator[str]:
    cluster.criar_banco("teste_avulso", modelo=LOJA)
    yield "teste_avulso"
    cluster.apagar_banco("teste_avulso")


def test_postgres_nao_e_superusuario_mas_detem_gatilhos(
    cluster: ClusterPostgres, banco: str
) -> None:
    with cluster.conectar(banco) as conexao:
        papel = conexao.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles "
            "WHERE rolname = current_user"
        ).fetchone()
        conexao.execute("SET session_replication_role = replica")
    assert papel == (False, True, True, True)


def test_a_senha_e_conferida(cluster: ClusterPostgres, banco: str) -> None:
    errada = cluster.uri(banco).replace(cluster.senha, "errada")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(errada)


def test_os_dados_inventados_cumprem_todas_as_chaves_estrangeiras(
    cluster: ClusterPostgres, banco: str
) -> None:
    """São gravados com as chaves detidas: refazê-las prova que nenhuma aponta para o vazio."""
    with cluster.conectar(banco) as conexao:
        chaves = conexao.execute(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
        ).fetchall()
        for tabela, nome, definicao in chaves:
            conexao.execute(f"ALTER TABLE {tabela} DROP CONSTRAINT {nome}")
            conexao.execute(f"ALTER TABLE {tabela} ADD CONSTRAINT {nome} {definicao}")
    assert len(chaves) > 40


def test_totais_e_saldos_inventados_concordam_com_os_gatilhos(
    cluster: ClusterPostgres, banco: str
) -> None:
    with cluster.conectar(banco) as conexao:
        errados = conexao.execute(
            "SELECT count(*) FROM vendas v WHERE total + desconto <> "
            "(SELECT sum(subtotal) FROM vendas_itens i WHERE i.venda_id = v.id)"
        ).fetchone()
        saldos = conexao.execute(
            "SELECT count(*) FROM caixa c WHERE saldo_atual <> saldo_inicial + "
            "(SELECT sum(valor) FROM movimentacoes_caixa m WHERE m.caixa_id = c.id)"
        ).fetchone()
    assert (errados, saldos) == ((0,), (0,))


def test_as_linhas_inventadas_sao_sempre_as_mesmas() -> None:
    perfil = inventar(1)[0]
    assert str(linhas_de(perfil)["vendas"]) == str(linhas_de(perfil)["vendas"])


def test_empresas_a_mais_cabem_num_banco_com_gatilhos(cluster: ClusterPostgres, banco: str) -> None:
    sem_empresa = Perfil(inventar(9)[8].user_id, "Só no cadastro", 3, 2, 1, com_empresa=False)
    with cluster.conectar(banco) as conexao:
        semear(conexao, [*inventar(3), sem_empresa])
        empresas = conexao.execute("SELECT count(*) FROM empresas").fetchone()
        donos = conexao.execute(
            "SELECT count(*) FROM user_approvals WHERE parent_user_id IS NULL"
        ).fetchone()
    assert (empresas, donos) == ((6,), (7,))


def test_ha_linhas_que_furam_as_restricoes_nao_validadas(
    cluster: ClusterPostgres, banco: str
) -> None:
    with cluster.conectar(banco) as conexao:
        with pytest.raises(psycopg.errors.CheckViolation):
            conexao.execute("UPDATE produtos SET nome = nome WHERE preco < 0")
        with pytest.raises(psycopg.errors.CheckViolation):
            conexao.execute("ALTER TABLE clientes VALIDATE CONSTRAINT clientes_cpf_inteiro")


def test_os_gatilhos_fazem_o_que_prometem(cluster: ClusterPostgres, banco: str) -> None:
    with cluster.conectar(banco) as conexao:

        def um(consulta: str, *valores: object) -> object:
            linha = conexao.execute(consulta, valores).fetchone()
            return None if linha is None else linha[0]

        produto = um("SELECT id FROM produtos WHERE user_id = %s AND preco > 0 LIMIT 1", RAVAL)
        antes = um("SELECT estoque FROM produtos WHERE id = %s", produto)
        caixa = um("SELECT id FROM caixa WHERE user_id = %s LIMIT 1", RAVAL)
        venda = um(
            "INSERT INTO vendas (user_id, caixa_id, total) VALUES (%s, %s, 10) RETURNING id",
            RAVAL,
            caixa,
        )
        descricao = f"Venda {venda}"
        assert um("SELECT valor FROM movimentacoes_caixa WHERE descricao = %s", descricao) == 10
        conexao.execute(
            "INSERT INTO vendas_itens (venda_id, produto_id, quantidade, preco_unitario) "
            "VALUES (%s, %s, 2, 3.5)",
            (venda, produto),
        )
        assert um("SELECT user_id::text FROM vendas_itens WHERE venda_id = %s", venda) == RAVAL
        assert um("SELECT total FROM vendas WHERE id = %s", venda) == 7
        assert um("SELECT estoque FROM produtos WHERE id = %s", produto) == antes - 2  # type: ignore[operator]
        conexao.execute("DELETE FROM vendas WHERE id = %s", (venda,))
        assert um("SELECT estoque FROM produtos WHERE id = %s", produto) == antes


def test_os_gatilhos_extremos_impedem_o_que_dizem(cluster: ClusterPostgres, banco: str) -> None:
    cluster.executar(banco, ler_sql("gatilhos_extremos.sql"))
    with cluster.conectar(banco) as conexao:
        with pytest.raises(psycopg.errors.RaiseException):
            conexao.execute("DELETE FROM vendas")
        linha = conexao.execute(
            "INSERT INTO clientes (user_id, nome) VALUES (%s, 'x') RETURNING user_id", [RAVAL]
        ).fetchone()
    assert linha == (None,)


# -- vida e morte dos servidores -------------------------------------------------------------

FILHO = """
import sys, time
from pathlib import Path
from supabase_local.servidores.servidor import ClusterPostgres, SupabaseLocal
with ClusterPostgres(Path(sys.argv[1]), efemero=sys.argv[2] == "sim") as cluster:
    if not cluster.existe_banco("guardado"):
        cluster.criar_banco("guardado")
    with SupabaseLocal(cluster, banco="guardado") as projeto:
        print(f'["{cluster.pasta}", "{projeto.url}"]', flush=True)
        sys.stdin.read()
"""


def iniciar_filho(pasta: Path, *, efemero: bool) -> tuple[subprocess.Popen[str], Path, str]:
    processo = subprocess.Popen(
        [sys.executable, "-c", FILHO, str(pasta), "sim" if efemero else "não"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(RAIZ / "scripts")},
    )
    assert processo.stdout is not None
    lugar, url = json.loads(processo.stdout.readline())
    return processo, Path(lugar), url


def processos_de(pasta: Path) -> int:
    saida = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True)
    return saida.stdout.count(str(pasta))


SINAIS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
"""Na suíte, o pior; de todos morre também a demonstração (`test_demonstracao`)."""


@pytest.mark.parametrize("sinal", SINAIS if CAMPANHA else SINAIS[:1])
def test_morto_o_processo_nada_fica_em_execucao_nem_no_disco(
    tmp_path: Path, sinal: signal.Signals
) -> None:
    processo, lugar, _ = iniciar_filho(tmp_path / "pg", efemero=True)
    processo.send_signal(sinal)
    processo.wait(PACIENCIA)
    assert esperar(lambda: not processos_de(lugar) and not lugar.exists(), PACIENCIA)


def test_depois_de_um_kill_9_o_comeco_seguinte_reaproveita_os_dados(tmp_path: Path) -> None:
    processo, lugar, _ = iniciar_filho(tmp_path / "pg", efemero=False)
    processo.kill()
    processo.wait(PACIENCIA)
    with ClusterPostgres(tmp_path / "pg", efemero=True) as cluster:
        assert (cluster.pasta, cluster.existe_banco("guardado")) == (lugar, True)


def test_dois_processos_nao_usam_a_mesma_pasta_e_as_privadas_continuam_privadas(
    tmp_path: Path,
) -> None:
    privada = tmp_path / "privada"
    privada.mkdir(mode=0o700)
    with ClusterPostgres(privada / "pg", efemero=True) as cluster:
        with pytest.raises(ErroSupabaseLocal, match="já está em uso"):
            ClusterPostgres(privada / "pg").iniciar()
        assert (cluster.pasta / "dados").stat().st_mode & 0o777 == 0o700
    assert privada.stat().st_mode & 0o777 == 0o700


def test_apagada_a_pasta_outra_no_mesmo_lugar_comeca_do_nada(tmp_path: Path) -> None:
    """Também a que mora noutro lugar: um ensaio que deixou uma réplica estragaria o seguinte."""
    pedida = tmp_path / "privada" / "pg"
    pedida.parent.mkdir(mode=0o700)
    lugares = []
    for _ in range(2):
        lugar = pasta_do_cluster(pedida, dono_do_servidor())
        assert lugar == pasta_do_cluster(pedida, dono_do_servidor())
        assert not (lugar / "standby.signal").exists()
        (lugar / "standby.signal").touch()
        lugares.append(lugar)
        shutil.rmtree(pedida)
    for lugar in lugares:
        shutil.rmtree(lugar, ignore_errors=True)
