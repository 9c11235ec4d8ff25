"""A conexão direta: o que a URL pode ser, o TLS, e cada erro de conexão com a sua cura."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import trustme

from apoio.direto import copiar_direto
from apoio.execucao import (
    PACIENCIA,
    Saida,
    abrir,
    da_api,
    executar,
    fotografia_do_disco,
    metadados,
    restaurar,
    ultimo_backup,
)
from apoio.lojinha import DONO, LOJINHA, REGISTROS_DO_DONO
from apoio.portas import porta_presa
from apoio.procurador import Destino, passar, procurador
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.tls import com_tls, gravar_ca
from cofre.base.config.ambiente import carregar
from cofre.base.config.valores import Acesso, AcessoDireto
from cofre.base.erros import ConfiguracaoInvalida
from cofre.via.direta.endereco import interpretar, mesmo_projeto
from supabase_local.servidores.postgres import ADMINISTRADOR, ClusterPostgres
from supabase_local.servidores.servidor import SupabaseLocal

SENHA = "s3gredo-Que_nao+aparece"
POOLER = "aws-0-sa-east-1.pooler.supabase.com"
REF = "abcdefghijklmnopqrst"


# -- a URL -----------------------------------------------------------------------------------


def entender(url: str, ca: Path | None = None) -> tuple[str, ...]:
    e = interpretar(AcessoDireto(url, ca))
    return (e.host, str(e.porta), e.usuario, e.senha, e.banco, e.sslmode, e.ca)


@pytest.mark.parametrize(
    ("url", "esperado"),
    [
        (
            f"postgresql://postgres.{REF}:{SENHA}@{POOLER}:5432/postgres",
            (POOLER, "5432", f"postgres.{REF}", SENHA, "postgres", "require", ""),
        ),
        (
            "postgres://u%40x:a%2Fb%23c%3A%40%25@db.exemplo.com",
            ("db.exemplo.com", "5432", "u@x", "a/b#c:@%", "postgres", "require", ""),
        ),
        (
            "postgresql://u:a:b@c@h.com:1/d%20e",
            ("h.com", "1", "u", "a:b@c", "d e", "require", ""),
        ),
        (
            "postgresql://u:s@[2001:4860::1]:5433/b",
            ("2001:4860::1", "5433", "u", "s", "b", "require", ""),
        ),
        (
            "postgresql://u:s@127.0.0.1/b?application_name=x",
            ("127.0.0.1", "5432", "u", "s", "b", "prefer", ""),
        ),
        (
            "postgresql://u:s@localhost/b?sslmode=disable",
            ("localhost", "5432", "u", "s", "b", "disable", ""),
        ),
        *(
            (
                f"postgresql://u:s@h.com/b?sslmode={fraco}&pgbouncer=true",
                ("h.com", "5432", "u", "s", "b", "require", ""),
            )
            for fraco in ("disable", "allow", "prefer", "", "qualquer")
        ),
        (
            "postgresql://u:s@h.com/b?sslmode=verify-full",
            ("h.com", "5432", "u", "s", "b", "verify-full", "system"),
        ),
        (
            "postgresql://u:s@h.com/b?sslmode=verify-ca&sslrootcert=ca.pem",
            ("h.com", "5432", "u", "s", "b", "verify-ca", "ca.pem"),
        ),
    ],
)
def test_a_url_e_entendida_e_o_tls_nunca_e_menos_que_require(
    url: str, esperado: tuple[str, ...]
) -> None:
    assert entender(url) == esperado


def test_com_a_ca_o_servidor_e_sempre_confirmado(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.touch()
    for url in ("postgresql://u:s@h.com/b?sslmode=disable", "postgresql://u:s@127.0.0.1/b"):
        assert entender(url, ca)[-2:] == ("verify-full", str(ca))
    with pytest.raises(ConfiguracaoInvalida, match="SUPABASE_DB_CA aponta para um arquivo que não"):
        entender("postgresql://u:s@h.com/b", tmp_path / "outra.crt")


@pytest.mark.parametrize(
    ("url", "causa", "cura"),
    [
        (f"https://{REF}.supabase.co", "não começa com postgresql://", "Session pooler"),
        (
            f"postgresql://postgres.{REF}:[YOUR-PASSWORD]@{POOLER}:5432/postgres",
            "ainda tem o lugar da senha por preencher",
            "ponha nela a senha",
        ),
        (
            f"postgresql://postgres.{REF}:{SENHA}@{POOLER}:6543/postgres",
            "usa a porta 6543, a do pooler de transações",
            "porta 5432",
        ),
        *(
            (f"postgresql://postgres:{SENHA}{ruim}x@h.com:5432/postgres", "está malformada", "%2F")
            for ruim in ("/", "?", "#", "%", "%2", " ", "\t")
        ),
        (f"postgresql://u:{SENHA}@h.com:porta/b", "está malformada", "%2F"),
        (f"postgresql://u:{SENHA}@h.com:99999/b", "está malformada", "%2F"),
        (f"postgresql://u:{SENHA}@h]x:5432/b", "está malformada", "%2F"),
        (f"postgresql://u:{SENHA}@/b", "está malformada", "%2F"),
        (f"postgresql://u:{SENHA}@a.com,b.com/b", "mais de um servidor", "Session pooler"),
        ("postgresql://u@h.com/b", "não tem o usuário e a senha", "Session pooler"),
        ("postgresql://h.com/b", "está malformada", "%2F"),
    ],
)
def test_uma_url_que_nao_serve_e_recusada_sem_ser_mostrada(
    supabase_da_lojinha: SupabaseLocal, tmp_path: Path, url: str, causa: str, cura: str
) -> None:
    with pytest.raises(ConfiguracaoInvalida) as recusa:
        interpretar(AcessoDireto(url))
    texto = f"{recusa.value}\n{recusa.value.dica}"
    assert causa in texto
    assert cura in texto
    sem_segredo(texto)
    assert SENHA not in repr(AcessoDireto(url))
    # Recusada também pelo script, antes de qualquer pedido.
    supabase_da_lojinha.gateway.esquecer_pedidos()
    saida = copiar_direto(supabase_da_lojinha, tmp_path, url=url)
    assert saida.codigo == 2, saida.tudo
    assert causa in saida.erros
    sem_segredo(saida.tudo)
    assert supabase_da_lojinha.gateway.pedidos == []


def sem_segredo(texto: str) -> None:
    """Nem a senha nem um pedaço dela que se reconheça."""
    for n in range(len(SENHA) - 5):
        assert SENHA[n : n + 6] not in texto


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://postgres.{REF}:s@{POOLER}:5432/postgres",
        f"postgresql://postgres:s@db.{REF}.supabase.co:5432/postgres",
    ],
)
def test_o_banco_e_a_api_sao_do_mesmo_projeto(url: str) -> None:
    endereco = interpretar(AcessoDireto(url))
    assert mesmo_projeto(endereco, Acesso(f"https://{REF}.supabase.co", "x"))
    assert not mesmo_projeto(endereco, Acesso("https://api.exemplo.com", "x"))
    assert endereco.publico == f"https://{REF}.supabase.co"
    with pytest.raises(ConfiguracaoInvalida, match=f"é do projeto {REF}, e SUPABASE_URL é do"):
        mesmo_projeto(endereco, Acesso(f"https://{REF[::-1]}.supabase.co", "x"))


def test_a_config_le_a_url_e_a_ca_sem_as_mostrar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supabase_da_lojinha: SupabaseLocal
) -> None:
    for nome in ("SUPABASE_DB_URL", "SUPABASE_DB_CA", "SUPABASE_URL"):
        monkeypatch.delenv(nome, raising=False)
    (tmp_path / ".env").write_text(
        f"SUPABASE_URL={supabase_da_lojinha.url}\n"
        f"SUPABASE_SERVICE_ROLE_KEY={supabase_da_lojinha.chave_service_role}\n"
        f"SUPABASE_DB_URL=postgresql://u:{SENHA}@h.com/b\nSUPABASE_DB_CA=certs/ca.crt\n",
        encoding="utf-8",
    )
    configuracao = carregar(tmp_path)
    assert configuracao.direto == AcessoDireto(
        f"postgresql://u:{SENHA}@h.com/b", tmp_path / "certs" / "ca.crt"
    )
    sem_segredo(repr(configuracao))


# -- o servidor ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def supabase_da_lojinha(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA,))


def trocar(url: str, **partes: str) -> str:
    """A mesma URL com outro `usuario`, `senha`, `host`, `porta`, `banco` ou `opcoes`."""
    u = urlsplit(url)
    usuario = partes.get("usuario", u.username or "")
    senha = quote(partes.get("senha", u.password or ""), safe="")
    onde = f"{partes.get('host', u.hostname)}:{partes.get('porta', u.port)}"
    banco = partes.get("banco", u.path.removeprefix("/"))
    return f"postgresql://{usuario}:{senha}@{onde}/{banco}?{partes.get('opcoes', '')}"


ERROS: dict[str, tuple[dict[str, str], str, str]] = {
    "senha errada": (
        {"senha": SENHA},
        "recusou o usuário ou a senha (28P01).",
        "Reset database password",
    ),
    "usuário que não existe": (
        {"usuario": "ninguem", "senha": SENHA},
        "recusou o usuário ou a senha (28P01).",
        "postgres.SEU-PROJETO",
    ),
    "banco que não existe": ({"banco": "outro"}, "não tem o banco pedido (3D000).", "postgres"),
    "sem TLS": (
        {"opcoes": "sslmode=require"},
        "não aceita conexão cifrada (TLS)",
        "Use o endereço que o painel do Supabase dá",
    ),
    "nome que não resolve": (
        {"host": "nao-existe.invalid", "senha": SENHA},
        "O nome nao-existe.invalid não existe na rede.",
        "Session pooler",
    ),
    "host direto, só IPv6": (
        {"host": f"db.{REF}.supabase.co", "senha": SENHA},
        f"db.{REF}.supabase.co",
        "só existe em IPv6",
    ),
}


@pytest.mark.parametrize("qual", ERROS)
def test_cada_erro_diz_a_causa_e_a_cura(
    supabase_da_lojinha: SupabaseLocal, tmp_path: Path, qual: str
) -> None:
    partes, causa, cura = ERROS[qual]
    url = trocar(supabase_da_lojinha.uri_banco, **partes)
    saida = copiar_direto(supabase_da_lojinha, tmp_path, "--tentativas", "1", url=url)
    conferir_erro(saida, causa, cura)
    assert metadados(tmp_path) == []


def conferir_erro(saida: Saida, causa: str, cura: str) -> None:
    assert saida.codigo == 4, saida.tudo
    assert causa in saida.erros, saida.tudo
    assert cura in saida.erros, saida.tudo
    assert "--via api" in saida.erros
    sem_segredo(saida.tudo)
    assert "Traceback" not in saida.tudo


def test_uma_porta_fechada_e_um_endereco_ipv6_fechado(
    supabase_da_lojinha: SupabaseLocal, tmp_path: Path
) -> None:
    for host, cura in (("127.0.0.1", "Confira o endereço"), ("[::1]", "só existe em IPv6")):
        with porta_presa() as porta:
            uri = supabase_da_lojinha.uri_banco
            url = trocar(uri, host=host, porta=str(porta), senha=SENHA)
            saida = copiar_direto(supabase_da_lojinha, tmp_path, "--tentativas", "2", url=url)
        conferir_erro(saida, host.strip("[]"), cura)


def test_conexoes_demais(
    criar_supabase: FabricaDeSupabase, supabase_da_lojinha: SupabaseLocal, tmp_path: Path
) -> None:
    cluster, banco = criar_supabase.cluster, supabase_da_lojinha.banco
    cluster.executar(
        banco,
        f"CREATE ROLE cheio LOGIN CONNECTION LIMIT 0 PASSWORD '{cluster.senha}'",
        ADMINISTRADOR,
    )
    try:
        url = trocar(supabase_da_lojinha.uri_banco, usuario="cheio")
        saida = copiar_direto(supabase_da_lojinha, tmp_path, "--tentativas", "2", url=url)
    finally:
        cluster.executar(banco, "DROP ROLE cheio", ADMINISTRADOR)
    conferir_erro(saida, "já tem conexões demais (53300).", "Diminua --conexoes")
    assert "Nova tentativa em" in saida.saida  # isto passa sozinho: vale insistir


def test_um_papel_sujeito_a_rls_nao_le_pela_metade(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Sem `row_security = off`, o backup sairia vazio, e daria certo."""
    projeto = criar_supabase(
        VAZIO,
        sql=(LOJINHA, "ALTER TABLE produtos ENABLE ROW LEVEL SECURITY"),
    )
    cluster = criar_supabase.cluster
    cluster.executar(
        projeto.banco,
        f"CREATE ROLE sujeito LOGIN PASSWORD '{cluster.senha}';"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO sujeito",
        ADMINISTRADOR,
    )
    try:
        url = trocar(projeto.uri_banco, usuario="sujeito")
        saida = copiar_direto(projeto, tmp_path, "--empresa", "Padaria", url=url)
    finally:
        limpar = "DROP OWNED BY sujeito; DROP ROLE sujeito"
        cluster.executar(projeto.banco, limpar, ADMINISTRADOR)
    assert saida.codigo == 4, saida.tudo
    (backup,) = metadados(tmp_path)
    assert backup["falhas"] == {
        "produtos": "as regras de acesso (RLS) esconderiam linhas de produtos (42501)"
    }
    registros = {n: t["registros"] for n, t in backup["tabelas"].items()}
    assert registros == {n: q for n, q in REGISTROS_DO_DONO.items() if n != "produtos"}
    assert "Use o papel postgres" in saida.saida


