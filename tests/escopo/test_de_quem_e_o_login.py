"""De que empresa é um login: só pelo que as linhas dizem, e de uma empresa só."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cofre.base.config.regras import ler_regras
from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.modelo import Coluna, Empresa, Tabela
from cofre.deposito.passada import Passada
from cofre.escopo import logins
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import Elo, Ramo, TabelaNoEscopo
from cofre.escopo.logins import Membros, administra, colunas_de_membros, login, pertencas

A, B = (
    Empresa("a" * 8 + "-0000-4000-8000-000000000001", "A", ({"id": "ea"},)),
    Empresa("b" * 8 + "-0000-4000-8000-000000000001", "B", ({"id": "eb"},)),
)
ANA, BIA, CAIO = (f"cccccccc-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))


def _tabela(nome: str, colunas: str, elos: Sequence[Elo]) -> TabelaNoEscopo:
    tabela = Tabela(nome, tuple(map(Coluna, colunas.split())), ("id",))
    return TabelaNoEscopo(tabela, (Ramo(tuple(elos)),))


ESCOPO = {
    "funcionarios": _tabela(
        "funcionarios", "id empresa_id user_id", [Elo("empresa_id", "id"), Elo("user_id")]
    ),
    "user_approvals": _tabela(
        "user_approvals",
        "id user_id parent_user_id user_role",
        [Elo("parent_user_id"), Elo("user_id")],
    ),
    "equipe": _tabela("equipe", "id user_id login_id", [Elo("user_id")]),
}
LINHAS: dict[str, list[dict[str, Any]]] = {
    "funcionarios": [
        {"empresa_id": "ea", "user_id": ANA},
        {"empresa_id": "eb", "user_id": BIA},
        {"empresa_id": "ea", "user_id": None},
    ],
    "user_approvals": [
        {"user_id": BIA.upper(), "parent_user_id": A.id, "user_role": "employee"},
        {"user_id": CAIO, "parent_user_id": "de uma que não há", "user_role": "employee"},
    ],
    "equipe": [],
}


def _ler(tabela: Tabela, colunas: Sequence[str]) -> Iterable[bytes]:
    return (
        msgspec.json.encode({c: linha.get(c) for c in colunas}) for linha in LINHAS[tabela.nome]
    )


def test_de_duas_empresas_ou_de_uma_que_nao_se_conhece_e_so_referencia() -> None:
    colunas = colunas_de_membros(ESCOPO)
    quem = pertencas([A, B], Donos([A, B], ["id"]), ESCOPO, colunas, _ler)
    por_que = {
        (i, e.nome): quem.por_que_so_referencia(i, logins.FUNCIONARIO, e)
        for i in (ANA, BIA, CAIO, A.id, B.id)
        for e in (A, B)
    }
    livres = {par for par, motivo in por_que.items() if not motivo}
    assert livres == {(ANA, "A"), (A.id, "A"), (B.id, "B")}
    assert set(por_que.values()) == {"", logins.DE_OUTRA}
    assert quem.por_que_so_referencia(ANA, logins.APROVADO, A) == logins.FRACO


@pytest.mark.parametrize(
    ("metadados", "e"),
    [
        ({"role": "admin"}, True),
        ({"roles": ["vendas", "Super_Admin"]}, True),
        ({"is_admin": True}, True),
        ({"claims_admin": True}, True),
        ({"role": "vendas", "provider": "admin"}, False),
        ({"is_admin": False}, False),
        (None, False),
    ],
)
def test_quem_administra_a_plataforma(metadados: object, e: bool) -> None:
    assert administra(metadados) is e


def test_de_dois_papeis_vale_o_que_mais_prova_e_uma_releitura_esquece() -> None:
    membros = Membros(A, colunas_de_membros(ESCOPO, [("equipe", "login_id")]))

    def passar(nome: str, *linhas: dict[str, Any]) -> None:
        passada = Passada(membros.observadores(ESCOPO[nome].tabela))
        passada.bloco(b",\n".join(map(msgspec.json.encode, linhas)))

    passar("funcionarios", {"user_id": CAIO})
    passar("funcionarios", {"user_id": ANA}, {"user_id": None}, {"user_id": "não é um id"})
    passar("user_approvals", {"user_id": ANA.upper()}, {"user_id": BIA}, {"user_id": A.id})
    passar("equipe", {"login_id": CAIO})
    assert membros.papeis() == {
        A.id: logins.DONO,
        ANA: logins.FUNCIONARIO,
        BIA: logins.APROVADO,
        CAIO: logins.COLUNA,
    }


def test_uma_coluna_dita_tambem_faz_de_user_approvals_um_membro_certo() -> None:
    (so_ela,) = (
        c
        for c in colunas_de_membros(ESCOPO, [("user_approvals", "user_id")])
        if c.tabela == "user_approvals"
    )
    assert so_ela.papel == logins.COLUNA


@pytest.mark.parametrize("pedida", [("turnos", "login"), ("equipe", "nao_ha"), ("solta", "quem")])
def test_uma_coluna_que_nao_serve_e_recusada(pedida: tuple[str, str]) -> None:
    escopo = {**ESCOPO, "solta": _tabela("solta", "id quem", [])}
    with pytest.raises(ConfiguracaoInvalida, match=rf"logins em {'.'.join(pedida)}"):
        colunas_de_membros(escopo, [pedida])


def test_o_cofre_toml_diz_as_colunas(tmp_path: Path) -> None:
    toml = tmp_path / "cofre.toml"
    toml.write_text('[logins]\ncolunas = ["equipe.login_id", "a.b.c"]\n', encoding="utf-8")
    assert ler_regras(toml).colunas_de_logins == (("a.b", "c"), ("equipe", "login_id"))
    for errado in ('colunas = ["equipe"]', 'colunas = "equipe.login_id"', "outra = 1"):
        toml.write_text(f"[logins]\n{errado}\n", encoding="utf-8")
        with pytest.raises(ConfiguracaoInvalida):
            ler_regras(toml)


def test_um_id_se_escreve_de_um_modo_so() -> None:
    assert login(ANA.upper()) == ANA == login(f"{{{ANA}}}")
    assert login("ana") is None
    assert login(None) is None
