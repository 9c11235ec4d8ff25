"""O que o JSON de uma linha não refaz, pela API: guardado com o texto, volta; o que ela não tem
como gravar é dito antes da primeira escrita."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from apoio.exatidao import em_texto
from apoio.execucao import linhas_do_arquivo, ultimo_backup
from apoio.loja import Loja, antes_de, com_backup
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.restauracao.inexatas import SEM_PROVA
from cofre.via.contrato import API, DIRETA, NULO_DE_JSON

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

    CREATE TYPE matiz AS ENUM ('claro', 'escuro', '[1]');
    CREATE FUNCTION em_json(matiz) RETURNS json LANGUAGE sql IMMUTABLE
        AS $$ SELECT pg_catalog.json_build_array($1 = 'claro') $$;
    CREATE CAST (matiz AS json) WITH FUNCTION em_json(matiz);
    CREATE FUNCTION por_extenso(matiz) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$ SELECT CASE $1 WHEN 'claro' THEN 'bem claro' ELSE 'outro' END $$;
    CREATE CAST (matiz AS text) WITH FUNCTION por_extenso(matiz);
    CREATE TYPE faixa AS RANGE (subtype = float8);
    CREATE DOMAIN papel AS jsonb;
    CREATE DOMAIN papelada AS papel;
    CREATE TABLE tintas (id int PRIMARY KEY, user_id uuid, m matiz, ms matiz[], f faixa,
        p papelada);
    INSERT INTO tintas VALUES (1, '{DONO}', 'claro', '{{escuro,NULL}}', '[1.5,2)', '{{"a": [1]}}'),
        (2, '{DONO}', '[1]', '[0:0]={{claro}}', NULL, '"b"'), (3, '{DONO}', NULL, NULL, 'empty', NULL),
        (9, '{VIZINHA}', 'escuro', '{{}}', '(,)', 'null');

    CREATE TABLE recados (id int PRIMARY KEY, user_id uuid, nome text, bruto json);
    INSERT INTO recados VALUES (1, '{DONO}', 'a', '"\\u0041"'), (2, '{DONO}', 'b', ' {{"a":  1}} '),
        (3, '{DONO}', 'c', '"a\\nb\\"\\\\"'), (9, '{VIZINHA}', 'v', '"\\u0041"');
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
    # Do que há dentro de um tipo composto a API não sabe, e guarda o texto sempre.
    assert da_api["tabelas"]["compostas"]["exata"]
    assert da_api["tabelas"]["compostas"]["sempre_com_texto"] == ["p"]
    assert da_api["tabelas"]["compostas"]["textos"]["por_coluna"] == {"p": 1}
    assert "sempre_com_texto" not in direta["tabelas"]["compostas"]
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
    # Deste backup, da conexão direta, a API não confere tudo; e só se diz do que se escreve.
    assert saida.saida.count("não se confere o que o JSON não diga de ") == 1
    assert "   ⚠️ compostas: não se confere o que o JSON não diga de p: " in saida.saida
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
    assert {r["causa"] for r in saida.json()["reescritas"]} == {NULO_DE_JSON}
    nulos = "SELECT dados = 'null' AND extra IS NULL AND bruto IS NULL FROM fichas WHERE id = 1"
    assert loja.valor(nulos)
    assert loja.valor("SELECT nome FROM fichas WHERE id = 3") == "c"
    antes.conferir_outras()
    # A cura que se disse: o backup da API guardou o texto.
    cura = replace(loja, via=DIRETA).direto(dono=DONO)
    assert cura.codigo == 0, cura.tudo
    assert em_texto(loja.projeto) == eram


def test_um_enum_com_conversoes_suas_e_o_que_a_api_nao_descreve_voltam(loja: Loja) -> None:
    """O JSON dele não é o que ele lê, nem o texto que a API dá é o dele; e o mesmo backup serve à
    conexão direta, que do JSON de um intervalo sabe tudo."""
    assert loja.copiar("--empresa", DONO).codigo == 0
    antes, eram = antes_de(loja, DONO), em_texto(loja.projeto)
    assert ultimo_backup(loja.destino, DONO)["tabelas"]["tintas"]["exata"]
    for via in (API, DIRETA):
        loja.sql(
            "DELETE FROM tintas WHERE id = 1",
            "UPDATE tintas SET m = 'claro', ms = '{claro}', p = 'null' WHERE id = 2",
            f"INSERT INTO tintas VALUES (4, '{DONO}', 'claro', NULL, NULL, NULL)",
            "UPDATE compostas SET p = '(1,null)'",
        )
        saida = replace(loja, via=via).direto("--json", dono=DONO)
        assert saida.codigo == 0, saida.tudo
        assert saida.json()["inexatas"] == []
        assert em_texto(loja.projeto) == eram
        antes.conferir_intacto()


def test_um_json_que_a_api_escreve_de_outro_modo_e_dito_antes(loja: Loja) -> None:
    """E o valor de hoje fica onde a API não grava o de antes."""
    copia = loja.copiar("--empresa", DONO)
    assert "   ⚠️ recados: guarda valores de bruto (3) que a API não grava como eram" in copia.saida
    antes, eram = antes_de(loja, DONO), em_texto(loja.projeto)
    loja.sql(
        f"DELETE FROM recados WHERE user_id = '{DONO}'",
        "UPDATE fichas SET nome = 'x', dados = '{}', extra = '1' WHERE id = 1",
    )
    saida = loja.direto(dono=DONO)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    # Os escapes do terceiro são os que o banco põe.
    dito = "⚠️ recados.bruto: um JSON que a API escreve de outro modo (2 registros; 1; 2): "
    plano, _, fim = saida.saida.partition("RESTAURAÇÃO CONCLUÍDA")
    assert dito in plano
    causa = "⚠️ recados.bruto: a API escreve este JSON de outro modo, com o mesmo valor (2 registros"
    assert causa in fim
    # A causa é a que se sabe, e não um gatilho.
    assert "⚠️ fichas.dados: a API não grava um null de JSON (1 registro; 1)" in fim
    assert "gatilho" not in saida.saida
    assert "O que a API não grava, a conexão direta (SUPABASE_DB_URL) grava" in saida.saida
    assert loja.valor("SELECT nome || dados || extra FROM fichas WHERE id = 1") == "a{}1"
    assert loja.valor("SELECT string_agg(bruto::text, '' ORDER BY id) FROM recados") == (
        r'''"A"{"a":  1}"a\nb\"\\""\u0041"'''
    )
    antes.conferir_outras()
    assert replace(loja, via=DIRETA).direto(dono=DONO).codigo == 0
    assert em_texto(loja.projeto) == eram


def test_o_plano_diz_o_que_um_backup_antigo_nao_prova(loja: Loja) -> None:
    """Os de antes de haver textos não dizem «exata»: um nulo deles é um nulo, e isso se diz."""
    assert loja.copiar("--empresa", DONO).codigo == 0
    backup = ultimo_backup(loja.destino, DONO)
    ficha = backup["pasta"] / backup["tabelas"]["empresas"]["arquivo"].replace(
        "empresas_", "backup_metadata_"
    )
    bruto = json.loads(ficha.read_text("utf-8"))
    for tabela in bruto["tabelas"].values():
        for novo in ("exata", "textos", "sempre_com_texto"):
            tabela.pop(novo, None)
    ficha.write_text(json.dumps(bruto), "utf-8")
    antes, eram = antes_de(loja, DONO), em_texto(loja.projeto)
    loja.sql(
        "UPDATE fichas SET nome = 'x' WHERE id = 3", "UPDATE vetores SET nome = 'x' WHERE id = 1"
    )
    for via in (API, DIRETA):
        saida = replace(loja, via=via).restaurar("--empresa", DONO, "--simular", "--json")
        assert saida.codigo == 9, saida.tudo
        dito = "   ⚠️ fichas: o backup não prova dados, extra, bruto: só volta o que o JSON diz "
        assert dito in saida.erros
        assert {(i["tabela"], i["causa"]) for i in saida.json()["inexatas"]} == {
            ("fichas", SEM_PROVA), ("vetores", SEM_PROVA),
        }  # fmt: skip
    saida = replace(loja, via=DIRETA).direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir_intacto()
    assert em_texto(loja.projeto) == eram
