"""As chaves estrangeiras que a API não descreve, achadas perguntando aos dados."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from cofre.base.equipe import Equipe
from cofre.base.modelo import Catalogo, ChaveEstrangeira, Tabela
from cofre.escopo.escopo import tabelas_parecidas


class SondasDeChaves(Protocol):
    """O que se pergunta quando o catálogo esconde chaves estrangeiras."""

    def relaciona(self, tabela: str, outra: str, coluna: str) -> bool:
        """Se `tabela` aponta para uma linha de `outra` (pela `coluna`; vazia: por qualquer)."""


def completar_chaves(catalogo: Catalogo, sondas: SondasDeChaves, equipe: Equipe) -> Catalogo:
    """Acha, pela sondagem, as chaves estrangeiras que a descrição da API esconde (as um-para-um).

    Uma coluna `funcionario_id` sem chave conhecida é perguntada às tabelas de nome parecido.
    """
    completas = equipe.cada(
        lambda tabela: _com_chaves_achadas(tabela, catalogo, sondas), catalogo.tabelas.values()
    )
    return replace(catalogo, tabelas={t.nome: t for t in completas})


def _com_chaves_achadas(tabela: Tabela, catalogo: Catalogo, sondas: SondasDeChaves) -> Tabela:
    conhecidas = {c for fk in tabela.estrangeiras for c in fk.colunas}
    achadas = []
    for coluna in tabela.colunas:
        if coluna.nome in conhecidas or coluna.nome in ("user_id", "parent_user_id"):
            continue
        achada = _chave_achada(tabela, coluna.nome, catalogo, sondas)
        if achada is not None:
            achadas.append(achada)
    posicao = {c.nome: n for n, c in enumerate(tabela.colunas)}
    # Na ordem das colunas, como se a API as mostrasse: desde o PostgREST 12.0.3 ela mostra as
    # um-para-um, e o que se conclui das chaves não pode depender da versão do servidor.
    simples = sorted((*tabela.estrangeiras, *achadas), key=lambda fk: posicao[fk.colunas[0]])
    compostas = _compostas_achadas(tabela, catalogo, sondas)
    return replace(tabela, estrangeiras=(*simples, *compostas))


def _chave_achada(
    tabela: Tabela, coluna: str, catalogo: Catalogo, sondas: SondasDeChaves
) -> ChaveEstrangeira | None:
    for outra in tabelas_parecidas(coluna, catalogo):
        if sondas.relaciona(tabela.nome, outra, coluna):
            chave = catalogo.tabelas[outra].chave
            return ChaveEstrangeira((coluna,), outra, chave if len(chave) == 1 else ())
    return None


def _compostas_achadas(
    tabela: Tabela, catalogo: Catalogo, sondas: SondasDeChaves
) -> Iterator[ChaveEstrangeira]:
    """Uma chave composta não se acha por uma coluna: pergunta-se às tabelas cuja chave composta
    tem todas as colunas, com os mesmos nomes, nesta."""
    colunas = {c.nome for c in tabela.colunas}
    for outra in catalogo.tabelas.values():
        parece = len(outra.chave) > 1 and outra.nome != tabela.nome and colunas >= set(outra.chave)
        if parece and sondas.relaciona(tabela.nome, outra.nome, ""):
            yield ChaveEstrangeira(outra.chave, outra.nome, outra.chave)
