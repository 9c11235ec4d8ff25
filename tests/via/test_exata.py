"""A via direta devolve exatamente o que era, também o que o JSON de uma linha não sabe refazer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from apoio.bancada import Bancada, Montador
from apoio.campanha import amostra
from apoio.cifrados import abrindo_com, cifrando_para
from apoio.exatidao import em_texto
from apoio.execucao import executar, linhas_salvas, metadados, restaurar
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.deposito.cifra.chaves import gerar

DIFICEIS = f"""
    CREATE TYPE cor AS ENUM ('azul', 'verde');
    CREATE FUNCTION em_json(cor) RETURNS json LANGUAGE sql IMMUTABLE
        AS $$ SELECT pg_catalog.json_build_object('cor', $1::text) $$;
    CREATE CAST (cor AS json) WITH FUNCTION em_json(cor);
    CREATE DOMAIN lista AS int[];
    CREATE DOMAIN ficha AS jsonb;
    CREATE TYPE ponto AS (x int, "o y" jsonb, cores cor[]);
    CREATE DOMAIN lugar AS ponto;
    CREATE TABLE dificeis (
        id int PRIMARY KEY, user_id uuid, obrigado jsonb NOT NULL DEFAULT 'null', extra jsonb,
        medidas int[], varios jsonb[], "cru ""%s" json, crus json[], c cor, cs cor[], l lista,
        ls lista[], f ficha, p ponto, ps ponto[], d lugar, ds lugar[], v int2vector, nota text
    );
    INSERT INTO dificeis (id, user_id, obrigado, extra) VALUES
        (1, '{DONO}', 'null', 'null'), (2, '{DONO}', '{{}}', NULL);
    INSERT INTO dificeis (id, user_id, medidas, varios) VALUES
        (3, '{DONO}', '[2:3]={{7,8}}', ARRAY['{{"a":1}}', 'null']::jsonb[]),
        (4, '{DONO}', '[0:1][1:2]={{{{1,2}},{{3,4}}}}', ARRAY['[1,2]', '[3]', NULL]::jsonb[]),
        (5, '{DONO}', '{{1,NULL}}', '[3:4]={{1,2}}');
    INSERT INTO dificeis (id, user_id, "cru ""%s", crus) VALUES
        (6, '{DONO}', 'null', ARRAY['null', '[1]', NULL]::json[]),
        (7, '{DONO}', E' {{"a" : 1}}\\n', ARRAY[E'"\\\\u0041"', '"A"']::json[]),
        (8, '{DONO}', E'"\\\\u00e9"', NULL),
        (9, '{DONO}', E'{{"a":"\\\\u0000"}}', ARRAY[E'{{"a":"\\\\u0000"}}']::json[]),
        (10, '{DONO}', E'{{"a" : "\\\\u00e9"}}', ARRAY['{{"a" : 1}}', ' 1 ']::json[]);
    INSERT INTO dificeis (id, user_id, c, cs, l, ls) VALUES
        (11, '{DONO}', 'azul', '{{azul,NULL}}', '[5:5]={{1}}', ARRAY['{{1,2}}', '{{3}}']::lista[]),
        (12, '{DONO}', NULL, '{{}}', '{{}}', '{{}}');
    INSERT INTO dificeis (id, user_id, f, p, ps, d, ds, v) VALUES
        (13, '{DONO}', 'null', (1, 'null', '{{verde}}'), ARRAY[NULL, (2, NULL, NULL)::ponto], NULL,
            NULL, '1 2 3'),
        (14, '{DONO}', '{{}}', (NULL, NULL, NULL), ARRAY[(2, 'null', NULL)::ponto],
            (3, '{{}}', '[2:2]={{azul}}'), ARRAY[(4, 'null', NULL)::lugar, NULL], ''),
        (15, '{DONO}', NULL, (1, '1', '{{}}'), '[2:2]={{"(1,,)"}}', (1, '1', NULL), '{{}}', NULL);
    -- Exatas só com o JSON; uma chave "" dentro de um valor não é a nossa.
    INSERT INTO dificeis (id, user_id, obrigado, extra, medidas, "cru ""%s") VALUES
        (16, '{DONO}', '{{"a":1,"":{{"x":"y"}}}}', '{{"":{{"extra":"null"}}}}', '{{{{1}},{{2}}}}',
            '{{"":{{"nota":"x"}}}}'),
        (17, '{DONO}', '1', '"\\u00e9"', NULL, '{{"a": [1.50, 1E400], "a":2}}');
    INSERT INTO dificeis (id, user_id, extra, medidas, c) VALUES
        (90, '{VIZINHA}', 'null', '[7:7]={{1}}', 'verde');
    UPDATE dificeis SET obrigado = '0' WHERE id BETWEEN 3 AND 15;
    CREATE TABLE iguais (user_id uuid, extra jsonb);
    INSERT INTO iguais VALUES ('{DONO}', 'null'), ('{DONO}', 'null'), ('{DONO}', NULL),
        ('{DONO}', NULL), ('{VIZINHA}', 'null');
    CREATE TABLE vinculadas (id int PRIMARY KEY, user_id uuid, mae int REFERENCES vinculadas,
        extra jsonb);
    INSERT INTO vinculadas VALUES (1, '{DONO}', 3, 'null'), (2, '{DONO}', 1, NULL),
        (3, '{DONO}', 2, 'null');
