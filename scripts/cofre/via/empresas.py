"""Quem são as empresas: os donos distintos de `empresas` e os de `user_approvals` sem linha lá.

A regra é uma só; cada via traz as linhas do seu modo (ver `api/empresas` e `direta/empresas`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cofre.base.modelo import Catalogo, Empresa, Tabela, juntar_nomes

NOMES_EM_EMPRESAS = ("nome", "razao_social")
NOMES_EM_APPROVALS = ("company_name", "full_name", "email")

Linha = Mapping[str, Any]
"""Uma linha como o JSON dela, que é o mesmo pelas duas vias."""

LerLinhas = Callable[[Tabela, Sequence[str]], Iterable[Linha]]
"""Recebe a tabela e as colunas; dá todas as linhas, na ordem da chave."""


def listar(catalogo: Catalogo, referencias: Iterable[str], ler: LerLinhas) -> tuple[Empresa, ...]:
    """Todas as empresas, por nome. `referencias`: as colunas de `empresas` que outras citam.
    Levanta o que `ler` levantar."""
    citadas = sorted(referencias)
    nomes: dict[str, dict[str, None]] = {}
    registros: dict[str, list[dict[str, str]]] = {}
    for linha in _linhas(catalogo, "empresas", (*NOMES_EM_EMPRESAS, *citadas), ler):
        dono = linha.get("user_id")
        if dono is None:
            continue
        seus = nomes.setdefault(str(dono), {})
        if nome := _nome(linha, NOMES_EM_EMPRESAS):
            seus[nome] = None
        valores = {c: str(linha[c]) for c in citadas if linha.get(c) is not None}
        registros.setdefault(str(dono), []).append(valores)
    aprovados = ("parent_user_id", *NOMES_EM_APPROVALS)
    for linha in _linhas(catalogo, "user_approvals", aprovados, ler):
        dono = linha.get("user_id")
        if dono is None or linha.get("parent_user_id") is not None:
            continue  # a linha de um empregado
        seus = nomes.setdefault(str(dono), {})
        if not seus and (nome := _nome(linha, NOMES_EM_APPROVALS)):
            seus[nome] = None
    empresas = [
        _empresa(dono, tuple(seus), tuple(registros.get(dono, ()))) for dono, seus in nomes.items()
    ]
    return tuple(sorted(empresas, key=lambda e: (e.nome.casefold(), e.id)))


def _empresa(
    dono: str, nomes: tuple[str, ...], registros: tuple[Mapping[str, str], ...]
) -> Empresa:
    nome = juntar_nomes(nomes) or f"(sem nome) {dono[:8]}"
    return Empresa(dono, nome, registros, nomes if len(nomes) > 1 else ())


def _linhas(
    catalogo: Catalogo, nome: str, extras: Sequence[str], ler: LerLinhas
) -> Iterable[Linha]:
    """As linhas da tabela, só com as colunas que existem."""
    tabela = catalogo.tabelas.get(nome)
    if tabela is None or tabela.coluna("user_id") is None:
        return ()
    return ler(tabela, [c for c in dict.fromkeys(("user_id", *extras)) if tabela.coluna(c)])


def _nome(linha: Linha, colunas: Sequence[str]) -> str:
    textos = (str(linha.get(c) or "").strip() for c in colunas)
    return next((t for t in textos if t), "")
