"""O que a rede e o servidor fazem de errado: passa sozinho, ou é dito com causa e cura."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from apoio.campanha import amostra
from apoio.execucao import (
    Saida,
    conteudo,
    executar,
    fotografia_do_disco,
    linhas_do_banco,
    linhas_salvas,
    metadados,
    ultimo_backup,
)
from apoio.lojinha import DONO, LOJINHA, REGISTROS_DO_DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.via.api.curas import PLATAFORMA
from supabase_local.servidores.falhas import (
    CorpoCortado,
    CorpoEncurtado,
    CorteAntes,
    CorteDepois,
    Falha,
    Pedido,
    Regra,
    RespostaForcada,
    quando,
)
from supabase_local.servidores.servidor import SupabaseLocal

PASSAGEIRAS: tuple[Falha, ...] = (
    CorteAntes(com_reset=True),
    CorteAntes(),
    CorteDepois(com_reset=True),
    CorpoCortado(),
    CorpoEncurtado(),
    RespostaForcada(500),
    RespostaForcada(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    RespostaForcada(503),
    RespostaForcada(504, b"", {"Content-Type": "text/plain"}),
    RespostaForcada(520, b"error code: 520", {"Content-Type": "text/plain"}),
    RespostaForcada(429, None, {"Retry-After": "1"}),
    RespostaForcada(408, b"", {"Content-Type": "text/plain"}),
)
Identidade = tuple[str, str, str]


@pytest.fixture(autouse=True)
def _sem_regras(projeto: SupabaseLocal) -> None:
    projeto.gateway.retirar_todas()


@pytest.fixture(scope="module")
def limpa(
    projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Counter[Identidade]]:
    """O backup de uma execução sem falhas e os pedidos que ela fez."""
    destino = tmp_path_factory.mktemp("limpa")
    projeto.gateway.retirar_todas()
    projeto.gateway.esquecer_pedidos()
    saida = executar(projeto, destino, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    pedidos = Counter(_identidade(r.pedido) for r in projeto.gateway.pedidos)
    return ultimo_backup(destino, DONO), pedidos


def _identidade(pedido: Pedido) -> Identidade:
    return pedido.metodo, pedido.tabela, pedido.consulta


def _tabelas(backup: Mapping[str, Any]) -> dict[str, Any]:
    """O que os metadados dizem de cada tabela, sem o carimbo do nome do arquivo."""
    return {nome: {**t, "arquivo": None} for nome, t in backup["tabelas"].items()}


def _sem_segredos(saida: Saida, projeto: SupabaseLocal) -> None:
    texto = saida.saida + saida.erros
    assert "Traceback" not in texto
    for chave in (projeto.chave_service_role, projeto.chave_secreta):
        for inicio in range(0, len(chave) - 12, 12):
            assert chave[inicio : inicio + 12] not in texto


# -- o que passa ---------------------------------------------------------------------------------


RODADAS = range(0, len(PASSAGEIRAS), 2)


@pytest.mark.parametrize("rodada", amostra(RODADAS, 2))
def test_uma_falha_em_cada_pedido(
    projeto: SupabaseLocal,
    limpa: tuple[dict[str, Any], Counter[Identidade]],
    tmp_path: Path,
    rodada: int,
) -> None:
    """Todo pedido falha uma vez, e cada maneira de falhar acontece; na campanha, ao fim das
    rodadas, cada um falhou de metade das maneiras, e os seus vizinhos da outra."""
    backup, pedidos = limpa
    regras = []
    for i, (identidade, vezes) in enumerate(sorted(pedidos.items())):
        falha = PASSAGEIRAS[(i + rodada) % len(PASSAGEIRAS)]
        regra = Regra(falha, _este(identidade), vezes=vezes)
        regras.append(projeto.gateway.acrescentar(regra))
    assert len(regras) >= len(PASSAGEIRAS)
    saida = executar(projeto, tmp_path, "--empresa", DONO, "--conexoes", "8")
    assert saida.codigo == 0, saida.tudo
    assert [r.disparos for r in regras] == [r.vezes for r in regras]
    (feito,) = metadados(tmp_path)
    assert conteudo(feito) == conteudo(backup)
    assert _tabelas(feito) == _tabelas(backup)
    assert feito["consistencia"] == backup["consistencia"] == "instantanea"
    assert feito["deixadas_de_fora"] == backup["deixadas_de_fora"]
    assert feito["tabelas_ausentes"] == backup["tabelas_ausentes"]
    assert " ⏳ " in saida.saida
    _sem_segredos(saida, projeto)


def _este(identidade: Identidade) -> Any:
    return quando(se=lambda p: _identidade(p) == identidade)


# -- o que não passa -----------------------------------------------------------------------------

CURA_DA_REDE = "Verifique a internet e o endereço em SUPABASE_URL."
PERMANENTES: dict[str, tuple[Falha, str, str]] = {
    "503": (RespostaForcada(503), "respondeu 503", ""),
    "503 de cara de página": (
        RespostaForcada(503, b"<h1>oops</h1>", {"Content-Type": "text/html"}),
        "respondeu 503",
        "",
    ),
    "401": (
        RespostaForcada(401, {"message": "Invalid API key"}),
        "recusou a chave (401)",
        "Confira se a chave é deste projeto",
    ),
    "540": (
        RespostaForcada(540, {"message": "Project paused"}),
        "O projeto está pausado no Supabase.",
        "clique em «Restore project»",
    ),
    "404 em HTML": (
        RespostaForcada(404, b"<html>Not found</html>", {"Content-Type": "text/html"}),
        "não tem a API do Supabase (404)",
        "SUPABASE_URL=https://SEU-PROJETO.supabase.co",
    ),
    "200 em HTML": (
        RespostaForcada(200, b"<html>Ola</html>", {"Content-Type": "text/html"}),
        "A raiz da API não é a descrição que o Supabase dá.",
        "Confira SUPABASE_URL",
    ),
    "conexão cortada": (
        CorteAntes(com_reset=True),
        "caiu no meio da resposta",
        "Verifique a internet",
    ),
}


@pytest.mark.parametrize("nome", PERMANENTES)
def test_falha_permanente(projeto: SupabaseLocal, tmp_path: Path, nome: str) -> None:
    falha, causa, cura = PERMANENTES[nome]
    with projeto.gateway.com_falha(falha, vezes=None):
        saida = executar(projeto, tmp_path, "--tentativas", "2")
    assert saida.codigo == 4, saida.tudo
    assert causa in saida.erros
    assert cura in saida.erros
    assert saida.erros.startswith("❌ ")
    assert metadados(tmp_path) == []
    _sem_segredos(saida, projeto)


@pytest.mark.parametrize("host", ["porta fechada", "nome que não existe"])
def test_servidor_que_nao_existe(projeto: SupabaseLocal, tmp_path: Path, host: str) -> None:
    with socket.socket() as reservada:  # ligada, mas sem escutar: a conexão é recusada
        reservada.bind(("127.0.0.1", 0))
        porta = reservada.getsockname()[1]
        url = (
            "http://projeto-apagado.invalid"
            if host != "porta fechada"
            else f"http://127.0.0.1:{porta}"
        )
        saida = executar(projeto, tmp_path, "--tentativas", "2", mais={"SUPABASE_URL": url})
    assert saida.codigo == 4, saida.tudo
    endereco = url.removeprefix("http://")
    assert saida.erros.splitlines() == [
        f"❌ Não consegui falar com {endereco}.",
        f"   {CURA_DA_REDE} Um projeto pausado ou apagado",
        "   também some da rede: veja no painel do Supabase se ele está ativo.",
    ]
    assert "(2 de 2)" in saida.saida
    _sem_segredos(saida, projeto)


def test_servidor_que_morre_no_meio(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Depois de alguns pedidos de linhas, mais nenhum: nada passa por inteiro."""

    def das_linhas(pedido: Pedido) -> bool:
        return DONO in pedido.consulta

    with projeto.gateway.com_falha(RespostaForcada(503), se=das_linhas, no_pedido=5, vezes=None):
        saida = executar(projeto, tmp_path, "--empresa", DONO, "--tentativas", "2")
    assert saida.codigo == 4, saida.tudo
    assert "respondeu 503" in saida.saida
    for feito in metadados(tmp_path):
        assert feito["estado"] == "incompleto"
        assert feito["tabelas_falha"] != []
    _sem_segredos(saida, projeto)


