"""O plano como função pura: aplicado à foto, dá o alvo; vazio só se já são iguais."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofre.base.erros import BackupDanificado
from cofre.base.linha import abrir_linha
from cofre.plano.plano import (
    ALTERAR,
    REMOVER,
    REPOR,
    Acao,
    Contagem,
    Plano,
    TabelaDoPlano,
    comparar,
    mudancas,
)

GRAVAVEIS = ("a", "b")
GERADA = "gerada"
"""Uma coluna que o banco calcula: difere sempre que quer, e não conta."""

Linha = dict[str, str]
"""Coluna → o JSON do valor, como o servidor o mandaria."""


@dataclass(frozen=True)
class Forma:
    """Um tipo de chave: as colunas, como inventar uma e em que ordem o banco a daria."""

    nome: str
    chave: tuple[str, ...]
    tipo: str
    chaves: st.SearchStrategy[tuple[str, ...]]
    ordem: Callable[[tuple[str, ...]], object] | None = None


def _textos() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(
        lambda t: json.dumps(t, ensure_ascii=False)
    )


UUIDS = st.integers(0, 40).map(lambda n: (f'"{UUID(int=n * 0x1111111111111111111111111111)}"',))
INTEIROS = st.one_of(st.integers(-15, 15), st.integers(-(2**63), 2**63 - 1))
FORMAS = (
    Forma("uuid", ("id",), "uuid", UUIDS, lambda c: c[0]),
    Forma("bigint", ("id",), "bigint", INTEIROS.map(lambda n: (str(n),)), lambda c: int(c[0])),
    Forma("texto", ("id",), "text", st.tuples(_textos())),
    Forma(
        "composta",
        ("um", "outro"),
        "",
        st.tuples(st.integers(0, 4).map(str), st.sampled_from(['"x"', '"x,1"', '"é\\u0000"'])),
    ),
    Forma("sem chave", (), "", st.just(())),
)
VALORES = st.one_of(
    st.sampled_from(
        ["null", "1", "1.0", "1.00", "-0.5", "12345678901234567890.123456789", "true", '""']
    ),
    st.sampled_from(['{"a":1,\n "a":2}', "[1, 2]", '"linha\\nnova"', '"\\u00e9"', '"é"']),
    _textos(),
)


@st.composite
def tabelas(sorteio: st.DrawFn, forma: Forma) -> list[Linha]:
    """As linhas de uma tabela, na ordem em que o banco as daria."""
    if forma.chave:
        todas = sorteio(st.lists(forma.chaves, unique=True, max_size=12))
    else:
        todas = [()] * sorteio(st.integers(0, 6))
    if forma.ordem is not None:
        todas = sorted(todas, key=forma.ordem)  # type: ignore[arg-type]
    valores = VALORES if forma.chave else st.sampled_from(["1", "null"])
    return [
        {
            **dict(zip(forma.chave, chave, strict=True)),
            **{coluna: sorteio(valores) for coluna in GRAVAVEIS},
            GERADA: sorteio(VALORES) if forma.chave else "0",
        }
        for chave in todas
    ]


@st.composite
def situacoes(sorteio: st.DrawFn) -> tuple[Forma, list[Linha], list[Linha]]:
    """(forma, foto, alvo): o alvo tem linhas da foto, mudadas ou não, e outras."""
    forma = sorteio(st.sampled_from(FORMAS))
    foto, alvo = sorteio(tabelas(forma)), sorteio(tabelas(forma))
    if sorteio(st.booleans()) and forma.chave:
        comuns = {_chave(forma, linha): linha for linha in foto}
        for n, linha in enumerate(alvo):
            if sorteio(st.booleans()):
                alvo[n] = comuns.get(_chave(forma, linha), linha)
    return forma, foto, alvo


def _chave(forma: Forma, linha: Linha) -> tuple[str, ...]:
    return tuple(linha[c] for c in forma.chave)


def _gravar(pasta: Path, nome: str, linhas: Sequence[Linha]) -> Path:
    textos = [
        "{" + ",".join(f"{json.dumps(c)}:{v}" for c, v in linha.items()) + "}" for linha in linhas
    ]
    caminho = pasta / f"{nome}.json"
    caminho.write_text("[\n" + ",\n".join(textos) + "\n]\n", "utf-8", newline="")
    return caminho


def _plano(
    pasta: Path, forma: Forma, foto: Sequence[Linha], *alvos: Sequence[Linha], tipo: str = "mesmo"
) -> Plano:
    arquivos = tuple(_gravar(pasta, f"alvo{n}", alvo) for n, alvo in enumerate(alvos))
    colunas = (*forma.chave, *GRAVAVEIS)
    atual = _gravar(pasta, "foto", foto)
    chave = forma.tipo if tipo == "mesmo" else tipo
    return comparar([TabelaDoPlano("t", forma.chave, colunas, arquivos, atual, chave)])


def _aplicar(plano: Plano, forma: Forma, foto: Sequence[Linha]) -> Counter[tuple[str, ...]]:
    """A foto depois das ações, só as colunas que contam."""
    colunas = (*forma.chave, *GRAVAVEIS)
    linhas = [{c: linha[c] for c in colunas} for linha in foto]
    for acao in plano.acoes("t", REMOVER):
        linhas.remove(_lida(acao.atual, colunas))
    for acao in plano.acoes("t", ALTERAR):
        linha = next(x for x in linhas if x == _lida(acao.atual, colunas))
        novas = mudancas(acao, plano.tabelas["t"])
        assert novas, "uma alteração que nada muda"
        linha.update({c: bytes(v).decode() for c, v in novas.items()})
    for acao in plano.acoes("t", REPOR):
        linhas.append(_lida(acao.alvo, colunas))
    return _contar(linhas, colunas)


def _lida(bruta: bytes | None, colunas: Sequence[str]) -> Linha:
    aberta = abrir_linha(bruta or b"{}")
    return {c: bytes(aberta[c]).decode() for c in colunas}


def _contar(linhas: Sequence[Linha], colunas: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(linha[c] for c in colunas) for linha in linhas)


def _acoes(plano: Plano) -> dict[str, Counter[Acao]]:
    return {tipo: Counter(plano.acoes("t", tipo)) for tipo in (REPOR, ALTERAR, REMOVER)}


@given(situacoes())
@settings(max_examples=300, deadline=None)
def test_aplicar_o_plano_a_foto_da_o_alvo(
    situacao: tuple[Forma, list[Linha], list[Linha]],
) -> None:
    forma, foto, alvo = situacao
    colunas = (*forma.chave, *GRAVAVEIS)
    with tempfile.TemporaryDirectory() as pasta, _plano(Path(pasta), forma, foto, alvo) as plano:
        assert _aplicar(plano, forma, foto) == _contar(alvo, colunas)
        ja_iguais = _contar(foto, colunas) == _contar(alvo, colunas)
        assert plano.vazio == ja_iguais
        contagem = plano.contagens["t"]
        assert contagem.iguais + contagem.alterar + contagem.repor == len(alvo)
        assert contagem.iguais + contagem.alterar + contagem.remover == len(foto)
        for tipo, quantas in (
            (REPOR, contagem.repor),
            (ALTERAR, contagem.alterar),
            (REMOVER, contagem.remover),
        ):
            assert len(list(plano.acoes("t", tipo))) == quantas


@given(situacoes().filter(lambda s: s[0].ordem is not None))
@settings(max_examples=150, deadline=None)
def test_fundir_e_indexar_dao_o_mesmo_plano(
    situacao: tuple[Forma, list[Linha], list[Linha]],
) -> None:
    forma, foto, alvo = situacao
    with (
        tempfile.TemporaryDirectory() as pasta,
        _plano(Path(pasta), forma, foto, alvo) as fundido,
        _plano(Path(pasta), forma, foto, alvo, tipo="") as indexado,
    ):
        assert fundido.tabelas["t"].ordem is not None
        assert indexado.tabelas["t"].ordem is None
        assert fundido.contagens == indexado.contagens
        assert _acoes(fundido) == _acoes(indexado)
        assert fundido.assinatura() == indexado.assinatura()


@given(situacoes().filter(lambda s: bool(s[0].chave)), st.data())
@settings(max_examples=150, deadline=None)
def test_recuperar_so_repoe_o_que_falta(
    situacao: tuple[Forma, list[Linha], list[Linha]], dados: st.DataObject
) -> None:
    """Com a foto original e o backup como alvos, nada do que existe muda nem sai."""
    forma, foto, backup = situacao
    faltam = [b for b in backup if _chave(forma, b) not in {_chave(forma, f) for f in foto}]
    with (
        tempfile.TemporaryDirectory() as pasta,
        _plano(Path(pasta), forma, foto, foto, backup) as plano,
    ):
        assert plano.contagens["t"] == Contagem(repor=len(faltam), iguais=len(foto))
        colunas = (*forma.chave, *GRAVAVEIS)
        repostas = [_lida(a.alvo, colunas) for a in plano.acoes("t", REPOR)]
        assert _contar(repostas, colunas) == _contar(faltam, colunas)
    # E no meio do caminho, com parte já de volta, só falta o resto.
    quantas = dados.draw(st.integers(0, len(faltam)))
    meio = [*foto, *faltam[:quantas]]
    if forma.ordem is not None:
        ordem = forma.ordem
        meio.sort(key=lambda linha: ordem(_chave(forma, linha)))  # type: ignore[arg-type,return-value]
    with (
        tempfile.TemporaryDirectory() as pasta,
        _plano(Path(pasta), forma, meio, foto, backup) as plano,
    ):
        assert plano.contagens["t"] == Contagem(len(faltam) - quantas, 0, 0, len(meio))


@given(situacoes(), situacoes())
@settings(max_examples=150, deadline=None)
def test_assinatura_igual_so_em_planos_iguais(
    um: tuple[Forma, list[Linha], list[Linha]], outro: tuple[Forma, list[Linha], list[Linha]]
) -> None:
    with (
        tempfile.TemporaryDirectory() as pasta,
        _plano(Path(pasta), *um) as primeiro,
        _plano(Path(pasta), *um) as de_novo,
        _plano(Path(pasta), *outro) as diferente,
    ):
        assert primeiro.assinatura() == de_novo.assinatura()
        if _pedido(primeiro) != _pedido(diferente):
            assert primeiro.assinatura() != diferente.assinatura()


def _pedido(plano: Plano) -> set[tuple[object, ...]]:
    """O que um plano quer: as linhas e, nas que muda, quais colunas."""
    tabela = plano.tabelas["t"]
    return {
        (tipo, a.chave, a.alvo, tuple(mudancas(a, tabela)) if tipo == ALTERAR else ())
        for tipo in (REPOR, ALTERAR, REMOVER)
        for a in plano.acoes("t", tipo)
    }


UUID_FORMA = FORMAS[0]
CHAVE_1, CHAVE_2 = (f'"{UUID(int=n)}"' for n in (1, 2))


def _linha(chave: str, a: str, b: str) -> Linha:
    return {"id": chave, "a": a, "b": b, GERADA: "0"}


def test_a_assinatura_diz_quais_colunas_faltam_e_nao_o_que_tem(tmp_path: Path) -> None:
    """Um updated_at que muda a cada passada é o mesmo plano; uma coluna a menos, não."""
    alvo = [_linha(CHAVE_1, "1", "2")]
    with (
        _plano(tmp_path, UUID_FORMA, [_linha(CHAVE_1, "1", "98")], alvo) as um,
        _plano(tmp_path, UUID_FORMA, [_linha(CHAVE_1, "1", "99")], alvo) as outro,
        _plano(tmp_path, UUID_FORMA, [_linha(CHAVE_1, "7", "99")], alvo) as mais_colunas,
    ):
        assert um.assinatura() == outro.assinatura()
        assert um.assinatura() != mais_colunas.assinatura()
        assert mais_colunas.colunas_diferentes("t") == Counter(a=1, b=1)


def test_os_bytes_e_que_contam_menos_num_backup_da_primeira_versao(tmp_path: Path) -> None:
    """1.50 e 1.5 são linhas diferentes; um backup que passou por floats não guardou isso."""
    foto, alvo = [_linha(CHAVE_1, "1.50", '{"x": 1}')], [_linha(CHAVE_1, "1.5", '{"x":\n1}')]
    with _plano(tmp_path, UUID_FORMA, foto, alvo) as exato:
        assert exato.contagens["t"] == Contagem(alterar=1)
    tabela = replace(exato.tabelas["t"], tipo_da_chave="", pelo_valor=True)
    with comparar([tabela]) as pelo_valor:
        assert pelo_valor.vazio
    outros = [_linha(CHAVE_1, "1.51", '{"x":\n1}')]
    _gravar(tmp_path, "alvo0", outros)
    with comparar([tabela]) as pelo_valor:
        assert pelo_valor.colunas_diferentes("t") == Counter(a=1)


def test_linhas_fora_da_ordem_da_chave_sao_recusadas(tmp_path: Path) -> None:
    """A fusão veria a mesma linha como uma a repor e outra a remover."""
    linhas = [_linha(CHAVE_1, "1", "1"), _linha(CHAVE_2, "2", "2")]
    with pytest.raises(BackupDanificado, match="ordem da chave"):
        _plano(tmp_path, UUID_FORMA, linhas, linhas[::-1])


def test_linha_sem_a_chave_e_recusada(tmp_path: Path) -> None:
    linhas = [_linha(CHAVE_1, "1", "1"), {"a": "1", "b": "2", GERADA: "0"}]
    with pytest.raises(BackupDanificado, match=r"um registro de t sem a chave \(id\)"):
        _plano(tmp_path, UUID_FORMA, linhas[:1], linhas)


def test_tabelas_de_um_plano_nao_se_misturam(tmp_path: Path) -> None:
    """A mesma chave em duas tabelas são duas linhas; uma tabela sem foto é toda por repor."""
    alvo = _gravar(tmp_path, "um_alvo", [_linha(CHAVE_1, "1", "1")])
    foto = _gravar(tmp_path, "uma_foto", [_linha(CHAVE_1, "1", "2"), _linha(CHAVE_2, "0", "0")])
    colunas = ("id", *GRAVAVEIS)
    com_foto = TabelaDoPlano("com", ("id",), colunas, (alvo,), foto, "uuid")
    sem_foto = TabelaDoPlano("sem", ("id",), colunas, (alvo,), None, "uuid")
    with comparar([com_foto, sem_foto]) as plano:
        assert plano.contagens == {
            "com": Contagem(alterar=1, remover=1),
            "sem": Contagem(repor=1),
        }
        assert [a.chave for a in plano.acoes("com", REMOVER)] == [(CHAVE_2.encode(),)]
        assert list(plano.acoes("sem", REMOVER)) == []
        assert [a.alvo for a in plano.acoes("sem", REPOR)] == [
            a.alvo for a in plano.acoes("com", ALTERAR)
        ]
