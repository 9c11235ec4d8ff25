"""Uma empresa levada a outro projeto, pelos scripts de verdade, com o que há dos dois lados
conferido por inteiro."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from apoio.campanha import CAMPANHA
from apoio.dois_projetos import DONO, OUTRO_ESQUEMA, acesso, montar
from apoio.execucao import executar, metadados
from apoio.impressoes import executar_sql, proprias
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import HA_DIFERENCAS, NEM_TUDO_COMO_ERA, NadaEncontrado, RestauracaoRecusada
from cofre.via.contrato import API, DIRETA

NA_SUITE_PELA_DIRETA = pytest.mark.parametrize("via", [API, DIRETA] if CAMPANHA else [DIRETA])
"""O que se recusa antes de escrever; a API escreve nos outros."""


@pytest.mark.parametrize("via", [API, DIRETA])
def test_a_empresa_chega_inteira_e_o_que_havia_fica_como_estava(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str
) -> None:
    """Clonar, clonar outra vez (nada se move), desfazer: e as outras empresas dos dois lados."""
    dois = montar(criar_supabase, tmp_path, via=via)
    antes = dois.ponto()

    saida = dois.clonar("--json")
    assert saida.codigo == 0, saida.tudo
    assert saida.json()["nada_a_mudar"] is False
    assert sum(t["repostos"] for t in saida.json()["mudaram"].values()) == 71
    assert dois.diferem() == {}
    dois.conferir_alheias(antes)
    (copia,) = [m for m in metadados(dois.backups_de_la) if m["tipo"] == "clone"]
    assert copia["clone_de"]["url"] == copia["origem"]["url"]

    saida = dois.clonar()
    assert saida.codigo == 0, saida.tudo
    assert "✅ No destino já está tudo como no backup: nada se escreveu" in saida.saida, saida.tudo
    documento = dois.clonar("--json").json()
    assert (documento["acao"], documento["codigo"]) == ("clonar", 0)
    assert documento["nada_a_mudar"] is True
    assert "mudaram" not in documento
    assert len(list(dois.backups_de_la.rglob("restauracao_*.json"))) == 1, "nada há a desfazer dela"
    assert len([m for m in metadados(dois.backups_de_la) if m["tipo"] == "clone"]) == 1

    saida = dois.acao("desfazer", "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    dois.conferir_intacto(antes)
    assert proprias(dois.ponto().destino, DONO) == {}


RESTAURADO = re.compile(r"\b(restaur\w*|volta\w*|repost?\w*|repor)\b", re.IGNORECASE)
"""O que se diz de quem traz uma empresa de volta, e não de quem a leva a outro projeto."""
DESFAZER_VOLTA = re.compile(r"\S*restaurar-empresa\.py\S*|voltar ao que era antes")
"""O programa chama-se assim; e o que desfaz uma clonagem, volta ao que lá havia."""


def test_a_tela_de_uma_clonagem_so_fala_de_levar(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Nem ao clonar, nem com nada a mudar, nem a meio, nem ao desfazer: quem lesse «restaurar»
    pensaria que é o projeto daqui que muda."""
    dois = montar(criar_supabase, tmp_path, via=DIRETA)
    ditas = [
        dois.acao("clonar", respostas=("0", "m", "c", "m", "q")),
        dois.acao("clonar", respostas=("0", "CLONAR", "RESTAURAR")),
        dois.clonar(),
        dois.acao("desfazer", respostas=("DESFAZER", "RESTAURAR", "q")),
        dois.acao("desfazer"),
        dois.acao("desfazer"),
    ]
    (feita, *_) = sorted(dois.backups_de_la.rglob("restauracao_*.json"))
    dados = json.loads(feita.read_bytes())
    feita.write_text(json.dumps({**dados, "estado": "em_andamento"}), encoding="utf-8")
    ditas += [dois.acao("clonar", respostas=("0", "q")), dois.acao("continuar", respostas=())]
    for dita in ditas:
        linhas = [linha for linha in dita.tudo.splitlines() if "RESTAURAR" not in linha]
        if "DESFEITA" in dita.saida:  # aí, o que volta é o que lá havia
            linhas = [linha for linha in linhas if not linha.startswith("O que mudou")]
        achadas = [linha for linha in linhas if RESTAURADO.search(DESFAZER_VOLTA.sub("", linha))]
        assert achadas == [], dita.tudo