# -- uma tabela que falha ------------------------------------------------------------------------


@contextlib.contextmanager
def _produtos_caidos(projeto: SupabaseLocal, dono: str | None = None) -> Iterator[None]:
    """As linhas de produtos (da empresa dita, ou de todas) nunca vêm."""

    def das_linhas(pedido: Pedido) -> bool:
        filtro = pedido.parametros.get("user_id", "")
        return filtro.startswith(("eq.", "in.")) and (dono or "") in filtro

    with projeto.gateway.com_falha(
        RespostaForcada(503), metodo="GET", tabela="produtos", se=das_linhas, vezes=None
    ):
        yield


def test_sonda_que_falha_nao_deixa_tabela_de_fora(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """A pergunta pela chave que a API esconde não teve resposta: nada se conclui dela."""
    escondida = f"""
        CREATE TABLE fichas (
            id bigint PRIMARY KEY, cliente_id uuid UNIQUE REFERENCES clientes, texto text
        );
        GRANT ALL ON fichas TO service_role;
        INSERT INTO fichas SELECT 1, id, 'oi' FROM clientes WHERE user_id = '{DONO}' LIMIT 1;
    """
    # Os servidores de hoje a mostram.
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, escondida), de_hoje=False)

    def sonda(pedido: Pedido) -> bool:
        return "clientes" in pedido.parametros.get("select", "")

    with projeto.gateway.com_falha(
        RespostaForcada(503), metodo="GET", tabela="fichas", se=sonda, vezes=None
    ) as regra:
        saida = executar(projeto, tmp_path, "--tentativas", "2")
    assert regra.disparos == 2
    assert saida.codigo == 4, saida.tudo
    assert "respondeu 503" in saida.erros
    assert metadados(tmp_path) == []
    assert executar(projeto, tmp_path).codigo == 0
    assert len(linhas_salvas(ultimo_backup(tmp_path, DONO), "fichas")) == 1


