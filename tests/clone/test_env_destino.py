"""O `.env.destino` como se escreve de verdade, e o que nele se recusa: em nenhum caso a origem, o
destino ou os backups de um e de outro mudam."""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from apoio.bancada import papel
from apoio.dois_projetos import DoisProjetos, montar, sem_travas
from apoio.execucao import Saida, da_api
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import HA_DIFERENCAS, ErroDeUso, RestauracaoRecusada

REF: Final = "abcdefghijklmnopqrst"
"""A referência de um projeto hospedado que não existe: nada chega a ir à rede."""
RECUSADA: Final = RestauracaoRecusada.codigo
MAL_CONFIGURADA: Final = ErroDeUso.codigo


@pytest.fixture(scope="module")
def parados(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DoisProjetos]:
    """Os dois, que no fim do módulo são o que eram."""
    dois = montar(criar_supabase_do_modulo, tmp_path_factory.mktemp("parados"))
    antes = dois.ponto()
    yield dois
    dois.conferir_intacto(antes)


@pytest.fixture
def dois(parados: DoisProjetos) -> Iterator[DoisProjetos]:
    """Com o `.env.destino` certo no começo de cada teste, e sem backup nenhum lá no fim."""
    parados.escrever_env()
    yield parados
    assert sem_travas(parados.backups_de_la) == {}


def _recusado(saida: Saida, codigo: int, *dizeres: str) -> None:
    assert saida.codigo == codigo, saida.tudo
    assert not [d for d in dizeres if d not in saida.erros], saida.tudo
    assert "Traceback" not in saida.tudo


# -- como se escreve -------------------------------------------------------------------------------


def test_o_do_bloco_de_notas_com_aspas_e_comentarios(dois: DoisProjetos) -> None:
    """BOM, CRLF, aspas, `export`, espaços, uma linha em branco e um comentário."""
    api = da_api(dois.destino)
    texto = (
        "# o projeto de homologação\r\n\r\n"
        f'SUPABASE_URL = "{api["SUPABASE_URL"]}/"\r\n'
        f"export SUPABASE_SERVICE_ROLE_KEY='{api['SUPABASE_SERVICE_ROLE_KEY']}'  # secreta\r\n"
        "BACKUP_DIR=backups\r\nBACKUP_ARQUIVOS=nao\r\nBACKUP_LOGINS=nao"
    )
    dois.escrever_env_assim(codecs.BOM_UTF8 + texto.encode())
    saida = dois.clonar("--simular", respostas=())
    assert saida.codigo == HA_DIFERENCAS, saida.tudo
    assert "produtos: +20 ~0 −0 =0" in saida.saida
    # A BACKUP_DIR relativa é relativa ao arquivo que a diz, e não a esta pasta nem à da origem.
    assert str(dois.backups_de_la) in saida.saida


def test_as_variaveis_do_terminal_nao_vencem_o_arquivo(dois: DoisProjetos) -> None:
    """As do terminal são da origem, e nenhuma vale no destino: nem a conexão direta, que o arquivo
    não diz, nem a cifra, nem a cópia, nem a pasta."""
    de_ca = {
        "SUPABASE_DB_URL": dois.origem.uri_banco,
        "VITE_SUPABASE_URL": dois.origem.url,
        "SUPABASE_SECRET_KEY": dois.origem.chave_secreta,
        "BACKUP_CHAVE_ARQUIVO": "",
        "PGHOST": "127.0.0.1",
    }
    dois.destino.gateway.pedidos.clear()
    saida = dois.clonar("--simular", "--via", "api", respostas=(), mais=de_ca)
    assert saida.codigo == HA_DIFERENCAS, saida.tudo
    assert "produtos: +20 ~0 −0 =0" in saida.saida
    assert dois.destino.gateway.pedidos