def test_o_que_o_destino_recusa_nao_chegou(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    dois = montar(criar_supabase, tmp_path, "regra_a_mais", via=DIRETA)
    saida = dois.clonar("--aceitar", "registros")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert "não chegaram: a regra barato (CHECK) não aceita (23514)" in saida.saida, saida.tudo
    ditas = [linha for linha in saida.tudo.splitlines() if RESTAURADO.search(linha)]
    assert [linha for linha in ditas if "restaurar-empresa.py" not in linha] == [], saida.tudo


def test_na_pasta_do_destino_a_copia_nao_e_historia_de_la(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    dois = montar(criar_supabase, tmp_path, via=DIRETA)
    assert dois.clonar().codigo == 0
    for acao in (("procurar", DONO, "Cliente"), ("historia", DONO, "produtos", "1")):
        saida = executar(None, dois.backups_de_la, *acao)
        assert saida.codigo == NadaEncontrado.codigo, saida.tudo
        assert "trazidas de outro projeto não contam" in saida.erros, saida.tudo
    por_la = acesso(dois.destino, DIRETA)
    assert executar(None, dois.backups_de_la, "--empresa", DONO, mais=por_la).codigo == 0
    saida = executar(None, dois.backups_de_la, "historia", DONO, "produtos", "1", "--json")
    assert saida.codigo == 0, saida.tudo
    fichas = dois.backups_de_la.glob("empresa_*/backup_metadata_*.json")
    (de_la,) = (f.stem[-15:] for f in fichas if json.loads(f.read_bytes())["tipo"] == "manual")
    (versao,) = saida.json()["versoes"]
    assert versao["desde"] == versao["ate"] == de_la


@NA_SUITE_PELA_DIRETA
def test_um_destino_em_uso_pede_o_nome(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str
) -> None:
    """Com registros recentes de outra empresa, nada se toca sem o nome, e só com o nome certo."""
    dois = montar(criar_supabase, tmp_path, "movimento", via=via)
    antes = dois.ponto()
    saida = dois.clonar()
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "parece um projeto em uso" in saida.erros, saida.tudo
    dois.conferir_intacto(antes)
    assert not list(dois.backups_de_la.glob("empresa_*"))

    nome = saida.erros.partition("--projeto ")[2].split()[0]
    errado = dois.clonar("--projeto", nome + "x")
    assert errado.codigo == RestauracaoRecusada.codigo, errado.tudo
    dois.conferir_intacto(antes)
    saida = dois.clonar("--projeto", nome)
    assert saida.codigo == 0, saida.tudo
    assert dois.diferem() == {}
    dois.conferir_alheias(antes)


def test_o_id_de_outra_empresa_no_destino_recusa(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    outra = f"INSERT INTO empresas VALUES (md5('outra')::uuid, '{DONO}', 'Outra Coisa Ltda')"
    dois = montar(criar_supabase, tmp_path, outra, via=DIRETA)
    antes = dois.ponto()
    saida = dois.clonar("--projeto", "tanto faz")
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "é de outra empresa: Outra Coisa Ltda" in saida.erros, saida.tudo
    dois.conferir_intacto(antes)


@NA_SUITE_PELA_DIRETA
def test_as_chaves_de_outra_empresa_no_destino_recusam_se_pelo_nome(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str
) -> None:
    dois = montar(criar_supabase, tmp_path, "chaves_de_outra", via=via)
    antes = dois.ponto()
    saida = dois.clonar("--aceitar", "colunas,registros,tabelas")
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "3 chaves de produtos hoje são de outra empresa" in saida.tudo, saida.tudo
    dois.conferir_intacto(antes)


def test_o_mesmo_banco_por_dois_enderecos_recusa(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O endereço (127.0.0.1 escrito como um número só) não diz que são o mesmo; o banco diz."""
    dois = montar(criar_supabase, tmp_path, via=DIRETA, da_origem=DIRETA)
    uri = urlsplit(dois.origem.uri_banco)
    quem, _arroba, _onde = uri.netloc.rpartition("@")
    outro = uri._replace(netloc=f"{quem}@2130706433:{uri.port}")
    dois.escrever_env(SUPABASE_DB_URL=urlunsplit(outro))
    antes = dois.ponto()
    saida = dois.clonar("--projeto", "tanto faz")
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "são do mesmo projeto (é o mesmo banco)" in saida.erros, saida.tudo
    dois.conferir_intacto(antes)


def test_se_o_banco_daqui_nao_responde_diz_se_que_so_os_enderecos_o_distinguem(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    dois = montar(criar_supabase, tmp_path, via=DIRETA, da_origem=API)
    parado = {"SUPABASE_DB_URL": "postgresql://alguem:senha@127.0.0.1:1/banco"}
    saida = dois.clonar("--simular", respostas=(), mais=parado)
    assert saida.codigo == HA_DIFERENCAS, saida.tudo
    assert "O banco daqui não disse que banco é" in saida.saida, saida.tudo
    assert "O banco" not in dois.clonar("--simular", respostas=()).saida


@pytest.mark.parametrize("via", [API, DIRETA])
def test_o_que_o_destino_nao_tem_combina_se_antes(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str
) -> None:
    """Uma tabela e uma coluna a menos, e uma que lá o banco gera: sem acordo, recusa-se; com ele,
    vai o resto, e o código diz que nem tudo."""
    gerada = (
        "ALTER TABLE clientes DROP COLUMN nome; ALTER TABLE clientes ADD COLUMN nome text"
        " GENERATED ALWAYS AS ('de lá') STORED"
    )
    dois = montar(criar_supabase, tmp_path, "tabela_a_menos", "coluna_a_menos", gerada, via=via)
    antes = dois.ponto()
    saida = dois.clonar()
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "A tabela recados não existe no destino" in saida.erros, saida.tudo
    saida = dois.clonar("--aceitar", "tabelas")
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    dois.conferir_intacto(antes)

    saida = dois.clonar("--aceitar", "tabelas,colunas")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert "clientes: o destino não tem telefone" in saida.saida, saida.tudo
    assert "clientes: o destino gera nome" in saida.saida, saida.tudo
    assert dois.diferem(sem=[("clientes", "nome")]) == {}
    dois.conferir_alheias(antes)
    assert ("SELECT setval(" in saida.saida) == (via == API)
    # A cópia não é um backup de lá: o primeiro que lá se faz não dá por falta do que ela tem.
    por_la = acesso(dois.destino, via)
    de_la = executar(None, dois.backups_de_la, "--empresa", DONO, mais=por_la)
    assert de_la.codigo == 0, de_la.tudo
    assert dois.acao("desfazer", "--confirmar", "DESFAZER").codigo == 0
    dois.conferir_intacto(antes)


def test_sem_o_login_que_uma_linha_sozinha_exige_recusa_se_e_com_ele_vai(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Pela API, a chave estrangeira de uma linha sozinha prova-se com outras duas ao lado; se é a
    chave dela que aponta para auth.users, as que a provam são de outra chave."""
    preferencias = "CREATE TABLE preferencias (user_id uuid PRIMARY KEY, tema text);"
    direitos = "GRANT ALL ON preferencias TO service_role;"
    ligada = "ALTER TABLE preferencias ADD FOREIGN KEY (user_id) REFERENCES auth.users"
    dois = montar(
        criar_supabase,
        tmp_path,
        "donos_com_login",
        ligada,
        nos_dois=preferencias + direitos,
        com_backup=False,
    )
    executar_sql(dois.origem, f"INSERT INTO preferencias VALUES ('{DONO}', 'escuro')")
    dois.copiar()
    antes = dois.ponto()
    saida = dois.clonar()
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "o usuário dono da empresa não existe" in saida.tudo, saida.tudo
    dois.conferir_intacto(antes)
    dois.sql(f"INSERT INTO auth.users (id, email) VALUES ('{DONO}', 'dona@padaria.example')")
    saida = dois.clonar()
    assert saida.codigo == 0, saida.tudo
    assert dois.diferem() == {}


@pytest.mark.parametrize(("via", "da_origem"), [(DIRETA, API), (API, DIRETA)])
def test_de_uma_via_a_outra_so_se_diz_outro_o_que_e_outro(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str, da_origem: str
) -> None:
    """O mesmo esquema, lido por vias diferentes, é o mesmo; uma coluna a mais e um tipo, não."""
    dois = montar(criar_supabase, tmp_path, via=via, da_origem=da_origem)
    igual = dois.clonar("--json")
    assert igual.codigo == 0, igual.tudo
    assert igual.json()["esquema"] == []
    assert dois.diferem() == {}
    outro = ("coluna_a_mais_com_padrao", "tipo_em_que_cabe")
    dois.sql(*(OUTRO_ESQUEMA[qual] for qual in outro))
    if via == API:
        dois.destino.recarregar_esquema()
    executar_sql(dois.origem, f"UPDATE clientes SET telefone = '1' WHERE user_id = '{DONO}'")
    dois.copiar()
    saida = dois.clonar()
    assert saida.codigo == 0, saida.tudo
    assert "produtos: só lá há ativo (obrigatória)" in saida.saida, saida.tudo
    assert "clientes: nome, aqui text, lá é character varying" in saida.saida, saida.tudo
    assert dois.diferem() == {}
