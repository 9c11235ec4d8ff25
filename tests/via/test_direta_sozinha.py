"""A via direta sozinha: sem a URL da API, sem chave e sem o supabase-py, tudo funciona."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from apoio.direto import SO_DA_VIA, conferir_iguais, copiar_direto
from apoio.execucao import BACKUP, RESTAURACAO, Saida, ambiente, da_api, executar, metadados
from apoio.loja import Loja, antes_de
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.ambiente import carregar
from cofre.base.config.valores import Acesso, AcessoDireto
from cofre.base.erros import ConfiguracaoInvalida
from cofre.via.contrato import DIRETA
from cofre.via.direta.endereco import interpretar
from supabase_local.servidores.servidor import SupabaseLocal

RECUSA_O_SUPABASE = """
import runpy, sys


class SemSupabase:
    def find_spec(self, nome, caminho=None, alvo=None):
        if nome.partition(".")[0] in ("supabase", "postgrest", "gotrue", "storage3", "realtime"):
            raise ImportError(f"{nome} foi importado", name=nome)
        return None


for nome in list(sys.modules):
    if nome.partition(".")[0] in ("cofre", "supabase", "postgrest", "storage3", "realtime"):
        del sys.modules[nome]
sys.meta_path.insert(0, SemSupabase())
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""O script, num Python em que o supabase-py não se importa. Do forno, que já importou tudo, só
servem os pacotes dos outros: o cofre importa-se de novo, como num processo que nasce."""


def so_com_o_banco(
    projeto: SupabaseLocal,
    destino: Path,
    *argumentos: str,
    script: Path = BACKUP,
    ensaio: str = "",
) -> Saida:
    """Roda o script só com a SUPABASE_DB_URL, e sem poder importar o supabase-py."""
    return executar(
        None,
        destino,
        *argumentos,
        mais={"SUPABASE_DB_URL": projeto.uri_banco, "ENSAIO_DB_URL": ensaio},
        script=script,
        programa=RECUSA_O_SUPABASE,
        novo=False,
    )


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, APROVADOS))


APROVADOS = """
    CREATE TABLE user_approvals (
        id bigint PRIMARY KEY, user_id uuid, parent_user_id uuid, company_name text,
        full_name text, email text
    );
    ALTER TABLE empresas ADD razao_social text, ALTER nome DROP NOT NULL;
    INSERT INTO empresas VALUES
        ('cccc0000-eeee-4000-8000-000000000001', 'cccc0000-0000-4000-8000-000000000001', NULL,
         'Razão & Cia'),
        ('cccc0000-eeee-4000-8000-000000000002', 'cccc0000-0000-4000-8000-000000000001', 'Filial',
         NULL);
    INSERT INTO user_approvals VALUES
        (1, 'aaaa1111-0000-4000-8000-000000000001', NULL, 'Outro nome', NULL, NULL),
        (2, 'dddd0000-0000-4000-8000-000000000001', NULL, ' ', NULL, 'dona@exemplo.com'),
        (3, 'dddd0000-0000-4000-8000-000000000002', 'aaaa1111-0000-4000-8000-000000000001',
         'Empregado', NULL, NULL),
        (4, 'dddd0000-0000-4000-8000-000000000003', NULL, NULL, '', NULL),
        (5, NULL, NULL, 'Ninguém', NULL, NULL);
    GRANT ALL ON user_approvals TO service_role;
"""
"""As empresas que a regra distingue: com dois registros, só aprovada, sem nome, empregado, nula."""


def test_as_empresas_sao_as_mesmas_pelas_duas_vias(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Os mesmos nomes, registros e arquivos, byte a byte: a regra é uma só."""
    pela_api = executar(projeto, tmp_path / "api")
    assert pela_api.codigo == 0, pela_api.tudo
    direto = so_com_o_banco(projeto, tmp_path / "direta")
    assert direto.codigo == 0, direto.tudo
    da_api, diretos = metadados(tmp_path / "api"), metadados(tmp_path / "direta")
    assert sorted(m["nome"] for m in diretos) == [
        "(sem nome) dddd0000", "Padaria Ação", "Razão & Cia", "Vizinha", "dona@exemplo.com",
    ]  # fmt: skip
    conferir_iguais(da_api, diretos)
    (com_dois,) = (m for m in diretos if m["nome"] == "Razão & Cia")
    assert "origem" in SO_DA_VIA
    assert com_dois["total_registros"] == 2


