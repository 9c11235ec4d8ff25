"""O que muda uma linha sem lhe mudar a chave, o xmin nem o ctid: quem se fia neles não o vê.

Cada caso deixa provado, por SQL, que (chave, xmin, ctid) são os mesmos de antes, e que a foto
seguinte, que só lê o que o resumo do conteúdo diz que mudou, é byte a byte uma leitura inteira.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psycopg
import pytest

from apoio.aproveitado import Aproveitado, blocos_pequenos, conteudo
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.via.leitura import IGUAL

DONO = "aaaa1111-0000-4000-8000-000000000001"
COMECO = f"""
    CREATE SCHEMA guarda;
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria');
"""
SIMPLES = f"""
    CREATE TABLE $t (id int PRIMARY KEY, user_id uuid, a int, b text);
    INSERT INTO $t SELECT n, '{DONO}', n, 'b' || n FROM generate_series(1, 200) n;
"""


def _de(tipo: str, valor: str, antes: str = "") -> str:
    return f"""
        {antes};
        CREATE TABLE $t (id int PRIMARY KEY, user_id uuid, c {tipo});
        INSERT INTO $t SELECT n, '{DONO}', {valor} FROM generate_series(1, 200) n;
    """


@dataclass(frozen=True, slots=True)
class Caso:
    """Uma tabela («$t»), e o que lhe acontece."""

    nome: str
    esquema: str
    mudar: tuple[str, ...]

    @property
    def tabela(self) -> str:
        return f"t{CASOS.index(self):02}"

    def em_sql(self, texto: str, banco: str = "") -> str:
        return texto.replace("$t", self.tabela).replace("{banco}", banco)


ENUM = "CREATE TYPE $t_cor AS ENUM ('azul', 'verde')"
PAR = "CREATE TYPE $t_par AS (x int, y int)"
COM_CAST = """
    CREATE TYPE $t_cor AS ENUM ('azul', 'verde');
    CREATE FUNCTION $t_em_json($t_cor) RETURNS json LANGUAGE sql IMMUTABLE AS
        $$SELECT '"um"'::json$$;
    CREATE CAST ($t_cor AS json) WITH FUNCTION $t_em_json($t_cor)
