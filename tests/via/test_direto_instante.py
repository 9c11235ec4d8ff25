"""Pela conexão direta, muitas fotos de um só instante do banco; e quando ele já não serve."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from apoio.impressoes import executar_sql
from apoio.retrato import Fotografo, fotografo_direto
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.valores import Acesso, Regras
from cofre.base.erros import ErroDeUso
from cofre.base.rascunho import Rascunho
from cofre.via.api.via import ViaDaApi
from cofre.via.leitura import Instante, InstantePerdido, PedidoDeFoto
from supabase_local.servidores.servidor import SupabaseLocal

UMA, OUTRA, NOVA = (f"{n}0000000-0000-4000-8000-000000000000" for n in "123")
ESQUEMA: Final = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text);
    INSERT INTO empresas VALUES ('{UMA}', '{UMA}', 'Uma'), ('{OUTRA}', '{OUTRA}', 'Outra');
    CREATE TABLE notas (id int PRIMARY KEY, user_id uuid, valor numeric);
    INSERT INTO notas SELECT n, CASE n % 2 WHEN 0 THEN '{UMA}'::uuid ELSE '{OUTRA}'::uuid END, n
        FROM generate_series(1, 40) n;
    CREATE TABLE dias (id int, user_id uuid, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE dias_1 PARTITION OF dias FOR VALUES FROM (0) TO (100);
    CREATE TABLE dias_2 PARTITION OF dias FOR VALUES FROM (100) TO (200);
    INSERT INTO dias SELECT n, '{UMA}' FROM generate_series(1, 150, 10) n;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
MEXER: Final = f"""
    UPDATE notas SET valor = -valor;
    DELETE FROM notas WHERE id > 30;
    INSERT INTO notas SELECT n, '{UMA}', n FROM generate_series(100, 110) n;
    INSERT INTO notas VALUES (200, NULL, 0);
    DELETE FROM dias WHERE id < 50;
    DELETE FROM empresas WHERE id = '{OUTRA}';
    INSERT INTO empresas VALUES ('{NOVA}', '{NOVA}', 'Nova');