def test_a_origem_e_o_banco_sem_segredo(projeto: SupabaseLocal, tmp_path: Path) -> None:
    assert so_com_o_banco(projeto, tmp_path, "--empresa", DONO).codigo == 0
    (meta,) = metadados(tmp_path)
    porta = projeto.cluster.porta
    assert meta["origem"]["via"] == DIRETA
    assert meta["origem"]["url"] == f"postgresql://127.0.0.1:{porta}/{projeto.banco}"
    for arquivo in tmp_path.rglob("*.*"):
        if arquivo.is_file():
            assert projeto.cluster.senha.encode() not in arquivo.read_bytes(), arquivo


@pytest.mark.parametrize(
    ("url", "publico"),
    [
        ("postgresql://u:s@h.com:6000/b%2Fc", "postgresql://h.com:6000/b%2Fc"),
        ("postgresql://u:s@[2001:4860::1]", "postgresql://[2001:4860::1]:5432/postgres"),
    ],
)
def test_o_endereco_publico_nao_leva_usuario_nem_senha(url: str, publico: str) -> None:
    assert interpretar(AcessoDireto(url)).publico == publico


def test_uma_empresa_que_sumiu_e_notada_sem_chave(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """A origem é a mesma de um dia para o outro: sem isso, a falta de uma empresa se calaria."""
    loja = criar_supabase(VAZIO, sql=(LOJINHA,))
    assert so_com_o_banco(loja, tmp_path).codigo == 0
    with loja.cluster.conectar(loja.banco) as banco:
        for tabela in ("vendas_itens", "vendas", "clientes", "produtos", "empresas"):
            banco.execute(f"DELETE FROM {tabela} WHERE user_id = '{VIZINHA}'")
    saida = so_com_o_banco(loja, tmp_path)
    assert saida.codigo == 10, saida.tudo
    assert "Vizinha" in saida.saida


def test_restaurar_listar_verificar_e_a_pagina(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    loja = Loja(criar_supabase(VAZIO, sql=(LOJINHA,)), tmp_path / "b", DIRETA)
    projeto, destino = loja.projeto, loja.destino
    assert so_com_o_banco(projeto, destino).codigo == 0
    antes = antes_de(loja, DONO)
    loja.sql(
        f"DELETE FROM vendas_itens WHERE user_id = '{DONO}'",
        f"UPDATE produtos SET preco = 1 WHERE user_id = '{DONO}'",
    )
    volta = ("--empresa", DONO, "--confirmar", "RESTAURAR")
    saida = so_com_o_banco(projeto, destino, *volta, script=RESTAURACAO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    desfeita = so_com_o_banco(projeto, destino, "desfazer", *volta, script=RESTAURACAO)
    assert desfeita.codigo == 0, desfeita.tudo
    assert loja.valor(f"SELECT count(*) FROM vendas_itens WHERE user_id = '{DONO}'") == 0
    for acao in ("listar", "verificar", "painel"):
        fim = so_com_o_banco(projeto, destino, acao)
        assert fim.codigo == 0, fim.tudo
    de_teste = criar_supabase.cluster.uri(criar_supabase.banco(VAZIO))
    ensaio = so_com_o_banco(projeto, destino, "ensaiar", "--empresa", DONO, ensaio=de_teste)
    assert ensaio.codigo == 0, ensaio.tudo


def test_a_api_pedida_sem_chave_diz_o_que_falta(projeto: SupabaseLocal, tmp_path: Path) -> None:
    url = {"SUPABASE_DB_URL": projeto.uri_banco}
    casos = (
        (url, "SUPABASE_URL não está no .env", "Data API"),
        (url | {"SUPABASE_URL": projeto.url}, "Falta a chave de serviço", "API Keys"),
        (
            url | {"SUPABASE_URL": projeto.url, "SUPABASE_ANON_KEY": projeto.chave_anon},
            "Só encontrei SUPABASE_ANON_KEY, que é pública e não serve.",
            "service_role",
        ),
    )
    for mais, causa, cura in casos:
        saida = executar(None, tmp_path, "--via", "api", mais=mais)
        assert saida.codigo == 2, saida.tudo
        assert causa in saida.erros
        assert cura in saida.erros


def test_so_com_o_endereco_a_origem_e_ele(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Quem só tem a URL (o `.env` de um aplicativo tem VITE_SUPABASE_URL) fica com a mesma origem
    de quem tem a chave, e a API não é chamada."""
    projeto.gateway.esquecer_pedidos()
    mais = {"SUPABASE_DB_URL": projeto.uri_banco, "VITE_SUPABASE_URL": projeto.url}
    argumentos = ("--empresa", DONO)
    saida = executar(None, tmp_path, *argumentos, mais=mais, programa=RECUSA_O_SUPABASE, novo=False)
    assert saida.codigo == 0, saida.tudo
    (meta,) = metadados(tmp_path)
    assert meta["origem"]["url"] == projeto.url
    assert projeto.gateway.pedidos == []


def test_a_configuracao_sem_chave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for nome in ("SUPABASE_URL", "VITE_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"):
        monkeypatch.delenv(nome, raising=False)
    env = tmp_path / ".env"
    env.write_text("SUPABASE_DB_URL=postgresql://u:s@h.com/b\n", encoding="utf-8")
    env.chmod(0o600)
    lida = carregar(tmp_path)
    assert lida.acesso is None
    assert lida.avisos == ()
    with pytest.raises(ConfiguracaoInvalida, match="Falta o endereço do projeto"):
        lida.acesso_da_api()
    with env.open("a", encoding="utf-8") as mais:
        mais.write("SUPABASE_URL=http://api.exemplo.com/\n")
    lida = carregar(tmp_path)
    assert lida.acesso == Acesso("http://api.exemplo.com", "")
    assert lida.avisos == ()  # sem chave, nada viaja por ela
    with pytest.raises(ConfiguracaoInvalida, match="Falta a chave de serviço"):
        lida.acesso_da_api()


def test_com_as_duas_a_api_so_confere_onde_os_enderecos_nao_dizem(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Os endereços daqui não dizem de que projeto são: a API é perguntada uma vez, e só das
    empresas; nenhuma linha de negócio vem por ela."""
    projeto.gateway.esquecer_pedidos()
    saida = copiar_direto(projeto, tmp_path, "--empresa", DONO, mais=da_api(projeto))
    assert saida.codigo == 0, saida.tudo
    assert {p.tabela for p in projeto.gateway.pedidos} == {"empresas", "user_approvals"}


def test_dois_projetos_que_os_enderecos_dizem_sao_recusados_antes_de_qualquer_conexao(
    tmp_path: Path,
) -> None:
    mais = {
        "SUPABASE_DB_URL": "postgresql://postgres:s@db.abcdefghijklmnopqrst.supabase.co/postgres",
        "SUPABASE_URL": "https://tsrqponmlkjihgfedcba.supabase.co",
    }
    saida = executar(None, tmp_path, mais=mais)
    assert saida.codigo == 2, saida.tudo
    assert "é do projeto abcdefghijklmnopqrst, e SUPABASE_URL é do projeto tsrq" in saida.erros


def test_copiar_pela_direta_nao_importa_o_que_so_a_api_usa() -> None:
    """São centenas de milissegundos, que uma tarefa paga de quarto em quarto de hora."""
    da_api = {"supabase", "postgrest", "httpx", "tenacity"}
    programa = (
        "import sys; import cofre.comando.backup, cofre.via.direta.via, cofre.via.abrir;"
        f" print(sorted({{m.partition('.')[0] for m in sys.modules}} & {da_api}))"
    )
    pasta = BACKUP.parent
    fim = subprocess.run(
        [sys.executable, "-c", programa],
        env=ambiente(None, pasta) | {"PYTHONPATH": str(pasta)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert fim.stdout.strip() == "[]"
