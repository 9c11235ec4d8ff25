"""Os dois projetos no ar ao mesmo tempo: cada um é o seu, e o que neles muda é visto."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from apoio.dois_projetos import (
    DONO,
    MORADORA,
    OUTRAS_LINHAS,
    OUTRO_ESQUEMA,
    VIZINHA,
    DoisProjetos,
    montar,
)
from apoio.execucao import da_api, executar, metadados
from apoio.impressoes import executar_sql, sequencias_atras
from apoio.servidores import FabricaDeSupabase


@pytest.fixture(scope="module")
def dois(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> DoisProjetos:
    return montar(criar_supabase_do_modulo, tmp_path_factory.mktemp("dois"))


def test_a_origem_e_o_destino_atendem_ao_mesmo_tempo_com_as_suas_chaves(
    dois: DoisProjetos, tmp_path: Path
) -> None:
    """Cada um com as suas empresas; a chave de um não abre o outro."""
    assert {m["user_id"] for m in metadados(dois.backups)} == {DONO}
    saida = executar(None, tmp_path, mais=da_api(dois.destino))
    assert saida.codigo == 0, saida.tudo
    assert MORADORA in {m["user_id"] for m in metadados(tmp_path)}
    assert not {DONO, VIZINHA} & {m["user_id"] for m in metadados(tmp_path)}
    trocada = {**da_api(dois.destino), "SUPABASE_URL": dois.origem.url}
    assert executar(None, tmp_path, mais=trocada).codigo != 0
    assert sequencias_atras(dois.origem) == sequencias_atras(dois.destino) == []


def test_o_ponto_ve_o_que_muda_num_e_no_outro(dois: DoisProjetos) -> None:
    antes = dois.ponto()
    dois.conferir_intacto(antes)
    assert set(dois.diferem()) == {
        *("empresas", "clientes", "produtos", "vendas", "vendas_itens", "recados"),
    }
    mudar = "UPDATE clientes SET nome = nome || ' ' WHERE user_id = '{}'"
    executar_sql(dois.origem, mudar.format(VIZINHA))
    with pytest.raises(AssertionError):
        dois.conferir_alheias(antes)
    antes = dois.ponto()
    dois.sql(mudar.format(MORADORA))
    with pytest.raises(AssertionError):
        dois.conferir_alheias(antes)


def test_as_diferencas_que_o_destino_pode_ter_existem(dois: DoisProjetos) -> None:
    """Cada uma se aplica sozinha, sobre as linhas que o destino tem."""
    with psycopg.connect(dois.destino.uri_admin) as banco:
        for nome, diferenca in {**OUTRO_ESQUEMA, **OUTRAS_LINHAS}.items():
            try:
                banco.execute(diferenca.encode())
            except psycopg.Error as erro:
                pytest.fail(f"{nome}: {erro}")
            banco.rollback()
