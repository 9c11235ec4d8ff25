"""O que o banco reescreve ao gravar: só andou no tempo, ou é outro conteúdo, e muda o código."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from apoio.execucao import Saida
from apoio.loja import Loja, antes_de, com_backup
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.base.momentos import avancou
from cofre.restauracao.reescritas import Reescrita
from cofre.via.contrato import DIRETA

ESQUEMA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    CREATE TABLE usuarios (id int PRIMARY KEY, user_id uuid NOT NULL, nome text, senha text,
        dados jsonb, atualizado_em timestamptz);
    CREATE TABLE datados (id int PRIMARY KEY, user_id uuid NOT NULL, atualizado_em timestamp);
    CREATE TABLE inseridos (id int PRIMARY KEY, user_id uuid NOT NULL, senha text);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria'),
        (gen_random_uuid(), '{VIZINHA}', 'Vizinha');
    INSERT INTO usuarios VALUES
        (7, '{DONO}', 'ana maria', 'segredo-da-ana', '{{"pin": "4321"}}', '2024-01-01'),
        (8, '{DONO}', 'BETO', NULL, '{{}}', '2024-01-01'),
        (9, '{VIZINHA}', 'vera', 'segredo-da-vera', '{{}}', '2024-01-01');
    INSERT INTO datados VALUES (1, '{DONO}', '2024-01-01'), (2, '{VIZINHA}', '2024-01-01');
    INSERT INTO inseridos VALUES (1, '{DONO}', 'segredo'), (2, '{VIZINHA}', 'outro');
    CREATE FUNCTION reescrever() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.senha := md5(NEW.senha); NEW.nome := upper(NEW.nome);
        NEW.dados := NEW.dados || '{{"visto": true}}'; NEW.atualizado_em := now();
        RETURN NEW; END $$;
    CREATE FUNCTION embaralhar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.senha := md5(NEW.senha); RETURN NEW; END $$;
    CREATE FUNCTION datar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.atualizado_em := now(); RETURN NEW; END $$;
    CREATE TRIGGER reescrever BEFORE INSERT OR UPDATE ON usuarios
        FOR EACH ROW EXECUTE FUNCTION reescrever();
    CREATE TRIGGER datar BEFORE INSERT OR UPDATE ON datados FOR EACH ROW EXECUTE FUNCTION datar();
    CREATE TRIGGER embaralhar BEFORE INSERT ON inseridos
        FOR EACH ROW EXECUTE FUNCTION embaralhar();
"""
COM_FUSO = "timestamp with time zone"
SEGREDOS = ("segredo-da-ana", "4321")