def test_uma_tabela_falha_e_as_outras_continuam(
    projeto: SupabaseLocal, limpa: tuple[dict[str, Any], Counter[Identidade]], tmp_path: Path
) -> None:
    with _produtos_caidos(projeto, DONO):
        saida = executar(projeto, tmp_path, "--tentativas", "2")
    assert saida.codigo == 4, saida.tudo
    feito, outra = ultimo_backup(tmp_path, DONO), ultimo_backup(tmp_path, VIZINHA)
    esperado = conteudo(limpa[0])
    del esperado["produtos"]
    assert conteudo(feito) == esperado
    assert (feito["estado"], outra["estado"]) == ("incompleto", "completo")
    assert feito["tabelas_falha"] == ["produtos"]
    host = projeto.url.removeprefix("http://")
    assert feito["falhas"] == {"produtos": f"O servidor {host} respondeu 503."}
    assert len(linhas_salvas(outra, "produtos")) == 10
    assert f"   ❌ produtos: O servidor {host} respondeu 503." in saida.saida
    assert f"   ⚠️ Backup incompleto: {feito['pasta']}/" in saida.saida
    assert f"   ✅ Backup concluído: {outra['pasta']}/" in saida.saida
    assert saida.saida.endswith("   Falhas: 1\n   ❌ Padaria Ação: produtos\n")
    listado = executar(None, tmp_path, "listar", "--json").json()
    estados = {e["nome"]: [b["estado"] for b in e["backups"]] for e in listado["empresas"]}
    assert estados == {"Padaria Ação": ["incompleto"], "Vizinha": ["completo"]}
    _sem_segredos(saida, projeto)


