"""De quem é cada arquivo do Storage: a regra, o cofre.toml, e o isolamento com dados hostis."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofre.base.config.valores import COLUNA, DONO_DO_OBJETO, NENHUM, PASTA, RegraDeBalde
from cofre.base.modelo import Empresa
from cofre.escopo.arquivos import (
    DE_NINGUEM,
    DISPUTADO,
    SOLTO,
    Decisao,
    DonosDeArquivos,
    Identidades,
    citados,
)

A, B = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"
LINHA_DE_A, EMPREGADO_DE_A, EMPREGADO_DE_B, DOS_DOIS, ESTRANHO = (f"{n}0" for n in "lefdx")
EMPRESAS = (Empresa(A, "A", ({"id": LINHA_DE_A},)), Empresa(B, "B"))
LOGINS = ((EMPREGADO_DE_A, A), (EMPREGADO_DE_B, B), (DOS_DOIS, A), (DOS_DOIS, B))


def donos(**regras: RegraDeBalde) -> DonosDeArquivos:
    return DonosDeArquivos(regras, Identidades(EMPRESAS, LOGINS))


@pytest.mark.parametrize(
    ("nome", "enviado_por", "de_quem"),
    [
        (f"{A}/foto.png", None, Decisao(A)),
        (f"{LINHA_DE_A}/foto.png", None, Decisao(A)),
        (f"{EMPREGADO_DE_A}/sub/foto.png", None, Decisao(A)),
        (f"{A}/foto.png", B, Decisao(A)),  # a pasta vale antes de quem enviou
        ("foto.png", EMPREGADO_DE_B, Decisao(B)),
        (f"{ESTRANHO}/foto.png", B, Decisao(B)),
        (f"{DOS_DOIS}/foto.png", A, DISPUTADO),
        ("foto.png", DOS_DOIS, DISPUTADO),
        (f"{ESTRANHO}/foto.png", ESTRANHO, SOLTO),
        # Só uma pasta inteira, igual byte a byte, e a primeira.
        (A, None, SOLTO),
        (f"{A[:8]}/foto.png", None, SOLTO),
        (f"{A.upper()}/foto.png", None, SOLTO),
        (f"/{A}/foto.png", None, SOLTO),
        (f"fotos/{A}/foto.png", None, SOLTO),
        (f" {A}/foto.png", None, SOLTO),
    ],
)
def test_a_pasta_depois_quem_enviou(nome: str, enviado_por: str | None, de_quem: Decisao) -> None:
    assert donos().decidir("fotos", nome, enviado_por) == de_quem


def test_um_balde_que_no_caminho_seria_outro_nao_e_de_ninguem() -> None:
    """O pedido de «fotos/B» + «x» é o de «fotos» + «B/x»: só um backup adulterado traz um assim."""
    assert donos().decidir(f"fotos/{B}", "foto.png", None) == DE_NINGUEM
    assert donos().decidir(f"fotos/{B}", f"{A}/foto.png", A) == DE_NINGUEM


def test_o_cofre_toml_manda_num_balde_e_so_nele() -> None:
    regras = donos(
        p=RegraDeBalde(PASTA),
        o=RegraDeBalde(DONO_DO_OBJETO),
        n=RegraDeBalde(NENHUM),
        c=RegraDeBalde(COLUNA, "t", "c"),
    )
    nome = f"{A}/foto.png"
    assert [regras.decidir(b, nome, B) for b in "poncx"] == [
        Decisao(A),
        Decisao(B),
        DE_NINGUEM,
        SOLTO,
        Decisao(A),
    ]
    assert regras.decidir("p", "foto.png", B) == DE_NINGUEM
    assert regras.decidir("o", nome, None) == DE_NINGUEM


def test_um_dono_e_so_da_sua_empresa_diga_quem_disser() -> None:
    de_fora = Identidades(
        (Empresa(A, "A"), Empresa(B, "B", ({"id": A},))), [(A, B), (EMPREGADO_DE_B, B)]
    )
    assert de_fora.empresa(A) == Decisao(A)
    assert de_fora.empresa(EMPREGADO_DE_B) == Decisao(B)


def test_o_que_uma_linha_nomeia_e_de_quem_a_tem_se_so_ela_o_nomeia() -> None:
    regras = donos(c=RegraDeBalde(COLUNA, "t", "c"))
    assert regras.de_quem_nomeia("x", "foto.png", None, [A]) == Decisao(A)
    assert regras.de_quem_nomeia("x", "foto.png", None, [A, A]) == Decisao(A)
    assert regras.de_quem_nomeia("x", "foto.png", None, [A, ""]) == DISPUTADO
    assert regras.de_quem_nomeia("x", "foto.png", None, []) == DE_NINGUEM
    # Também onde só a coluna vale, a pasta de outra e quem o enviou contam contra.
    assert regras.de_quem_nomeia("c", f"{B}/foto.png", None, [A]) == DISPUTADO
    assert regras.de_quem_nomeia("c", f"{DOS_DOIS}/foto.png", None, [A]) == DISPUTADO
    assert regras.de_quem_nomeia("c", "foto.png", EMPREGADO_DE_B, [A]) == DISPUTADO
    assert regras.de_quem_nomeia("c", f"{A}/foto.png", EMPREGADO_DE_A, [A]) == Decisao(A)


IDS = st.sampled_from((A, B, LINHA_DE_A, EMPREGADO_DE_A, EMPREGADO_DE_B, DOS_DOIS, ESTRANHO, ""))
NOMES = st.builds("{}{}{}".format, IDS, st.sampled_from(("/", "//", "", "/../")), st.text("ab/.A0"))
REGRAS = st.sampled_from(
    (RegraDeBalde(), RegraDeBalde(PASTA), RegraDeBalde(COLUNA, "t", "c"), RegraDeBalde(NENHUM))
)
DE_QUEM = {A: A, LINHA_DE_A: A, EMPREGADO_DE_A: A, B: B, EMPREGADO_DE_B: B}


@given(REGRAS, NOMES, st.none() | IDS, st.sets(st.sampled_from((A, B, ""))))
def test_nenhuma_linha_da_a_uma_empresa_o_que_esta_na_pasta_de_outra(
    regra: RegraDeBalde, nome: str, enviado_por: str | None, citam: set[str]
) -> None:
    regras = donos(x=regra)
    decisao = regras.decidir("x", nome, enviado_por)
    if decisao.solto:
        decisao = regras.de_quem_nomeia("x", nome, enviado_por, citam)
    da_pasta = DE_QUEM.get(nome.partition("/")[0]) if "/" in nome else None
    if da_pasta is not None:
        assert decisao.empresa in (da_pasta, None)
    elif decisao.empresa is not None:
        de_quem_enviou = DE_QUEM.get(enviado_por or "")
        assert decisao.empresa == de_quem_enviou or citam == {decisao.empresa}


@given(st.lists(st.tuples(st.sampled_from((ESTRANHO, A, DOS_DOIS)), st.sampled_from((A, B)))))
def test_um_login_so_de_uma_empresa_venham_os_pares_como_vierem(
    logins: list[tuple[str, str]],
) -> None:
    ids = Identidades(EMPRESAS, logins)
    assert ids == Identidades(EMPRESAS, reversed(logins))
    assert ids.empresa(A) == Decisao(A)
    for login in (ESTRANHO, DOS_DOIS):
        empresas = {e for quem, e in logins if quem == login}
        esperada = DISPUTADO if len(empresas) > 1 else Decisao(next(iter(empresas), None))
        assert ids.empresa(login) == esperada


FORMAS = (
    "https://abc.supabase.co/storage/v1/object/public/{}",
    "https://loja.example/storage/v1/object/sign/{}?token=eyJ.x-y_z",
    "https://abc.storage.supabase.co/storage/v1/object/authenticated/{}",
    "http://localhost:8000/storage/v1/object/{}",
    "https://abc.supabase.in/storage/v1/render/image/public/{}?width=100&height=80",
    "https://abc.supabase.co/storage/v1/render/image/sign/{}?token=abc",
    "https://abc.supabase.co/storage/v1/render/image/authenticated/{}",
    "https://abc.supabase.co/storage/v1/s3/{}",
    "/storage/v1/object/public/{}",
    "https://abc.supabase.co/storage/v1/object/public/{}#pagina=2",
    'veja <img src="https://abc.supabase.co/storage/v1/object/public/{}"> aqui',
    "![foto](https://abc.supabase.co/storage/v1/object/public/{}) e mais",
)


@pytest.mark.parametrize("forma", FORMAS)
def test_o_endereco_de_um_arquivo_diz_qual_e(forma: str) -> None:
    for balde, nome in (("fotos", "a/b c+d.png"), ("notas fiscais", "1/x?&'.pdf")):
        valor = forma.format(f"{quote(balde)}/{quote(nome, safe='/')}")
        assert (balde, nome) in set(citados(valor, ("fotos",)))


@given(st.text(min_size=1), st.sampled_from(FORMAS))
def test_qualquer_nome_se_acha_no_seu_endereco(nome: str, forma: str) -> None:
    valor = forma.format(f"fotos/{quote(nome, safe='/')}")
    assert ("fotos", nome) in set(citados(valor, ()))


def test_o_proprio_caminho_tambem_nomeia() -> None:
    baldes = ("fotos", "docs")
    assert set(citados("p/x.png", baldes)) == {("fotos", "p/x.png"), ("docs", "p/x.png")}
    assert ("fotos", "p/x.png") in set(citados("fotos/p/x.png", baldes))
    assert ("docs", "x.png") in set(citados("/x.png", baldes))
    # Um endereço de outra coisa, ou de outro serviço, não é um caminho daqui.
    assert ("fotos", "x.png") not in set(citados("https://outro.example/x.png", baldes))


@given(st.text(), st.text())
def test_um_texto_qualquer_nunca_faz_falhar(antes: str, depois: str) -> None:
    for valor in (antes, f"{antes}/storage/v1/{depois}", f"{antes}/storage/v1/object/{depois}"):
        for balde, nome in citados(valor, ("fotos",)):
            assert isinstance(balde, str)
            assert isinstance(nome, str)
