"""A ação `ensaiar`: o backup posto num banco de teste de verdade, lido de volta e comparado."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from apoio.acervo import guardar
from apoio.execucao import Saida, copiar_scripts, executar, fotografia_do_disco
from apoio.impressoes import impressoes
from apoio.loja import GRUPO
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base import estado
from cofre.base.config.valores import NOME_DA_URL_DE_ENSAIO, AcessoDireto
from cofre.base.erros import ConfiguracaoInvalida, NadaEncontrado, ServidorSemResposta
from cofre.deposito import ensaios
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.ensaios import CONFERIDO, RESTAURADO, Ensaio, Ensaios
from cofre.deposito.inventario import guardadas
from cofre.deposito.metadados import Metadados
from cofre.rotina.ensaio import volta
from cofre.rotina.ensaio.banco import endereco_de_teste, transacao_sem_volta
from cofre.rotina.ensaio.rodizio import NUNCA, da_vez
from cofre.rotina.painel.pagina import ARQUIVO
from cofre.via.direta.endereco import Endereco, interpretar
from supabase_local.servidores.postgres import ADMINISTRADOR, ClusterPostgres

ALVO = "abc12345-0000-4000-8000-000000000001"
AGORA = datetime.now().astimezone().replace(microsecond=0)


@pytest.fixture
def teste(criar_supabase: FabricaDeSupabase) -> str:
    """A URL de um banco vazio."""
    return criar_supabase.cluster.uri(criar_supabase.banco(VAZIO))


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    deposito = Deposito(tmp_path / "b")
    deposito.preparar()
    return deposito


def ensaiar(destino: Path, url: str = "", *argumentos: str, producao: str = "") -> Saida:
    mais = {"SUPABASE_DB_URL": producao} if producao else {}
    if url:
        mais[NOME_DA_URL_DE_ENSAIO] = url
    return executar(None, destino, "ensaiar", *argumentos, mais=mais)


def restos(url: str) -> list[tuple[str, str]]:
    """O que há num banco além do sistema: (esquema, relação), e os esquemas vazios."""
    with psycopg.connect(url, autocommit=True) as banco:
        return banco.execute(
            "SELECT nspname::text, coalesce(relname::text, '') FROM pg_namespace n"
            " LEFT JOIN pg_class c ON c.relnamespace = n.oid"
            " WHERE nspname !~ '^(pg_|information_schema|auth|extensions)' ORDER BY 1, 2"
        ).fetchall()


def registro(destino: Path, user_id: str) -> Ensaios:
    return ensaios.ler(Deposito(destino).pasta_da_empresa(user_id), user_id)


# -- a ação inteira ------------------------------------------------------------------------------


def test_um_backup_de_verdade_volta_igual_e_nada_fica(
    criar_supabase: FabricaDeSupabase, teste: str, tmp_path: Path
) -> None:
    """A empresa da demonstração, com os seus tipos difíceis; e o banco dela nem é olhado."""
    projeto, destino = criar_supabase(), tmp_path / "b"
    assert executar(projeto, destino, "--empresa", GRUPO).codigo == 0
    antes, banco_antes = impressoes(projeto), restos(teste)
    arquivos = fotografia_do_disco(destino)
    fim = ensaiar(destino, teste, "--json", producao=projeto.uri_banco)
    assert fim.codigo == 0, fim.tudo
    assert "🧹 nada ficou no banco de teste\n✅ Ensaio bem-sucedido\n" in fim.erros
    dito = fim.json()
    feito = registro(destino, GRUPO).ultimo_sucesso
    assert feito is not None
    assert feito == registro(destino, GRUPO).ultima_tentativa
    (backup,) = Deposito(destino).da_empresa(GRUPO)
    assert backup.meta is not None
    assert backup.meta.total > 1000
    esperado = (backup.carimbo, RESTAURADO, backup.meta.total, "")
    assert (feito.backup, feito.como, feito.registros, feito.causa) == esperado
    assert (dito["backup"], dito["como"], dito["registros"]) == esperado[:3]
    assert restos(teste) == banco_antes
    assert impressoes(projeto) == antes

    agora = fotografia_do_disco(destino)
    mudados = {nome for nome in agora if agora[nome] != arquivos.get(nome)}
    assert mudados == {f"{backup.pasta.name}/ensaio.json"}
    assert agora.keys() >= arquivos.keys()
    if os.name == "posix":
        assert stat.S_IMODE((backup.pasta / "ensaio.json").stat().st_mode) == 0o600
    senha = projeto.cluster.senha
    assert senha not in fim.tudo
    assert not [n for n, conteudo in agora.items() if senha.encode() in conteudo]
    lista = executar(None, destino, "listar")
    assert f"🎯 último ensaio: {feito.em:%Y-%m-%d %H:%M:%S}, restaurado num banco" in lista.saida
    assert "restaurado num banco de teste" in (destino / ARQUIVO).read_text("utf-8")


def test_sem_banco_de_teste_so_confere(deposito: Deposito) -> None:
    backup = guardar(deposito, ALVO, "Loja", AGORA)
    fim = ensaiar(deposito.raiz)
    assert fim.codigo == 0, fim.tudo
    assert "✅ Só conferido: nada foi restaurado, e não conta" in fim.saida
    feito = registro(deposito.raiz, ALVO)
    assert feito.ultimo_sucesso is None
    assert feito.so_conferido == feito.ultima_tentativa
    assert feito.so_conferido is not None
    assert (feito.so_conferido.backup, feito.so_conferido.como) == (backup.carimbo, CONFERIDO)
    quando = f"{feito.so_conferido.em:%Y-%m-%d %H:%M:%S}"
    listada = executar(None, deposito.raiz, "listar")
    assert f"   🎯 nenhum ensaio; só conferido em {quando}\n" in listada.saida
    (empresa,) = executar(None, deposito.raiz, "listar", "--json").json()["empresas"]
    assert empresa["ultimo_ensaio"] is None
    assert " (só conferido em " in (deposito.raiz / "painel.html").read_text("utf-8")


def test_o_embutido_que_nao_liga_diz_o_que_instalar(deposito: Deposito, tmp_path: Path) -> None:
    """Onde só está o cofre, sem a demonstração. O que liga, vê-se com a tela do manual
    (`casa/test_leiame`)."""
    guardar(deposito, ALVO, "Loja", AGORA)
    copia = copiar_scripts(tmp_path / "outra")
    fim = executar(None, deposito.raiz, "ensaiar", "--embutido", script=copia)
    assert fim.codigo == 2, fim.tudo
    assert "O PostgreSQL embutido não ligou." in fim.erros
    assert "scripts/supabase_local/requirements.txt" in fim.erros
    assert registro(deposito.raiz, ALVO) == Ensaios(ALVO)


def test_um_backup_danificado_reprova_e_o_ultimo_bom_fica(deposito: Deposito, teste: str) -> None:
    backup = lojinha_guardada(deposito)
    bom = Ensaio(AGORA - timedelta(days=3), backup.carimbo, RESTAURADO, 3)
    ensaios.anotar(backup.pasta, ALVO, bom)
    (arquivo,) = backup.pasta.glob("produtos_*.json")
    arquivo.write_bytes(arquivo.read_bytes().replace(b"12.50", b"12.51"))
    fim = ensaiar(deposito.raiz, teste)
    assert fim.codigo == 6, fim.tudo
    assert "produtos: o conteúdo mudou: a soma sha256 não confere" in fim.erros
    agora = registro(deposito.raiz, ALVO)
    assert agora.ultimo_sucesso == bom
    assert agora.ultima_tentativa is not None
    assert agora.ultima_tentativa.causa == "produtos: o conteúdo mudou: a soma sha256 não confere"
    assert "não deu certo" in (deposito.raiz / ARQUIVO).read_text("utf-8")


def test_o_que_o_banco_de_teste_nao_aceita_reprova(deposito: Deposito, teste: str) -> None:
    """As somas batem, mas um dos valores não cabe no tipo que o backup diz ter."""
    guardar(
        deposito,
        ALVO,
        "Loja",
        AGORA,
        {"produtos": [b'{"id":1}', b'{"id":"dois"}'], "vendas": [b'{"id":1}']},
        colunas={"produtos": {"id": "integer"}, "vendas": {"id": "integer"}},
    )
    vazio = restos(teste)
    fim = ensaiar(deposito.raiz, teste)
    assert fim.codigo == 11, fim.tudo
    recusa = 'o banco de teste recusou: invalid input syntax for type integer: "dois" (22P02)'
    assert f"   produtos: {recusa}\n" in fim.erros
    assert "vendas" not in fim.erros
    tentativa = registro(deposito.raiz, ALVO).ultima_tentativa
    assert tentativa is not None
    assert (tentativa.como, tentativa.registros) == (RESTAURADO, 1)
    assert tentativa.causa == f"produtos: {recusa}"
    assert restos(teste) == vazio


def acesso_a(url: str) -> Endereco:
    return endereco_de_teste(AcessoDireto(url, nome=NOME_DA_URL_DE_ENSAIO), None)


def restaurar_e_derrubar(
    cluster: ClusterPostgres, url: str, backup: Backup, meta: Metadados
) -> None:
    """A conexão morre com o backup inteiro já no banco de teste."""
    with transacao_sem_volta(acesso_a(url)) as conexao:
        assert volta.restaurar(conexao, backup, meta).registros == 3
        with cluster.conectar("postgres", ADMINISTRADOR) as administrador:
            pid = conexao.info.backend_pid
            administrador.execute("SELECT pg_terminate_backend(%s)", [pid])
        volta.restaurar(conexao, backup, meta)


def test_a_conexao_que_cai_no_meio_nao_deixa_nada(
    criar_supabase: FabricaDeSupabase, teste: str, deposito: Deposito
) -> None:
    """O que já estava no banco de teste some com a transação, sem ninguém para o apagar."""
    backup = lojinha_guardada(deposito)
    assert backup.meta is not None
    vazio = restos(teste)
    with pytest.raises(ServidorSemResposta, match="caiu no meio"):
        restaurar_e_derrubar(criar_supabase.cluster, teste, backup, backup.meta)
    assert restos(teste) == vazio


def test_um_papel_que_nao_pode_criar_diz_o_que_falta(
    criar_supabase: FabricaDeSupabase, teste: str, deposito: Deposito
) -> None:
    lojinha_guardada(deposito)
    cluster = criar_supabase.cluster
    papel = f"sem_nada_{teste.rpartition('/')[2]}"
    criar = f"CREATE ROLE {papel} LOGIN PASSWORD '{cluster.senha}'"
    cluster.executar("postgres", criar, ADMINISTRADOR)
    fim = ensaiar(deposito.raiz, teste.replace("//postgres:", f"//{papel}:"))
    cluster.executar("postgres", f"DROP ROLE {papel}", ADMINISTRADOR)
    assert fim.codigo == 4, fim.tudo
    assert "O banco de teste recusou o ensaio (42501)." in fim.erros
    assert "CREATE no DATABASE" in fim.erros
    assert registro(deposito.raiz, ALVO) == Ensaios(ALVO)


def test_um_banco_que_ja_guarda_algo_e_recusado(
    criar_supabase: FabricaDeSupabase, deposito: Deposito
) -> None:
    lojinha_guardada(deposito)
    banco = criar_supabase.banco(VAZIO, (LOJINHA,))
    url = criar_supabase.cluster.uri(banco)
    antes = restos(url)
    fim = ensaiar(deposito.raiz, url)
    assert fim.codigo == 2, fim.tudo
    assert "já tem tabelas em public (clientes, empresas, produtos e outras)" in fim.erros
    assert restos(url) == antes
    assert registro(deposito.raiz, ALVO) == Ensaios(ALVO)


def test_o_banco_de_producao_e_recusado_antes_de_conectar(deposito: Deposito) -> None:
    lojinha_guardada(deposito)
    url = "postgresql://postgres:segredo-Q7@127.0.0.1:1/loja"
    fim = ensaiar(deposito.raiz, url, producao=url.replace("127.0.0.1", "localhost"))
    assert fim.codigo == 2, fim.tudo
    assert "ENSAIO_DB_URL é o mesmo banco que o de produção." in fim.erros
    fora = ensaiar(deposito.raiz, url)
    assert fora.codigo == 4, fora.tudo
    assert "O banco de teste não atendeu." in fora.erros
    assert "segredo-Q7" not in fim.tudo + fora.tudo
    assert registro(deposito.raiz, ALVO) == Ensaios(ALVO)


def test_uma_empresa_por_vez(deposito: Deposito) -> None:
    guardar(deposito, DONO, "Padaria", AGORA)
    guardar(deposito, VIZINHA, "Vizinha", AGORA)
    feitas = []
    for _ in range(3):
        fim = ensaiar(deposito.raiz, "", "--json")
        assert fim.codigo == 0, fim.tudo
        feitas.append(fim.json()["empresa"])
    assert feitas == [DONO, VIZINHA, DONO]
    da_vizinha = registro(deposito.raiz, VIZINHA)
    assert ensaiar(deposito.raiz, "", "--empresa", "padaria").codigo == 0
    assert registro(deposito.raiz, VIZINHA) == da_vizinha
    duas = ensaiar(deposito.raiz, "", "--empresa", "padaria", "--empresa", "vizinha")
    assert duas.codigo == 2, duas.tudo


# -- a vez ---------------------------------------------------------------------------------------


def test_a_vez_e_de_quem_espera_ha_mais_tempo(deposito: Deposito) -> None:
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(4)]
    for n, user_id in enumerate(ids[:3]):
        backup = guardar(deposito, user_id, f"Loja {n}", AGORA)
        quando = AGORA - timedelta(days=(5, 9, 7)[n])
        causa = "não voltou" if n == 0 else ""
        ensaios.anotar(backup.pasta, user_id, Ensaio(quando, "x", RESTAURADO, 0, causa))
    assert da_vez(guardadas(deposito)).guardada.empresa.id == ids[1]
    # Sem backup inteiro, não há o que ensaiar; e a que nunca foi ensaiada vem antes de todas.
    guardar(deposito, ids[3], "Nova", AGORA, falhas={"x": "y"})
    assert da_vez(guardadas(deposito)).guardada.empresa.id == ids[1]
    inteiro = guardar(deposito, ids[3], "Nova", AGORA - timedelta(days=1))
    guardar(deposito, ids[3], "Nova", AGORA, tipo="pre_restauracao")
    vez = da_vez(guardadas(deposito))
    assert (vez.guardada.empresa.id, vez.backup.carimbo) == (ids[3], inteiro.carimbo)
    assert ensaios.ler(inteiro.pasta, ids[3]).ultima_tentativa is None
    assert AGORA - timedelta(days=365_000) > NUNCA


def test_conferir_nao_tira_a_vez_de_ser_restaurada(deposito: Deposito) -> None:
    """Nem a de quem já se contava como ensaiada por isso; um dano achado, sim, ou a empresa dele
    teria sempre a vez; e entre as só conferidas, também se reveza."""
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(4)]
    feitos = ((2, RESTAURADO, ""), (1, CONFERIDO, ""), (3, CONFERIDO, ""), (9, CONFERIDO, "dano"))
    for user_id, (dias, como, causa) in zip(ids, feitos, strict=True):
        pasta = guardar(deposito, user_id, "Loja", AGORA).pasta
        feito = Ensaio(AGORA - timedelta(days=dias), "x", como, 0, causa)
        ensaios.anotar(pasta, user_id, feito)
    assert da_vez(guardadas(deposito)).guardada.empresa.id == ids[2]
    antigo = Ensaio(AGORA - timedelta(days=30), "x", CONFERIDO, 0)
    estado.gravar(
        deposito.pasta_da_empresa(ids[1]) / "ensaio.json", Ensaios(ids[1], antigo, antigo)
    )
    assert registro(deposito.raiz, ids[1]).ultimo_sucesso is None
    assert da_vez(guardadas(deposito)).guardada.empresa.id == ids[1]
    for user_id in ids[1:3]:
        feito = Ensaio(AGORA, "x", RESTAURADO, 1)
        ensaios.anotar(deposito.pasta_da_empresa(user_id), user_id, feito)
    assert da_vez(guardadas(deposito)).guardada.empresa.id == ids[3]


def test_sem_nenhum_inteiro_nao_ha_ensaio(deposito: Deposito) -> None:
    guardar(deposito, ALVO, "Loja", AGORA, falhas={"x": "y"})
    with pytest.raises(NadaEncontrado):
        da_vez(guardadas(deposito))


def test_o_registro_ilegivel_ou_de_outra_vale_como_nenhum(tmp_path: Path) -> None:
    feito = Ensaio(AGORA, "20261101_030000", RESTAURADO, 7)
    ensaios.anotar(tmp_path, ALVO, feito)
    assert ensaios.ler(tmp_path, ALVO) == Ensaios(ALVO, feito, feito)
    assert ensaios.ler(tmp_path, DONO) == Ensaios(DONO)
    bruto = json.loads((tmp_path / "ensaio.json").read_text("utf-8"))
    assert datetime.fromisoformat(bruto["ultimo_sucesso"]["em"]) == AGORA
    for estragado in (b"", b"{", b'{"user_id": 3}', b'{"ultimo_sucesso": {"em": "ontem"}}'):
        (tmp_path / "ensaio.json").write_bytes(estragado)
        assert ensaios.ler(tmp_path, ALVO) == Ensaios(ALVO)


# -- a volta, valor por valor ----------------------------------------------------------------------


def lojinha_guardada(deposito: Deposito) -> Backup:
    return guardar(
        deposito,
        ALVO,
        "Loja",
        AGORA,
        {
            "produtos": [b'{"id":1,"preco":12.50}', b'{"id":2,"preco":null}'],
            "Pedido Item": [b'{"a":1,"b":"x"}'],
            "vazia": [],
        },
        colunas={
            "produtos": {"id": "bigint", "preco": "numeric(18,8)"},
            "Pedido Item": {"a": "integer", "b": "text"},
            "vazia": {"id": "uuid"},
        },
        chaves={"produtos": ("id",), "Pedido Item": ("a", "b"), "vazia": ("id",)},
    )


@pytest.fixture(scope="module")
def conexao(cluster: ClusterPostgres) -> Iterator[psycopg.Connection]:
    cluster.criar_banco("ensaio_de_valores")
    acesso = AcessoDireto(cluster.uri("ensaio_de_valores"), nome=NOME_DA_URL_DE_ENSAIO)
    with transacao_sem_volta(endereco_de_teste(acesso, None)) as aberta:
        yield aberta
    cluster.apagar_banco("ensaio_de_valores")


VALORES = {
    "numeric": [b"1234567890123456789012345.123456789012345", b"12.50", b"0.000", b'"NaN"'],
    "numeric(10,2)": [b"12.50", b"-0.01"],
    "bigint": [b"9223372036854775807", b"-9007199254740993"],
    "double precision": [b"0.1", b"1e+300", b'"Infinity"'],
    "text": ['"a\\"b\\\\c\\n\\té 🛠️ \u2028"'.encode(), b'""', b'"\\u0001"'],
    "character(5)": [b'"ab   "'],
    "character varying(3)": [b'"abc"'],
    "boolean": [b"true", b"false"],
    "uuid": [b'"abc12345-6789-4abc-8def-0123456789ab"'],
    "date": [b'"2026-02-28"', b'"infinity"', b'"0044-03-15 BC"'],
    "timestamp(3) without time zone": [b'"2026-01-16T18:29:44.123"'],
    "timestamp with time zone": [b'"2026-01-16T18:29:44.123456+00:00"', b'"-infinity"'],
    "interval": [b'"1 mon 2 days 03:04:05.678"', b'"-00:00:01"'],
    "bytea": [b'"\\\\x00ff10"'],
    "json": [b'{"b":1,\n  "a": [1.10, 2e5], "a":null}', b"[]", b"1.50"],
    "jsonb": [b'{"a": 12345678901234567890.10, "b": [1, "x", null]}', b'"texto"'],
    "text[]": [b'["a","b,c",null,"\\"x\\""]', b"[]", b'[["a"],["b"]]'],
    "numeric[]": [b"[1.10,2.00]"],
    "int4range": [b'"[1,10)"', b'"empty"'],
    "inet": [b'"10.0.0.1/24"'],
    "public.status_os": [b'"aberta"', b'"conclu\xc3\xadda"'],
    "public.ponto": [b'{"x":1.0,"y":[2,3]}'],
    "": [b'"qualquer"', b"7.0"],
}


def test_cada_tipo_volta_com_os_mesmos_bytes(
    conexao: psycopg.Connection, deposito: Deposito
) -> None:
    tabelas, colunas = {}, {}
    for n, (tipo, valores) in enumerate(VALORES.items()):
        tabelas[f"t{n}"] = [b'{"n":%d,"v":%s}' % (i, v) for i, v in enumerate([*valores, b"null"])]
        colunas[f"t{n}"] = {"n": "integer", "v": tipo}
    chaves = dict.fromkeys(tabelas, ("n",))
    backup = guardar(deposito, ALVO, "Tipos", AGORA, tabelas, colunas=colunas, chaves=chaves)
    assert backup.meta is not None
    feita = volta.restaurar(conexao, backup, backup.meta)
    assert feita.diferencas == ()
    assert feita.registros == backup.meta.total == sum(len(t) for t in tabelas.values())
    (ressalva,) = feita.ressalvas
    n = len(VALORES)
    assert ressalva == (
        "O banco de teste não tem o tipo; guardadas como vieram:"
        f" t{n - 3}.v (public.status_os), t{n - 2}.v (public.ponto), t{n - 1}.v (tipo não anotado)"
    )


@pytest.mark.parametrize(
    ("tipo", "linhas", "chave", "causa"),
    [
        ("integer", [b'{"n":1,"v":1.5}'], (), "recusou: invalid input syntax for type integer"),
        ("numeric", [b'{"n":1,"v":1e2}'], (), "linha 1: v não voltou igual"),
        ("text", [b'{"n":1,"v":"\\u00e9"}'], (), "linha 1: v não voltou igual"),
        ("text", [b'{"n":1}'], (), "linha 1: as colunas não são as dos metadados (v)"),
        ("text", [b'{"n":1,"v":"","x":0}'], (), "as colunas não são as dos metadados (x)"),
        ("text", [b'{"n":1,"v":"a"}', b'{"n":1,"v":"b"}'], ("n",), "(23505)"),
        ("text", [b'{"n":null,"v":"a"}'], ("n",), "(23502)"),
        ("text", [b'{"n":1,"v":"a"}'], ("fantasma",), "(42703)"),
        ("numeric", [b'{"n":%d,"v":1e2}' % n for n in range(5)], (), "5 linhas diferentes ao todo"),
    ],
)
def test_o_que_nao_volta_igual_e_acusado(
    conexao: psycopg.Connection,
    deposito: Deposito,
    tipo: str,
    linhas: list[bytes],
    chave: tuple[str, ...],
    causa: str,
) -> None:
    boa = [b'{"n":1,"v":"ok"}']
    backup = guardar(
        deposito,
        ALVO,
        "Loja",
        AGORA,
        {"boa": boa, "ma": linhas},
        colunas={"boa": {"n": "integer", "v": "text"}, "ma": {"n": "integer", "v": tipo}},
        chaves={"ma": chave},
    )
    assert backup.meta is not None
    feita = volta.restaurar(conexao, backup, backup.meta)
    assert all(d.startswith("ma: ") for d in feita.diferencas)
    assert causa in feita.diferencas[-1]
    assert feita.registros == 1


@pytest.mark.parametrize(
    ("antes", "depois", "igual"),
    [
        (b'"2026-01-16T18:29:44-03:00"', b'"2026-01-16T21:29:44+00:00"', True),
        (b'"2026-01-16T18:29:44-03:00"', b'"2026-01-16T18:29:44+00:00"', False),
        (b'"2026-01-16T18:29:44"', b'"2026-01-16T18:29:44+00:00"', False),
        (b"null", b'"2026-01-16T18:29:44+00:00"', False),
    ],
)
def test_o_mesmo_instante_noutro_fuso_e_o_mesmo(antes: bytes, depois: bytes, igual: bool) -> None:
    uma, outra = (b'{"q":' + v + b"}" for v in (antes, depois))
    assert (volta.diferenca(uma, outra, frozenset({"q"})) == "") is igual
    assert volta.diferenca(uma, outra, frozenset()) == "q não voltou igual"


@pytest.mark.parametrize(
    ("teste", "producao", "recusado"),
    [
        ("a:1@db.x.example:5432/loja", "b:2@DB.x.example/loja", True),
        ("a:1@db.x.example/ensaio", "a:1@db.x.example/loja", False),
        ("a:1@127.0.0.1:5433/loja", "a:1@127.0.0.1:5432/loja", False),
        ("a:1@[::1]/loja", "a:1@localhost/loja", True),
        (
            f"postgres.{'p' * 20}:1@aws-0-sa-east-1.pooler.supabase.com/postgres",
            f"postgres:1@db.{'p' * 20}.supabase.co/postgres",
            True,
        ),
        (
            f"postgres.{'p' * 20}:1@aws-0-sa-east-1.pooler.supabase.com/postgres",
            f"postgres.{'q' * 20}:1@aws-0-sa-east-1.pooler.supabase.com/postgres",
            False,
        ),
    ],
)
def test_qual_banco_e_o_de_producao(teste: str, producao: str, recusado: bool) -> None:
    nome = NOME_DA_URL_DE_ENSAIO
    acessos = [AcessoDireto(f"postgresql://{url}", nome=nome) for url in (teste, producao)]
    if recusado:
        with pytest.raises(ConfiguracaoInvalida, match="produção"):
            endereco_de_teste(*acessos)
    else:
        assert endereco_de_teste(*acessos) == interpretar(acessos[0])


def test_a_url_de_teste_errada_diz_de_qual_se_fala() -> None:
    acesso = AcessoDireto("mysql://a:segredo-Q7@b/c", nome=NOME_DA_URL_DE_ENSAIO)
    with pytest.raises(ConfiguracaoInvalida, match=r"^ENSAIO_DB_URL não começa") as erro:
        endereco_de_teste(acesso, None)
    assert "segredo-Q7" not in str(erro.value) + erro.value.dica


# -- o que o JSON não diz --------------------------------------------------------------------------

DIFICEIS = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria');
    CREATE TYPE ponto AS (x int, y jsonb);
    CREATE TABLE dificeis (id int PRIMARY KEY, user_id uuid, i int[], js jsonb[], jb jsonb, j json,
        o int2vector, p ponto);
    INSERT INTO dificeis VALUES
        (1, '{DONO}', '[2:3]={{7,8}}', ARRAY['null', NULL, '1']::jsonb[], 'null', '"\\u0041"',
         '1 2', '(1,null)'),
        (2, '{DONO}', '{{1}}', NULL, NULL, ' null ', NULL, '(,)'),
        (3, '{DONO}', NULL, '{{}}', '"null"', NULL, '', NULL);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""


@pytest.mark.parametrize("direta", [True, False], ids=["direta", "api"])
def test_os_textos_tambem_vao_e_voltam(
    criar_supabase: FabricaDeSupabase, conexao: psycopg.Connection, tmp_path: Path, direta: bool
) -> None:
    """Um null de JSON, os limites de um vetor: sem os textos, o ensaio não os via."""
    projeto = criar_supabase(VAZIO, sql=(DIFICEIS,))
    mais = {"SUPABASE_DB_URL": projeto.uri_banco} if direta else {}
    saida = executar(projeto, tmp_path, mais=mais)
    assert saida.codigo == 0, saida.tudo
    (backup,) = Deposito(tmp_path).da_empresa(DONO)
    assert backup.meta is not None
    feita = volta.restaurar(conexao, backup, backup.meta)
    assert (feita.diferencas, feita.registros) == ((), 4)
    (textos,) = backup.pasta.glob("dificeis.textos_*.json")
    bons = textos.read_bytes()
    for antes, depois, causa in (
        (b"[2:3]={7,8}", b"[2:3]={7,9}", "linha 1: i não voltou igual"),
        (b"[2:3]={7,8}", b"[1:2]={7,8}", "linha 1: i: o texto não voltou igual"),
        (b"[2:3]={7,8}", b"[2:3]={7, 8}", "linha 1: i: o texto não voltou igual"),
        (b'"jb":"null"', b'"jb":"1"', "linha 1: jb não voltou igual"),
        (b'"jb":"null"', b'"jb":"nada"', "recusou: invalid input syntax for type json"),
        (b'" null "', b'"null"', ""),
    ):
        assert antes in bons
        textos.write_bytes(bons.replace(antes, depois))
        diferencas = volta.restaurar(conexao, backup, backup.meta).diferencas
        assert [causa in d for d in diferencas] == [True] * bool(causa), (antes, diferencas)
