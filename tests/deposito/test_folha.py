"""A folha de recuperação: uma linha mal digitada é nomeada, e o texto é o arquivo da chave."""

from __future__ import annotations

import itertools
import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from apoio import age
from cofre.base.erros import ErroDeUso
from cofre.deposito.cifra import linhas
from cofre.deposito.cifra.chaves import ChaveQueAbre, gerar, ler_que_abre
from cofre.deposito.cifra.folha import DONO, Folha, em_pagina, em_texto
from cofre.deposito.cifra.linhas import em_linhas
from cofre.deposito.lacre.assinatura import ChaveDeAssinar, codigo, nova_chave

CHAVE = gerar()
ASSINATURA = ChaveDeAssinar(nova_chave()).publica
LETRAS = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"


def _folha(chave: ChaveQueAbre = CHAVE) -> Folha:
    return Folha(
        "folha-dono-2026-11-27",
        DONO,
        chave,
        gerar().publica.texto,
        ASSINATURA,
        (r"pasta:E:\Cofre", "s3://um-balde-de-nome-comprido/com/uma/pasta/dentro"),
        datetime(2026, 11, 27, 18, 30).astimezone(),
    )


def _digitada(chave: ChaveQueAbre) -> list[str]:
    return [f"{linha} {conferencia}" for linha, conferencia in em_linhas(chave.texto())]


def test_a_chave_volta_das_linhas_da_folha_em_qualquer_caixa() -> None:
    digitada = _digitada(CHAVE)

    assert len(digitada) == linhas.LINHAS
    for texto in ("\n".join(digitada), " ".join(digitada).lower(), "".join(digitada)):
        assert ler_que_abre(texto).texto() == CHAVE.texto()
    assert ler_que_abre(CHAVE.texto()).texto() == CHAVE.texto()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_linha_com_uma_letra_trocada_e_a_que_se_nomeia(dados: st.DataObject) -> None:
    digitada = _digitada(CHAVE)
    n = dados.draw(st.integers(0, linhas.LINHAS - 1))
    letras = [i for i, letra in enumerate(digitada[n]) if letra.isalnum()]
    onde = dados.draw(st.sampled_from(letras))
    outra = dados.draw(st.sampled_from(LETRAS).filter(lambda letra: letra != digitada[n][onde]))
    digitada[n] = digitada[n][:onde] + outra + digitada[n][onde + 1 :]

    with pytest.raises(ErroDeUso) as erro:
        linhas.conferir_linha(n, digitada[n])
    assert f"A linha {n + 1} da chave não confere" in str(erro.value)
    if n:  # sem o começo, não se sabe que é uma chave
        with pytest.raises(ErroDeUso, match=f"A linha {n + 1} da chave"):
            ler_que_abre("\n".join(digitada))
    assert CHAVE.texto()[20:40] not in str(erro.value)


def test_duas_letras_vizinhas_invertidas_se_notam() -> None:
    for n, digitada in enumerate(_digitada(CHAVE)):
        letras = linhas.so_letras(digitada)
        for i, (uma, outra) in enumerate(itertools.pairwise(letras)):
            if uma != outra:
                with pytest.raises(ErroDeUso, match=f"A linha {n + 1} da chave"):
                    linhas.conferir_linha(n, letras[:i] + outra + uma + letras[i + 2 :])


def test_duas_linhas_trocadas_de_lugar_se_notam() -> None:
    um, dois, tres, quatro = _digitada(CHAVE)

    with pytest.raises(ErroDeUso, match="A linha 2 da chave"):
        ler_que_abre("\n".join((um, tres, dois, quatro)))


SEM_ALGARISMO = "".join(letra for letra in linhas._LETRAS if letra.isalpha())


@given(st.data())
def test_uma_linha_sem_algarismo_tambem_parece_uma_chave(dados: st.DataObject) -> None:
    """Uma em mil não tem nenhum. As vogais vêm como o acaso as dá: três em 23 letras."""
    quantas = dados.draw(st.integers(18, 22))
    vogais = dados.draw(st.integers(0, 2 * quantas // 5 - 1))
    de_que = [st.sampled_from("AEU")] * vogais
    de_que += [st.sampled_from(sorted({*SEM_ALGARISMO} - {*"AEU"}))] * (quantas - vogais)
    letras = dados.draw(st.permutations(dados.draw(st.tuples(*de_que))))
    assert linhas.parece_chave("".join(letras))
    assert linhas.parece_chave("".join(letras[:5]).lower() + "-" + "".join(letras[5:]))


@pytest.mark.parametrize(
    "dita",
    ["Restaurante da Praça", "Mercearia Santa Clara", "Padaria Estrela", "Auto Center Lapa Ltda"],
)
def test_um_nome_do_tamanho_de_uma_linha_nao_parece_uma_chave(dita: str) -> None:
    assert not linhas.parece_chave(dita)


def test_o_texto_da_folha_e_o_arquivo_da_chave_tambem_para_o_age(tmp_path: Path) -> None:
    arquivo = tmp_path / "folha.txt"
    arquivo.write_text(em_texto(_folha()), encoding="utf-8")
    cifrado = age.cifrar(b"segredo", [CHAVE.publica.texto])

    assert ler_que_abre(arquivo.read_text(encoding="utf-8")).texto() == CHAVE.texto()
    aberto = age.rodar(["-d", "-i", str(arquivo)], cifrado)
    assert (aberto.returncode, aberto.stdout) == (0, b"segredo")
    fora_da_chave = [x for x in arquivo.read_text("utf-8").splitlines() if not x.startswith("#")]
    assert fora_da_chave == [CHAVE.texto()]


def test_as_duas_versoes_dizem_o_mesmo() -> None:
    folha = _folha()
    pagina, texto = em_pagina(folha), em_texto(folha)

    for dito in (
        *(x for par in em_linhas(CHAVE.texto()) for x in par),
        CHAVE.publica.texto,
        folha.outra,
        codigo(ASSINATURA),
        "s3://um-balde-de-nome-comprido/com/uma/pasta/dentro",
        "27/11/2026",
        ASSINATURA,
        f"age -d -i {folha.nome}.txt",
        "ssh-keygen -Y verify",
    ):
        assert dito in texto
        assert dito in pagina.replace("&quot;", '"').replace("&gt;", ">").replace("&lt;", "<")
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org)", pagina)


def test_a_pagina_cabe_numa_folha_a4_e_nao_pede_nada(navegador: Browser, tmp_path: Path) -> None:
    arquivo = tmp_path / "folha.html"
    arquivo.write_text(em_pagina(_folha()), encoding="utf-8")
    aba = navegador.new_page()
    pedidos: list[str] = []
    aba.on("request", lambda pedido: pedidos.append(pedido.url))
    aba.goto(arquivo.as_uri())

    pdf = aba.pdf(prefer_css_page_size=True)
    larguras = aba.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    aba.close()

    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    assert larguras[0] <= larguras[1]
    assert pedidos == [arquivo.as_uri()]