"""


@pytest.fixture
def projeto(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase(VAZIO, sql=(ESQUEMA,), com_api=False)


@pytest.fixture
def direto(projeto: SupabaseLocal, tmp_path: Path) -> Iterator[Fotografo]:
    with fotografo_direto(projeto, tmp_path) as aberto:
        yield aberto


def lidas(quem: Fotografo, empresa: str, instante: Instante | None) -> dict[str, list[bytes]]:
    """As linhas da empresa, por tabela, lidas nesse instante."""
    with contextlib.ExitStack() as pilha:

        def rascunho() -> Rascunho:
            return Rascunho(pilha.enter_context((quem.pasta / "rascunho").open("w+b")))

        pedido = PedidoDeFoto(
            [quem.empresa(empresa)],
            quem.inspecao.escopo.tabelas,
            quem.inspecao.donos,
            rascunho,
            lambda *_: None,
            instante=instante,
        )
        achadas: dict[str, list[bytes]] = {}
        for tabela in quem.via.fotografar(pedido)[empresa].tabelas:
            assert tabela.falha is None
            achadas[tabela.tabela.nome] = list(tabela.em_ordem())
        return achadas


def test_o_que_se_le_num_instante_e_o_que_havia_nele(
    projeto: SupabaseLocal, direto: Fotografo
) -> None:
    antes = {e: lidas(direto, e, None) for e in (UMA, OUTRA)}
    with direto.via.segurar_instante() as instante:
        executar_sql(projeto, MEXER)
        for empresa in (UMA, OUTRA):
            assert lidas(direto, empresa, instante) == antes[empresa]
            assert lidas(direto, empresa, None) != antes[empresa]
        assert direto.via.contar("notas", instante) == 40
        assert direto.via.contar("notas") == 42
        de_entao, de_agora = (direto.via.inspecionar(Regras(), i) for i in (instante, None))
        assert {e.id for e in de_entao.empresas} == {UMA, OUTRA}
        assert {e.id for e in de_agora.empresas} == {UMA, NOVA}
    # Já não há quem o segure: nada se lê no lugar dele, e o que se conta é o de agora.
    with pytest.raises(InstantePerdido, match="quem o segurava caiu"):
        lidas(direto, UMA, instante)
    assert direto.via.contar("notas", instante) == 42
    assert lidas(direto, UMA, None) != antes[UMA]


MEXIDAS: Final = {
    "esvaziada": ("TRUNCATE notas", "notas"),
    "refeita por um tipo": ("ALTER TABLE notas ALTER valor TYPE text", "notas"),
    "refeita por inteiro": ("VACUUM FULL notas", "notas"),
    "outra com o mesmo nome": (
        "ALTER TABLE notas RENAME TO velhas; CREATE TABLE notas (LIKE velhas INCLUDING ALL)",
        "notas",
    ),
    "trocada por outra que já havia": (
        "ALTER TABLE notas RENAME TO velhas; ALTER TABLE empresas RENAME TO notas;"
        " ALTER TABLE velhas RENAME TO empresas",
        "",
    ),
    "uma partição esvaziada": ("TRUNCATE dias_1", "dias"),
    "uma partição que saiu": ("ALTER TABLE dias DETACH PARTITION dias_2", "dias"),
    "uma partição que se apagou": ("DROP TABLE dias_2", "dias"),
    "uma partição que chegou": (
        "CREATE TABLE dias_3 PARTITION OF dias FOR VALUES FROM (200) TO (300)",
        "dias",
    ),
}
"""O que se faz depois do instante, e a tabela que se diz (vazio: uma ou outra)."""


@pytest.mark.parametrize(("comandos", "qual"), MEXIDAS.values(), ids=MEXIDAS)
def test_a_tabela_que_o_instante_ja_nao_mostra_como_era_nao_passa_por_ela(
    projeto: SupabaseLocal, direto: Fotografo, comandos: str, qual: str
) -> None:
    with direto.via.segurar_instante() as instante:
        lidas(direto, UMA, instante)
        with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
            for comando in comandos.split(";"):
                banco.execute(comando.encode())
        with pytest.raises(InstantePerdido, match=f"a tabela {qual}.*foi esvaziada ou refeita"):
            lidas(direto, UMA, instante)


def test_o_que_nao_muda_o_que_se_ve_nao_o_perde(projeto: SupabaseLocal, direto: Fotografo) -> None:
    antes = lidas(direto, UMA, None)
    with direto.via.segurar_instante() as instante:
        with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
            banco.execute("CREATE INDEX ON notas (valor)")
            banco.execute("DELETE FROM notas")
            banco.execute("VACUUM ANALYZE notas")
        assert lidas(direto, UMA, instante) == antes


def test_outro_banco_e_outro_instante_nao_passam_por_ele(
    projeto: SupabaseLocal,
    direto: Fotografo,
    criar_supabase: FabricaDeSupabase,
    tmp_path: Path,
) -> None:
    outro = criar_supabase(VAZIO, sql=(ESQUEMA,), com_api=False)
    (tmp_path / "outro").mkdir()
    with (
        direto.via.segurar_instante() as instante,
        fotografo_direto(outro, tmp_path / "outro") as noutro,
    ):
        with pytest.raises(InstantePerdido):
            lidas(noutro, UMA, instante)
        # Um nome que se repete, noutro servidor ou depois de este arrancar outra vez.
        executar_sql(projeto, "INSERT INTO notas VALUES (300, NULL, 0)")
        with direto.via.segurar_instante() as depois:
            for trocado in (
                replace(instante, nome=depois.nome),
                replace(instante, servidor="outro"),
                replace(instante, nome="00000000-00000000-1"),
                replace(instante, nome="'; DROP TABLE notas; --"),
            ):
                with pytest.raises(InstantePerdido):
                    lidas(direto, UMA, trocado)
    assert direto.via.contar("notas") == 41


def test_quem_segura_nao_prende_tabela_nenhuma(projeto: SupabaseLocal, direto: Fotografo) -> None:
    with direto.via.segurar_instante(), psycopg.connect(projeto.uri_admin) as banco:
        banco.execute("SET lock_timeout = '2s'")
        banco.execute("ALTER TABLE notas ADD nova text")
        presas: list[Any] = banco.execute(
            "SELECT relation::regclass FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
            " WHERE l.pid <> pg_backend_pid() AND c.relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert presas == []


def test_pela_api_diz_se_que_nao_ha() -> None:
    acesso = Acesso("http://127.0.0.1:9", "chave")
    via = ViaDaApi(acesso, 1, 1, threading.Event(), lambda *_: None)
    with pytest.raises(ErroDeUso, match="Pela API não se lê o projeto inteiro de um só instante"):
        via.segurar_instante()
    via.fechar()
