"""O que os servidores de hoje respondem: o que passa se tenta de novo; o resto tem causa e cura."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apoio.campanha import CAMPANHA
from apoio.execucao import (
    conteudo,
    executar,
    linhas_do_banco,
    linhas_salvas,
    metadados,
    restaurar,
    ultimo_backup,
)
from apoio.loja import ESCRITAS, Loja, antes_de, e_ensaio
from apoio.lojinha import DONO, LOJINHA, REGISTROS_DO_DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.chave import avisos_da_url
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import Falha, Pedido, RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal

NO_FUTURO = RespostaForcada(401, {"code": "PGRST303", "message": "JWT issued at future"})
CURA_DA_CHAVE = "copie uma «secret key»"


@pytest.fixture(autouse=True)
def _sem_regras(projeto: SupabaseLocal) -> Iterator[None]:
    yield
    projeto.gateway.retirar_todas()


class UmEmCada:
    """Verdadeiro para um pedido em cada tantos."""

    def __init__(self, quantos: int) -> None:
        self._numeros, self._quantos = itertools.count(1), quantos

    def __call__(self, _pedido: Pedido) -> bool:
        return next(self._numeros) % self._quantos == 0


# -- a chave que é recusada por um instante ------------------------------------------------------


def test_um_401_de_vez_em_quando_so_custa_tempo(oficina: Loja) -> None:
    """O PostgREST com o relógio atrasado recusa de vez em quando uma chave boa."""
    antes = antes_de(oficina, DONO)
    oficina.sql(*ESTRAGO)
    gateway = oficina.projeto.gateway
    with gateway.com_falha(NO_FUTURO, se=UmEmCada(20), vezes=None) as regra:
        feita = oficina.direto(dono=DONO)
        copiada = oficina.copiar("--empresa", DONO)
    assert regra.disparos >= 5
    assert feita.codigo == 0, feita.tudo
    assert copiada.codigo == 0, copiada.tudo
    assert "não aceitou a chave (401 PGRST303: JWT issued at future). Nova tentativa" in feita.saida
    antes.conferir()
    assert {m["estado"] for m in metadados(oficina.destino)} == {"completo"}


def test_recusada_por_um_instante_logo_no_primeiro_pedido(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Por uma causa e, ao tentar de novo, por outra."""
    outra = {"code": "PGRST301", "message": "JWT with an unrecognized kid"}
    gateway = projeto.gateway
    with (
        gateway.com_falha(NO_FUTURO) as uma,
        gateway.com_falha(RespostaForcada(401, outra)) as duas,
    ):
        saida = executar(projeto, tmp_path, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    assert (uma.disparos, duas.disparos) == (1, 1)
    feito = ultimo_backup(tmp_path, DONO)
    assert {n: t["registros"] for n, t in feito["tabelas"].items()} == REGISTROS_DO_DONO


def test_a_chave_que_deixa_de_valer_no_meio_e_dita_assim(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    falha = RespostaForcada(401, {"message": "Invalid API key"})
    with projeto.gateway.com_falha(falha, no_pedido=5, vezes=None):
        saida = executar(projeto, tmp_path, "--tentativas", "2")
    assert saida.codigo == 4, saida.tudo
    assert "deixou de aceitar a chave (401), que antes aceitava" in saida.tudo
    assert metadados(tmp_path) == []


def test_a_chave_errada_desde_o_comeco_nao_se_tenta_de_novo(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    falha = RespostaForcada(401, {"message": "Invalid API key"})
    with projeto.gateway.com_falha(falha, vezes=None) as regra:
        saida = executar(projeto, tmp_path)
    assert (saida.codigo, regra.disparos) == (4, 1), saida.tudo


# -- cada recusa, com causa e cura ---------------------------------------------------------------

FORA = "https://status.supabase.com"
RECUSAS: dict[str, tuple[Falha, str, str]] = {
    "relógio": (NO_FUTURO, "não aceitou a chave (401 PGRST303", "reinicie o"),
    "chaves antigas": (
        RespostaForcada(401, {"message": "Legacy API keys are disabled"}),
        "As chaves antigas (anon e service_role) foram desligadas",
        CURA_DA_CHAVE,
    ),
    "402": (RespostaForcada(402, {"message": "x"}), "restringiu este projeto (402)", "Billing"),
    "403": (
        RespostaForcada(403, {"message": "Access to schema is forbidden", "hint": "..."}),
        "não mostra o esquema a esta chave (403): ela é a pública",
        CURA_DA_CHAVE,
    ),
    "540": (RespostaForcada(540, b"", {"Content-Type": "text/plain"}), "pausado", "Restore"),
    "544": (RespostaForcada(544, b"", {"Content-Type": "text/plain"}), "respondeu 544", FORA),
    "556": (RespostaForcada(556, b"", {"Content-Type": "text/plain"}), "respondeu 556", FORA),
    "esquema que não se lê": (
        RespostaForcada(503, {"code": "PGRST002", "message": "Could not query the database"}),
        "respondeu 503. PGRST002: Could not query the database",
        "A Data API está desligada",
    ),
    "esquema que não se mostra": (
        RespostaForcada(406, {"code": "PGRST106", "message": "Invalid schema: public"}),
        "não mostra o esquema public (PGRST106)",
        "Exposed schemas",
    ),
    "banco reiniciando": (
        RespostaForcada(503, {"code": "57P03", "message": "the database system is starting up"}),
        "respondeu 503. 57P03",
        "pode estar reiniciando",
    ),
    "caminho a mais": (
        RespostaForcada(404, {"code": "PGRST125", "message": "Invalid path"}),
        "não tem a API do Supabase (404)",
        "SUPABASE_URL=https://SEU-PROJETO.supabase.co",
    ),
    "OrioleDB": (
        RespostaForcada(
            500,
            {"code": "XX000", "message": "orioledb tuples does not have system attribute: xmin"},
        ),
        "são do OrioleDB",
        "conexão direta (SUPABASE_DB_URL)",
    ),
}
FINAIS = {"chaves antigas", "402", "403", "540", "esquema que não se mostra", "OrioleDB"}


@pytest.mark.parametrize("nome", RECUSAS)
def test_cada_recusa_tem_causa_e_cura(projeto: SupabaseLocal, tmp_path: Path, nome: str) -> None:
    """O que tentar de novo não muda só se pede uma vez."""
    falha, causa, cura = RECUSAS[nome]
    with projeto.gateway.com_falha(falha, vezes=None) as regra:
        saida = executar(projeto, tmp_path, "--tentativas", "2")
    assert saida.codigo == 4, saida.tudo
    assert causa in saida.erros
    assert cura in saida.erros
    assert regra.disparos == (1 if nome in FINAIS or nome == "caminho a mais" else 2)
    assert metadados(tmp_path) == []


def test_o_orioledb_so_se_ve_ao_ler_uma_linha_e_e_recusado(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """A sonda sem linhas passa; a leitura, não. Nada se tenta de novo, e nada se guarda."""

    def com_linhas(pedido: Pedido) -> bool:
        pede = "xmin" in pedido.parametros.get("select", "")
        return pede and pedido.parametros.get("limit") != "0"

    falha, causa, cura = RECUSAS["OrioleDB"]
    with projeto.gateway.com_falha(falha, se=com_linhas, vezes=None) as regra:
        saida = executar(projeto, tmp_path)
    assert saida.codigo == 4, saida.tudo
    assert regra.disparos <= len(REGISTROS_DO_DONO), "uma vez por tabela, no máximo"
    assert causa in saida.erros
    assert cura in saida.erros
    assert metadados(tmp_path) == []


def test_a_raiz_que_nada_descreve_e_dita_e_as_conhecidas_se_acham_pelo_nome(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    falha = RespostaForcada(404, {"code": "PGRST126", "message": "Root endpoint metadata disabled"})
    with projeto.gateway.com_falha(falha, tabela="", vezes=None):
        saida = executar(projeto, tmp_path, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    assert "A API não descreve as suas tabelas" in saida.tudo
    salvas = {n: t["registros"] for n, t in ultimo_backup(tmp_path, DONO)["tabelas"].items()}
    assert salvas == {n: q for n, q in REGISTROS_DO_DONO.items() if n != "vazia"}


def test_a_dica_do_servidor_para_a_permissao_que_falta_aparece(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    dica = "Grant the required privileges with: GRANT SELECT ON public.clientes TO service_role;"
    recusa = {"code": "42501", "message": "permission denied for table clientes", "hint": dica}
    with projeto.gateway.com_falha(
        RespostaForcada(403, recusa), metodo="GET", tabela="clientes", vezes=None
    ):
        saida = executar(projeto, tmp_path, "--empresa", DONO)
    assert saida.codigo == 4, saida.tudo
    assert dica in saida.tudo
    assert "GRANT SELECT, INSERT, UPDATE, DELETE" in saida.tudo


# -- as colunas geradas --------------------------------------------------------------------------


def _nao_gravaveis(destino: Path) -> dict[str, list[str]]:
    tabelas = ultimo_backup(destino, DONO)["tabelas"]
    return {n: t["nao_gravaveis"] for n, t in tabelas.items() if t["nao_gravaveis"]}


def test_uma_falha_na_sonda_nao_faz_de_uma_coluna_gerada_uma_comum(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """As primeiras sondas de produtos falham, com um código; a resposta delas não é resposta."""
    falhas = (
        NO_FUTURO,
        RespostaForcada(503, {"code": "PGRST002", "message": "schema cache"}),
        RespostaForcada(500, {"code": "53400", "message": "configuration limit exceeded"}),
    )
    with contextlib.ExitStack() as pilha:
        regras = [
            pilha.enter_context(
                projeto.gateway.com_falha(falha, metodo="POST", tabela="produtos", vezes=2)
            )
            for falha in falhas
        ]
        saida = executar(projeto, tmp_path, "--empresa", DONO)
    assert (saida.codigo, [r.disparos for r in regras]) == (0, [2, 2, 2]), saida.tudo
    assert _nao_gravaveis(tmp_path) == {"produtos": ["dobro"]}


SEM_RESPOSTA = {
    "produtos": (500, "57014", "canceling statement", "57014"),
    "clientes": (500, "55P03", "lock timeout", "Outra escrita em clientes atrapalhou esta"),
    "vazia": (400, "22023", "outra coisa", "Não entendi o que vazia respondeu a uma sonda"),
}


def test_a_sonda_sem_resposta_e_uma_falha_so_da_tabela(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Presa, ou com uma resposta que não se entende: as outras tabelas, de todas as empresas, vão
    inteiras; e não se diz completo um backup que não sabe o que nesta não se grava."""
    with contextlib.ExitStack() as pilha:
        for tabela, (status, codigo, mensagem, _causa) in SEM_RESPOSTA.items():
            falha = RespostaForcada(status, {"code": codigo, "message": mensagem})
            pilha.enter_context(
                projeto.gateway.com_falha(falha, metodo="POST", tabela=tabela, vezes=None)
            )
        saida = executar(projeto, tmp_path, "--tentativas", "1")
    assert saida.codigo == 4, saida.tudo
    feitos = {b["user_id"]: b for b in metadados(tmp_path)}
    assert set(feitos) >= {DONO, VIZINHA}
    for feito in feitos.values():
        assert (feito["estado"], {*feito["tabelas_falha"]}) == ("incompleto", {*SEM_RESPOSTA})
        for tabela, (*_, causa) in SEM_RESPOSTA.items():
            assert causa in feito["falhas"][tabela]
            assert f"❌ {tabela}: {feito['falhas'][tabela]}" in saida.tudo
    feito = feitos[DONO]
    assert feito["tabelas_backup"] == [t for t in REGISTROS_DO_DONO if t not in SEM_RESPOSTA]
    for tabela in feito["tabelas_backup"]:
        salvas = set(linhas_salvas(feito, tabela))
        assert len(salvas) == REGISTROS_DO_DONO[tabela]
        assert salvas <= set(linhas_do_banco(projeto, tabela))


RECUSADAS = f"""
    CREATE TABLE "colunas ""geradas"" daqui" (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid,
        "a ""b"" c" text GENERATED ALWAYS AS ('x') STORED
    );
    GRANT SELECT, INSERT ON "colunas ""geradas"" daqui" TO service_role;
    INSERT INTO "colunas ""geradas"" daqui" (user_id) VALUES ('{DONO}');
    CREATE TABLE so_leitura (id bigint PRIMARY KEY, user_id uuid, n int);
    GRANT SELECT ON so_leitura TO service_role;
    INSERT INTO so_leitura VALUES (1, '{DONO}', 1);
    CREATE TABLE com_regra (id bigint PRIMARY KEY, user_id uuid);
    CREATE RULE nada AS ON INSERT TO com_regra DO INSTEAD NOTHING;
    GRANT ALL ON com_regra TO service_role;
    INSERT INTO com_regra VALUES (1, '{DONO}');
"""


@pytest.fixture(scope="module")
def minimo(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Um servidor que só diz código e mensagem dos erros."""
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, RECUSADAS), minima=True)


def test_com_a_verbosidade_minima_as_colunas_se_acham_pela_mensagem(
    minimo: SupabaseLocal, tmp_path: Path
) -> None:
    saida = executar(minimo, tmp_path, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    assert _nao_gravaveis(tmp_path) == {
        "produtos": ["dobro"],
        'colunas "geradas" daqui': ["id", 'a "b" c'],
    }
    feito = ultimo_backup(tmp_path, DONO)
    assert linhas_salvas(feito, "so_leitura") == linhas_do_banco(minimo, "so_leitura")
    assert linhas_salvas(feito, "com_regra") == linhas_do_banco(minimo, "com_regra")


# -- o que não pode depender da versão do servidor -----------------------------------------------

UM_PARA_UM = """
    CREATE TABLE fichas (
        id bigint PRIMARY KEY, cliente_id uuid UNIQUE REFERENCES clientes,
        venda_id bigint REFERENCES vendas, texto text
    );
    CREATE TABLE apelidos (cliente_id uuid PRIMARY KEY REFERENCES clientes, apelido text);
    GRANT ALL ON fichas, apelidos TO service_role;
    INSERT INTO fichas SELECT n, md5('c' || n)::uuid, n, 'oi' FROM generate_series(1, 40) n;
    INSERT INTO fichas VALUES (1001, md5('v')::uuid, 1001, 'da vizinha');
    INSERT INTO apelidos SELECT id, 'apelido' FROM clientes;
"""


def test_as_chaves_um_para_um_levam_ao_mesmo_backup_em_qualquer_servidor(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O de hoje as descreve, o de antes as esconde, e a conexão direta as vê no catálogo."""
    hoje = criar_supabase(VAZIO, sql=(LOJINHA, UM_PARA_UM), de_hoje=True)
    antes = criar_supabase.sobre(hoje.banco, de_hoje=False)
    feitos: list[dict[str, Any]] = []
    for projeto, via in ((hoje, API), (antes, API), (hoje, DIRETA)):
        loja = Loja(projeto, tmp_path / f"{len(feitos)}", via)
        saida = loja.copiar("--empresa", DONO)
        assert saida.codigo == 0, saida.tudo
        feitos.append(ultimo_backup(loja.destino, DONO))
    assert conteudo(feitos[0]) == conteudo(feitos[1]) == conteudo(feitos[2])
    de_hoje, de_antes, direta = (
        {n: {**t, "arquivo": ""} for n, t in feito["tabelas"].items()} for feito in feitos
    )
    assert de_hoje == de_antes
    assert {n: {c: direta[n][c] for c in t} for n, t in de_hoje.items()} == de_hoje
    assert (
        len(linhas_salvas(feitos[0], "fichas")) == len(linhas_salvas(feitos[0], "apelidos")) == 40
    )


def test_a_versao_que_o_servidor_diz_fica_nos_metadados_no_log_e_no_json(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    raiz = httpx.get(f"{projeto.url}/rest/v1/", headers={"apikey": projeto.chave_secreta})
    da_api = f"PostgREST {raiz.json()['info']['version']}"
    for via, versao in ((API, da_api), (DIRETA, "PostgreSQL 18.")):
        loja = Loja(projeto, tmp_path / via, via)
        saida = loja.copiar("--empresa", DONO, "--json")
        assert saida.codigo == 0, saida.tudo
        assert saida.json()["servidor"].startswith(versao)
        assert ultimo_backup(loja.destino, DONO)["origem"]["servidor"].startswith(versao)
        (log,) = (loja.destino / "logs").glob("*_backup.log")
        assert f"Servidor: {versao}" in log.read_text(encoding="utf-8")
        feita = loja.direto("--json", dono=DONO)
        assert feita.json()["servidor"].startswith(versao), feita.tudo


# -- uma coluna chamada apikey -------------------------------------------------------------------

COM_APIKEY = f"""
    CREATE TABLE integracoes (apikey text PRIMARY KEY, user_id uuid NOT NULL, nome text);
    GRANT ALL ON integracoes TO service_role;
    INSERT INTO integracoes SELECT 'k' || n, '{DONO}', 'minha ' || n FROM generate_series(1, 3) n;
    INSERT INTO integracoes SELECT 'v' || n, '{VIZINHA}', 'dela ' || n FROM generate_series(1, 3) n;
"""


def test_o_filtro_por_uma_coluna_chamada_apikey_nao_se_perde(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O gateway tira da URL o que se chama `apikey`: sem o filtro, uma mudança pegaria tudo."""
    loja = Loja(criar_supabase(VAZIO, sql=(LOJINHA, COM_APIKEY), de_hoje=True), tmp_path)
    assert loja.copiar("--empresa", DONO).codigo == 0
    antes = antes_de(loja, DONO)
    loja.sql(
        "DELETE FROM integracoes WHERE apikey = 'k1'",
        "UPDATE integracoes SET nome = 'outro' WHERE apikey = 'k2'",
        f"INSERT INTO integracoes VALUES ('k9', '{DONO}', 'a mais')",
    )
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


# -- o endereço de onde só se lê -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "o_que"),
    [
        ("abcdefghijklmnopqrst-rr-us-east-1-abcde.supabase.co", "o endereço de uma réplica"),
        ("abcdefghijklmnopqrst-all.supabase.co", "o endereço do balanceador de leituras"),
    ],
)
def test_o_endereco_de_uma_replica_e_recusado_ao_restaurar(
    oficina: Loja, host: str, o_que: str
) -> None:
    """Nenhum pedido parte: nem a chave sai daqui."""
    oficina.projeto.gateway.esquecer_pedidos()
    saida = restaurar(
        oficina.projeto,
        oficina.destino,
        *("--empresa", DONO, "--confirmar", "RESTAURAR"),
        mais={"SUPABASE_URL": f"https://{host}"},
    )
    assert saida.codigo == 2, saida.tudo
    assert f"SUPABASE_URL é {o_que}, e uma restauração precisa ver o que acabou" in saida.erros
    assert "Project URL" in saida.erros
    assert oficina.projeto.gateway.pedidos == []


@pytest.mark.parametrize(
    ("host", "avisa"),
    [
        ("abcdefghijklmnopqrst-all.supabase.co", True),
        ("abcdefghijklmnopqrst.supabase.co", False),
        ("minha-loja-all.exemplo.com.br", False),
    ],
)
def test_ao_copiar_de_uma_replica_so_se_avisa(host: str, avisa: bool) -> None:
    avisos = list(avisos_da_url(f"https://{host}"))
    assert bool(avisos) == avisa
    assert all("pode estar atrasado" in aviso for aviso in avisos)


# -- escritas que o banco não pôde atender -------------------------------------------------------


ESTRAGO = (
    f"DELETE FROM vendas_itens WHERE venda_id <= 60; DELETE FROM vendas WHERE user_id = '{DONO}'",
    "UPDATE produtos SET nome = 'errado' WHERE id IN (1, 2)",
    f"INSERT INTO produtos VALUES (5001, '{DONO}', 'a mais', 1)",
)


def _de_verdade(pedido: Pedido) -> bool:
    return pedido.metodo in ESCRITAS and not e_ensaio(pedido) and pedido.tabela != ""


QUEDAS = ((503, "57P01"), (503, "08006"), (500, "53400"))


def test_um_banco_que_cai_numa_escrita_passa(oficina: Loja) -> None:
    antes = antes_de(oficina, DONO)
    oficina.sql(*ESTRAGO)
    with contextlib.ExitStack() as pilha:
        regras = [
            pilha.enter_context(
                oficina.projeto.gateway.com_falha(
                    RespostaForcada(status, {"code": codigo, "message": "terminating connection"}),
                    se=_UmaEscritaEmCada(n),
                    vezes=None,
                )
            )
            for n, (status, codigo) in enumerate(QUEDAS, 2)
        ]
        saida = oficina.direto(dono=DONO)
    assert all(regra.disparos for regra in regras)
    assert sum(regra.disparos for regra in regras) >= 4
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


class _UmaEscritaEmCada(UmEmCada):
    """Verdadeiro para uma escrita em cada tantas."""

    def __call__(self, pedido: Pedido) -> bool:
        return _de_verdade(pedido) and super().__call__(pedido)


@pytest.mark.parametrize("status", [500, 413] if CAMPANHA else [500])
def test_um_limite_do_banco_diminui_o_pedido(oficina: Loja, status: int) -> None:
    """Ao ensaiar, ao escrever e ao ler; um 413 ao escrever, ver test_ritmo."""
    antes = antes_de(oficina, DONO)
    oficina.sql(*ESTRAGO)
    tamanhos: list[int] = []

    def grande(pedido: Pedido) -> bool:
        if pedido.metodo == "GET":
            limite = int(pedido.parametros.get("limit", "0"))
            return pedido.tabela == "produtos" and limite > 300
        tamanho = int(pedido.cabecalhos.get("content-length", "0"))
        if pedido.metodo == "POST" and pedido.tabela == "vendas_itens":
            tamanhos.append(tamanho)
        return tamanho > 3000

    falha = RespostaForcada(status, {"code": "54001", "message": "stack depth limit exceeded"})
    with oficina.projeto.gateway.com_falha(falha, se=grande, vezes=None):
        saida = oficina.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert max(tamanhos) > 3000
    antes.conferir()


def test_de_um_banco_que_nao_aceita_escrita_ou_nao_se_entende_nada_muda(oficina: Loja) -> None:
    antes = antes_de(oficina, DONO)
    oficina.sql(*ESTRAGO)
    estragado = antes_de(oficina, DONO)
    gateway = oficina.projeto.gateway
    recusa = {"code": "25006", "message": "cannot execute INSERT in a read-only transaction"}

    def escrita(pedido: Pedido) -> bool:
        sonda = pedido.cabecalhos.get("content-length") == "1"
        return pedido.metodo in ESCRITAS and not sonda

    with gateway.com_falha(RespostaForcada(405, recusa), se=escrita, vezes=None):
        saida = oficina.direto(dono=DONO)
    assert saida.codigo == 4, saida.tudo
    assert "O banco só aceita leitura (25006)." in saida.erros
    assert "o disco do projeto encheu" in saida.erros
    assert "réplica" in saida.erros
    estragado.conferir_intacto()
    # Sem saber o que não se grava, nada se restaura.
    falha = RespostaForcada(400, {"code": "22023", "message": "outra coisa"})
    with gateway.com_falha(falha, metodo="POST", tabela="produtos", vezes=None):
        saida = oficina.direto(dono=DONO)
    assert saida.codigo == 4, saida.tudo
    assert "Não entendi o que produtos respondeu a uma sonda" in saida.erros
    estragado.conferir_intacto()
    assert oficina.direto(dono=DONO).codigo == 0
    antes.conferir()


def test_a_tabela_que_a_api_ainda_nao_viu_diz_como_recarregar(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    recusa = {"code": "PGRST205", "message": "Could not find the table 'public.clientes'"}

    def das_linhas(pedido: Pedido) -> bool:
        return DONO in pedido.consulta

    with projeto.gateway.com_falha(
        RespostaForcada(404, recusa), tabela="clientes", se=das_linhas, vezes=None
    ):
        saida = executar(projeto, tmp_path, "--empresa", DONO)
    assert saida.codigo == 4, saida.tudo
    assert "PGRST205" in saida.tudo
    feito = ultimo_backup(tmp_path, DONO)
    assert feito["tabelas_falha"] == ["clientes"]
    assert "clientes" not in conteudo(feito)