def test_todas_as_tabelas_falham(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Nada lido, nada publicado: nem a pasta fica."""

    def das_linhas(pedido: Pedido) -> bool:
        return "xmin" in pedido.parametros.get("select", "") and "order" in pedido.parametros

    with projeto.gateway.com_falha(RespostaForcada(503), se=das_linhas, vezes=None):
        saida = executar(projeto, tmp_path, "--empresa", DONO, "--tentativas", "2")
    assert saida.codigo == 4, saida.tudo
    assert "   ❌ Backup não concluído: nenhuma tabela pôde ser lida" in saida.saida
    assert fotografia_do_disco(tmp_path) == {".trava": b""}


def test_silencioso_diz_o_que_falhou(projeto: SupabaseLocal, tmp_path: Path) -> None:
    with _produtos_caidos(projeto, DONO):
        saida = executar(projeto, tmp_path, "--tentativas", "2", "--silencioso")
    assert saida.codigo == 4, saida.tudo
    assert saida.saida == ""
    (feito, _outra) = metadados(tmp_path)
    host = projeto.url.removeprefix("http://")
    assert saida.erros.splitlines() == [
        "🏢 Empresa: Padaria Ação",
        f"   ❌ produtos: O servidor {host} respondeu 503.",
        f"      {PLATAFORMA}",
        f"   ⚠️ Backup incompleto: {feito['pasta']}/",
    ]


# -- o limite de tempo do servidor ---------------------------------------------------------------

DEMORA = {"code": "57014", "message": "canceling statement due to statement timeout"}
LENTA = f"""
    CREATE TYPE lento AS ENUM ('devagar');
    CREATE FUNCTION em_json(l lento) RETURNS json LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(0.004); RETURN '"devagar"'; END $$;
    CREATE CAST (lento AS json) WITH FUNCTION em_json(lento);
    CREATE TABLE lentas (id integer PRIMARY KEY, user_id uuid, valor lento);
    GRANT ALL ON lentas TO service_role;
    INSERT INTO lentas SELECT n, '{DONO}', 'devagar' FROM generate_series(1, 300) n;
"""


def test_57014_diminui_a_pagina_e_o_retry_after_e_obedecido(
    projeto: SupabaseLocal, limpa: tuple[dict[str, Any], Counter[Identidade]], tmp_path: Path
) -> None:
    """O servidor só aguenta 30 linhas por vez: a página é dividida até caber."""
    limites: list[int] = []

    def grande(pedido: Pedido) -> bool:
        limite = int(pedido.parametros.get("limit", "0"))
        if limite and "order" in pedido.parametros:  # uma página, e não uma sonda
            limites.append(limite)
        return limite > 40

    espera = RespostaForcada(429, None, {"Retry-After": "2"})
    with (
        projeto.gateway.com_falha(
            RespostaForcada(500, DEMORA), metodo="GET", tabela="produtos", se=grande, vezes=None
        ),
        projeto.gateway.com_falha(espera, metodo="GET", tabela="clientes"),
    ):
        saida = executar(projeto, tmp_path, "--empresa", DONO, "--conexoes", "1")
    assert saida.codigo == 0, saida.tudo
    (feito,) = metadados(tmp_path)
    assert conteudo(feito) == conteudo(limpa[0])
    assert sorted(set(limites), reverse=True) == [1000, 500, 250, 125, 62, 31]
    assert "respondeu 429. Nova tentativa em 2,0 s (2 de 8)." in saida.saida


def test_57014_de_verdade(criar_supabase: FabricaDeSupabase, tmp_path: Path) -> None:
    """O PostgreSQL cancela mesmo a consulta: cada linha demora 4 ms, e o limite é de 0,5 s."""
    lento = criar_supabase(VAZIO, sql=(LOJINHA, LENTA))
    with lento.cluster.conectar(lento.banco, papel="supabase_admin") as banco:
        banco.execute(
            f"ALTER ROLE authenticator IN DATABASE {lento.banco} SET statement_timeout = '500ms'"
        )
        banco.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'authenticator'"
            " AND datname = current_database()"
        )
    saida = executar(lento, tmp_path, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    recusados = [r for r in lento.gateway.pedidos if r.tabela == "lentas" and r.status == 500]
    assert recusados != []
    (feito,) = metadados(tmp_path)
    assert linhas_salvas(feito, "lentas") == sorted(
        linhas_do_banco(lento, "lentas"), key=lambda linha: int(linha.split(b",")[0][6:])
    )
    assert {n: t["registros"] for n, t in feito["tabelas"].items()} == {
        **REGISTROS_DO_DONO,
        "lentas": 300,
    }


def test_57014_ate_o_fim(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Nem uma linha por vez: a tabela falha, dizendo a cura, e as outras ficam."""
    with projeto.gateway.com_falha(
        RespostaForcada(500, DEMORA),
        metodo="GET",
        tabela="clientes",
        se=lambda p: "order" in p.parametros,
        vezes=None,
    ):
        saida = executar(projeto, tmp_path, "--empresa", DONO)
    assert saida.codigo == 4, saida.tudo
    (feito,) = metadados(tmp_path)
    assert feito["tabelas_falha"] == ["clientes"]
    assert "   ❌ clientes: A consulta a clientes passou do limite de tempo" in saida.saida
    assert "Crie um índice na coluna que diz a empresa em clientes" in saida.saida
