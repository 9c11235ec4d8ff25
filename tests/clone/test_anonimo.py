"""Anonimizar as linhas de uma empresa: o que se promete de cada valor, sem servidor nenhum."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stdnum.br import cnpj as juiz_do_cnpj
from stdnum.br import cpf as juiz_do_cpf

from apoio.anonimo import (
    SEGREDO,
    Linhas,
    anonimizar,
    de_alguem,
    em_json,
    empresa,
    formas,
    tabela,
    uma_coluna,
)
from apoio.campanha import amostra, exemplos
from apoio.multidao import Multidao
from cofre.base.config.valores import RegrasDeAnonimizar
from cofre.base.modelo import LOGINS, ChaveEstrangeira
from cofre.clone.anonimo.anonimizador import Anonimizador
from cofre.clone.anonimo.classes import Classe
from cofre.clone.anonimo.colunas import classe_do_nome
from cofre.clone.anonimo.documentos import cnpj_de, cpf_de, nota_de, pis_de

POUCOS = settings(max_examples=exemplos(75), deadline=None)

# -- os valores ------------------------------------------------------------------------------

TEXTOS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NOMES = st.lists(
    st.sampled_from("ana joão MARIA d'ávila Zé souza Silva conceição Leão o'neil ltda".split()),
    min_size=1,
    max_size=5,
).map(" ".join)
ALGARISMOS = st.text("0123456789", min_size=9, max_size=9)
CPFS = ALGARISMOS.map(cpf_de)
CNPJS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=12, max_size=12).map(cnpj_de)
FONES = st.from_regex(r"(\+55 )?(\(\d\d\) |\d\d )?9?[2-9]\d{3}[- ]?\d{4}", fullmatch=True)
EMAILS = st.from_regex(r"[A-Za-z0-9._-]{1,12}@[a-z]{2,8}\.(com|com\.br|example)", fullmatch=True)
COLUNAS = {
    "nome": NOMES | TEXTOS,
    "email": EMAILS,
    "cpf_cnpj": CPFS | CNPJS | st.text("0123456789.-/", max_size=18) | TEXTOS,
    "telefone": FONES | TEXTOS,
    "logradouro": NOMES | TEXTOS,
    "bairro": NOMES | TEXTOS,
    "usuario": TEXTOS,
    "senha_hash": st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=12),
}


def com_mascara(texto: str) -> str:
    """O que a máscara guarda: a pontuação, e onde há um algarismo ou uma letra."""
    return re.sub(r"[0-9]", "9", re.sub(r"[A-Za-z]", "9", texto))


@pytest.mark.parametrize("coluna", [*COLUNAS])
def test_cada_valor_tem_um_substituto_so_dele(coluna: str) -> None:
    @POUCOS
    @given(st.lists(COLUNAS[coluna], max_size=25, unique=True))
    def propriedade(valores: list[str]) -> None:
        saem = uma_coluna(coluna, valores)
        assert len(set(saem)) == len(valores), "um índice único continua a caber"
        de_novo = dict(zip(valores, saem, strict=True))
        baralhados = random.Random(len(valores)).sample(valores, len(valores))
        assert uma_coluna(coluna, baralhados) == [de_novo[v] for v in baralhados]
        assert all((v.strip() == "") == (s.strip() == "") for v, s in de_novo.items())
        trocados = [v for v, s in de_novo.items() if v != s]
        assert not set(saem) & set(trocados), "nenhum é o de outro"

    propriedade()


@pytest.mark.parametrize("vazio", [None, "", " ", "-", "   "])
@pytest.mark.parametrize("coluna", ["nome", "email", "cpf", "telefone", "endereco", "senha"])
def test_o_que_nao_diz_nada_fica_como_esta(coluna: str, vazio: str | None) -> None:
    assert uma_coluna(coluna, [vazio, "algo 123"])[0] == vazio


@POUCOS
@given(st.lists(CPFS, min_size=1, max_size=10, unique=True), st.booleans())
def test_um_cpf_sai_valido_e_com_a_mascara_que_tinha(cpfs: list[str], mascarado: bool) -> None:
    assume(all(juiz_do_cpf.is_valid(c) for c in cpfs))
    dados = [juiz_do_cpf.format(c) for c in cpfs] if mascarado else cpfs
    for velho, novo in zip(dados, uma_coluna("cpf", dados), strict=True):
        assert juiz_do_cpf.is_valid(novo)
        assert novo != velho
        assert com_mascara(novo) == com_mascara(velho)


@POUCOS
@given(st.lists(CNPJS, min_size=1, max_size=10, unique=True), st.booleans())
def test_um_cnpj_sai_valido_tambem_com_letras(cnpjs: list[str], mascarado: bool) -> None:
    assume(all(juiz_do_cnpj.is_valid(c) for c in cnpjs))
    dados = [juiz_do_cnpj.format(c) for c in cnpjs] if mascarado else cnpjs
    for velho, novo in zip(dados, uma_coluna("cnpj", dados), strict=True):
        assert juiz_do_cnpj.is_valid(novo)
        assert com_mascara(novo) == com_mascara(velho)
        letras = [c.isalpha() for c in velho[:8]]
        assert [c.isalpha() for c in novo[:8]] == letras, "o de algarismos não ganha letras"


def test_a_matriz_e_as_filiais_continuam_a_ser_da_mesma_empresa() -> None:
    matriz, filial = cnpj_de("112223330001"), cnpj_de("112223330002")
    uma, outra = uma_coluna("cnpj", [matriz, filial])
    assert uma[:8] == outra[:8] != matriz[:8]
    assert (uma[8:12], outra[8:12]) == ("0001", "0002")


def test_os_outros_documentos_guardam_o_feitio() -> None:
    rg, ie, isento, placa = uma_coluna(
        "rg", ["12.345.678-X", "110.042.490.114", "ISENTO", "BRA2E19"]
    )
    assert re.fullmatch(r"\d\d\.\d{3}\.\d{3}-X", rg)
    assert re.fullmatch(r"\d{3}\.\d{3}\.\d{3}\.\d{3}", ie)
    assert isento == "ISENTO"
    assert re.fullmatch(r"[A-Z]{3}\d[A-Z]\d\d", placa)
    assert placa != "BRA2E19"
    (pis,) = uma_coluna("pis", ["120.12345.67-8"])
    assert pis_de(re.sub(r"\D", "", pis)[:10]) == re.sub(r"\D", "", pis)


def test_a_chave_de_uma_nota_leva_o_cnpj_trocado_e_o_digito_certo() -> None:
    emitente = cnpj_de("112223330001")
    chave = nota_de(f"352601{emitente}550010000000091123456780"[:43])
    saem, _ = anonimizar(
        {
            "empresas": tabela("empresas", {"id": "integer", "cnpj": "text"}),
            "notas": tabela("notas", {"id": "integer", "chave_acesso": "text", "xml": "text"}),
        },
        {
            "empresas": [{"id": 1, "cnpj": juiz_do_cnpj.format(emitente)}],
            "notas": [{"id": 1, "chave_acesso": chave, "xml": f'<infNFe Id="NFe{chave}"/>'}],
        },
    )
    nova = saem["notas"][0]["chave_acesso"]
    assert juiz_do_cnpj.compact(saem["empresas"][0]["cnpj"]) == nova[6:20] != emitente
    assert nova[:6] + nova[20:43] == chave[:6] + chave[20:43]
    assert nota_de(nova[:43]) == nova
    assert emitente not in saem["notas"][0]["xml"]


def test_um_telefone_guarda_o_pais_o_ddd_e_o_feitio() -> None:
    velhos = ["(11) 98765-4321", "+55 11 98765-4321", "11987654321", "98765-4321", "(11) 3333-4444"]
    novos = uma_coluna("telefone", velhos)
    assert [com_mascara(n) for n in novos] == [com_mascara(v) for v in velhos]
    quem = {re.sub(r"\D", "", n)[-8:] for n in novos[:4]}
    assert len(quem) == 1, "escrito de quatro modos, é o mesmo"
    assert novos[0].startswith("(11) 9")
    assert novos[4][5] in "2345", "um fixo continua fixo"


def test_a_mesma_pessoa_e_a_mesma_em_toda_parte_e_em_toda_execucao() -> None:
    tabelas = {
        "clientes": tabela("clientes", {"id": "integer", "nome": "text", "email": "text"}),
        "vendas": tabela("vendas", {"id": "integer", "cliente": "text", "obs": "text"}),
    }
    linhas: Linhas = {
        "clientes": [
            {"id": 1, "nome": "José da Conceição", "email": "Jose@Loja.example"},
            {"id": 2, "nome": "JOSE DA CONCEICAO", "email": "jose@loja.example"},
        ],
        "vendas": [
            {
                "id": 1,
                "cliente": "josé  da conceição",
                "obs": "de José da Conceição, jose@loja.example",
            }
        ],
    }
    saem, _ = anonimizar(tabelas, linhas)
    um, dois = saem["clientes"]
    venda = saem["vendas"][0]
    assert dois["nome"].isupper()
    assert dois["nome"].isascii()
    assert venda["cliente"].islower()
    assert "  " in venda["cliente"]
    simples: Callable[[str], str] = lambda n: " ".join(n.casefold().split())  # noqa: E731
    assert simples(um["nome"]) == simples(venda["cliente"])
    assert um["email"].lower() == dois["email"] == um["email"][0].lower() + um["email"][1:]
    assert um["email"][0].isupper()
    assert venda["obs"] == f"de {um['nome']}, {dois['email']}"
    assert anonimizar(tabelas, linhas)[0] == saem
    assert anonimizar(tabelas, linhas, b"outro segredo")[0] != saem


@POUCOS
@given(st.lists(NOMES.filter(lambda n: len(n) >= 6), min_size=1, max_size=8, unique=True))
def test_um_nome_nunca_fica_maior_do_que_era(nomes: list[str]) -> None:
    for velho, novo in zip(nomes, uma_coluna("nome", nomes), strict=True):
        assert len(novo) <= len(velho), "um varchar(n) em que um cabia leva o outro"


def test_um_email_curto_cabe_onde_o_outro_cabia() -> None:
    velhos = ["ana@b.io", "bia@loja.com", "dono@padaria.com.br"]
    novos = uma_coluna("email", velhos)
    assert [len(n) for n in novos[:2]] == [len(v) for v in velhos[:2]]
    assert [n.rpartition("@")[2][-5:] for n in novos] == [".test", ".test", "e.com"]
    assert len(novos[2]) <= 20


def test_num_endereco_sai_a_rua_e_o_bairro_e_fica_o_que_o_aplicativo_precisa() -> None:
    tabelas = {
        "clientes": tabela(
            "clientes",
            {
                "id": "integer",
                "rua": "text",
                "bairro": "text",
                "cidade": "text",
                "endereco": "text",
            },
        )
    }
    inteiro = "Rua das Acácias, 123, apto 12 - Sé, Belém/PA, CEP 66010-100"
    linha = {
        "id": 1,
        "rua": "Rua das Acácias",
        "bairro": "Sé",
        "cidade": "Belém",
        "endereco": inteiro,
    }
    saem, _ = anonimizar(tabelas, {"clientes": [linha]})
    (nova,) = saem["clientes"]
    rua, bairro = nova["rua"], nova["bairro"]
    assert re.fullmatch(r"Rua .+", rua)
    assert not {rua, bairro} & {"Rua das Acácias", "Sé"}
    resto = re.escape(f"{rua}, 123, apto 12 - {bairro}, Belém/PA, CEP ") + r"6\d{4}-\d{3}"
    assert re.fullmatch(resto, nova["endereco"])
    assert "66010-100" not in nova["endereco"]


def test_um_char_continua_cheio_ate_o_fim() -> None:
    velhos = ["Ana Souza           ", "João Nóbrega Teles  "]
    novos = uma_coluna("nome", velhos, "character")
    assert [len(n) for n in novos] == [20, 20]
    assert novos != velhos


def test_um_documento_guardado_como_numero_continua_numero_e_o_mesmo() -> None:
    cpf = cpf_de("012345678")
    tabelas = {"clientes": tabela("clientes", {"id": "integer", "cpf": "bigint", "doc": "text"})}
    saem, _ = anonimizar(tabelas, {"clientes": [{"id": 1, "cpf": int(cpf), "doc": cpf}]})
    linha = saem["clientes"][0]
    assert isinstance(linha["cpf"], int)
    assert f"{linha['cpf']:011d}" == linha["doc"] != cpf
    assert juiz_do_cpf.is_valid(linha["doc"])


def test_o_nascimento_e_outro_dia_do_mesmo_ano() -> None:
    velhos = ["1980-02-29", "1980-12-31", "1999-01-01", "-infinity", None]
    novos = uma_coluna("nascimento", velhos, "date")
    assert [n and n[:4] for n in novos[:3]] == ["1980", "1980", "1999"]
    assert not set(novos[:3]) & set(velhos[:3])
    assert novos[3:] == velhos[3:]
    ano = [f"2001-{m:02d}-{d:02d}" for m in range(1, 13) for d in range(1, 29)]
    assert len(set(uma_coluna("data_nascimento", ano, "date"))) == len(ano)


# -- que colunas -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coluna", "tabela_", "classe"),
    [
        ("nome", "clientes", Classe.NOME),
        ("nome", "produtos", Classe.TEXTO),
        ("nome", "categorias", Classe.TEXTO),
        ("nome", "funcoes", Classe.TEXTO),
        ("Nome do Cliente", "Pedido Item", Classe.NOME),
        ("nomeCompleto", "x", Classe.NOME),
        ("full_name", "user_approvals", Classe.NOME),
        ("company_name", "x", Classe.NOME),
        ("Razão Social", "x", Classe.NOME),
        ("nome_fantasia", "x", Classe.NOME),
        ("nome_produto", "vendas", Classe.TEXTO),
        ("cli_cpf", "x", Classe.DOCUMENTO),
        ("CPF/CNPJ", "x", Classe.DOCUMENTO),
        ("inscricao_estadual", "x", Classe.DOCUMENTO),
        ("chave_acesso", "notas_fiscais", Classe.DOCUMENTO),
        ("chave_pix", "x", Classe.PIX),
        ("chave", "configuracoes", Classe.CODIGO),
        ("e-mail", "x", Classe.EMAIL),
        ("payer_email", "payments", Classe.EMAIL),
        ("Telefone_2", "x", Classe.TELEFONE),
        ("whatsapp", "x", Classe.TELEFONE),
        ("endereco_entrega", "x", Classe.ENDERECO),
        ("endereco_ip", "x", Classe.IP),
        ("Endereço", "x", Classe.ENDERECO),
        ("cidade", "x", Classe.FICA),
        ("senha_hash", "x", Classe.SEGREDO),
        ("api_token", "x", Classe.SEGREDO),
        ("dt_nasc", "x", Classe.NASCIMENTO),
        ("nascido_em", "x", Classe.NASCIMENTO),
        ("codigo_barras", "produtos", Classe.CODIGO),
        ("foto_url", "clientes", Classe.TEXTO),
        ("cliente_id", "vendas", Classe.CODIGO),
        ("observacoes", "vendas", None),
        ("status", "vendas", Classe.TEXTO),
        ("forma_pagamento", "vendas", None),
    ],
)
def test_o_nome_da_coluna_diz_o_que_ela_guarda(
    coluna: str, tabela_: str, classe: Classe | None
) -> None:
    assert classe_do_nome(coluna, (tabela_,)) is classe


def test_um_nome_sozinho_e_de_alguem_se_ao_lado_ha_um_documento() -> None:
    assert classe_do_nome("nome", ("registros",)) is None
    assert classe_do_nome("nome", ("registros",), ("id", "cpf")) is Classe.NOME
    assert classe_do_nome("nome", ("produtos",), ("id", "email")) is Classe.TEXTO


def test_o_conteudo_diz_o_que_o_nome_da_coluna_nao_diz() -> None:
    cpfs = [juiz_do_cpf.format(cpf_de(f"{n:09d}")) for n in range(100, 108)]
    saem = uma_coluna("obs1", [*cpfs, "não tem"])
    assert all(juiz_do_cpf.is_valid(s) for s in saem[:-1])
    assert not set(saem) & set(cpfs)
    gente = ["Ana Souza", "Pedro Leão", "João Falcão", "Lucas Teles"]
    assert not set(uma_coluna("campo_7", gente)) & set(gente)
    coisas = ["Capa azul", "Ana Maria (bolo)", "Cabo USB-C", "Rosa claro"]
    assert uma_coluna("campo_7", coisas) == coisas


def test_uma_lista_fechada_do_banco_fica_como_e() -> None:
    """De um ENUM o banco só aceita os valores dele, chame-se a coluna como se chamar."""
    assert uma_coluna("contato", ["loja", "telefone", "loja"], "modo_de_contato") == [
        *("loja", "telefone", "loja")
    ]
    gente = ["Ana Souza", "Pedro Leão", "Lucas Teles"]
    assert not set(uma_coluna("contato", gente, "nome_de_gente")) & set(gente), "um domínio"


def test_um_token_em_uuid_e_outro_mas_uma_chave_nao() -> None:
    valores = {"id": "integer", "convite_token": "uuid", "loja_id": "uuid"}
    um = "aaaa1111-0000-4000-8000-00000000000a"
    linhas: Linhas = {"clientes": [{"id": 1, "convite_token": um, "loja_id": um}]}
    saem, _ = anonimizar({"clientes": tabela("clientes", valores)}, linhas)
    assert saem["clientes"][0]["loja_id"] == um
    assert re.fullmatch(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", saem["clientes"][0]["convite_token"]
    )
    assert saem["clientes"][0]["convite_token"] != um


def test_num_texto_livre_so_sai_o_que_se_reconhece() -> None:
    cpf = juiz_do_cpf.format(cpf_de("123456789"))
    fica = "; pedido 12345, R$ 1.234,56 em 12/01/2026"
    texto = f"Ligar (11) 98765-4321 ou ana@loja.com.br, CPF {cpf}{fica}"
    (novo,) = uma_coluna("observacoes", [texto])
    assert novo != texto
    assert re.fullmatch(
        r"Ligar \(11\) 9\d{4}-\d{4} ou \S+@example.com, CPF [\d.-]{14}" + re.escape(fica), novo
    )
    bruto = "x" * 300_000 + cpf  # uma imagem em base64 lê-se uma vez
    assert uma_coluna("descricao", [bruto])[0].startswith("x" * 300_000)
    for certo in (
        "2026-01-16 18:00",
        "7891234567895",
        "192,50",
        "Galaxy S21 FE",
        "OS-1234",
        "3,5 x 2",
    ):
        assert uma_coluna("descricao", [certo]) == [certo]


def test_num_endereco_da_internet_tambem_sai_o_que_vai_codificado() -> None:
    tabelas = {"clientes": tabela("clientes", {"nome": "text", "email": "text", "obs": "text"})}
    ditos = {"nome": "Zoé Conceição Prado", "email": "zoe.prado@loja.com.br"}
    obs = (
        "https://wa.me/?text=Oi%20Zo%C3%A9%20Concei%C3%A7%C3%A3o%20Prado, 50% e 10%2B, "
        "mailto:zoe.prado%40loja.com.br"
    )
    linhas = {"clientes": [{"id": 1, **ditos, "obs": obs}]}
    saem, _quem = anonimizar(tabelas, linhas)
    (novo,) = saem["clientes"]
    nome, email = quote(novo["nome"]), quote(novo["email"])
    assert novo["obs"] == f"https://wa.me/?text=Oi%20{nome}, 50% e 10%2B, mailto:{email}"
    longo = "x" * 300_000 + " 50%2B"  # e também isto se lê uma vez
    assert uma_coluna("descricao", [longo]) == [longo]


@pytest.mark.parametrize(
    "dito", ["11987654321", "123 456 789 09", "ana@localhost", "12345678909", "+5511987654321"]
)
def test_sem_mascara_tambem_sai_do_meio_de_um_texto(dito: str) -> None:
    tabelas = {
        "clientes": tabela("clientes", {"id": "integer", "email": "text"}),
        "vendas": tabela("vendas", {"id": "integer", "obs": "text"}),
    }
    linhas: Linhas = {
        "clientes": [{"id": 1, "email": "ana@localhost"}],
        "vendas": [
            {"id": 1, "obs": f"é {dito}, se der"},
            {"id": 2, "obs": "2@10 e 3 x 12345678901"},
        ],
    }
    saem, _ = anonimizar(tabelas, linhas)
    assert dito not in saem["vendas"][0]["obs"]
    assert saem["vendas"][1]["obs"] == "2@10 e 3 x 12345678901"


def test_dentro_de_um_json_vale_o_nome_de_cada_chave() -> None:
    dado = {
        "cliente": {"nome": "Maria Leão", "cpf": cpf_de("123456789"), "idade": 30},
        "itens": [{"nome": "Capa", "preco": 1.5, "ok": True, "nada": None}],
        "emails": ["a@loja.com.br", "b@loja.com.br"],
        "ana@loja.com.br": 1,
    }
    (novo,) = uma_coluna("dados", [dado], "jsonb")
    assert novo["itens"] == dado["itens"]
    assert novo["cliente"]["idade"] == 30
    assert juiz_do_cpf.is_valid(novo["cliente"]["cpf"])
    assert de_dentro(novo).isdisjoint(de_dentro(dado) - {"Capa", "cliente", "itens", "emails"})


def de_dentro(valor: object) -> set[str]:
    if isinstance(valor, dict):
        return {x for c, v in valor.items() for x in (c, *de_dentro(v)) if x not in FICAM}
    if isinstance(valor, list):
        return {x for v in valor for x in de_dentro(v)}
    return {valor} if isinstance(valor, str) else set()


FICAM = {"nome", "cpf", "idade", "preco", "ok", "nada"}


def test_um_json_guardado_num_texto_vale_como_um_json() -> None:
    dito = json.dumps({"cliente": {"nome": "Inês Teles", "cidade": "Belém"}, "n": 1})
    assert "\\u00ea" in dito, "escapado, nenhum nome se reconheceria"
    novo, torto = uma_coluna("dados_extra", [dito, "{não é json: Inês Teles}"])
    assert json.loads(novo)["cliente"]["nome"] != "Inês Teles"
    assert json.loads(novo)["cliente"]["cidade"] == "Belém"
    assert "Teles" not in torto


def test_um_numero_de_json_que_e_o_documento_de_alguem_tambem_sai() -> None:
    cpf = cpf_de("012345678")
    tabelas = {"clientes": tabela("clientes", {"id": "integer", "cpf": "text", "x": "jsonb"})}
    linhas: Linhas = {
        "clientes": [{"id": 1, "cpf": cpf, "x": {"a": int(cpf), "b": 7, "c": 10**10}}]
    }
    saem, _ = anonimizar(tabelas, linhas)
    (linha,) = saem["clientes"]
    assert linha["x"] == {"a": int(linha["cpf"]), "b": 7, "c": 10**10}


def test_num_xml_o_nome_de_uma_empresa_tambem_se_reconhece() -> None:
    tabelas = {"empresas": tabela("empresas", {"id": "integer", "nome": "text", "xml": "text"})}
    xml = "<xNome>Zé &amp; Filhos Oficina</xNome> 1 &lt; 2"
    linhas: Linhas = {"empresas": [{"id": 1, "nome": "Zé & Filhos Oficina", "xml": xml}]}
    saem, _ = anonimizar(tabelas, linhas)
    assert "Filhos" not in saem["empresas"][0]["xml"]
    assert saem["empresas"][0]["xml"].endswith("</xNome> 1 &lt; 2")


def test_o_que_nao_muda_sai_com_os_mesmos_bytes() -> None:
    tabelas = {"t": tabela("t", {"id": "bigint", "valor": "numeric", "extra": "json"})}
    linha = (
        b'{"id":9007199254740993,"valor":1.50,"extra":{"b": 1.0,  "a":[1E5]},"quando":"2026-01-01"}'
    )
    quem = Anonimizador(tabelas, SEGREDO)
    quem.aprender("t", [linha])
    assert list(quem.trocar("t", [linha])) == [linha]


COMO_JSONB = (
    rb'{"a": 1, "nome": [1.0, "x"], "email": "a@b.com"}',
    rb'{"a": 1, "nome": \[1.0, "\w+"\], "email": "[^"]+"}',
)
COMO_JSON = (
    rb'{"a":1,"nome":[1.0,"x"],"email":"a@b.com"}',
    rb'{"a":1,"nome":\[1.0,"\w+"\],"email":"[^"]+"}',
)
CHAVE_TROCADA = (
    rb'{"ana@loja.com.br": 1, "telefones de casa": []}',
    rb'{"telefones de casa": \[\], "[^"]+@example.com": 1}',
)
VETOR_DE_JSONB = (rb'["a@b.com", "b@b.com"]', rb'\["[^" ]+", "[^" ]+"\]')
VETOR = (rb'["a@b.com","b@b.com"]', rb'\["[^" ]+","[^" ]+"\]')


@pytest.mark.parametrize(
    ("antes", "depois"), [COMO_JSONB, COMO_JSON, CHAVE_TROCADA, VETOR_DE_JSONB, VETOR]
)
def test_um_json_sai_escrito_como_o_banco_o_escreve(antes: bytes, depois: bytes) -> None:
    """Quem restaura relê, e compara os bytes."""
    tabelas = {"clientes": tabela("clientes", {"id": "integer", "contato": "jsonb"})}
    linha = b'{"id":1,"contato":' + antes + b"}"
    quem = Anonimizador(tabelas, SEGREDO)
    quem.aprender("clientes", [linha])
    (nova,) = quem.trocar("clientes", [linha])
    assert re.fullmatch(rb'{"id":1,"contato":' + depois + b"}", nova), nova
    assert nova != linha


def test_o_texto_exato_de_um_valor_leva_o_que_o_json_leva() -> None:
    """O que se guarda ao lado do JSON (ver `base.textos`) não conta o que ele já não conta."""
    tabelas = {"clientes": tabela("clientes", {"id": "integer", "emails": "text[]"})}
    linha = (
        b'{"id":1,"emails":["ana@loja.com.br","bia@loja.com.br"]'
        b',"":{"emails":"[2:3]={ana@loja.com.br,bia@loja.com.br}"}}'
    )
    quem = Anonimizador(tabelas, SEGREDO)
    quem.aprender("clientes", [linha])
    (nova,) = quem.trocar("clientes", [linha])
    um, outro = json.loads(nova)["emails"]
    assert json.loads(nova)[""] == {"emails": f"[2:3]={{{um},{outro}}}"}
    assert b"loja.com.br" not in nova


def test_o_que_o_banco_calcula_vai_vazio() -> None:
    tabelas = {
        "clientes": tabela(
            "clientes",
            {"id": "integer", "nome": "text", "busca": "tsvector", "nome_maiusculo": "text"},
            nao_gravaveis=("id", "nome_maiusculo"),
        )
    }
    linha = {"id": 1, "nome": "Ana Leão", "busca": "'ana':1 'leão':2", "nome_maiusculo": "ANA LEÃO"}
    saem, _ = anonimizar(tabelas, {"clientes": [linha]})
    assert saem["clientes"][0]["busca"] == ""
    assert saem["clientes"][0]["nome_maiusculo"] is None


def test_uma_chave_estrangeira_continua_a_fechar() -> None:
    tabelas = {
        "contas": tabela("contas", {"codigo": "text", "x": "text"}, chave=("codigo",)),
        "lancamentos": tabela(
            "lancamentos",
            {"id": "integer", "onde": "text"},
            estrangeiras=(ChaveEstrangeira(("onde",), "contas", ("codigo",)),),
        ),
    }
    codigos = ["ana@loja.com.br", "bia@loja.com.br", "cai@loja.com.br", "geral"]
    linhas: Linhas = {
        "contas": [{"codigo": c, "x": ""} for c in codigos],
        "lancamentos": [{"id": n, "onde": c} for n, c in enumerate(["geral", *codigos])],
    }
    saem, _ = anonimizar(tabelas, linhas)
    novos = [linha["codigo"] for linha in saem["contas"]]
    assert [linha["onde"] for linha in saem["lancamentos"]] == [novos[3], *novos]


def test_o_cofre_toml_diz_mais_do_que_o_nome() -> None:
    tabelas = {"clientes": tabela("clientes", {"id": "integer", "nome": "text", "zona": "text"})}
    linhas = {"clientes": [{"id": 1, "nome": "Ana Leão", "zona": "Bia Falcão Teles"}]}
    pedidas = RegrasDeAnonimizar({("clientes", "zona"): "nome"}, frozenset({("clientes", "nome")}))
    saem, quem = anonimizar(tabelas, linhas, pedidas=pedidas)
    assert saem["clientes"][0]["nome"] == "Ana Leão"
    assert saem["clientes"][0]["zona"] != "Bia Falcão Teles"
    (deixada,) = quem.relatorio.documento()["deixadas"]
    assert deixada["motivo"] == "«manter», no cofre.toml"
    assert deixada["com_alguem"] == 0, "o nome dela nem se viu noutro lado"


def test_do_que_se_mantem_e_dos_codigos_diz_se_em_quantos_ha_alguem() -> None:
    cpf = juiz_do_cpf.format(cpf_de("123456789"))
    tabelas = {
        "clientes": tabela("clientes", {"id": "integer", "nome": "text", "cpf": "text"}),
        "vendas": tabela("vendas", {"id": "integer", "codigo": "text", "nota": "text"}),
    }
    linhas: Linhas = {
        "clientes": [{"id": 1, "nome": "Ana Leão", "cpf": cpf}],
        "vendas": [
            {"id": 1, "codigo": f"V/{cpf}", "nota": "a@b.com.br"},
            {"id": 2, "codigo": "V-2", "nota": "da Ana Leão"},
            {"id": 3, "codigo": cpf, "nota": "sem ninguém"},
        ],
    }
    pedidas = RegrasDeAnonimizar({}, frozenset({("vendas", "nota")}))
    saem, quem = anonimizar(tabelas, linhas, pedidas=pedidas)
    assert saem["vendas"][2]["codigo"] == saem["clientes"][0]["cpf"]
    ficaram = {d["coluna"]: d["com_alguem"] for d in quem.relatorio.documento()["deixadas"]}
    assert ficaram == {"codigo": 1, "nota": 2}


# -- uma empresa inteira ---------------------------------------------------------------------


def test_de_uma_empresa_inteira_nao_sobra_ninguem() -> None:
    inventada = empresa()
    procurados = de_alguem(inventada.linhas)
    assert len(procurados) > 100
    saem, quem = anonimizar(inventada.tabelas, inventada.linhas)
    tudo = b"\n".join(em_json(linha) for suas in saem.values() for linha in suas)
    assert [v for v in procurados if any(f in tudo for f in formas(v))] == []
    assert [d for d in quem.relatorio.documento()["deixadas"] if d["com_alguem"]] == []
    antes = b"\n".join(em_json(linha) for suas in inventada.linhas.values() for linha in suas)
    assert all(any(f in antes for f in formas(v)) for v in procurados), "o juiz acha o que há"


def test_de_uma_empresa_inteira_so_muda_o_que_o_relatorio_diz() -> None:
    inventada = empresa()
    saem, quem = anonimizar(inventada.tabelas, inventada.linhas)
    mudaram = {
        (nome, coluna)
        for nome, suas in inventada.linhas.items()
        for antes, depois in zip(suas, saem[nome], strict=True)
        for coluna in antes
        if json.loads(em_json(antes))[coluna] != depois.get(coluna)
    }
    ditas = {(t, c) for t, colunas in quem.relatorio.trocadas.items() for c in colunas}
    assert mudaram - ditas == {(LOGINS, "encrypted_password"), (LOGINS, "fatores")}
    assert ditas <= mudaram
    assert ("produtos", "nome") not in mudaram
    assert {c for t, c in mudaram if t == "clientes"} == {
        *("nome", "cpf", "telefone", "logradouro", "endereco", "nascimento")
    }


def test_um_login_vai_sem_senha_e_sem_segundo_fator() -> None:
    inventada = empresa()
    saem, _ = anonimizar(inventada.tabelas, inventada.linhas)
    aprovados = {linha["user_id"]: linha for linha in saem["user_approvals"]}
    for antes, login in zip(inventada.linhas[LOGINS], saem[LOGINS], strict=True):
        assert "encrypted_password" not in login
        assert login["fatores"] == []
        assert login["id"] == antes["id"]
        assert login["email"] == aprovados[login["id"]]["email"].lower()
        assert login["raw_user_meta_data"]["full_name"] == aprovados[login["id"]]["full_name"]
        (chegada,) = login["identidades"]
        assert chegada["identity_data"]["email"] == login["email"]
        assert chegada["provider_id"] == login["id"]


def test_o_que_ficou_diz_se_nele_ainda_ha_alguem() -> None:
    tabelas = {
        "clientes": tabela("clientes", {"id": "integer", "nome": "text"}),
        "vendas": tabela("vendas", {"id": "integer", "obs": "text"}),
    }
    linhas: Linhas = {
        "clientes": [{"id": 1, "nome": "Jandira"}, {"id": 2, "nome": "Ana Leão"}],
        "vendas": [
            {"id": 1, "obs": "a Jandira busca amanhã"},
            {"id": 2, "obs": "a Ana Leão busca amanhã"},
            {"id": 3, "obs": "nada"},
        ],
    }
    saem, quem = anonimizar(tabelas, linhas)
    assert saem["vendas"][0]["obs"] == "a Jandira busca amanhã", "uma palavra só não se troca"
    assert "Leão" not in saem["vendas"][1]["obs"]
    (deixada,) = quem.relatorio.documento()["deixadas"]
    assert deixada == {"tabela": "vendas", "coluna": "obs", "valores": 3, "com_alguem": 1}
    assert list(quem.relatorio.linhas()) == [
        "🎭 3 valores trocados:",
        "   clientes: nome (nome 2)",
        "   vendas: obs (nome 1)",
        "👀 Textos que ficaram; deles só saiu o que se reconheceu:",
        "   vendas: obs 3",
        "   ⚠️  vendas.obs: ainda há alguém em 1 de 3",
    ]


@pytest.mark.parametrize("semente", amostra(range(1000), 12))
def test_de_uma_multidao_espalhada_nao_sobra_ninguem(semente: int) -> None:
    multidao = Multidao(semente)
    inventada = multidao.empresa()
    assert set(multidao.que_se_acham(inventada.linhas)) >= {p.nome for p in multidao.pessoas}
    saem, _ = anonimizar(inventada.tabelas, inventada.linhas)
    assert list(multidao.que_se_acham(saem)) == []
    for coluna in ("nome", "cpf_cnpj", "celular", "email"):
        antes, depois = ({x[coluna] for x in de["clientes"]} for de in (inventada.linhas, saem))
        assert len(antes) == len(depois)
