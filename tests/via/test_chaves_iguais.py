"""Uma chave é igual quando o banco diz que é: «Abc» e «aBC» num citext, 1.0 e 1.00 num numeric.

As extensões e as collations do ICU são as de um PostgreSQL à parte (ver `apoio.extensoes`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from apoio.bancada import Bancada, Montador
from apoio.exatidao import em_texto
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import FabricaDeSupabase
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.postgres import ADMINISTRADOR

EXTENSOES = "CREATE EXTENSION citext; CREATE EXTENSION hstore"
COM_EXTENSOES = f"""
    CREATE COLLATION sem_caixa (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE DOMAIN medidas AS hstore NOT NULL CHECK (VALUE IS NOT NULL);
    CREATE TABLE por_citext (codigo citext PRIMARY KEY, user_id uuid, valor int);
    CREATE TABLE por_texto (codigo text COLLATE sem_caixa PRIMARY KEY, user_id uuid, valor int);
    CREATE TABLE compostas (a citext, b numeric, user_id uuid, valor int, PRIMARY KEY (a, b));
    CREATE TABLE filhas (id int PRIMARY KEY, codigo citext REFERENCES por_citext, user_id uuid);
    INSERT INTO por_citext VALUES ('Abc', '{DONO}', 1), ('É', '{DONO}', 2), ('x', '{DONO}', 3),
        ('dela', '{VIZINHA}', 9);
    INSERT INTO por_texto VALUES ('Straße', '{DONO}', 1), ('Abc', '{DONO}', 2), ('z', '{DONO}', 3),
        ('DELA', '{VIZINHA}', 9);
    INSERT INTO compostas VALUES ('Abc', 1.0, '{DONO}', 1), ('abc', 2, '{DONO}', 2),
        ('abc', 1.5, '{VIZINHA}', 9);
    INSERT INTO filhas VALUES (1, 'ABC', '{DONO}'), (2, 'x', '{DONO}');
    CREATE TABLE de_hstore (id int PRIMARY KEY, user_id uuid, h hstore, hs hstore[], m medidas,
        c citext, cs citext[]);
    INSERT INTO de_hstore VALUES
        (1, '{DONO}', 'cor=>azul, tam=>NULL', ARRAY['a=>1', NULL, '']::hstore[], 'x=>"null"',
            'Ação', '{{Ab,aB}}'),
        (2, '{DONO}', '', '{{}}', '""=>""', NULL, '[2:2]={{x}}'),
        (3, '{DONO}', NULL, NULL, E'"a\\\\"b"=>"é, {{}}"', '', NULL),
        (4, '{VIZINHA}', 'cor=>verde', NULL, 'a=>b', NULL, NULL);
"""


@pytest.fixture(scope="module")
def bancada(
    criar_com_extensoes: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Bancada:
    criar = criar_com_extensoes
    criar.cluster.executar("template1", EXTENSOES, ADMINISTRADOR)
    return Montador(criar, tmp_path_factory.mktemp("com_extensoes"))(COM_EXTENSOES)


DANOS = {
    "só a escrita": (
        "UPDATE por_citext SET codigo = upper(codigo::text) WHERE codigo <> 'dela'",
        "UPDATE por_texto SET codigo = upper(codigo) WHERE codigo <> 'dela'",
        "UPDATE compostas SET a = upper(a::text), b = b + 0.00 WHERE valor < 9",
        # E um hstore volta exatamente, apagado ou mudado.
        f"DELETE FROM de_hstore WHERE user_id = '{DONO}'",
    ),
    "a escrita e o resto": (
        "UPDATE por_citext SET codigo = lower(codigo::text), valor = -valor WHERE codigo <> 'dela'",
        "UPDATE por_texto SET codigo = lower(codigo), valor = -valor WHERE codigo <> 'dela'",
        "UPDATE compostas SET a = 'ABC', b = 1.000, valor = 7 WHERE valor = 1",
        f"INSERT INTO por_citext VALUES ('nova', '{DONO}', 5)",
        f"INSERT INTO por_texto VALUES ('nova', '{DONO}', 5)",
        "UPDATE de_hstore SET h = 'a=>1', hs = NULL, m = 'z=>NULL', c = lower(c::text), cs = '{}'"
        f" WHERE user_id = '{DONO}'",
    ),
    "uma sai, outra muda de escrita": (
        "DELETE FROM filhas WHERE codigo = 'x'",
        "DELETE FROM por_citext WHERE codigo = 'x'",
        "UPDATE por_citext SET codigo = 'aBC' WHERE codigo = 'abc'",
        "DELETE FROM por_texto WHERE codigo IN ('z', 'abc')",
        "UPDATE por_texto SET codigo = 'STRASSE' WHERE valor = 1",
    ),
}


@pytest.mark.parametrize("dano", DANOS)
def test_a_chave_que_o_banco_acha_igual_e_da_mesma_linha(bancada: Bancada, dano: str) -> None:
    antes = em_texto(bancada.loja.projeto)
    bancada.sql(*DANOS[dano], sem_gatilhos=True)
    assert em_texto(bancada.loja.projeto) != antes
    saida = bancada.restaurar()
    assert saida.codigo == 0, saida.tudo
    assert em_texto(bancada.loja.projeto) == antes
    if dano == "só a escrita":  # nada se repõe nem se remove
        assert "por_citext: +0 ~" in saida.saida
        assert "compostas: +0 ~" in saida.saida


def test_uma_filha_que_escreve_a_mae_de_outro_modo_nao_aponta_para_fora(bancada: Bancada) -> None:
    """Nem no backup, nem quando a mãe volta escrita como a filha não a escreve."""
    assert bancada.loja.backups("manual", DONO)[0]["contradicoes"] == []
    antes = em_texto(bancada.loja.projeto)
    bancada.sql("UPDATE por_citext SET codigo = 'ABC', valor = 0 WHERE codigo = 'Abc'",
                sem_gatilhos=True)  # fmt: skip
    saida = bancada.restaurar()
    assert saida.codigo == 0, saida.tudo
    assert em_texto(bancada.loja.projeto) == antes


def test_a_chave_igual_que_e_de_outra_empresa_nao_se_toma(bancada: Bancada) -> None:
    antes = em_texto(bancada.loja.projeto)
    bancada.sql(
        "DELETE FROM filhas WHERE codigo = 'x'",
        "DELETE FROM por_citext WHERE codigo = 'x'",
        f"INSERT INTO por_citext VALUES ('X', '{VIZINHA}', 8), ('a mais', '{DONO}', 8)",
    )
    estragado = em_texto(bancada.loja.projeto)
    saida = bancada.restaurar()
    assert saida.codigo == 8, saida.tudo
    assert "1 chave de por_citext hoje" in saida.tudo, saida.tudo
    assert em_texto(bancada.loja.projeto) == estragado
    bancada.sql("DELETE FROM por_citext WHERE codigo = 'X'")
    saida = bancada.restaurar()
    assert saida.codigo == 0, saida.tudo
    assert em_texto(bancada.loja.projeto) == antes


NUMERICAS = f"""
    CREATE TABLE numericas (n numeric PRIMARY KEY, user_id uuid, valor int);
    INSERT INTO numericas VALUES (1.0, '{DONO}', 1), (2.50, '{DONO}', 2), (3, '{DONO}', 3),
        (9.0, '{VIZINHA}', 9);
"""


def test_um_numero_com_outras_decimais_e_a_mesma_chave_pelas_duas_vias(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    b = Montador(criar_supabase, tmp_path)(NUMERICAS)
    antes = em_texto(b.loja.projeto)
    for via in (API, DIRETA):
        b.sql(
            "UPDATE numericas SET n = n + 0.000, valor = valor + 1 WHERE n < 3",
            f"INSERT INTO numericas VALUES (7.0, '{DONO}', 7)",
            "DELETE FROM numericas WHERE n = 3",
        )
        saida = replace(b.loja, via=via).direto(dono=DONO)
        assert saida.codigo == 0, saida.tudo
        assert "numericas: +1 ~2 −1" in saida.saida
        assert em_texto(b.loja.projeto) == antes
