"""Faixas que não podem se sobrepor (EXCLUDE): trocadas entre linhas, voltam; ou recusa antes."""

from __future__ import annotations

import pytest

from apoio.loja import Loja, antes_de
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import EscritaRecusada
from cofre.base.linha import abrir_linha
from cofre.base.modelo import Coluna, Tabela
from cofre.plano.unicos import tomado
from cofre.via.contrato import API, DIRETA

ESQUEMA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria'),
        (gen_random_uuid(), '{VIZINHA}', 'Vizinha');
    CREATE TABLE turnos (id int PRIMARY KEY, user_id uuid, p int4range NOT NULL,
        EXCLUDE USING gist (p WITH &&));
    CREATE TABLE horas (id int PRIMARY KEY, user_id uuid, p tstzrange,
        EXCLUDE USING gist (p WITH &&));
    CREATE TABLE agenda (id int PRIMARY KEY, user_id uuid, de timestamp NOT NULL,
        ate timestamp NOT NULL, EXCLUDE USING gist (tsrange(de, ate) WITH &&));
    CREATE TABLE cheias (id int PRIMARY KEY, user_id uuid, p int4range NOT NULL
        CHECK (NOT isempty(p)), EXCLUDE USING gist (p WITH &&));
    INSERT INTO turnos SELECT n, '{DONO}', int4range(n * 10, n * 10 + 5) FROM generate_series(1, 4) n;
    INSERT INTO turnos VALUES (9, '{VIZINHA}', '[90,95)');
    INSERT INTO horas SELECT n, '{DONO}', tstzrange(h, h + '30 min') FROM generate_series(1, 3) n,
        LATERAL (SELECT timestamptz '2024-01-01 08:00+00' + n * interval '1 h' AS h) x;
    INSERT INTO agenda SELECT n, '{DONO}', h, h + '30 min' FROM generate_series(1, 3) n,
        LATERAL (SELECT timestamp '2024-01-01 08:00' + n * interval '1 h' AS h) x;
    INSERT INTO cheias SELECT n, '{DONO}', int4range(n * 10, n * 10 + 5) FROM generate_series(1, 2) n;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""  # noqa: E501

TROCAS = {
    "turnos": "p = int4range((5 - id) * 10 + 1, (5 - id) * 10 + 4)",
    "horas": "p = tstzrange(lower(p) + (4 - 2 * id) * interval '1 h', upper(p) + (4 - 2 * id)"
    " * interval '1 h')",
    "agenda": "de = de + (4 - 2 * id) * interval '1 h', ate = ate + (4 - 2 * id) * interval '1 h'",
    "cheias": "p = int4range((3 - id) * 10, (3 - id) * 10 + 4)",
}
"""Cada linha passa a ocupar o lugar de outra."""


@pytest.fixture(scope="module", params=[API, DIRETA])
def loja(
    request: pytest.FixtureRequest,
    criar_supabase_do_modulo: FabricaDeSupabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Loja:
    projeto = criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))
    loja = Loja(projeto, tmp_path_factory.mktemp("faixas") / "backups", request.param)
    saida = loja.copiar()
    assert saida.codigo == 0, saida.tudo
    return loja


def _trocar(loja: Loja, tabela: str) -> None:
    """Sem a restrição no meio: num só UPDATE ela já recusaria."""
    restricao = loja.valor(
        "SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE contype = 'x' AND conrelid = '{tabela}'::regclass"
    )
    loja.sql(
        f"ALTER TABLE {tabela} DROP CONSTRAINT {restricao.split()[0]}",
        f"UPDATE {tabela} SET {TROCAS[tabela]} WHERE user_id = '{DONO}'",
        f"ALTER TABLE {tabela} ADD CONSTRAINT {restricao}",
    )


def test_faixas_trocadas_voltam(loja: Loja) -> None:
    antes = antes_de(loja, DONO)
    for tabela in ("turnos", "horas", "agenda"):
        _trocar(loja, tabela)
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir_intacto()


def test_a_que_voltou_a_faltar_tira_do_caminho_a_que_mudou_de_lugar(loja: Loja) -> None:
    antes = antes_de(loja, DONO)
    loja.sql(
        "DELETE FROM turnos WHERE id = 1",
        "UPDATE turnos SET p = '[10,15)' WHERE id = 2",
        f"INSERT INTO turnos VALUES (7, '{DONO}', '[20,25)')",
    )
    saida = loja.direto("--tabelas", "turnos", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir_intacto()


def test_a_faixa_que_hoje_e_de_outra_empresa_e_recusada_antes(loja: Loja) -> None:
    loja.sql(
        "UPDATE turnos SET p = '[16,19)' WHERE id = 1",
        "UPDATE turnos SET p = '[12,15)' WHERE id = 9",
    )
    antes, arquivos = antes_de(loja, DONO), loja.arquivos()
    saida = loja.direto("--tabelas", "turnos", dono=DONO)
    assert saida.codigo == 8, saida.tudo
    assert "23P01" in saida.saida
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos
    loja.sql(
        "UPDATE turnos SET p = '[90,95)' WHERE id = 9",
        "UPDATE turnos SET p = '[10,15)' WHERE id = 1",
    )


def test_a_que_nao_pode_ficar_vazia_volta_so_pela_direta(loja: Loja) -> None:
    """Numa transação a linha sai e entra de novo; pela API, recusa-se antes da primeira escrita."""
    antes = antes_de(loja, DONO)
    _trocar(loja, "cheias")
    trocada, arquivos = antes_de(loja, DONO), loja.arquivos()
    saida = loja.direto("--tabelas", "cheias", dono=DONO)
    if loja.via == DIRETA:
        assert saida.codigo == 0, saida.tudo
        antes.conferir_intacto()
        return
    assert saida.codigo == 8, saida.tudo
    assert "Nada foi alterado" in saida.tudo or "nada foi alterado" in saida.tudo
    trocada.conferir_intacto()
    assert loja.arquivos() == arquivos
    loja.sql(
        "DELETE FROM cheias",
        f"INSERT INTO cheias SELECT n, '{DONO}', int4range(n * 10, n * 10 + 5)"
        " FROM generate_series(1, 2) n",
    )
    antes.conferir_intacto()


@pytest.mark.parametrize(
    ("detalhes", "linha", "tem"),
    [
        ("Key (p)=([1,5)) conflicts with existing key (p)=([3,8)).", b'{"p":"[3,8)"}', True),
        ("Key (p)=([1,5)) conflicts with existing key (p)=([3,8)).", b'{"p":"[1,5)"}', False),
        ("Key (s, p)=(1, [1,5)) conflicts with existing key (s, p)=(1, [3,8)).",
         b'{"s":1,"p":"[3,8)"}', True),
        ("Key (s, p)=(1, [1,5)) conflicts with existing key (s, p)=(1, [3,8)).",
         b'{"s":2,"p":"[3,8)"}', False),
    ],
)  # fmt: skip
def test_quem_esta_no_caminho(detalhes: str, linha: bytes, tem: bool) -> None:
    tabela = Tabela("t", (Coluna("s", "integer"), Coluna("p", "int4range", anulavel=False)), ("s",))
    achado = tomado(EscritaRecusada("23P01", "m", detalhes), tabela)
    assert achado is not None
    assert achado.tem(abrir_linha(linha)) is tem
    assert {c: bytes(v) for c, v in (achado.largar(abrir_linha(linha)) or {}).items()} == {
        "p": b'"empty"'
    }
