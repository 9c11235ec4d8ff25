"""Quem são as empresas: os donos distintos de `empresas` e os de `user_approvals` sem linha lá."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cofre.base.linha import texto
from cofre.base.modelo import Catalogo, Empresa
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import citar, faixa_de_chaves

NOMES_EM_EMPRESAS = ("nome", "razao_social")
NOMES_EM_APPROVALS = ("company_name", "full_name", "email")

Linha = Mapping[str, Any]


def listar(conexao: Conexao, catalogo: Catalogo, referencias: Iterable[str]) -> tuple[Empresa, ...]:
    """Todas as empresas, por nome. `referencias`: as colunas de `empresas` que outras citam."""
    citadas = sorted(referencias)
    nomes: dict[str, str] = {}
    registros: dict[str, list[dict[str, str]]] = {}
    for linha in _linhas(conexao, catalogo, "empresas", (*NOMES_EM_EMPRESAS, *citadas)):
        dono = linha.get("user_id")
        if dono is None:
            continue
        nomes[str(dono)] = nomes.get(str(dono)) or _nome(linha, NOMES_EM_EMPRESAS)
        valores = {c: str(linha[c]) for c in citadas if linha.get(c) is not None}
        registros.setdefault(str(dono), []).append(valores)
    aprovados = ("parent_user_id", *NOMES_EM_APPROVALS)
    for linha in _linhas(conexao, catalogo, "user_approvals", aprovados):
        dono = linha.get("user_id")
        if dono is None or linha.get("parent_user_id") is not None:
            continue  # a linha de um empregado
        nomes[str(dono)] = nomes.get(str(dono)) or _nome(linha, NOMES_EM_APPROVALS)
    empresas = [
        Empresa(dono, nome or f"(sem nome) {dono[:8]}", tuple(registros.get(dono, ())))
        for dono, nome in nomes.items()
    ]
    return tuple(sorted(empresas, key=lambda e: (e.nome.casefold(), e.id)))


def _nome(linha: Linha, colunas: Sequence[str]) -> str:
    textos = (str(linha.get(c) or "").strip() for c in colunas)
    return next((t for t in textos if t), "")


def _linhas(
    conexao: Conexao, catalogo: Catalogo, nome: str, extras: Sequence[str]
) -> Iterator[Linha]:
    """As linhas da tabela, página a página, só com as colunas que existem."""
    tabela = catalogo.tabelas.get(nome)
    if tabela is None or tabela.coluna("user_id") is None:
        return
    colunas = [c for c in dict.fromkeys(("user_id", *extras)) if tabela.coluna(c)]
    selecao = ",".join(citar(c) for c in dict.fromkeys((*tabela.ordem, *colunas)))
    depois: tuple[str, ...] | None = None
    while True:
        faixa = faixa_de_chaves(tabela, depois, None)
        pagina = conexao.ler(nome, selecao, faixa, limite=1000)
        if not pagina.linhas:
            return
        yield from msgspec.json.decode(pagina.corpo, type=list[dict[str, Any]])
        ultima = msgspec.json.decode(pagina.linhas[-1], type=dict[str, msgspec.Raw])
        depois = tuple(texto(bytes(ultima[c])) or "" for c in tabela.ordem)
