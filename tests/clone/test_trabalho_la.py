"""A empresa que se levou, e em que lá se trabalhou: levá-la outra vez desfaz esse trabalho, e por
isso diz-se quanto e qual, e pede-se o nome do projeto. Só é trabalho o que difere da última cópia e
da que se leva."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from apoio.danos import virar_um_bit
from apoio.dois_projetos import DONO, DoisProjetos, montar
from apoio.execucao import Saida
from apoio.impressoes import executar_sql
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import HA_DIFERENCAS, NEM_TUDO_COMO_ERA, Cancelada, RestauracaoRecusada
from cofre.via.contrato import API, DIRETA

SEM_CHAVE = """
    CREATE TABLE marcas (user_id uuid NOT NULL, texto text);
    GRANT ALL ON marcas TO service_role;
"""
"""Uma tabela em que uma linha só se reconhece pelo que tem."""
MARCAS = f"INSERT INTO marcas SELECT '{DONO}', 'igual' FROM generate_series(1, 3)"
TRABALHO = (
    f"UPDATE produtos SET nome = 'de lá' WHERE user_id = '{DONO}' AND id IN (1, 2)",
    f"INSERT INTO recados VALUES (md5('novo')::uuid, '{DONO}', 'só lá')",
    "DELETE FROM vendas_itens WHERE venda_id = 3",
    f"INSERT INTO marcas VALUES ('{DONO}', 'igual'), ('{DONO}', 'outra')",
)
FEITO = {
    "produtos": {"criados": 0, "alterados": 2, "apagados": 0},
    "recados": {"criados": 1, "alterados": 0, "apagados": 0},
    "vendas_itens": {"criados": 0, "alterados": 0, "apagados": 2},
    "marcas": {"criados": 2, "alterados": 0, "apagados": 0},
}


@pytest.fixture(scope="module")
def montados(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> DoisProjetos:
    pasta = tmp_path_factory.mktemp("dois")
    dois = montar(criar_supabase_do_modulo, pasta, nos_dois=SEM_CHAVE, com_backup=False)
    executar_sql(dois.origem, MARCAS)
    return dois


@pytest.fixture
def dois(montados: DoisProjetos, request: pytest.FixtureRequest) -> DoisProjetos:
    """Levada uma vez, por esta via; desde então a origem mudou, e há um backup dela."""
    dois = replace(montados, la=montados.la / request.param, via=request.param)
    dois.escrever_env()
    dois.copiar()
    dois.sql(f"UPDATE clientes SET telefone = '' WHERE user_id = '{DONO}'")
    primeira = dois.clonar("--projeto", _nome(dois))
    assert primeira.codigo == 0, primeira.tudo
    executar_sql(
        dois.origem,
        f"UPDATE produtos SET preco = preco + 1 WHERE user_id = '{DONO}' AND id < 4",
        f"UPDATE clientes SET nome = nome || '!' WHERE user_id = '{DONO}'",
    )
    dois.copiar()
    return dois


def _nome(dois: DoisProjetos) -> str:
    dito = dois.clonar("--projeto", "nenhum").erros
    return dito.partition(" é de ")[2].split(".\n")[0].strip()


def _feito(saida: Saida) -> object:
    return saida.json().get("trabalho_de_la")


@pytest.mark.parametrize("dois", [DIRETA], indirect=True)
def test_so_com_o_nome_se_passa_por_cima_do_que_la_se_fez(dois: DoisProjetos) -> None:
    dois.sql(*TRABALHO)
    antes = dois.ponto()

    simulada = dois.clonar("--simular", "--json", respostas=())
    assert simulada.codigo == HA_DIFERENCAS, simulada.tudo
    assert _feito(simulada) == FEITO
    assert "será preciso dizê-lo" in simulada.erros

    recusada = dois.clonar()
    assert recusada.codigo == RestauracaoRecusada.codigo, recusada.tudo
    assert "2 produtos" in recusada.erros
    assert "--projeto" in recusada.erros
    for dito in (
        "2 produtos (2 alterados)",
        "(1 novo)",
        "(2 apagados)",
        "• id 42323e32",
        "• de lá",
    ):
        assert dito in recusada.saida, recusada.tudo
    dois.conferir_intacto(antes)

    errado = dois.clonar(respostas=("outro projeto",))
    assert errado.codigo == Cancelada.codigo, errado.tudo
    assert "Digite o nome do projeto" in errado.saida
    dois.conferir_intacto(antes)
    sem_mexer = dois.clonar("--modo", "recuperar", "--simular", "--json", respostas=())
    assert _feito(sem_mexer) is None, "só repor o que falta não desfaz nada"

    certo = dois.clonar(respostas=(_nome(dois), "RESTAURAR"))
    assert certo.codigo == 0, certo.tudo
    assert dois.diferem() == {}
    dois.conferir_alheias(antes)


@pytest.mark.parametrize("dois", [API], indirect=True)
def test_o_que_so_a_origem_mudou_vai_sem_perguntar(dois: DoisProjetos) -> None:
    """Também o que lá se mudou, se ficou como na que se leva, ou como na última cópia."""
    dois.sql(
        f"UPDATE clientes SET nome = nome || '!' WHERE user_id = '{DONO}'",
        f"UPDATE recados SET texto = 'x' WHERE user_id = '{DONO}'",
        f"UPDATE recados SET texto = 'recado ' || n FROM generate_series(1, 10) n"
        f" WHERE recados.id = md5('r' || n)::uuid AND user_id = '{DONO}'",
    )
    saida = dois.clonar("--json")
    assert saida.codigo == 0, saida.tudo
    assert _feito(saida) is None
    assert dois.diferem() == {}
    dois.sql(*TRABALHO)
    simulada = dois.clonar("--simular", "--json", respostas=())
    assert _feito(simulada) == FEITO

    # De uma cópia que se estragou não se sabe o que lá se fez: conta tudo o que se perderia.
    executar_sql(dois.origem, f"UPDATE produtos SET nome = 'outro' WHERE user_id = '{DONO}'")
    dois.copiar()
    for arquivo in dois.backups_de_la.glob("empresa_*/produtos_*.json"):
        virar_um_bit(arquivo)
    simulada = dois.clonar("--simular", "--json", respostas=())
    feito = {**FEITO, "produtos": {"criados": 20, "alterados": 0, "apagados": 0}}
    assert _feito(simulada) == feito, simulada.tudo


def test_o_que_um_gatilho_de_la_reescreve_nao_e_trabalho_de_ninguem(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    dois = montar(criar_supabase, tmp_path, "gatilho_que_reescreve")
    assert dois.clonar().codigo == NEM_TUDO_COMO_ERA
    executar_sql(dois.origem, f"UPDATE clientes SET telefone = '1' WHERE user_id = '{DONO}'")
    dois.copiar()
    outra = dois.clonar("--json")
    assert outra.codigo == NEM_TUDO_COMO_ERA, outra.tudo
    assert _feito(outra) is None
    dois.sql(
        f"UPDATE recados SET texto = 'de lá' WHERE id = md5('r1')::uuid AND user_id = '{DONO}'"
    )
    recusada = dois.clonar()
    assert recusada.codigo == RestauracaoRecusada.codigo, recusada.tudo
    assert "1 registro de recados (1 alterado)" in recusada.saida, recusada.tudo
