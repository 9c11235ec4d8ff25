"""Comparar depressa dá o mesmo que comparar linha a linha, também em arquivos hostis."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from cofre.base.erros import BackupDanificado
from cofre.base.linha import juntar
from cofre.deposito import formato
from cofre.deposito.ligacoes import Arquivo, chaves_repetidas
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.plano.plano import Plano, comparar
from cofre.plano.tabela import (
    ALTERAR,
    REMOVER,
    REPOR,
    Contagem,
    TabelaDoPlano,
    _linhas_se_e_o_mesmo,
)

VALORES = st.one_of(
    st.sampled_from(
        [
            "null",
            "1.00",
            '[{"id":7},\n{"id":8}]',
            '{"a":[{"b":1},\n{"b":2}],\n"c":"},\\n{"}',
            '"},\\n{\\"id\\":1"',
            '"\\u0000\\ud83d\\ude00"',
            '"é\\\\"',
            '"' + "longo " * 40 + '"',
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(
        lambda t: json.dumps(t, ensure_ascii=False)
    ),
)
Linhas = list[tuple[int, str]]
"""(chave, o JSON do valor), em ordem de chave."""

Acoes = dict[str, list[tuple[bytes, bytes | None, bytes | None]]]
"""Por tipo de ação: (chave, linha da foto, linha do alvo)."""


@st.composite
def pares(sorteio: st.DrawFn) -> tuple[Linhas, Linhas]:
    """A foto e um alvo que difere dela em nada, ou em linhas do começo, do meio e do fim."""
    chaves = sorteio(st.lists(st.integers(-99, 10**12), unique=True, max_size=60).map(sorted))
    foto = [(chave, sorteio(VALORES)) for chave in chaves]
    alvo = dict(foto)
    onde = st.sampled_from(chaves) if chaves else st.just(0)
    for chave in sorteio(st.lists(onde, max_size=4)):
        alvo.pop(chave, None)
    for chave in sorteio(st.lists(st.one_of(onde, st.integers(-99, 10**12)), max_size=6)):
        alvo[chave] = sorteio(VALORES)
    return foto, sorted(alvo.items())


def _bytes(linha: tuple[int, str]) -> bytes:
    return f'{{"id":{linha[0]},"v":{linha[1]}}}'.encode()


def _gravar(caminho: Path, linhas: Sequence[tuple[int, str]]) -> Path:
    with caminho.open("wb") as saida:
        gravador = formato.Gravador(saida)
        gravador.bloco(juntar(map(_bytes, linhas)))
        gravador.terminar()
    return caminho


def _acoes(plano: Plano) -> Acoes:
    return {
        tipo: [(a.chave[0], a.atual, a.alvo) for a in plano.acoes("t", tipo)]
        for tipo in (REPOR, ALTERAR, REMOVER)
    }


def _ingenuas(
    foto: Linhas, alvo: Linhas
) -> dict[str, list[tuple[bytes, bytes | None, bytes | None]]]:
    """As mesmas ações, procurando cada chave do outro lado."""
    tem, quer = dict(foto), dict(alvo)
    return {
        REPOR: [(b"%d" % c, None, _bytes((c, v))) for c, v in alvo if c not in tem],
        ALTERAR: [
            (b"%d" % c, _bytes((c, v)), _bytes((c, quer[c])))
            for c, v in foto
            if quer.get(c, v) != v
        ],
        REMOVER: [(b"%d" % c, _bytes((c, v)), None) for c, v in foto if c not in quer],
    }


@pytest.mark.parametrize("tipo", ["bigint", "text"], ids=["em ordem", "pelo índice"])
@given(pares(), st.sampled_from([1, 7, 64, 1000]))
@settings(max_examples=exemplos(200), deadline=None)
def test_o_plano_e_o_de_quem_procura_linha_a_linha(
    tipo: str, par: tuple[Linhas, Linhas], pedaco: int
) -> None:
    """Com pedaços de leitura minúsculos, os grupos dos dois arquivos nunca coincidem."""
    foto, alvo = par
    with tempfile.TemporaryDirectory() as pasta, pytest.MonkeyPatch.context() as troca:
        troca.setattr(formato, "PEDACO", pedaco)
        arquivos = [_gravar(Path(pasta, nome), ls) for nome, ls in (("foto", foto), ("alvo", alvo))]
        tabela = TabelaDoPlano("t", ("id",), ("id", "v"), (arquivos[1],), arquivos[0], tipo)
        with comparar([tabela]) as plano:
            esperadas = _ingenuas(foto, alvo)
            assert _acoes(plano) == esperadas
            repor, alterar, remover = (len(esperadas[t]) for t in (REPOR, ALTERAR, REMOVER))
            iguais = len(foto) - alterar - remover
            assert plano.contagens["t"] == Contagem(repor, alterar, remover, iguais)
            assert plano.colunas_diferentes("t") == Counter({"v": alterar} if alterar else {})


@given(pares(), pares(), st.sampled_from([1, 64]))
@settings(max_examples=exemplos(150), deadline=None)
def test_recuperar_une_os_dois_alvos_em_ordem(
    par: tuple[Linhas, Linhas], outro: tuple[Linhas, Linhas], pedaco: int
) -> None:
    antes, agora, backup = par[0], par[1], outro[0]
    unido = sorted({**dict(backup), **dict(antes)}.items())
    with tempfile.TemporaryDirectory() as pasta, pytest.MonkeyPatch.context() as troca:
        troca.setattr(formato, "PEDACO", pedaco)
        foto = _gravar(Path(pasta, "foto"), agora)
        alvos = (_gravar(Path(pasta, "antes"), antes), _gravar(Path(pasta, "backup"), backup))
        with comparar([TabelaDoPlano("t", ("id",), ("id", "v"), alvos, foto, "bigint")]) as plano:
            assert _acoes(plano) == _ingenuas(agora, unido)


@given(st.lists(st.sampled_from(["1", "2", "null"])), st.lists(st.sampled_from(["1", "2", "null"])))
@settings(max_examples=exemplos(100), deadline=None)
def test_sem_chave_contam_as_vezes(tem: list[str], quer: list[str]) -> None:
    with tempfile.TemporaryDirectory() as pasta:
        foto, alvo = (
            _gravar(Path(pasta, nome), [(0, v) for v in valores])
            for nome, valores in (("foto", tem), ("alvo", quer))
        )
        with comparar([TabelaDoPlano("t", (), ("id", "v"), (alvo,), foto)]) as plano:
            repostas = Counter(a.alvo for a in plano.acoes("t", REPOR))
            removidas = Counter(a.atual for a in plano.acoes("t", REMOVER))
    assert repostas == Counter(_bytes((0, v)) for v in (Counter(quer) - Counter(tem)).elements())
    assert removidas == Counter(_bytes((0, v)) for v in (Counter(tem) - Counter(quer)).elements())


@pytest.mark.parametrize(
    ("foto", "alvo"),
    [
        ([1, 2, 2], [1, 2]),
        ([1, 2, 3], [1, 2, 3, 3]),
        ([1, 2, 1], [1, 2]),
        ([1, 5, 3], [1, 4]),
        ([1, 2, 3, 4], [1, 3, 2, 4]),
    ],
    ids=str,
)
def test_fora_de_ordem_ou_repetida_perto_do_que_difere(
    tmp_path: Path, foto: list[int], alvo: list[int]
) -> None:
    """Também junto de um trecho igual, que se pulou sem ler as chaves."""
    arquivos = [
        _gravar(tmp_path / nome, [(chave, str(n)) for n, chave in enumerate(chaves)])
        for nome, chaves in (("foto", foto), ("alvo", alvo))
    ]
    tabela = TabelaDoPlano("t", ("id",), ("id", "v"), (arquivos[1],), arquivos[0], "bigint")
    with pytest.raises(BackupDanificado, match="ordem da chave"):
        comparar([tabela])


def test_o_que_se_sabe_igual_nem_se_le(tmp_path: Path) -> None:
    nenhum = tmp_path / "não existe"
    with comparar([TabelaDoPlano("t", ("id",), ("id",), (nenhum,), nenhum, iguais=7)]) as plano:
        assert plano.contagens == {"t": Contagem(iguais=7)}
        assert plano.vazio


def test_so_a_mesma_soma_e_o_mesmo_tamanho_dizem_que_e_o_mesmo(tmp_path: Path) -> None:
    def arquivo(sha256: str, bytes_: int = 10) -> Arquivo:
        return Arquivo(TabelaSalva("t", "t.json", 3, bytes_, sha256), tmp_path)

    assert _linhas_se_e_o_mesmo((arquivo("a"),), arquivo("a")) == 3
    assert _linhas_se_e_o_mesmo((arquivo("a"), arquivo("a")), arquivo("a")) == 3
    assert _linhas_se_e_o_mesmo((arquivo("a"), arquivo("b")), arquivo("a")) is None
    assert _linhas_se_e_o_mesmo((arquivo("a", 11),), arquivo("a")) is None
    assert _linhas_se_e_o_mesmo((arquivo("a"),), None) is None
    # A primeira versão não tinha somas.
    assert _linhas_se_e_o_mesmo((arquivo(""),), arquivo("")) is None


@given(st.lists(st.integers(-20, 20), max_size=12), st.sampled_from(["bigint", "text", ""]))
@settings(max_examples=exemplos(150), deadline=None)
def test_chaves_repetidas_em_ordem_ou_nao(chaves: list[int], tipo: str) -> None:
    colunas = ({"nome": "id", "tipo": tipo},)
    salva = TabelaSalva("t", "t", len(chaves), colunas=colunas, chave=("id",))
    with tempfile.TemporaryDirectory() as pasta:
        caminho = _gravar(Path(pasta, "t"), [(chave, "1") for chave in chaves])
        assert chaves_repetidas(Arquivo(salva, caminho)) == len(chaves) - len(set(chaves))
