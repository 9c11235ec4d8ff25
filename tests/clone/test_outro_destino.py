"""O que a pasta do destino guarda de uma clonagem, dado a outro projeto: por um `.env.destino` que
mudou, ou por uma pasta de backups que não é a deste `.env`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from apoio.dois_projetos import DONO, DoisProjetos, linhas_de, montar, sql_do_destino
from apoio.execucao import metadados, restaurar
from apoio.impressoes import impressoes, proprias
from apoio.loja import TANTO_FAZ
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA, Cancelada, RestauracaoRecusada
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

DE_LA = f"""
    UPDATE clientes SET nome = 'trabalho de lá' WHERE user_id = '{DONO}';
    INSERT INTO recados VALUES (gen_random_uuid(), '{DONO}', 'só lá');
"""

UNIDADES = """
    CREATE TABLE unidades (id integer PRIMARY KEY);
    INSERT INTO unidades VALUES (1), (2);
    GRANT ALL ON unidades TO service_role;
    ALTER TABLE vendas_itens ADD FOREIGN KEY (item) REFERENCES unidades;
"""
"""Uma tabela que não é de empresa nenhuma, e a que as linhas de todas apontam."""


@pytest.fixture(scope="module")
def dois(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> DoisProjetos:
    """Pela direta: a quem é que se leva decide-se acima das vias."""
    pasta = tmp_path_factory.mktemp("dois")
    return montar(criar_supabase_do_modulo, pasta, UNIDADES, via=TANTO_FAZ)


@pytest.fixture(scope="module")
def terceiro(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Outro projeto, em que a mesma empresa mora e trabalha."""
    suas = linhas_de(DONO, 1, "Padaria Ação")
    return criar_supabase_do_modulo(VAZIO, sql=(*sql_do_destino(suas), DE_LA))


def test_o_env_do_destino_que_mudou_nao_leva_a_clonagem_para_outro(
    dois: DoisProjetos, terceiro: SupabaseLocal
) -> None:
    """Desfazer lá poria a empresa como no destino de antes: sem nada. E a que mora lá não passa por
    trazida daqui."""
    saida = dois.clonar()
    assert saida.codigo == 0, saida.tudo
    assert "vendas_itens.item → unidades" in saida.saida, saida.tudo
    no_terceiro = replace(dois, destino=terceiro)
    no_terceiro.escrever_env()
    antes = impressoes(terceiro)

    saida = no_terceiro.acao("desfazer", "--confirmar", "DESFAZER")
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "A clonagem de" in saida.erros, saida.tudo
    assert "não se fez no projeto deste .env.destino" in saida.erros, saida.tudo
    assert impressoes(terceiro) == antes

    saida = no_terceiro.clonar()
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "já mora lá" in saida.erros, saida.tudo
    assert impressoes(terceiro) == antes

    dois.escrever_env()
    saida = dois.clonar("--anonimizar", "--simular")
    assert "já tem esta empresa por anonimizar" in saida.saida, saida.tudo
    no_lugar_da_de_verdade = dois.clonar("--anonimizar")
    assert no_lugar_da_de_verdade.codigo == RestauracaoRecusada.codigo, no_lugar_da_de_verdade.tudo
    assert "é a de verdade" in no_lugar_da_de_verdade.erros
    copias = [m for m in metadados(dois.backups_de_la) if m["tipo"] == "clone"]
    assert len(copias) == 1, "a que ia para o outro não ficou, e a de cá ainda cá está"
    assert dois.acao("desfazer", "--confirmar", "DESFAZER").codigo == 0
    assert proprias(dois.ponto().destino, DONO) == {}
    _um_desfazer_que_parou_tambem_nao_vai(dois, no_terceiro)


def _um_desfazer_que_parou_tambem_nao_vai(dois: DoisProjetos, no_terceiro: DoisProjetos) -> None:
    """O alvo dele é uma foto do primeiro: concluí-lo noutro apagaria o que lá mora."""
    lidos = {d: json.loads(d.read_bytes()) for d in dois.backups_de_la.rglob("restauracao_*.json")}
    ((arquivo, dados),) = ((a, d) for a, d in lidos.items() if "desfaz" in d)
    arquivo.write_text(json.dumps({**dados, "estado": "em_andamento"}), encoding="utf-8")
    antes = impressoes(no_terceiro.destino)
    no_terceiro.escrever_env()
    for acao in ("continuar", "desfazer"):
        saida = no_terceiro.acao(acao, "--confirmar", "DESFAZER")
        assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
        assert "não se fez no projeto deste .env.destino" in saida.erros, saida.tudo
        saida = no_terceiro.acao(acao, respostas=())
        assert saida.codigo == Cancelada.codigo, saida.tudo
        assert "digite o nome dele" in saida.saida, saida.tudo
    assert impressoes(no_terceiro.destino) == antes
    dois.escrever_env()
    assert dois.acao("continuar").codigo == 0


def test_uma_copia_anonimizada_nao_se_restaura_em_quem_ela_copiou(dois: DoisProjetos) -> None:
    """A pasta do destino dada, por engano, ao `.env` da origem."""
    pasta = dois.la / "anonima"
    dois.escrever_env(BACKUP_DIR=str(pasta))
    saida = dois.clonar("--anonimizar")
    assert saida.codigo in (0, NEM_TUDO_COMO_ERA), saida.tudo
    antes = dois.ponto()

    metas = pasta.glob("empresa_*/backup_metadata_*.json")
    (copia,) = (a for a in metas if json.loads(a.read_bytes())["tipo"] == "clone")
    assert json.loads(copia.read_bytes())["nome"] == "Empresa aaaa1111"
    carimbo = copia.stem.removeprefix("backup_metadata_")
    pedido = ("--empresa", DONO, "--backup", carimbo, "--confirmar", "RESTAURAR")
    saida = restaurar(dois.origem, pasta, *pedido)
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "é anonimizada" in saida.erros, saida.tudo
    assert dois.ponto() == antes

    # No projeto para que se fez, é um alvo como os outros.
    dois.sql(f"UPDATE clientes SET nome = 'mexido' WHERE user_id = '{DONO}'")
    saida = restaurar(dois.destino, pasta, *pedido)
    assert saida.codigo == 0, saida.tudo
    assert dois.ponto() == antes