# -- o que falta, ou não serve ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trocadas", "dizeres"),
    [
        ({"SUPABASE_URL": None}, ("SUPABASE_URL", ".env.destino")),
        ({"SUPABASE_URL": ""}, ("SUPABASE_URL", ".env.destino")),
        ({"SUPABASE_SERVICE_ROLE_KEY": None}, ("chave de serviço", ".env.destino")),
        ({"SUPABASE_SERVICE_ROLE_KEY": "sb_publishable_abcdefghij"}, ("pública",)),
        ({"SUPABASE_SERVICE_ROLE_KEY": "sb_secret_"}, ("malformada",)),
        ({"SUPABASE_URL": "https://supabase.com/dashboard"}, ("painel",)),
        (
            {"SUPABASE_URL": None, "SUPABASE_DB_URL": "postgresql://postgres@db.example/y"},
            ("senha",),
        ),
        ({"BACKUP_DIR": None}, ("BACKUP_DIR", ".env.destino")),
        ({"BACKUP_DIR": ""}, ("BACKUP_DIR", ".env.destino")),
    ],
)
def test_o_que_falta_ou_nao_serve_e_dito_pelo_nome(
    dois: DoisProjetos, trocadas: dict[str, str | None], dizeres: tuple[str, ...]
) -> None:
    dois.escrever_env(**trocadas)
    _recusado(dois.clonar(), MAL_CONFIGURADA, *dizeres)


def test_a_chave_publica_do_destino_nao_serve(dois: DoisProjetos) -> None:
    for chave in (dois.destino.chave_anon, dois.destino.chave_publicavel):
        dois.escrever_env(SUPABASE_SERVICE_ROLE_KEY=chave)
        saida = dois.clonar()
        _recusado(saida, MAL_CONFIGURADA, "SUPABASE_SERVICE_ROLE_KEY")
        assert chave not in saida.tudo


def test_a_chave_de_um_projeto_nao_abre_o_outro(dois: DoisProjetos) -> None:
    dois.escrever_env(SUPABASE_SERVICE_ROLE_KEY=dois.origem.chave_service_role)
    saida = dois.clonar()
    assert saida.codigo not in (0, 1), saida.tudo
    assert dois.origem.chave_service_role not in saida.tudo


@pytest.mark.parametrize("dados", [b"", codecs.BOM_UTF16_LE + "A=1".encode("utf-16-le"), b"N=\xe3"])
def test_um_arquivo_vazio_ou_em_outra_codificacao(dois: DoisProjetos, dados: bytes) -> None:
    dois.escrever_env_assim(dados)
    _recusado(dois.clonar(), MAL_CONFIGURADA, ".env.destino")


def test_um_caminho_que_nao_e_um_arquivo(dois: DoisProjetos) -> None:
    for ruim in (dois.la / ".env.nenhum", dois.la):
        _recusado(dois.clonar(para=ruim), MAL_CONFIGURADA, ruim.name)


# -- o mesmo projeto -------------------------------------------------------------------------------


@pytest.mark.parametrize("como", ["igual", "barra", "maiusculas", "rest", "localhost"])
def test_o_mesmo_projeto_escrito_de_outro_modo(dois: DoisProjetos, como: str) -> None:
    url = dois.origem.url
    escrita = {
        "igual": url,
        "barra": url + "//",
        "maiusculas": url.upper().replace("HTTP", "http"),
        "rest": url + "/rest/v1/",
        "localhost": url.replace("127.0.0.1", "localhost"),
    }[como]
    chave = dois.origem.chave_service_role
    dois.escrever_env(SUPABASE_URL=escrita, SUPABASE_SERVICE_ROLE_KEY=chave)
    saida = dois.clonar()
    _recusado(saida, RECUSADA, "mesmo projeto")


@pytest.mark.parametrize("da_origem", ["api", "direta"])
def test_o_mesmo_projeto_pelo_outro_caminho(dois: DoisProjetos, da_origem: str) -> None:
    """Um diz a API e o outro o banco: nenhum endereço é igual, e o projeto é o mesmo. A empresa já
    lá estar é o que o diz, e só quem escreve o nome do destino segue."""
    pela_api = da_api(dois.origem)
    sem = dict.fromkeys(pela_api)
    direta = {"SUPABASE_DB_URL": dois.origem.uri_banco}
    if da_origem == "api":
        dois.escrever_env(**{**sem, **direta})
        saida = dois.clonar()
    else:
        dois.escrever_env(**pela_api)
        saida = dois.clonar(mais={**dict.fromkeys(pela_api, ""), **direta})
    assert saida.codigo == RECUSADA, saida.tudo
    assert "mesmo projeto" in saida.erros or "--projeto" in saida.erros, saida.tudo


def _jwt(ref: str) -> str:
    partes = ({"alg": "HS256", "typ": "JWT"}, {"role": "service_role", "ref": ref, "exp": 2**33})
    em_base = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in partes]
    return b".".join([*em_base, b"assinatura"]).decode()


