"""Desfazer uma mudança, no plano: três estados quaisquer, contra a conta feita linha a linha."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import CAMPANHA
from apoio.planos import (
    FORMAS,
    GRAVAVEIS,
    Forma,
    Linha,
    aplicar,
    chave_da,
    contar,
    planejar,
    tabelas,
)
from cofre.plano.diferencas import Diferencas
from cofre.plano.mudanca import Pedida, ler, que_mudam
from cofre.plano.plano import Plano
from cofre.plano.tres_lados import DaMudanca

Estado = list[Linha]
CASOS = 100 if CAMPANHA else 12


@st.composite
def tres_estados(sorteio: st.DrawFn) -> tuple[Forma, Estado, Estado, Estado]:
    """(forma, antes, depois, hoje): cada um tem linhas do anterior, mudadas ou não, e outras."""
    forma = sorteio(st.sampled_from(FORMAS))
    antes, depois, hoje = (sorteio(tabelas(forma)) for _ in range(3))
    for anterior, seguinte in ((antes, depois), (depois, hoje)):
        das_chaves = {chave_da(forma, linha): linha for linha in anterior}
        for n, linha in enumerate(seguinte):
            velha = das_chaves.get(chave_da(forma, linha)) if forma.chave else None
            if velha is not None:
                mudam = sorteio(st.sets(st.sampled_from(GRAVAVEIS)))
                seguinte[n] = {c: linha[c] if c in mudam else velha[c] for c in linha}
    return forma, antes, depois, hoje


def recortado(
    pasta: Path,
    forma: Forma,
    antes: Estado,
    depois: Estado,
    hoje: Estado,
    alvo: Estado | None = None,
    campos: Sequence[str] = (),
) -> Plano:
    """O plano que desfaz a mudança; com um `alvo` (a foto de antes), o que desfaz isso."""
    with planejar(pasta, forma, depois, antes) as diferem:
        diferencas = Diferencas()
        tabela, contrario = diferem.tabelas["t"], alvo is not None
        pares = diferem.pares("t")
        pares = que_mudam(pares, tabela, campos) if campos else pares
        quantas = diferencas.guardar("t", forma.chave, pares)
    fatia = DaMudanca(tabela, {}, diferencas, quantas, None, frozenset(campos), contrario)
    plano = planejar(pasta, forma, hoje, antes if alvo is None else alvo)
    desta = fatia.diante_de(plano.pares("t"))
    plano.recortar(
        "t",
        lambda atual, do_alvo: (
            desta.querida(atual, do_alvo, forma.chave)
            if desta.escolhe(atual, do_alvo, forma.chave)
            else atual
        ),
        conflita=lambda atual, do_alvo: any(True for _ in desta.conflitos(atual, do_alvo)),
    )
    return plano


def na_ordem(forma: Forma, linhas: Estado) -> Estado:
    """Na ordem em que o banco as daria."""
    ordem = forma.ordem
    return linhas if ordem is None else sorted(linhas, key=lambda x: ordem(chave_da(forma, x)))  # type: ignore[arg-type,return-value]


def esperado(forma: Forma, antes: Estado, depois: Estado, hoje: Estado) -> list[Linha]:
    """A conta, linha a linha e coluna a coluna, sem plano nenhum."""
    ficam = []
    a, b, n = ({chave_da(forma, x): x for x in estado} for estado in (antes, depois, hoje))
    for chave in {**a, **b, **n}:
        era, ficou, agora = a.get(chave), b.get(chave), n.get(chave)
        if era is not None and ficou is not None and agora is not None:
            volta = {
                c: era[c] if c in GRAVAVEIS and agora[c] == ficou[c] else agora[c] for c in agora
            }
            ficam.append(volta)
        elif era is None and ficou is not None and agora is not None:
            if any(agora[c] != ficou[c] for c in GRAVAVEIS):
                ficam.append(agora)
        elif era is not None and ficou is None and agora is None:
            ficam.append(era)
        elif agora is not None:
            ficam.append(agora)
    return ficam


def esperado_sem_chave(antes: Estado, depois: Estado, hoje: Estado) -> Counter[tuple[str, ...]]:
    a, b, n = (contar(estado, GRAVAVEIS) for estado in (antes, depois, hoje))
    ficam = Counter[tuple[str, ...]]()
    for valor in {*a, *b, *n}:
        dentro = min(a[valor], b[valor]) <= n[valor] <= max(a[valor], b[valor])
        ficam[valor] = a[valor] if dentro else n[valor]
    return +ficam


@given(tres_estados())
@settings(max_examples=5 * CASOS, deadline=None)
def test_volta_o_que_nao_mudou_outra_vez_e_so_isso(
    caso: tuple[Forma, Estado, Estado, Estado],
) -> None:
    """Aplicado outra vez, nada mais muda; e desfeito, tudo é como era."""
    forma, antes, depois, hoje = caso
    colunas = (*forma.chave, *GRAVAVEIS)
    with tempfile.TemporaryDirectory() as pasta:
        plano = recortado(Path(pasta), forma, antes, depois, hoje)
        feito = aplicar(plano, forma, hoje)
        if not forma.chave:
            assert feito == esperado_sem_chave(antes, depois, hoje)
            return
        quer = esperado(forma, antes, depois, hoje)
        assert feito == contar(quer, colunas)
        em_ordem = na_ordem(forma, quer)
        assert recortado(Path(pasta), forma, antes, depois, em_ordem).vazio
        volta = recortado(Path(pasta), forma, antes, depois, em_ordem, alvo=hoje)
        assert aplicar(volta, forma, em_ordem) == contar(hoje, colunas)


@given(tres_estados(), st.sampled_from(GRAVAVEIS))
@settings(max_examples=2 * CASOS, deadline=None)
def test_com_campos_so_essas_colunas_de_linhas_que_existem(
    caso: tuple[Forma, Estado, Estado, Estado], campo: str
) -> None:
    forma, antes, depois, hoje = caso
    colunas = (*forma.chave, *GRAVAVEIS)
    with tempfile.TemporaryDirectory() as pasta:
        plano = recortado(Path(pasta), forma, antes, depois, hoje, campos=(campo,))
        feito = aplicar(plano, forma, hoje)
        if not forma.chave:
            assert plano.vazio
            return
        a, b = ({chave_da(forma, x): x for x in estado} for estado in (antes, depois))
        quer = [
            {**x, campo: a[k][campo]}
            if (k := chave_da(forma, x)) in a and k in b and x[campo] == b[k][campo]
            else x
            for x in hoje
        ]
        assert feito == contar(quer, colunas)


@given(tres_estados(), tres_estados())
@settings(max_examples=3 * CASOS, deadline=None)
def test_o_que_se_fez_depois_nao_se_perde_ao_desfazer(
    caso: tuple[Forma, Estado, Estado, Estado], outro: tuple[Forma, Estado, Estado, Estado]
) -> None:
    """A loja segue mexendo entre desfazer a mudança e desfazer isso: nenhum valor que ela pôs é
    trocado por outro, e nada do que apagou volta."""
    forma, antes, depois, foto = caso
    if not forma.chave or outro[0].nome != forma.nome:
        return
    quer = {chave_da(forma, x): x for x in esperado(forma, antes, depois, foto)}
    mexidas = {chave_da(forma, x): x for x in outro[3]}
    apagadas = {k for n, k in enumerate(quer) if n % 4 == 3}
    hoje = [x for k, x in {**quer, **mexidas}.items() if k in mexidas or k not in apagadas]
    hoje = na_ordem(forma, hoje)
    with tempfile.TemporaryDirectory() as pasta:
        volta = recortado(Path(pasta), forma, antes, depois, hoje, alvo=foto)
        feito = aplicar(volta, forma, hoje)
    colunas = (*forma.chave, *GRAVAVEIS)
    ficou = {v[: len(forma.chave)]: dict(zip(colunas, v, strict=True)) for v in feito}
    for linha in hoje:
        chave = chave_da(forma, linha)
        feita = quer.get(chave)
        for c in GRAVAVEIS:
            if feita is None or feita[c] != linha[c]:
                assert ficou[chave][c] == linha[c], "o que se mexeu depois fica"
    assert not ficou.keys() & (quer.keys() - {chave_da(forma, x) for x in hoje})


QUANTAS = st.integers(0, 4)


@given(QUANTAS, QUANTAS, QUANTAS, QUANTAS)
@settings(max_examples=4 * CASOS, deadline=None)
def test_sem_chave_so_se_volta_atras_no_que_se_fez(a: int, b: int, foto: int, hoje: int) -> None:
    """De quantas linhas iguais havia antes, depois, ao desfazer a mudança e hoje, a conta."""
    forma = FORMAS[-1]
    linha = {"a": "1", "b": "1", "gerada": "0"}
    antes, depois, da_foto, agora = ([linha] * n for n in (a, b, foto, hoje))
    fez = foto != a and min(a, b) <= foto <= max(a, b)
    volta = fez and min(a, foto) <= hoje <= max(a, foto)
    with tempfile.TemporaryDirectory() as nome:
        pasta, diferencas = Path(nome), Diferencas()
        with planejar(pasta, forma, depois, antes) as diferem:
            quantas = diferencas.guardar("t", (), diferem.pares("t"))
            tabela = diferem.tabelas["t"]
        contrario = DaMudanca(tabela, {}, diferencas, quantas, None, ao_contrario=True)
        with planejar(pasta, forma, antes, da_foto) as feito:
            desta = contrario.ate_a_foto(feito.pares("t"))
        plano = planejar(pasta, forma, agora, da_foto)
        para_este = desta.diante_de(plano.pares("t"))
        plano.recortar("t", lambda x, y: para_este.querida(x, y, ()))
        assert aplicar(plano, forma, agora).total() == (foto if volta else hoje)
        inteiro = planejar(pasta, forma, agora, da_foto)
        ditos = [p for p in inteiro.pares("t") if any(True for _ in para_este.conflitos(*p[1:]))]
        assert bool(ditos) == (fez and not volta)


def test_os_conflitos_dizem_os_tres_valores(tmp_path: Path) -> None:
    forma = FORMAS[1]
    antes = [{"id": str(n), "a": "1", "b": '"x"', "gerada": "0"} for n in range(4)]
    depois = [{**linha, "a": "2"} for linha in antes]
    hoje = [depois[0], {**depois[1], "a": "3"}, {**depois[2], "b": '"y"'}]
    plano = recortado(tmp_path, forma, antes, depois, hoje)
    diferencas = Diferencas()
    with planejar(tmp_path, forma, depois, antes) as diferem:
        diferencas.guardar("t", forma.chave, diferem.pares("t"))
        fatia = DaMudanca(diferem.tabelas["t"], {}, diferencas, 4, None)
    ditos = [
        [(c.coluna, c.era, c.ficou, c.hoje) for c in fatia.conflitos(*par)]
        for par in plano.que_conflitam("t")
    ]
    assert ditos == [[("a", b"1", b"2", b"3")], [("a", b"1", b"2", None)]]
    assert plano.conflitos
    assert plano.contagens["t"].alterar == 2


def test_a_pedida_se_le_do_diario() -> None:
    pedida = Pedida("20261124_030000", "20261125_030000", ("preco",), ao_contrario=True)
    assert ler(json.loads(json.dumps(pedida.documento()))) == pedida
    assert ler({"registros": {}}) is None
    assert ler(None) is None
    with pytest.raises(ValueError, match="depois"):
        ler({"mudanca": {"antes": "x"}})