@pytest.fixture(scope="module")
def loja(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Loja:
    """Um projeto e o backup de antes; cada teste o devolve pela via direta."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))
    return com_backup(projeto, tmp_path_factory.mktemp("reescritas") / "backups")


def _sem_valores(saida: Saida, loja: Loja) -> None:
    """Nem o que se disse, nem arquivo algum fora dos backups, tem os valores."""
    logs = [a.read_text("utf-8") for a in (loja.destino / "logs").iterdir()]
    diarios = [a.read_text("utf-8") for a in loja.destino.glob("empresa_*/restauracao_*.json")]
    ultima = (loja.destino / "ultima_execucao.json").read_text("utf-8")
    for dito in (saida.saida, saida.erros, ultima, *logs, *diarios):
        for valor in (*SEGREDOS, "ana maria", "ANA MARIA"):
            assert valor not in dito


def test_outro_conteudo_muda_o_codigo_e_a_direta_o_repoe(loja: Loja) -> None:
    antes = antes_de(loja, DONO)
    loja.sql(f"DELETE FROM usuarios WHERE user_id = '{DONO}'", "DELETE FROM datados WHERE id = 1")
    saida = loja.direto("--json", dono=DONO)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    ditas = [(r["tabela"], r["coluna"], r["chave"], r["registros"], r["so_avancou"])
             for r in saida.json()["reescritas"]]  # fmt: skip
    assert sorted(ditas) == [
        ("datados", "atualizado_em", ["1"], 1, True),
        ("usuarios", "atualizado_em", ["7"], 2, True),
        ("usuarios", "dados", ["7"], 2, False),
        ("usuarios", "nome", ["7"], 1, False),
        ("usuarios", "senha", ["7"], 1, False),
    ]
    assert "ℹ️ datados.atualizado_em: o próprio banco reescreve (1 registro)\n" in saida.erros
    assert "⚠️ usuarios.dados: o banco pôs outro conteúdo (2 registros; 7)\n" in saida.erros
    assert "⚠️ Nem tudo voltou como era. " in saida.erros
    assert "conexão direta (SUPABASE_DB_URL)" in saida.erros
    _sem_valores(saida, loja)
    (*_, diario) = loja.diarios()
    assert diario["estado"] == "concluida"
    assert diario["desfecho"]["reescritas"] == saida.json()["reescritas"]
    antes.conferir_outras()
    # A cura que se disse: pela direta, cada byte volta, e o código é 0.
    cura = replace(loja, via=DIRETA).direto(dono=DONO)
    assert cura.codigo == 0, cura.tudo
    antes.conferir_intacto()


def test_o_que_so_avancou_ou_a_alteracao_repoe_nao_muda_o_codigo(loja: Loja) -> None:
    """Uma data que ficou mais tarde; e o que só a inserção reescreve, que a passada seguinte
    altera."""
    antes = antes_de(loja, DONO)
    loja.sql("DELETE FROM datados WHERE id = 1", "DELETE FROM inseridos WHERE id = 1")
    saida = loja.direto("--tabelas", "datados,inseridos", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert "ℹ️ datados.atualizado_em: o próprio banco reescreve (1 registro)\n" in saida.saida
    assert "inseridos" not in saida.saida.partition("CONCLUÍDA")[2]
    assert "⚠️" not in saida.saida.partition("CONCLUÍDA")[2]
    antes.conferir_outras()
    assert replace(loja, via=DIRETA).direto(dono=DONO).codigo == 0
    antes.conferir_intacto()


CARIMBADAS = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    CREATE TABLE precos (id int PRIMARY KEY, user_id uuid NOT NULL, preco int, em timestamptz);
    CREATE TABLE so_se_muda (LIKE precos INCLUDING ALL);
    CREATE TABLE trilha (id serial PRIMARY KEY, user_id uuid NOT NULL, qual int);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO service_role;
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria'),
        (gen_random_uuid(), '{VIZINHA}', 'Vizinha');
    INSERT INTO precos SELECT n, '{DONO}', n, '2024-01-01' FROM generate_series(1, 20) n;
    INSERT INTO precos VALUES (99, '{VIZINHA}', 7, '2024-01-01');
    INSERT INTO so_se_muda SELECT * FROM precos;
    CREATE FUNCTION carimbar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.em := now(); INSERT INTO trilha (user_id, qual) VALUES (NEW.user_id, NEW.id);
        RETURN NEW; END $$;
    CREATE TRIGGER carimbar BEFORE UPDATE ON precos FOR EACH ROW EXECUTE FUNCTION carimbar();
    CREATE TRIGGER carimbar BEFORE UPDATE ON so_se_muda FOR EACH ROW
        WHEN (OLD.preco IS DISTINCT FROM NEW.preco) EXECUTE FUNCTION carimbar();
"""


def test_o_carimbo_de_hora_que_nao_cede_se_tenta_uma_vez(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Cada linha vai com os seus valores, e outra vez só com a data: a de quem carimba sempre não
    se manda mais, ainda que o plano mude por outra tabela; a de quem só carimba o que muda fica
    como era."""
    loja = com_backup(criar_supabase_do_modulo(VAZIO, sql=(CARIMBADAS,)), tmp_path)
    antes = antes_de(loja, DONO)
    loja.sql(
        "UPDATE precos SET preco = 0 WHERE id < 99", "UPDATE so_se_muda SET preco = 0 WHERE id < 99"
    )
    loja.projeto.gateway.esquecer_pedidos()
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert "ℹ️ precos.em: o próprio banco reescreve (20 registros)\n" in saida.saida
    escritas = Counter(p.tabela for p in loja.projeto.gateway.pedidos if p.metodo == "PATCH")
    assert escritas == {"precos": 2 * 20, "so_se_muda": 2 * 20}
    ficou = loja.valor("SELECT json_agg(t ORDER BY id) FROM so_se_muda t WHERE id < 99")
    assert [(linha["preco"], linha["em"][:10]) for linha in ficou] == [
        (n, "2024-01-01") for n in range(1, 21)
    ]
    assert loja.valor(f"SELECT count(*) FROM trilha WHERE user_id = '{DONO}'") == 0
    antes.conferir_outras()


def test_desfazer_com_outro_conteudo_tambem_diz_e_fica_desfeita(loja: Loja) -> None:
    antes = antes_de(loja, DONO)
    loja.sql("UPDATE usuarios SET nome = 'Outra' WHERE id = 7", sem_gatilhos=True)
    assert loja.direto("--tabelas", "usuarios", dono=DONO).codigo == NEM_TUDO_COMO_ERA
    desfeita = loja.restaurar("desfazer", "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert desfeita.codigo == NEM_TUDO_COMO_ERA, desfeita.tudo
    assert "↩️ RESTAURAÇÃO DESFEITA!" in desfeita.saida
    assert [d["estado"] for d in loja.diarios()[-2:]] == ["desfeita", "concluida"]
    assert replace(loja, via=DIRETA).direto(dono=DONO).codigo == 0
    antes.conferir_intacto()


@pytest.mark.parametrize(
    ("tipo", "era", "ficou", "andou"),
    [
        (COM_FUSO, '"2024-01-01T00:00:00+00:00"', '"2024-01-01T00:00:00.1+00:00"', True),
        (COM_FUSO, '"2024-01-01T00:00:00+00:00"', '"2023-12-31T23:59:59+00:00"', False),
        (COM_FUSO, '"2024-01-01T00:00:00+00:00"', '"infinity"', False),
        (COM_FUSO, '"0044-03-15T00:00:00+00:00 BC"', '"2024-01-01T00:00:00+00:00"', False),
        ("timestamp without time zone", '"2024-01-01T00:00:00"', '"2024-01-02T00:00:00"', True),
        ("date", '"2024-01-01"', '"2024-01-02"', True),
        ("time without time zone", '"10:00:00"', '"10:00:01"', True),
        ("time with time zone", '"10:00:00+03"', '"09:00:00+00"', True),
        ("date", "null", '"2024-01-02"', False),
        ("date", '"2024-01-01"', "null", False),
        ("integer", "1", "2", False),
        ("text", '"2024-01-01"', '"2024-01-02"', False),
    ],
)  # fmt: skip
def test_so_um_momento_que_ficou_mais_tarde_so_andou(
    tipo: str, era: str, ficou: str, andou: bool
) -> None:
    assert avancou(tipo, era.encode(), ficou.encode()) is andou


@pytest.mark.parametrize(
    ("coluna", "valor", "mostravel"),
    [
        ("nome", b'"a"', True),
        ("senha_hash", b'"a"', False),
        ("apiKey", b'"a"', False),
        ("access_token", b'"a"', False),
        ("pin", b'"1"', False),
        ("opinion", b'"1"', True),
        ("dados", b'{"password": 1}', False),
        ("observacao", b'"trocar a senha"', True),
    ],
)
def test_o_que_parece_um_segredo_nao_se_mostra(coluna: str, valor: bytes, mostravel: bool) -> None:
    assert Reescrita("t", coluna, 1, False, "", (), valor, b"null").mostravel is mostravel
    assert Reescrita("t", coluna, 1, False, "", (), b"null", valor).mostravel is mostravel
