"""O que pende de umas linhas é o mesmo que se acha à mão, até o fim da cadeia."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from cofre.base.modelo import ChaveEstrangeira, Coluna, Tabela
from cofre.plano.tabela import Acao
from cofre.restauracao.pendentes import Movida, Pendente, em_palavras, o_que_se_segue, que_pendem

CLIENTES = Tabela("clientes", (Coluna("id", "bigint"),), ("id",))
VENDAS = Tabela(
    "vendas",
    (Coluna("id", "bigint"), Coluna("cliente", "bigint"), Coluna("outro", "bigint")),
    ("id",),
    (
        ChaveEstrangeira(("cliente",), "clientes", ("id",)),
        ChaveEstrangeira(("outro",), "clientes", ()),  # a API nem sempre diz a coluna
    ),
)
ITENS = Tabela(
    "vendas_itens",
    (Coluna("id", "bigint"), Coluna("venda", "bigint"), Coluna("de", "bigint")),
    ("id",),
    (
        ChaveEstrangeira(("venda",), "vendas", ("id",)),
        ChaveEstrangeira(("de",), "vendas_itens", ("id",)),
    ),
)
TABELAS = {t.nome: t for t in (ITENS, CLIENTES, VENDAS)}

Linha = tuple[int | None, int | None, bool]
"""Para onde as duas ligações apontam, e se a linha sumiu inteira."""
PONTA = st.none() | st.integers(0, 4)
LINHAS = st.lists(st.tuples(PONTA, PONTA, st.booleans()), max_size=8)


def _a_mao(
    raizes: set[int], linhas: list[Linha], alvos: tuple[set[int], set[int] | None]
) -> set[int]:
    """As que apontam para as raízes; pela segunda ligação, se ela é da própria tabela (None),
    também para as já achadas."""
    achadas: set[int] = set()
    while True:
        segundo = achadas if alvos[1] is None else alvos[1]
        mais = {n for n, (um, dois, _) in enumerate(linhas) if um in alvos[0] or dois in segundo}
        if mais <= achadas:
            return achadas
        achadas |= mais


@given(raizes=st.sets(st.integers(0, 4)), vendas=LINHAS, itens=LINHAS)
@settings(max_examples=exemplos(150), deadline=None)
def test_acha_se_ate_o_fim_da_cadeia(
    raizes: set[int], vendas: list[Linha], itens: list[Linha]
) -> None:
    dadas = {"vendas": vendas, "vendas_itens": itens}
    nomes = {"vendas": ("cliente", "outro"), "vendas_itens": ("venda", "de")}

    @contextlib.contextmanager
    def movidas(nome: str) -> Iterator[Iterator[Movida]]:
        um, dois = nomes[nome]

        def linhas() -> Iterator[Movida]:
            for n, (a, b, sumiu) in enumerate(dadas[nome]):
                alvo = json.dumps({"id": n, um: a, dois: b}).encode()
                yield Acao((b"%d" % n,), None, alvo), None if sumiu else {um, dois}

        yield linhas()

    achadas = {"vendas": _a_mao(raizes, vendas, (raizes, raizes))}
    achadas["vendas_itens"] = _a_mao(raizes, itens, (achadas["vendas"], None))
    esperadas = [
        (nome, sum(not dadas[nome][n][2] for n in quais), sum(dadas[nome][n][2] for n in quais))
        for nome, quais in achadas.items()
        if quais
    ]
    raiz = {"clientes": [b'{"id":%d}' % n for n in sorted(raizes)]}
    pendentes = que_pendem(TABELAS, raiz, movidas)
    assert [(p.tabela, p.soltos, p.sumiram) for p in pendentes] == esperadas


def test_em_palavras() -> None:
    vendas = Pendente("vendas", ("clientes",), 74, 0)
    ordens = Pendente("ordens_servico", ("clientes", "vendas"), 43, 1)
    recibos = Pendente("recibos", ("vendas",), 0, 5)
    assert em_palavras([ordens, vendas, recibos]) == (
        "74 vendas e 43 ordens de serviço perderam a ligação com clientes e vendas; 5 registros de"
        " recibos e 1 ordem de serviço que dependem de vendas e clientes sumiram"
    )
    assert em_palavras([Pendente("vendas", ("clientes",), 1, 0)]) == (
        "1 venda perdeu a ligação com clientes"
    )
    assert o_que_se_segue([vendas, ordens]) == (
        "também não volta 1 ordem de serviço; 74 vendas e 43 ordens de serviço ficam sem a ligação"
        " com clientes e vendas"
    )