def test_o_banco_de_outro_projeto_e_recusado(
    criar_supabase: FabricaDeSupabase, supabase_da_lojinha: SupabaseLocal, tmp_path: Path
) -> None:
    """Os endereços não dizem; os dados dizem."""
    outro = criar_supabase(
        VAZIO, sql=(LOJINHA.replace(DONO[:8], "cccc3333").replace("bbbb2222", "dddd4444"),)
    )
    saida = copiar_direto(
        supabase_da_lojinha, tmp_path, url=outro.uri_banco, mais=da_api(supabase_da_lojinha)
    )
    assert saida.codigo == 2, saida.tudo
    assert "não é do mesmo projeto" in saida.erros
    assert metadados(tmp_path) == []


# -- TLS -------------------------------------------------------------------------------------


def test_com_tls_e_a_ca_certa_o_backup_e_cifrado_e_confirmado(
    supabase_da_lojinha: SupabaseLocal, tmp_path: Path
) -> None:
    with com_tls(supabase_da_lojinha.cluster.porta) as tls:
        ca = gravar_ca(tls.ca, tmp_path / "ca.pem")
        url = trocar(supabase_da_lojinha.uri_banco, host="localhost", porta=str(tls.porta))
        com_ca = {"SUPABASE_DB_CA": str(ca)}
        saida = copiar_direto(supabase_da_lojinha, tmp_path / "b", url=url, mais=com_ca)
        assert saida.codigo == 0, saida.tudo
        assert tls.cifradas >= 1
    backups = {m["user_id"]: m for m in metadados(tmp_path / "b")}
    registros = {n: t["registros"] for n, t in backups[DONO]["tabelas"].items()}
    assert registros == REGISTROS_DO_DONO