"""
HERANCA = f"""
    CREATE TABLE notas (id int PRIMARY KEY, user_id uuid, texto text);
    CREATE TABLE notas_2024 (ano int) INHERITS (notas);
    CREATE TABLE itens_da_nota (id int PRIMARY KEY, nota int NOT NULL REFERENCES notas, texto text);
    INSERT INTO notas VALUES (1, '{DONO}', 'a'), (2, '{DONO}', 'b'), (90, '{VIZINHA}', 'dela');
    -- A mesma chave, na mãe e na que herda, e de outra empresa.
    INSERT INTO notas_2024 VALUES (1, '{DONO}', 'c', 2024), (1, '{DONO}', 'c', 2024),
        (2, '{VIZINHA}', 'dela', 2024);
    INSERT INTO itens_da_nota VALUES (1, 1, 'i'), (2, 2, 'j'), (90, 90, 'dela');
"""
EXCLUSAO = f"""
    CREATE TABLE salas (id int PRIMARY KEY, user_id uuid, nome text UNIQUE, quando int4range,
        EXCLUDE USING gist (quando WITH &&));
    CREATE TABLE areas (id int PRIMARY KEY, user_id uuid, area box NOT NULL,
        EXCLUDE USING gist (area WITH &&));
    INSERT INTO areas VALUES (1, '{DONO}', '(2,2),(1,1)'), (2, '{DONO}', '(5,5),(4,4)'),
        (90, '{VIZINHA}', '(9,9),(8,8)');
    CREATE TABLE reservas (id int PRIMARY KEY, user_id uuid,
        sala int REFERENCES salas ON DELETE CASCADE);
    INSERT INTO salas VALUES (1, '{DONO}', 'um', '[1,5)'), (2, '{DONO}', 'dois', '[5,9)'),
        (3, '{DONO}', 'três', '[20,25)'), (90, '{VIZINHA}', 'dela', '[50,60)');
    INSERT INTO reservas VALUES (1, '{DONO}', 1), (2, '{DONO}', 2), (90, '{VIZINHA}', 90);