"""
CASOS = (
    Caso("coluna nova", SIMPLES, ("ALTER TABLE $t ADD COLUMN c int DEFAULT 7",)),
    Caso("coluna nova, nula", SIMPLES, ("ALTER TABLE $t ADD COLUMN c int",)),
    Caso("coluna a menos", SIMPLES, ("ALTER TABLE $t DROP COLUMN b",)),
    Caso(
        "a última coluna trocada por outra igual",
        SIMPLES,
        ("ALTER TABLE $t DROP COLUMN b", "ALTER TABLE $t ADD COLUMN b text DEFAULT 'outra'"),
    ),
    Caso(
        "a mesma troca, que só muda uma linha",
        f"""
        CREATE TABLE $t (id int PRIMARY KEY, user_id uuid, b text DEFAULT 'igual');
        INSERT INTO $t SELECT n, '{DONO}', CASE WHEN n = 77 THEN 'só esta' ELSE 'igual' END
            FROM generate_series(1, 200) n;
        """,
        ("ALTER TABLE $t DROP COLUMN b", "ALTER TABLE $t ADD COLUMN b text DEFAULT 'igual'"),
    ),
    Caso("coluna com outro nome", SIMPLES, ("ALTER TABLE $t RENAME COLUMN b TO d",)),
    Caso(
        "dois nomes trocados",
        f"""
        CREATE TABLE $t (id int PRIMARY KEY, user_id uuid, a text, b text);
        INSERT INTO $t SELECT n, '{DONO}', 'a' || n, 'b' || n FROM generate_series(1, 200) n;
        """,
        (
            "ALTER TABLE $t RENAME COLUMN a TO x",
            "ALTER TABLE $t RENAME COLUMN b TO a",
            "ALTER TABLE $t RENAME COLUMN x TO b",
        ),
    ),
    Caso(
        "timestamptz que passa a timestamp",
        _de("timestamptz", "timestamptz '2026-01-01 00:00Z' + n * interval '1 hour'"),
        ("SET timezone = 'UTC'; ALTER TABLE $t ALTER COLUMN c TYPE timestamp",),
    ),
    Caso(
        "rótulo de enum com outro nome",
        _de("$t_cor", "CASE WHEN n = 9 THEN 'verde' ELSE 'azul' END::$t_cor", ENUM),
        ("ALTER TYPE $t_cor RENAME VALUE 'verde' TO 'roxo'",),
    ),
    Caso(
        "rótulos de enum trocados",
        _de("$t_cor", "(ARRAY['azul', 'verde'])[1 + n % 2]::$t_cor", ENUM),
        (
            "ALTER TYPE $t_cor RENAME VALUE 'verde' TO 'x'",
            "ALTER TYPE $t_cor RENAME VALUE 'azul' TO 'verde'",
            "ALTER TYPE $t_cor RENAME VALUE 'x' TO 'azul'",
        ),
    ),
    Caso(
        "rótulo de um vetor de enum",
        _de("$t_cor[]", "ARRAY[CASE WHEN n = 9 THEN 'verde' ELSE 'azul' END]::$t_cor[]", ENUM),
        ("ALTER TYPE $t_cor RENAME VALUE 'verde' TO 'roxo'",),
    ),
    Caso(
        "campo de um composto com outro nome",
        _de("$t_par", "ROW(n, n)::$t_par", PAR),
        ("ALTER TYPE $t_par RENAME ATTRIBUTE y TO z",),
    ),
    Caso(
        "campo a mais num composto",
        _de("$t_par", "ROW(n, n)::$t_par", PAR),
        ("ALTER TYPE $t_par ADD ATTRIBUTE z int",),
    ),
    Caso(
        "a função de um CAST para json",
        _de("$t_cor", "'azul'::$t_cor", COM_CAST),
        (
            "CREATE OR REPLACE FUNCTION $t_em_json($t_cor) RETURNS json LANGUAGE sql IMMUTABLE AS"
            " $$SELECT '\"dois\"'::json$$",
        ),
    ),
    Caso(
        "o que um regclass nomeia",
        _de("regclass", "'$t_alvo'::regclass", "CREATE TABLE $t_alvo (x int)"),
        ("ALTER TABLE $t_alvo RENAME TO $t_novo",),
    ),
    Caso(
        "o que um regtype nomeia",
        _de("regtype", "'$t_cor'::regtype", ENUM),
        ("ALTER TYPE $t_cor RENAME TO $t_tinta",),
    ),
    Caso(
        "o fuso do banco",
        _de("timestamptz", "timestamptz '2026-01-01 00:00Z' + n * interval '1 hour'"),
        ("ALTER DATABASE {banco} SET timezone = 'America/Sao_Paulo'",),
    ),
    Caso(
        "o DateStyle, num intervalo de datas",
        _de("tstzrange", "tstzrange('2026-01-01 00:00Z', '2026-02-03 00:00Z')"),
        ("ALTER DATABASE {banco} SET datestyle = 'SQL, DMY'",),
    ),
    Caso(
        "o IntervalStyle",
        _de("interval", "n * interval '1 day 2 hours'"),
        ("ALTER DATABASE {banco} SET intervalstyle = 'iso_8601'",),
    ),
    Caso(
        "o bytea_output",
        _de("bytea", "decode('00ff10', 'hex')"),
        ("ALTER DATABASE {banco} SET bytea_output = 'escape'",),
    ),
    Caso(
        "os algarismos de um float",
        _de("float8", "n / 3.0"),
        ("ALTER DATABASE {banco} SET extra_float_digits = 0",),
    ),
    Caso(
        "uma tabela gémea no lugar da outra",
        f"""
        CREATE TABLE $t (id int PRIMARY KEY, user_id uuid, c text);
        CREATE TABLE guarda.$t_g (id int PRIMARY KEY, user_id uuid, c text);
        WITH linhas AS (SELECT n FROM generate_series(1, 200) n),
            uma AS (INSERT INTO $t SELECT n, '{DONO}', 'a' || n FROM linhas)
        INSERT INTO guarda.$t_g SELECT n, '{DONO}', 'b' || n FROM linhas;
        """,
        (
            "ALTER TABLE $t RENAME TO velha",
            "ALTER TABLE velha SET SCHEMA guarda",
            "ALTER TABLE guarda.$t_g SET SCHEMA public",
            "ALTER TABLE $t_g RENAME TO $t",
        ),
    ),
    Caso(
        "uma partição gémea no lugar da outra",
        f"""
        CREATE TABLE $t (id int PRIMARY KEY, user_id uuid, c text) PARTITION BY RANGE (id);
        CREATE TABLE $t_p PARTITION OF $t FOR VALUES FROM (0) TO (1000);
        CREATE TABLE guarda.$t_g (id int PRIMARY KEY, user_id uuid, c text);
        WITH linhas AS (SELECT n FROM generate_series(1, 200) n),
            uma AS (INSERT INTO $t SELECT n, '{DONO}', 'a' || n FROM linhas)
        INSERT INTO guarda.$t_g SELECT n, '{DONO}', 'b' || n FROM linhas;
        """,
        (
            "ALTER TABLE $t DETACH PARTITION $t_p",
            "ALTER TABLE $t ATTACH PARTITION guarda.$t_g FOR VALUES FROM (0) TO (1000)",
            "DROP TABLE $t_p",
        ),
    ),
)
Vistas = list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Acontecido:
    """O que se viu de cada tabela antes e depois: as linhas da foto, e (chave, xmin, ctid)."""

    antes: Mapping[str, object]
    depois: Mapping[str, object]
    visto: Mapping[str, Vistas]
    visto_depois: Mapping[str, Vistas]
    leituras: Mapping[str, str]


@pytest.fixture(scope="module")
def acontecido(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Acontecido]:
    """Todos os casos de uma vez, cada um na sua tabela."""
    pasta = tmp_path_factory.mktemp("armadilhas")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(pasta / "perfil"))
        blocos_pequenos(monkeypatch)
        esquemas = (caso.em_sql(caso.esquema) for caso in CASOS)
        fotos = Aproveitado(
            criar_supabase_do_modulo(VAZIO, sql=(COMECO, *esquemas)), pasta, (DONO,)
        )
        antes, visto = fotos.foto(), _vistas(fotos)
        assert set(fotos.leituras(fotos.foto()).values()) == {IGUAL}
        banco = fotos.projeto.banco
        fotos.sql(*(caso.em_sql(comando, banco) for caso in CASOS for comando in caso.mudar))
        depois = fotos.foto()
        fotos.conferir(depois)
        yield Acontecido(
            conteudo(antes), conteudo(depois), visto, _vistas(fotos), fotos.leituras(depois)
        )


def _vistas(fotos: Aproveitado) -> dict[str, Vistas]:
    """O que um esquema por xmin guardaria."""
    consulta = "SELECT id::text, xmin::text, ctid::text FROM {} ORDER BY id"
    with psycopg.connect(fotos.projeto.uri_admin, autocommit=True) as banco:
        return {
            caso.tabela: banco.execute(consulta.format(caso.tabela).encode()).fetchall()
            for caso in CASOS
        }


@pytest.mark.parametrize("caso", CASOS, ids=lambda caso: caso.nome)
def test_o_xmin_nao_ve_e_o_resumo_ve(acontecido: Acontecido, caso: Caso) -> None:
    tabela = caso.tabela
    assert acontecido.visto_depois[tabela] == acontecido.visto[tabela]  # por xmin, nada mudou
    assert acontecido.depois[tabela] != acontecido.antes[tabela]
    assert acontecido.leituras[tabela] != IGUAL
