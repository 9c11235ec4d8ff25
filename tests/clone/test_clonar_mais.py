"""O que se pode pedir a uma clonagem além do backup mais novo, e quem a pede pelo diálogo."""

from __future__ import annotations

import json

import pytest

from apoio.dois_projetos import DONO, DoisProjetos, montar
from apoio.execucao import metadados, restaurar
from apoio.impressoes import executar_sql, proprias
from apoio.loja import TANTO_FAZ
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA, RestauracaoRecusada

VIA = TANTO_FAZ
NOMES = ("Padaria Ação", "Cliente 1", "Cliente 7")


@pytest.fixture(scope="module")
def dois(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> DoisProjetos:
    """Pela direta: o que se pede, e a quem, decide-se acima das vias."""
    return montar(criar_supabase_do_modulo, tmp_path_factory.mktemp("dois"), via=TANTO_FAZ)


def _desfazer(dois: DoisProjetos) -> None:
    assert dois.acao("desfazer", "--confirmar", "DESFAZER").codigo == 0
    assert proprias(dois.ponto().destino, DONO) == {}


def test_agora_leva_a_empresa_como_ela_esta(dois: DoisProjetos) -> None:
    """Faz um backup comum, e é ele que vai; o documento é um só."""
    executar_sql(dois.origem, f"UPDATE clientes SET nome = nome || '!' WHERE user_id = '{DONO}'")
    quantos = len(metadados(dois.backups))
    antes = dois.ponto()
    saida = dois.clonar("--agora", "--json")
    assert saida.codigo == 0, saida.tudo
    assert saida.json()["acao"] == "clonar"
    novo = max(p.name for p in dois.backups.glob("empresa_aaaa1111/backup_metadata_*"))
    assert saida.json()["origem"]["backup"] in novo
    assert dois.diferem() == {}
    assert len(metadados(dois.backups)) == quantos + 1
    depois = dois.ponto()
    assert depois.origem[:3] == antes.origem[:3]
    _desfazer(dois)


def test_simular_nao_deixa_nada_em_lado_nenhum(dois: DoisProjetos) -> None:
    antes, la = dois.ponto(), sorted(dois.backups_de_la.rglob("*.json"))
    saida = dois.clonar("--simular")
    assert saida.codigo == 9, saida.tudo
    dois.conferir_intacto(antes)
    assert sorted(dois.backups_de_la.rglob("*.json")) == la


def test_quem_desiste_a_palavra_nao_deixa_a_copia(dois: DoisProjetos) -> None:
    antes, la = dois.ponto(), sorted(dois.backups_de_la.rglob("*clientes*"))
    saida = dois.clonar(respostas=("não",))
    assert saida.codigo == 130, saida.tudo
    dois.conferir_intacto(antes)
    assert sorted(dois.backups_de_la.rglob("*clientes*")) == la


def test_anonimizada_nada_do_que_era_fica_no_destino(dois: DoisProjetos) -> None:
    """Noutra pasta de backups: na dos outros testes está quem eles levaram."""
    pasta = dois.la / "anonima"
    dois.escrever_env(BACKUP_DIR=str(pasta))
    antes = dois.ponto()
    saida = dois.clonar("--anonimizar")
    assert saida.codigo in (0, NEM_TUDO_COMO_ERA), saida.tudo
    assert "valores trocados" in saida.saida, saida.tudo
    assert "por anonimizar" not in saida.tudo
    dois.conferir_alheias(antes)
    assert dois.diferem().keys() >= {"empresas", "clientes"}
    no_disco = [a for a in pasta.rglob("*") if a.is_file()]
    achados = [(a.name, n) for a in no_disco for n in NOMES if n.encode() in a.read_bytes()]
    assert achados == []
    _desfazer(dois)
    dois.escrever_env()


def test_pelo_dialogo_da_restauracao_com_o_caminho_do_env(dois: DoisProjetos) -> None:
    """Da escolha das tabelas passa-se a levar: o .env, as tabelas, a palavra."""
    antes = dois.ponto()
    respostas = ("Padaria", "l", str(dois.env), "0", "RESTAURAR")
    saida = restaurar(dois.origem, dois.backups, respostas=respostas)
    assert saida.codigo == 0, saida.tudo
    assert dois.diferem() == {}
    dois.conferir_alheias(antes)
    _desfazer(dois)


def test_um_backup_da_primeira_versao_recusa_se_com_o_que_fazer(dois: DoisProjetos) -> None:
    """Não tem somas: nada prova o que chegaria."""
    pasta = dois.backups / "empresa_aaaa1111"
    carimbo = "20240101_030000"
    antiga = {"user_id": DONO, "nome": "Padaria Ação", "data_backup": "2024-01-01T03:00:00"}
    ficha = {**antiga, "tabelas_backup": ["clientes"], "tabelas_falha": [], "total_registros": 0}
    (pasta / f"backup_metadata_{carimbo}.json").write_text(json.dumps(ficha), encoding="utf-8")
    (pasta / f"clientes_{carimbo}.json").write_text("[]", encoding="utf-8")
    antes, la = dois.ponto(), sorted(dois.backups_de_la.rglob("*"))
    saida = dois.clonar("--backup", carimbo)
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "é da primeira versão" in saida.erros
    assert "--agora" in saida.erros
    dois.conferir_intacto(antes)
    assert sorted(dois.backups_de_la.rglob("*")) == la
