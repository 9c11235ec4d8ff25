"""O que transborda para o disco: cifrado, diz o mesmo, e não há nele valor algum."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofre.base import derrame
from cofre.base.rascunho import Rascunho
from cofre.deposito.indice import Indice
from cofre.plano.diferencas import Diferencas, marca_de
from cofre.plano.lados import Lado, pelo_indice

SEGREDO = b"Maria Segredo da Silva"


@pytest.fixture(params=[False, True], ids=["em claro", "cifrado"])
def cifrado(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Como se derrama; no fim, como um processo começa."""
    if request.param:
        derrame.cifrar()
    yield request.param
    derrame.em_claro()


def test_um_rascunho_devolve_cada_bloco(cifrado: bool) -> None:
    arquivo = io.BytesIO()
    rascunho = Rascunho(arquivo)
    sorteio = random.Random(5)
    blocos = [SEGREDO * sorteio.randint(0, 40) for _ in range(50)]
    trechos = [rascunho.guardar(bloco) for bloco in blocos]
    em_desordem = sorteio.sample(range(50), 50)
    assert [rascunho.ler(trechos[n]) for n in em_desordem] == [blocos[n] for n in em_desordem]
    assert (SEGREDO in arquivo.getvalue()) is not cifrado


@given(blocos=st.lists(st.binary(max_size=100), max_size=20))
@settings(max_examples=30, deadline=None)
def test_o_fluxo_e_o_mesmo_em_qualquer_posicao(blocos: list[bytes]) -> None:
    fluxo, inteiro = derrame.Fluxo(), b"".join(blocos)
    de_uma_vez, onde = fluxo.passar(inteiro, 7), 7
    for bloco in blocos:
        assert fluxo.passar(bloco, onde) == de_uma_vez[onde - 7 : onde - 7 + len(bloco)]
        onde += len(bloco)
    assert fluxo.passar(de_uma_vez, 7) == inteiro


def test_um_indice_acha_o_que_falta_e_o_que_esta(cifrado: bool) -> None:
    indice = Indice(na_memoria=10)
    nomes = [SEGREDO + b" %d" % n for n in range(100)]
    indice.guardar("tem", nomes[:60])
    indice.guardar("tem", nomes[:60])
    indice.procurar("quer", [(nome, b'"chave %d"' % n) for n, nome in enumerate(nomes)])
    assert indice.distintos("tem") == 60
    assert indice.faltam("quer", "tem") == (40, tuple(f"chave {n}" for n in range(60, 65)))
    assert list(indice.achados("quer", "tem")) == [b'"chave %d"' % n for n in range(60)]
    assert indice._banco is not None
    no_disco = indice._banco.serialize()
    assert all((dito in no_disco) is not cifrado for dito in (SEGREDO, b"chave 7"))
    indice.close()


def _lado(linhas: list[bytes]) -> Lado:
    grupos = [linhas[n : n + 7] for n in range(0, len(linhas), 7)]
    return Lado(
        iter([[msgspec.Raw(linha) for linha in grupo] for grupo in grupos]),
        lambda grupo: [(bytes(linha).split(b"|")[0],) for linha in grupo],
    )


@pytest.mark.usefixtures("cifrado")
def test_o_indice_de_um_plano_casa_as_mesmas_linhas() -> None:
    um = [b"%d|a" % n for n in range(50)]
    outro = [b"%d|%s" % (n, b"b" if n % 5 == 0 else b"a") for n in range(70, 10, -1)]
    achados = {
        chave[0]: (este and bytes(este), aquele and bytes(aquele))
        for chave, este, aquele in pelo_indice(_lado(um), [_lado(outro)], com_chave=True)
    }
    certo = {
        **{b"%d" % n: (b"%d|a" % n, None) for n in range(11)},
        **{b"%d" % n: (b"%d|a" % n, b"%d|b" % n) for n in range(15, 50, 5)},
        **{b"%d" % n: (None, b"%d|%s" % (n, b"ab"[n % 5 == 0 :][:1])) for n in range(50, 71)},
    }
    assert achados == certo


def test_as_diferencas_voltam_pela_marca(cifrado: bool) -> None:
    diferencas = Diferencas()
    linha = msgspec.Raw(b'{"id":1,"nome":"%s"}' % SEGREDO)
    assert diferencas.guardar("clientes", ("id",), [((b"1",), None, linha)]) == 1
    achada = diferencas.achar([marca_de("clientes", linha, ("id",))])
    assert achada is not None
    assert (achada.de, achada.para, achada.quantas) == (None, linha, 1)
    assert diferencas.achar([b"x" * 16]) is None
    assert (SEGREDO in diferencas._banco.serialize()) is not cifrado