@pytest.mark.parametrize("qual", ["outra CA", "outro nome"])
def test_um_certificado_que_nao_se_confirma_e_recusado(
    supabase_da_lojinha: SupabaseLocal, tmp_path: Path, qual: str
) -> None:
    nome = "localhost" if qual == "outra CA" else "outro.exemplo.com"
    with com_tls(supabase_da_lojinha.cluster.porta, nome) as tls:
        ca = gravar_ca(trustme.CA() if qual == "outra CA" else tls.ca, tmp_path / "ca.pem")
        senha = {"senha": SENHA, "host": "localhost", "porta": str(tls.porta)}
        saida = copiar_direto(
            supabase_da_lojinha,
            tmp_path / "b",
            url=trocar(supabase_da_lojinha.uri_banco, **senha),
            mais={"SUPABASE_DB_CA": str(ca)},
        )
        assert tls.cifradas == 0 or qual == "outro nome"
    conferir_erro(saida, "não foi confirmado: pode não ser ele.", "SSL Configuration")


def test_a_senha_nao_viaja_aberta(supabase_da_lojinha: SupabaseLocal, tmp_path: Path) -> None:
    """Um servidor sem TLS recebe só o pedido de TLS, e nada depois do não."""
    recebido = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as escuta:

        def responder() -> None:
            cliente, _ = escuta.accept()
            with cliente:
                recebido.extend(cliente.recv(8))
                cliente.sendall(b"N")
                while dados := cliente.recv(4096):
                    recebido.extend(dados)

        fio = threading.Thread(target=responder, daemon=True)
        fio.start()
        url = trocar(
            supabase_da_lojinha.uri_banco,
            porta=str(escuta.getsockname()[1]),
            senha=SENHA,
            opcoes="sslmode=require",
        )
        saida = copiar_direto(supabase_da_lojinha, tmp_path, "--tentativas", "1", url=url)
        fio.join(PACIENCIA)
    conferir_erro(saida, "não aceita conexão cifrada (TLS)", "painel do Supabase")
    assert len(recebido) == 8


