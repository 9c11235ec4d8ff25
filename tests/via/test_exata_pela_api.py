"""O que o JSON de uma linha não refaz, pela API: guardado com o texto, volta; o que ela não tem
como gravar é dito antes da primeira escrita."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apoio.exatidao import em_texto
from apoio.execucao import linhas_do_arquivo, ultimo_backup
from apoio.loja import Loja, antes_de, com_backup
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.via.contrato import DIRETA

ESQUEMA = f"""
    CREATE TYPE cor AS ENUM ('azul', 'verde');
    CREATE TYPE ponto AS (x int, y jsonb);
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria'),
        (gen_random_uuid(), '{VIZINHA}', 'Vizinha');

    CREATE TABLE vetores (id int PRIMARY KEY, user_id uuid, nome text, c cor, i int[], t text[],
        j jsonb[], m int[]);
    INSERT INTO vetores VALUES
        (1, '{DONO}', 'a', 'azul', '[2:3]={{7,8}}', '{{a,NULL,"NULL"}}', NULL, '{{{{1,2}},{{3,4}}}}'),
        (2, '{DONO}', 'b', NULL, '{{1,2}}', '{{}}', ARRAY['{{"a": 1}}', 'null', NULL, '"null"']::jsonb[],
         '[0:1][5:5]={{{{1}},{{2}}}}'),
        (3, '{DONO}', 'c', 'verde', NULL, NULL, ARRAY['[1, null]', '"x"']::jsonb[], '{{}}'),
        (9, '{VIZINHA}', 'v', NULL, '[0:0]={{9}}', NULL, ARRAY['null']::jsonb[], NULL);

    CREATE TABLE fichas (id int PRIMARY KEY, user_id uuid, nome text,
        dados jsonb NOT NULL DEFAULT 'null', extra jsonb, bruto json);
    INSERT INTO fichas VALUES
        (1, '{DONO}', 'a', 'null', 'null', 'null'), (2, '{DONO}', 'b', '{{}}', NULL, NULL),
        (3, '{DONO}', 'c', '"n"', '[null]', '{{"a":  [1,\n2]}}'),
        (9, '{VIZINHA}', 'v', 'null', 'null', 'null');

    CREATE TABLE avulsas (user_id uuid, i int[], j jsonb);
    INSERT INTO avulsas VALUES ('{DONO}', '[2:2]={{1}}', '1'), ('{DONO}', '{{1}}', '1'),
        ('{VIZINHA}', '{{1}}', 'null');

    CREATE TABLE compostas (id int PRIMARY KEY, user_id uuid, p ponto, cs cor[]);
    INSERT INTO compostas VALUES (1, '{DONO}', '(1,"{{}}")', '{{azul}}');
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""  # noqa: E501


@pytest.fixture(scope="module")
def loja(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Loja:
    """Um projeto e o backup de antes; cada teste o devolve."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))
    return com_backup(projeto, tmp_path_factory.mktemp("exata") / "backups")


def test_o_backup_guarda_os_mesmos_textos_que_a_via_direta(
    loja: Loja, criar_supabase_do_modulo: FabricaDeSupabase
) -> None:
    """A API descrita como hoje, ou como antes."""
    antiga = criar_supabase_do_modulo.sobre(loja.projeto.banco, de_hoje=False)
    assert replace(loja, projeto=antiga).copiar("--empresa", DONO).codigo == 0
    assert replace(loja, via=DIRETA).copiar("--empresa", DONO).codigo == 0
    direta = ultimo_backup(loja.destino, DONO)
    da_api, da_antiga = [b for b in loja.backups("manual", DONO) if b["origem"]["via"] == "api"]
    for tabela in ("vetores", "fichas", "avulsas"):
        outra = direta["tabelas"][tabela]
        for backup in (da_api, da_antiga):
            assert backup["tabelas"][tabela]["exata"], tabela
            assert linhas_do_arquivo(backup, tabela) == linhas_do_arquivo(direta, tabela)
            assert backup["tabelas"][tabela]["textos"]["sha256"] == outra["textos"]["sha256"]
    # Do que há dentro de um tipo composto a API não sabe: nada se prova.
    assert "exata" not in da_api["tabelas"]["compostas"]
    assert loja.copiar("verificar").codigo == 0


def test_vetores_voltam_com_os_limites_e_os_null(loja: Loja) -> None:
    antes, eram = antes_de(loja, DONO), em_texto(loja.projeto)
    loja.sql(
        "DELETE FROM vetores WHERE id IN (1, 3)",
        "UPDATE vetores SET i = '[5:6]={1,2}', j = ARRAY['null', NULL]::jsonb[] WHERE id = 2",
        f"DELETE FROM avulsas WHERE user_id = '{DONO}'",
        f"INSERT INTO avulsas VALUES ('{DONO}', '[7:7]={{1}}', '1')",
        f"DELETE FROM compostas WHERE user_id = '{DONO}'",
    )
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert "que a API não grava" not in saida.saida
    # Do que não se prova, diz-se; e só do que se escreve.
    assert saida.saida.count("a API não diz o que há dentro do tipo de ") == 1
    assert "   ⚠️ compostas: a API não diz o que há dentro do tipo de p, cs. " in saida.saida
    antes.conferir_intacto()
    assert em_texto(loja.projeto) == eram


def test_o_null_de_json_e_dito_antes_e_so_a_direta_o_grava(loja: Loja) -> None:
    antes, eram = antes_de(loja, DONO), em_texto(loja.projeto)
    loja.sql("DELETE FROM fichas WHERE id = 1", "UPDATE fichas SET nome = 'x' WHERE id = 3")
    simulada = loja.restaurar("--empresa", DONO, "--simular")
    assert simulada.codigo == 9, simulada.tudo
    for coluna in ("dados", "extra", "bruto"):
        dito = f"⚠️ fichas.{coluna}: um null de JSON, que a API não grava (1 registro; 1). "
        assert dito in simulada.saida
    saida = loja.direto("--json", dono=DONO)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    # O padrão de «dados» é o próprio null de JSON, e por isso ele voltou.
    assert [(r["coluna"], r["chave"], r["registros"]) for r in saida.json()["reescritas"]] == [
        ("extra", ["1"], 1), ("bruto", ["1"], 1),
    ]  # fmt: skip
    nulos = "SELECT dados = 'null' AND extra IS NULL AND bruto IS NULL FROM fichas WHERE id = 1"
    assert loja.valor(nulos)
    assert loja.valor("SELECT nome FROM fichas WHERE id = 3") == "c"
    antes.conferir_outras()
    # A cura que se disse: o backup da API guardou o texto.
    cura = replace(loja, via=DIRETA).direto(dono=DONO)
    assert cura.codigo == 0, cura.tudo
    assert em_texto(loja.projeto) == eram


def test_o_valor_de_hoje_fica_onde_a_api_nao_grava_o_de_antes(loja: Loja) -> None:
    antes, eram = antes_de(loja, DONO), em_texto(loja.projeto)
    loja.sql("UPDATE fichas SET nome = 'x', dados = '{}', extra = '1' WHERE id = 1")
    saida = loja.direto(dono=DONO)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    como = "SELECT nome || dados || extra FROM fichas WHERE id = 1"
    assert loja.valor(como) == "a{}1"
    antes.conferir_outras()
    assert replace(loja, via=DIRETA).direto(dono=DONO).codigo == 0
    assert em_texto(loja.projeto) == eram
