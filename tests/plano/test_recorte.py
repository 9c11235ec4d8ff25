"""O recorte: o plano só mexe no que se escolheu, e nisso faz o que faria sem ele."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from apoio.planos import GERADA, GRAVAVEIS, Forma, Linha, aplicar, contar, planejar, situacoes
from cofre.plano.plano import Plano, Querida
from cofre.plano.recorte import ChaveEscrita, Parte, PorChave, Registros, chave_escrita, ler

Situacao = tuple[Forma, list[Linha], list[Linha]]


def _escrita(forma: Forma, linha: Linha) -> ChaveEscrita:
    bruta = "{" + ",".join(f"{json.dumps(c)}:{v}" for c, v in linha.items()) + "}"
    return chave_escrita(bruta.encode(), forma.chave)


def _querida(fatia: PorChave, forma: Forma) -> Querida:
    return lambda atual, alvo: (
        fatia.querida(atual, alvo, forma.chave)
        if fatia.escolhe(atual, alvo, forma.chave)
        else atual
    )


def _do_resto(fatia: PorChave, forma: Forma) -> Querida:
    return lambda atual, alvo: atual if fatia.escolhe(atual, alvo, forma.chave) else alvo


def _por_chave(forma: Forma, linhas: Sequence[Linha]) -> dict[ChaveEscrita, list[Linha]]:
    achadas: dict[ChaveEscrita, list[Linha]] = {}
    for linha in linhas:
        achadas.setdefault(_escrita(forma, linha), []).append(linha)
    return achadas


@given(situacoes(), st.data())
@settings(max_examples=exemplos(100), deadline=None)
def test_so_as_chaves_escolhidas_ficam_como_no_alvo(
    situacao: Situacao, dados: st.DataObject
) -> None:
    """E juntar ao recorte o que sobra dele é o plano inteiro."""
    forma, foto, alvo = situacao
    de_hoje, do_alvo = _por_chave(forma, foto), _por_chave(forma, alvo)
    todas = sorted({*de_hoje, *do_alvo})
    escolhidas = frozenset(dados.draw(st.sets(st.sampled_from(todas))) if todas else set())
    fatia = PorChave((Parte(escolhidas),))
    colunas = (*forma.chave, *GRAVAVEIS)
    esperado = [
        linha
        for chave in todas
        for linha in (do_alvo if chave in escolhidas else de_hoje).get(chave, [])
    ]
    with (
        tempfile.TemporaryDirectory() as pasta,
        planejar(Path(pasta), forma, foto, alvo) as plano,
        planejar(Path(pasta), forma, foto, alvo) as resto,
        planejar(Path(pasta), forma, foto, alvo) as inteiro,
    ):
        plano.recortar("t", _querida(fatia, forma))
        assert aplicar(plano, forma, foto) == contar(esperado, colunas)
        _conferir_contagem(plano, len(foto))
        resto.recortar("t", _do_resto(fatia, forma))
        plano.recortar("t", lambda _atual, alvo: alvo, resto)
        assert aplicar(plano, forma, foto) == aplicar(inteiro, forma, foto)
        assert plano.contagens == inteiro.contagens


def _conferir_contagem(plano: Plano, na_foto: int) -> None:
    contagem = plano.contagens["t"]
    assert contagem.iguais + contagem.alterar + contagem.remover == na_foto


@given(situacoes().filter(lambda s: bool(s[0].chave)), st.data())
@settings(max_examples=exemplos(100), deadline=None)
def test_so_as_colunas_escolhidas_voltam_em_linhas_que_existem(
    situacao: Situacao, dados: st.DataObject
) -> None:
    forma, foto, alvo = situacao
    do_alvo = _por_chave(forma, alvo)
    todas = sorted({*_por_chave(forma, foto), *do_alvo})
    de_a = dados.draw(st.none() | st.sets(st.sampled_from(todas or [("",)])).map(frozenset))
    de_b = frozenset(dados.draw(st.sets(st.sampled_from(todas or [("",)]))))
    fatia = PorChave((Parte(de_a, ("a",)), Parte(de_b, ("b",))))
    esperado = []
    for linha in foto:
        chave = _escrita(forma, linha)
        (no_alvo,) = do_alvo.get(chave, [linha])
        quer = {"a"} if de_a is None or chave in de_a else set()
        quer |= {"b"} if chave in de_b else set()
        esperado.append({**linha, **{c: no_alvo[c] for c in quer}})
    with tempfile.TemporaryDirectory() as pasta, planejar(Path(pasta), forma, foto, alvo) as plano:
        plano.recortar("t", _querida(fatia, forma))
        assert aplicar(plano, forma, foto) == contar(esperado, (*forma.chave, *GRAVAVEIS))
        assert (plano.contagens["t"].repor, plano.contagens["t"].remover) == (0, 0)
        _conferir_contagem(plano, len(foto))
        uma_vez = plano.assinatura()
        plano.recortar("t", _querida(fatia, forma))
        assert plano.assinatura() == uma_vez


def test_o_que_muda_fora_das_colunas_escolhidas_nao_e_outro_plano(tmp_path: Path) -> None:
    """Um updated_at que anda a cada passada não esconde que se chegou a um ponto fixo."""
    forma = Forma("texto", ("id",), "text", st.just(("",)))
    alvo = [{"id": '"x"', "a": "1", "b": "1", GERADA: "0"}]
    fatia = PorChave((Parte(None, ("a",)),))
    assinaturas = []
    for b in ("8", "9"):
        with planejar(tmp_path, forma, [{**alvo[0], "a": "2", "b": b}], alvo) as plano:
            plano.recortar("t", _querida(fatia, forma))
            assert plano.colunas_diferentes("t") == Counter(a=1)
            assinaturas.append(plano.assinatura())
    assert assinaturas[0] == assinaturas[1]


PARTES = st.tuples(
    st.none() | st.frozensets(st.tuples(st.text()) | st.tuples(st.text(), st.text()), max_size=3),
    st.lists(st.text(min_size=1), unique=True, max_size=3).map(tuple),
).map(lambda p: Parte(*p))


# Textos de qualquer letra: a tabela delas, o Hypothesis só a faz no primeiro exemplo.
@settings(max_examples=25)
@given(st.dictionaries(st.text(), st.lists(PARTES, min_size=1, max_size=3).map(tuple), max_size=3))
def test_o_que_o_diario_guarda_e_o_mesmo_recorte(partes: dict[str, tuple[Parte, ...]]) -> None:
    recorte = Registros({nome: PorChave(suas) for nome, suas in partes.items()})
    assert ler(json.loads(json.dumps(recorte.documento()))) == recorte


def test_um_recorte_que_nao_se_entende_nao_vira_tabelas_inteiras() -> None:
    documento: object
    for documento in ({"outro": {}}, {"registros": {"t": [{"chaves": [1]}]}}, ["t"], "t"):
        with pytest.raises(ValueError, match=r"Expected|unknown"):
            ler(documento)
    assert ler(None) is None


def test_a_chave_de_uma_tabela_sem_chave_e_a_linha_em_qualquer_ordem_de_colunas() -> None:
    uma, outra = b'{"b":1.50,"a":"\\u00e9"}', b'{"a":"\\u00e9", "b":1.50,"":{"b":"x"}}'
    assert chave_escrita(uma, ()) == chave_escrita(outra, ()) == ('{"a":"\\u00e9","b":1.50}',)
    assert chave_escrita(msgspec.Raw(uma), ("b", "a")) == ("1.50", "é")