# -- quedas ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pedido", [(), ("--empresa", DONO)], ids=["juntas", "sozinha"])
def test_uma_conexao_que_cai_e_refeita(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, pedido: tuple[str, ...]
) -> None:
    """O banco derruba quem lê; o backup recomeça a foto e sai inteiro, também o que já escrevia
    no arquivo definitivo."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, MUITAS))
    cluster, trinco, lidos, derrubadas = criar_supabase.cluster, threading.Lock(), 0, 0
    derrubar = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        " AND application_name = 'cofre' AND query LIKE 'COPY%%'"
    )

    def voltar(dados: bytes) -> Destino:
        """No meio da tabela grande, com o servidor a meio de a mandar."""
        nonlocal lidos, derrubadas
        with trinco:
            lidos += len(dados)
            if lidos > NO_MEIO and derrubadas == 0:
                with cluster.conectar(projeto.banco, ADMINISTRADOR) as admin:
                    (derrubadas,) = admin.execute(derrubar, [projeto.banco]).fetchone() or (0,)
        return Destino.PASSAR

    with procurador(cluster.porta, passar, voltar) as porta:
        url = re.sub(r":\d+/", f":{porta}/", projeto.uri_banco)
        saida = executar(projeto, tmp_path, *pedido, mais={"SUPABASE_DB_URL": url})
    assert derrubadas >= 1
    assert saida.codigo == 0, saida.tudo
    assert "A conexão com o banco caiu no meio. Nova tentativa em" in saida.tudo
    backups = {m["user_id"]: m for m in metadados(tmp_path)}
    assert backups[DONO]["tabelas"]["muitas"]["registros"] == 75_000
    assert executar(None, tmp_path, "verificar").codigo == 0
    ocultos = [p.name for p in tmp_path.glob("empresa_*/.*")]
    assert not [nome for nome in ocultos if not nome.startswith((".resumo.", ".resumo_linhas."))]


NO_MEIO = 2_000_000
"""Bytes que o servidor mandou: mais do que todas as outras tabelas juntas, e um quinto desta."""
MUITAS = f"""
    CREATE TABLE muitas (id int PRIMARY KEY, user_id uuid, nome text);
    INSERT INTO muitas SELECT n, '{DONO}', repeat('x', 100) FROM generate_series(1, 75000) n;
    GRANT ALL ON muitas TO service_role;