HOSPEDADOS: Final = {
    "direta": {"SUPABASE_DB_URL": f"postgresql://postgres:s@db.{REF}.supabase.co:5432/postgres"},
    "pooler": {
        "SUPABASE_DB_URL": f"postgresql://postgres.{REF}:s@aws-0-sa-east-1.pooler.supabase.com"
        ":5432/postgres"
    },
    "maiusculas": {"SUPABASE_URL": f"HTTPS://{REF.upper()}.SUPABASE.CO/"},
    "porta": {"SUPABASE_URL": f"https://{REF}.supabase.co:443"},
    "dominio próprio": {"SUPABASE_URL": "https://api.loja.example"},
    "réplica": {"SUPABASE_URL": f"https://{REF}-all.supabase.co"},
}


@pytest.mark.parametrize("como", HOSPEDADOS)
def test_o_mesmo_projeto_hospedado_escrito_de_outro_modo(dois: DoisProjetos, como: str) -> None:
    """Pela referência: a do endereço, a do usuário do pooler, a que a chave leva dentro."""
    chave = _jwt(REF)
    url, nome = f"https://{REF}.supabase.co", "SUPABASE_SERVICE_ROLE_KEY"
    trocadas: dict[str, str | None] = {"SUPABASE_URL": None, nome: None, **HOSPEDADOS[como]}
    if trocadas["SUPABASE_URL"]:
        trocadas[nome] = chave
    dois.escrever_env(**trocadas)
    saida = dois.clonar(mais={"SUPABASE_URL": url, nome: chave})
    _recusado(saida, RECUSADA, "mesmo projeto")
    assert chave not in saida.tudo


# -- a pasta dos backups ---------------------------------------------------------------------------


@pytest.mark.parametrize("como", ["igual", "dentro", "em volta", "atalho", "relativa", "til"])
def test_a_pasta_dos_backups_de_la_nao_e_a_de_ca(
    dois: DoisProjetos, tmp_path: Path, como: str
) -> None:
    atalho = tmp_path / "atalho"
    atalho.symlink_to(dois.backups.parent, target_is_directory=True)
    pasta = {
        "igual": str(dois.backups),
        "dentro": str(dois.backups / "de_la"),
        "em volta": str(dois.backups.parent),
        "atalho": str(atalho / dois.backups.name),
        "relativa": f"../{dois.backups.name}",
        "til": f"~/{dois.backups.name}",
    }[como]
    dois.escrever_env(BACKUP_DIR=pasta)
    casa = str(dois.backups.parent)
    saida = dois.clonar(mais={"HOME": casa, "USERPROFILE": casa})
    assert saida.codigo in (RECUSADA, MAL_CONFIGURADA), saida.tudo
    assert "BACKUP_DIR" in saida.erros, saida.tudo


# -- o banco de lá ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direitos", "ignora_rls"),
    [
        (("GRANT pg_read_all_data TO {papel}",), True),
        (("GRANT pg_read_all_data, pg_write_all_data TO {papel}",), False),
    ],
    ids=["só lê", "não vê tudo"],
)
def test_um_papel_que_pode_pouco_no_banco_de_la(
    dois: DoisProjetos, direitos: tuple[str, ...], ignora_rls: bool
) -> None:
    """Só lê; ou não ignora as políticas, e a tabela as tem: o que não vê não está livre."""
    antes = dois.ponto()
    politicas = "ALTER TABLE produtos {} ROW LEVEL SECURITY"
    dois.sql(politicas.format("ENABLE"))
    try:
        with papel(dois.destino, *direitos, ignora_rls=ignora_rls) as url:
            trocadas = dict.fromkeys(da_api(dois.destino))
            dois.escrever_env(**trocadas, SUPABASE_DB_URL=url)
            saida = dois.clonar()
    finally:
        dois.sql(politicas.format("DISABLE"))
    assert saida.codigo in (4, RECUSADA), saida.tudo
    dois.conferir_intacto(antes)


def test_sem_permissao_numa_tabela_de_la_nada_se_escreve(dois: DoisProjetos) -> None:
    antes = dois.ponto()
    dois.sql("REVOKE INSERT ON vendas_itens FROM service_role")
    try:
        saida = dois.clonar()
    finally:
        dois.sql("GRANT INSERT ON vendas_itens TO service_role")
    assert saida.codigo in (4, RECUSADA), saida.tudo
    assert "vendas_itens" in saida.tudo
    dois.conferir_intacto(antes)