"""
COM_TEXTOS = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
"""O vetor de um domínio que é um vetor (12) vai sempre em texto: nem todos o JSON refaz."""

DANOS = {
    "apagar": (f"DELETE FROM dificeis WHERE user_id = '{DONO}'", "DELETE FROM iguais"
               f" WHERE user_id = '{DONO}'", f"DELETE FROM vinculadas WHERE user_id = '{DONO}'"),
    "o que o json não vê": (
        f"UPDATE dificeis SET extra = CASE WHEN extra IS NULL THEN 'null'::jsonb END,"
        " medidas = CASE WHEN id = 3 THEN '{7,8}' WHEN id = 5 THEN '[2:3]={1,NULL}' ELSE medidas"
        " END, f = CASE WHEN f IS NULL THEN 'null'::jsonb END, varios = CASE id WHEN 3 THEN"
        """ ARRAY['{"a":1}', NULL]::jsonb[] ELSE varios END,"""
        """ p = CASE WHEN id = 13 THEN (1, NULL, '{verde}')::ponto ELSE p END"""
        f" WHERE user_id = '{DONO}'",
        f"UPDATE iguais SET extra = 'null' WHERE user_id = '{DONO}'",
    ),
    "mudar tudo": (
        'UPDATE dificeis SET obrigado = \'2\', extra = \'{"b":1}\', medidas = \'{9}\','
        """ varios = '{}', "cru ""%s" = '{}', crus = NULL, c = 'verde', cs = NULL, l = '{4}',"""
        """ ls = NULL, f = '7', p = NULL, ps = NULL, d = NULL, ds = NULL, v = '9', nota = 'x'"""
        f" WHERE user_id = '{DONO}'",
        f"UPDATE vinculadas SET extra = '1' WHERE user_id = '{DONO}'",
    ),
    "a mais": (
        f"INSERT INTO dificeis (id, user_id, extra, c) VALUES (50, '{DONO}', 'null', 'azul')",
        f"""INSERT INTO dificeis (id, user_id, "cru ""%s") VALUES (51, '{DONO}', '1E400')""",
        f"INSERT INTO iguais VALUES ('{DONO}', 'null'), ('{DONO}', NULL)",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def bancada(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Bancada:
    return Montador(criar_supabase_do_modulo, tmp_path_factory.mktemp("exata"))(
        DIFICEIS, HERANCA, EXCLUSAO
    )


def _backup(b: Bancada) -> dict[str, Any]:
    return b.loja.backups("manual", DONO)[0]


NA_HERANCA = {
    "apagar": ("DELETE FROM itens_da_nota WHERE id < 90", "DELETE FROM notas"
               f" WHERE user_id = '{DONO}'"),
    "o que o json não vê": (f"UPDATE notas SET texto = 'outro' WHERE user_id = '{DONO}'",),
    "a mais": (f"INSERT INTO notas VALUES (7, '{DONO}', 'a mais')",
               f"INSERT INTO notas_2024 VALUES (2, '{DONO}', 'a mais', 7)"),
}  # fmt: skip
TROCAR = (
    "UPDATE salas SET quando = 'empty' WHERE id = 1",
    "UPDATE salas SET quando = '[1,5)' WHERE id = 2",
    "UPDATE salas SET quando = '[5,9)' WHERE id = 1",
)
NOS_PERIODOS = {
    # Outro no lugar de todos; trocados; um sobre o que falta; de um tipo qualquer.
    "apagar": (f"DELETE FROM salas WHERE user_id = '{DONO}'",
               f"INSERT INTO salas VALUES (7, '{DONO}', 'um', '[1,40)')"),
    "o que o json não vê": TROCAR,
    "mudar tudo": ("DELETE FROM salas WHERE id = 3",
                   "UPDATE salas SET quando = '[5,30)' WHERE id = 2"),
    "a mais": ("UPDATE areas SET area = '(20,20),(19,19)' WHERE id = 1",
               "UPDATE areas SET area = '(2,2),(1,1)' WHERE id = 2",
               "UPDATE areas SET area = '(5,5),(4,4)' WHERE id = 1"),
}  # fmt: skip


@pytest.mark.parametrize("dano", DANOS)
def test_o_que_o_json_nao_refaz_volta_exatamente(bancada: Bancada, dano: str) -> None:
    """E, de uma herança, cada linha uma vez na sua tabela; e os períodos que se excluem trocam de
    linha."""
    tabelas = _backup(bancada)["tabelas"]
    assert [tabelas[n]["registros"] for n in ("notas", "notas_2024", "itens_da_nota")] == [2, 2, 2]
    antes = em_texto(bancada.loja.projeto)
    bancada.sql(*DANOS[dano], *NA_HERANCA.get(dano, ()), *NOS_PERIODOS[dano])
    estragado = em_texto(bancada.loja.projeto)
    mudadas = {"dificeis", *(("notas",) if dano in NA_HERANCA else ())}
    mudadas.add("areas" if dano == "a mais" else "salas")
    assert mudadas <= {n for n in antes if estragado[n] != antes[n]}
    saida = bancada.restaurar()
    assert saida.codigo == 0, saida.tudo
    assert em_texto(bancada.loja.projeto) == antes
    if dano != "apagar":
        return
    # E não há mais nada a fazer.
    de_novo = bancada.restaurar()
    assert de_novo.codigo == 0, de_novo.tudo
    assert "já são iguais ao backup" in de_novo.saida, de_novo.saida


@pytest.mark.parametrize("dano", ["apagar", "mudar tudo"])
def test_com_os_gatilhos_ligados_tambem_volta(bancada: Bancada, dano: str) -> None:
    antes = em_texto(bancada.loja.projeto)
    bancada.sql(*DANOS[dano])
    with bancada.papel("GRANT ALL ON ALL TABLES IN SCHEMA public TO {papel}",
                       "GRANT USAGE ON SCHEMA auth TO {papel}") as url:  # fmt: skip
        saida = bancada.restaurar(url=url)
    assert saida.codigo == 0, saida.tudo
    assert em_texto(bancada.loja.projeto) == antes


def test_so_as_linhas_que_o_json_nao_refaz_se_guardam_duas_vezes(bancada: Bancada) -> None:
    backup = _backup(bancada)
    tabela = backup["tabelas"]["dificeis"]
    assert all(t["exata"] is True for t in backup["tabelas"].values())
    assert {n for n, t in backup["tabelas"].items() if "textos" in t} == {
        "dificeis", "iguais", "vinculadas"
    }  # fmt: skip
    arquivo: Path = backup["pasta"] / tabela["textos"]["arquivo"]
    assert arquivo.name == tabela["arquivo"].replace("dificeis_", "dificeis.textos_")
    dados = arquivo.read_bytes()
    assert tabela["textos"]["bytes"] == len(dados)
    assert tabela["textos"]["sha256"] == hashlib.sha256(dados).hexdigest()
    anotadas = json.loads(dados)
    assert tabela["textos"]["registros"] == len(anotadas)
    linhas = [json.loads(li) for li in linhas_salvas(backup, "dificeis")]
    assert [linhas[a["registro"]]["id"] for a in anotadas] == COM_TEXTOS
    por_id = {linhas[a["registro"]]["id"]: a["textos"] for a in anotadas}
    assert por_id[1] == {"obrigado": "null", "extra": "null"}
    assert por_id[3] == {"medidas": "[2:3]={7,8}", "varios": '{"{\\"a\\": 1}","null"}'}
    assert por_id[11] == {"c": "azul", "cs": "{azul,NULL}", "l": "[5:5]={1}",
                          "ls": '{"{1,2}","{3}"}'}  # fmt: skip
    # As linhas continuam a ser as que o servidor manda.
    assert all("" not in linha for linha in linhas)


def test_o_que_nao_e_dito_exato_o_json_o_refaz_mesmo(bancada: Bancada) -> None:
    """Confere no próprio PostgreSQL a regra que escolhe as linhas."""
    sem_textos = sorted({*range(1, 18)} - {*COM_TEXTOS})
    with psycopg.connect(bancada.loja.projeto.uri_admin, autocommit=True) as banco:
        iguais = banco.execute(
            "SELECT id FROM dificeis t WHERE id = ANY(%s) AND"
            " format('%%s', json_populate_record(NULL::dificeis, row_to_json(t.*)))"
            " = format('%%s', t.*) ORDER BY id",
            [sem_textos],
        ).fetchall()
    assert [i for (i,) in iguais] == sem_textos


def test_um_periodo_que_hoje_e_da_vizinha_nao_se_toma(bancada: Bancada) -> None:
    antes = em_texto(bancada.loja.projeto)
    bancada.sql(*TROCAR, "DELETE FROM salas WHERE id = 3",
                f"INSERT INTO salas VALUES (91, '{VIZINHA}', 'x', '[22,23)')")  # fmt: skip
    estragado = em_texto(bancada.loja.projeto)
    saida = bancada.restaurar()
    assert saida.codigo == 8, saida.tudo
    assert em_texto(bancada.loja.projeto) == estragado
    bancada.sql("DELETE FROM salas WHERE id = 91")
    saida = bancada.restaurar()
    assert saida.codigo == 0, saida.tudo
    assert em_texto(bancada.loja.projeto) == antes


def _conferir(b: Bancada) -> Any:
    return executar(b.loja.projeto, b.loja.destino, "verificar")


def test_verificar_exportar_importar_e_podar_levam_os_textos(
    bancada: Bancada, tmp_path: Path
) -> None:
    b = bancada
    saida = _conferir(b)
    assert saida.codigo == 0, saida.tudo
    zip_ = tmp_path / "um.zip"
    saida = executar(b.loja.projeto, b.loja.destino, "exportar", DONO, str(zip_))
    assert saida.codigo == 0, saida.tudo
    outra = tmp_path / "outra"
    saida = executar(b.loja.projeto, outra, "importar", str(zip_))
    assert saida.codigo == 0, saida.tudo
    de_novo = executar(b.loja.projeto, outra, "importar", str(zip_))
    assert de_novo.codigo == 0, de_novo.tudo
    (pasta,) = outra.glob("empresa_*")
    nomes = sorted(a.name for a in pasta.iterdir() if not a.name.startswith("."))
    assert len(nomes) == len({*nomes})
    assert sum(".textos_" in n for n in nomes) == 3
    antes = em_texto(b.loja.projeto)
    b.sql(*DANOS["apagar"])
    saida = restaurar(
        b.loja.projeto, outra, "--empresa", DONO, "--confirmar", "RESTAURAR",
        mais={"SUPABASE_DB_URL": b.loja.projeto.uri_banco},
    )  # fmt: skip
    assert saida.codigo == 0, saida.tudo
    assert em_texto(b.loja.projeto) == antes
    # O mesmo de novo ocupa o disco uma vez só, e a poda leva tudo o que é do backup.
    for _ in range(2):
        saida = executar(b.loja.projeto, outra, "--empresa", DONO,
                         mais={"SUPABASE_DB_URL": b.loja.projeto.uri_banco})  # fmt: skip
        assert saida.codigo == 0, saida.tudo
    textos = [a for a in pasta.iterdir() if a.name.startswith("dificeis.textos_")]
    assert len({a.stat().st_ino for a in textos}) == 1
    saida = executar(b.loja.projeto, outra, "podar", "--manter-ultimos", "1", "--sim")
    assert saida.codigo == 0, saida.tudo
    ficaram = {
        arquivo["arquivo"]
        for m in metadados(outra)
        for tabela in m["tabelas"].values()
        for arquivo in (tabela, tabela.get("textos", tabela))
    }
    tem = {a.name for a in pasta.iterdir() if a.name.partition("_")[0] in ("dificeis",
           "dificeis.textos", "iguais", "iguais.textos")}  # fmt: skip
    assert tem
    assert tem <= ficaram


@pytest.mark.parametrize("como", amostra(["compactados", "cifrados", "cifrados depois"], 2))
def test_compactados_ou_cifrados_os_textos_tambem_se_leem(
    bancada: Bancada, tmp_path: Path, como: str
) -> None:
    projeto, chave = bancada.loja.projeto, gerar()
    cifrar = cifrando_para(chave, gerar()) if como != "compactados" else {}
    mais = {"SUPABASE_DB_URL": projeto.uri_banco, "BACKUP_COMPACTAR": "sim"}
    mais |= cifrar if como == "cifrados" else {}
    saida = executar(projeto, tmp_path / "b", "--empresa", DONO, mais=mais)
    assert saida.codigo == 0, saida.tudo
    if cifrar:
        mais |= {**cifrar, **abrindo_com(tmp_path, chave)}
        assert executar(projeto, tmp_path / "b", "cifrar", mais=mais).codigo == 0
    tmp_path = tmp_path / "b"
    (backup,) = metadados(tmp_path)
    textos = backup["tabelas"]["dificeis"]["textos"]
    assert textos["arquivo"].endswith(".json.gz.age" if cifrar else ".json.gz")
    assert (backup["pasta"] / textos["arquivo"]).stat().st_size == textos["bytes_no_disco"]
    for acao in ("verificar", "ensaiar"):
        saida = executar(projeto, tmp_path, acao, mais=mais)
        assert saida.codigo == 0, saida.tudo
    antes = em_texto(projeto)
    bancada.sql(*DANOS["mudar tudo"])
    saida = restaurar(projeto, tmp_path, "--empresa", DONO, "--confirmar", "RESTAURAR", mais=mais)
    assert saida.codigo == 0, saida.tudo
    assert em_texto(projeto) == antes
    if cifrar:  # a foto de antes, que tem outros textos, também serve
        de_volta = ("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
        assert restaurar(projeto, tmp_path, *de_volta, mais=mais).codigo == 0
        assert em_texto(projeto) != antes
        carimbo = textos["arquivo"].partition("textos_")[2].removesuffix(".json.gz.age")
        outra = ("--empresa", DONO, "--confirmar", "RESTAURAR", "--backup", carimbo)
        saida = restaurar(projeto, tmp_path, *outra, mais=mais)
        assert saida.codigo == 0, saida.tudo
        assert em_texto(projeto) == antes


@pytest.fixture
def estragavel(bancada: Bancada) -> Iterator[Path]:
    """O arquivo dos textos de `dificeis` no backup, que volta a ser o que era."""
    backup = _backup(bancada)
    arquivo: Path = backup["pasta"] / backup["tabelas"]["dificeis"]["textos"]["arquivo"]
    (meta,) = backup["pasta"].glob(f"backup_metadata_{arquivo.stem.split('textos_')[1]}*")
    eram = {a: a.read_bytes() for a in (arquivo, meta)}
    yield arquivo
    for a, dados in eram.items():
        a.unlink(missing_ok=True)
        a.write_bytes(dados)


@pytest.mark.parametrize("dano", ["some", "muda", "cresce"])
def test_um_arquivo_de_textos_estragado_e_dano(
    bancada: Bancada, estragavel: Path, dano: str
) -> None:
    dados = estragavel.read_bytes()
    estragavel.unlink()
    if dano != "some":
        estragavel.write_bytes(
            dados.replace(b"azul", b"cinz") if dano == "muda" else dados[:-2] + b" ]\n"
        )
    saida = _conferir(bancada)
    assert saida.codigo == 6, saida.tudo
    assert "dificeis" in saida.tudo
    antes = em_texto(bancada.loja.projeto)
    saida = bancada.restaurar("--backup", estragavel.name.split("textos_")[1][:15])
    assert saida.codigo == 6, saida.tudo
    assert em_texto(bancada.loja.projeto) == antes


DE_QUEM_E: dict[str, list[dict[str, Any]]] = {
    "dono": [{"registro": 0, "textos": {"user_id": VIZINHA}}],
    "chave": [{"registro": 0, "textos": {"id": "90"}}],
}
MAL_FEITAS: dict[str, list[dict[str, Any]]] = {
    "sem linha": [{"registro": 99, "textos": {"nota": "x"}}],
    "fora de ordem": [
        {"registro": 2, "textos": {"nota": "x"}},
        {"registro": 1, "textos": {"nota": "x"}},
    ],
    "não é texto": [{"registro": 0, "textos": {"nota": 1}}],
    "sem textos": [{"registro": "0"}],
}


@pytest.mark.parametrize("qual", [*DE_QUEM_E, *amostra(list(MAL_FEITAS), 2)])
def test_textos_adulterados_com_as_somas_refeitas_nao_trocam_de_quem_e_a_linha(
    bancada: Bancada, estragavel: Path, qual: str
) -> None:
    anotadas = (DE_QUEM_E | MAL_FEITAS)[qual]
    dados = ("[\n" + ",\n".join(map(json.dumps, anotadas)) + "\n]\n").encode()
    estragavel.unlink()
    estragavel.write_bytes(dados)
    carimbo = estragavel.name.split("textos_")[1][:15]
    meta = estragavel.with_name(f"backup_metadata_{carimbo}.json")
    bruto = json.loads(meta.read_text("utf-8"))
    bruto["tabelas"]["dificeis"]["textos"].update(
        registros=len(anotadas), bytes=len(dados), sha256=hashlib.sha256(dados).hexdigest()
    )
    # Nem se os metadados dizem que a coluna não diz de quem é a linha.
    bruto["tabelas"]["dificeis"]["dono"]["elos"] = []
    bruto["tabelas"]["dificeis"]["chave"] = []
    meta.write_text(json.dumps(bruto), "utf-8")
    bancada.sql(f"DELETE FROM dificeis WHERE user_id = '{DONO}'")
    estragado = em_texto(bancada.loja.projeto)
    saida = bancada.restaurar("--backup", carimbo)
    assert saida.codigo == 6, saida.tudo
    assert em_texto(bancada.loja.projeto) == estragado
    estragavel.unlink()


def test_um_backup_de_uma_via_volta_pela_outra(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Os textos que uma guarda, a outra grava; menos o null de JSON, que a API não tem como."""
    b = Montador(criar_supabase, tmp_path)(
        f"CREATE TABLE t (id int PRIMARY KEY, user_id uuid, extra jsonb, medidas int[]);"
        f"INSERT INTO t VALUES (1, '{DONO}', 'null', '[2:3]={{7,8}}'), (2, '{DONO}', '1', NULL),"
        f" (3, '{VIZINHA}', 'null', '[2:3]={{7,8}}')"
    )
    projeto, destino = b.loja.projeto, b.loja.destino
    antes = em_texto(projeto)
    b.sql(f"DELETE FROM t WHERE user_id = '{DONO}'")
    saida = restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    pela_api = em_texto(projeto)
    assert pela_api["t"] == sorted(
        [f'(1,{DONO},,"[2:3]={{7,8}}")', f"(2,{DONO},1,)", *(t for t in antes["t"] if VIZINHA in t)]
    )
    saida = b.restaurar()
    assert saida.codigo == 0, saida.tudo
    assert em_texto(projeto) == antes
    saida = executar(projeto, tmp_path / "da_api", "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    b.sql(f"DELETE FROM t WHERE user_id = '{DONO}'")
    saida = restaurar(
        projeto, tmp_path / "da_api", "--empresa", DONO, "--confirmar", "RESTAURAR",
        mais={"SUPABASE_DB_URL": projeto.uri_banco},
    )  # fmt: skip
    assert saida.codigo == 0, saida.tudo
    assert em_texto(projeto) == antes