"""


def test_ctrl_c_larga_uma_espera_longa_no_banco(
    supabase_da_lojinha: SupabaseLocal, tmp_path: Path
) -> None:
    conectar = partial(supabase_da_lojinha.cluster.conectar, supabase_da_lojinha.banco)
    with conectar() as outra, conectar() as vigia:
        outra.execute("BEGIN; LOCK TABLE clientes IN ACCESS EXCLUSIVE MODE")
        processo = abrir(
            supabase_da_lojinha,
            tmp_path,
            mais={"SUPABASE_DB_URL": supabase_da_lojinha.uri_banco},
        )
        esperando = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cofre'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        )
        while vigia.execute(esperando).fetchone() == (0,):
            assert processo.poll() is None
            time.sleep(0.05)
        processo.terminate()
        saida, erros = processo.communicate(timeout=PACIENCIA)
        while vigia.execute(esperando).fetchone() != (0,):
            time.sleep(0.05)
        outra.execute("ROLLBACK")
    assert processo.returncode == 130, (saida + erros).decode()
    assert set(fotografia_do_disco(tmp_path)) <= {".trava", ".execucao.json"}


# -- o segredo -------------------------------------------------------------------------------


def test_a_senha_nao_fica_em_lugar_nenhum(
    supabase_da_lojinha: SupabaseLocal, tmp_path: Path
) -> None:
    senha = supabase_da_lojinha.cluster.senha
    for opcoes in ((), ("--json",), ("--tabelas", "nenhuma")):
        saida = copiar_direto(supabase_da_lojinha, tmp_path, *opcoes)
        assert senha not in saida.tudo
        assert "postgresql://" not in re.sub(r"postgresql://postgres\.SEU-PROJETO", "", saida.tudo)
    assert metadados(tmp_path)
    for nome, dados in fotografia_do_disco(tmp_path, com_registros=True).items():
        assert senha.encode() not in dados, nome
    assert executar(None, tmp_path, "listar").codigo == 0


# -- uma réplica ---------------------------------------------------------------------------------


def test_uma_replica_se_copia_mas_nao_se_restaura(tmp_path: Path) -> None:
    """Uma de verdade: o mesmo banco, parado e ligado de novo como réplica (`standby.signal`)."""
    parametros = {"wal_level": "replica"}
    cluster = ClusterPostgres(tmp_path / "pg", parametros=parametros)
    destino = tmp_path / "backups"

    def rodar(script: Callable[..., Saida], *argumentos: str) -> Saida:
        mais = {"SUPABASE_DB_URL": cluster.uri("loja")}
        return script(None, destino, *argumentos, mais=mais)

    with cluster:
        cluster.criar_banco("loja", modelo=VAZIO, sql=(LOJINHA,))
        assert rodar(executar, "--empresa", DONO).codigo == 0
        cluster.executar("loja", "UPDATE produtos SET nome = 'errado' WHERE id = 1")
    sinal = cluster.pasta / "dados" / "standby.signal"
    sinal.touch()
    with cluster:
        saida = rodar(restaurar, "--empresa", DONO, "--confirmar", "RESTAURAR")
        copiada = rodar(executar, "--empresa", DONO)
    assert copiada.codigo == 0, copiada.tudo
    feito = ultimo_backup(destino, DONO)
    assert {n: t["registros"] for n, t in feito["tabelas"].items()} == REGISTROS_DO_DONO
    assert saida.codigo == 4, saida.tudo
    assert "O banco só aceita leitura (0A000)." in saida.erros
    assert "uma réplica" in saida.erros
