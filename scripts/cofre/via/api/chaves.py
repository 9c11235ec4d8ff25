"""As chaves estrangeiras que a API não descreve, achadas perguntando aos dados."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.linha import NULO
from cofre.base.modelo import Catalogo, ChaveEstrangeira, Tabela
from cofre.escopo.escopo import tabelas_parecidas

DIZEM_O_DONO = ("user_id", "parent_user_id")


class SondasDeChaves(Protocol):
    """O que se pergunta quando o catálogo esconde chaves estrangeiras."""

    def relaciona(self, tabela: str, outra: str, coluna: str) -> bool:
        """Se `tabela` aponta para uma linha de `outra` (pela `coluna`; vazia: por qualquer)."""

    def pares(
        self, tabela: str, outra: str, colunas: Sequence[str], referencias: Sequence[str]
    ) -> Sequence[tuple[Mapping[str, msgspec.Raw], Mapping[str, msgspec.Raw]]] | None:
        """Algumas linhas de `tabela`, cada uma com a linha-mãe em `outra`, só com estas colunas de
        uma e de outra; None se `tabela` não aponta para ela."""


def completar_chaves(catalogo: Catalogo, sondas: SondasDeChaves, equipe: Equipe) -> Catalogo:
    """Acha, pela sondagem, as chaves estrangeiras que a descrição da API esconde: as um-para-um e
    as compostas.

    Uma coluna `funcionario_id` sem chave conhecida é perguntada às tabelas de nome parecido.
    """
    completas = equipe.cada(
        lambda tabela: _com_chaves_achadas(tabela, catalogo, sondas), catalogo.tabelas.values()
    )
    catalogo = replace(catalogo, tabelas={t.nome: t for t in completas})
    for procurar in (_compostas_de_outro_nome, _a_valores_unicos):
        sem_caminho = _sem_caminho(catalogo)
        achar = partial(_achar, procurar, catalogo, sondas)
        mais = dict(zip(sem_caminho, equipe.cada(achar, sem_caminho), strict=True))
        tabelas = {
            n: replace(t, estrangeiras=t.estrangeiras + mais.get(n, ()))
            for n, t in catalogo.tabelas.items()
        }
        catalogo = replace(catalogo, tabelas=tabelas)
    return catalogo


Procurar = Callable[[Tabela, Catalogo, SondasDeChaves], Iterator[ChaveEstrangeira]]


def _achar(
    procurar: Procurar, catalogo: Catalogo, sondas: SondasDeChaves, nome: str
) -> tuple[ChaveEstrangeira, ...]:
    return tuple(procurar(catalogo.tabelas[nome], catalogo, sondas))


def _com_chaves_achadas(tabela: Tabela, catalogo: Catalogo, sondas: SondasDeChaves) -> Tabela:
    conhecidas = {c for fk in tabela.estrangeiras for c in fk.colunas}
    achadas = []
    for coluna in tabela.colunas:
        if coluna.nome in conhecidas or coluna.nome in DIZEM_O_DONO:
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


# -- as compostas ----------------------------------------------------------------------------


def _compostas_achadas(
    tabela: Tabela, catalogo: Catalogo, sondas: SondasDeChaves
) -> Iterator[ChaveEstrangeira]:
    """Uma chave composta não se acha por uma coluna: pergunta-se às tabelas cuja chave composta
    tem todas as colunas, com os mesmos nomes, nesta."""
    colunas = {c.nome for c in tabela.colunas}
    for outra in _compostas(tabela, catalogo):
        if colunas >= set(outra.chave) and sondas.relaciona(tabela.nome, outra.nome, ""):
            yield ChaveEstrangeira(outra.chave, outra.nome, outra.chave)


def _compostas_de_outro_nome(
    tabela: Tabela, catalogo: Catalogo, sondas: SondasDeChaves
) -> Iterator[ChaveEstrangeira]:
    """As de uma tabela que de outro modo ficaria de fora: pergunta-se a todas as que têm uma chave
    composta de tipos que ela também tem. Embutir a mãe não pede as colunas; elas se veem nos dados,
    e, se não há linhas, nos nomes."""
    for outra in _compostas(tabela, catalogo):
        candidatas = _do_mesmo_tipo(tabela, outra)
        if not all(candidatas.values()):
            continue
        todas = list(dict.fromkeys(c for nomes in candidatas.values() for c in nomes))
        pares = sondas.pares(tabela.nome, outra.nome, todas, outra.chave)
        if pares is None:
            continue
        iguais = {
            chave: [c for c in nomes if all(filha[c] == mae[chave] for filha, mae in pares)]
            for chave, nomes in candidatas.items()
        }
        if colunas := _uma_para_cada(iguais):
            yield ChaveEstrangeira(colunas, outra.nome, outra.chave)


def _a_valores_unicos(
    tabela: Tabela, catalogo: Catalogo, sondas: SondasDeChaves
) -> Iterator[ChaveEstrangeira]:
    """As que apontam para colunas que são únicas juntas e não são a chave primária: quais, a API
    não diz. Pergunta-se às tabelas que levam a uma empresa e têm colunas de nome e tipo parecidos.
    Das que coincidem em todas as linhas, sem nulos (a linha com um não aponta para nada), ficam as
    menos que distinguem as mães: com uma de menos a mãe ainda existe; com uma de mais, não."""
    fora = {tabela.nome, *_sem_caminho(catalogo)}
    for outra in (t for n, t in catalogo.tabelas.items() if n not in fora):
        candidatas = _parecidas(tabela, outra)
        if len(candidatas) < 2:
            continue
        todas = list(dict.fromkeys(c for nomes in candidatas.values() for c in nomes))
        das_maes = list(dict.fromkeys((*candidatas, *outra.chave)))
        pares = sondas.pares(tabela.nome, outra.nome, todas, das_maes)
        if pares is None:
            continue
        iguais = {
            unica: [c for c in nomes if all(_aponta(f[c], mae[unica]) for f, mae in pares)]
            for unica, nomes in candidatas.items()
        }
        podem = {unica: nomes for unica, nomes in iguais.items() if nomes}
        citam = sorted(podem, key=lambda unica: not any(_cita(outra, c) for c in podem[unica]))
        for quais in (
            q for n in range(2, len(citam) + 1) for q in itertools.combinations(citam, n)
        ):
            unicas = [unica for unica in podem if unica in quais]
            colunas = _uma_para_cada({unica: podem[unica] for unica in unicas})
            if colunas and _distinguem(unicas, outra.chave, [mae for _, mae in pares]):
                yield ChaveEstrangeira(colunas, outra.nome, tuple(unicas))
                break


def _cita(outra: Tabela, coluna: str) -> bool:
    """`numero_da_remessa` cita `remessas`."""
    return outra.nome.rstrip("s") in coluna


def _distinguem(
    colunas: Sequence[str], chave: Sequence[str], maes: Sequence[Mapping[str, msgspec.Raw]]
) -> bool:
    """Se destas linhas-mães nenhuma tem nestas colunas os valores de outra."""
    quem: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}
    for mae in maes:
        valores, qual = (tuple(bytes(mae[c]) for c in nomes) for nomes in (colunas, chave))
        if quem.setdefault(valores, qual) != qual:
            return False
    return True


def _aponta(filha: msgspec.Raw, mae: msgspec.Raw) -> bool:
    return filha == mae and bytes(filha) != NULO


def _parecidas(tabela: Tabela, outra: Tabela) -> dict[str, list[str]]:
    """Por coluna da outra que pode ser uma das únicas, as desta que a citariam: do mesmo tipo, e
    com o nome dela dentro do seu. A que é a chave, sozinha, não é uma de várias."""
    minhas = [c for c in tabela.colunas if (c.nome,) != tabela.chave]
    achadas = {
        unica.nome: [c.nome for c in minhas if c.tipo == unica.tipo and unica.nome in c.nome]
        for unica in outra.colunas
        if (unica.nome,) != outra.chave and unica.nome not in DE_QUALQUER_TABELA
        if not _NAO_IDENTIFICA.search(unica.tipo)
    }
    return {unica: nomes for unica, nomes in achadas.items() if nomes}


DE_QUALQUER_TABELA = frozenset(
    "nome name descricao description status tipo type ativo active observacao observacoes obs email"
    " telefone valor preco quantidade total ordem".split()
)
"""Nomes que tantas tabelas têm que nada dizem de uma ligação."""
_NAO_IDENTIFICA = re.compile(r"\A\Z|\[\]|json|boolean|timestamp|double|real|bytea")
"""Tipos que não costumam dizer qual é uma linha."""


def _compostas(tabela: Tabela, catalogo: Catalogo) -> Iterator[Tabela]:
    """As outras tabelas que têm uma chave composta."""
    todas = catalogo.tabelas.values()
    return (outra for outra in todas if len(outra.chave) > 1 and outra.nome != tabela.nome)


def _do_mesmo_tipo(tabela: Tabela, outra: Tabela) -> dict[str, list[str]]:
    """As colunas da tabela que poderiam ser cada coluna da chave da outra."""
    tipos = {c: achada.tipo for c in outra.chave if (achada := outra.coluna(c))}
    return {
        chave: [c.nome for c in tabela.colunas if c.tipo == tipo] for chave, tipo in tipos.items()
    }


def _uma_para_cada(candidatas: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Uma coluna diferente para cada uma da chave, a de nome mais parecido; nenhuma, se falta."""
    escolhidas: list[str] = []
    for chave, nomes in candidatas.items():
        livres = [n for n in nomes if n not in escolhidas]
        if not livres:
            return ()
        escolhidas.append(max(livres, key=lambda nome: _parecido(nome, chave)))
    return tuple(escolhidas)


def _parecido(nome: str, chave: str) -> tuple[bool, float]:
    """`p_serie` é antes a `serie` da outra que a `numero`."""
    return chave in nome, difflib.SequenceMatcher(None, nome, chave).ratio()


def _sem_caminho(catalogo: Catalogo) -> list[str]:
    """As tabelas que não dizem o dono nem apontam, em quantos passos for, para quem o diga."""
    tabelas = catalogo.tabelas
    com = {n for n, t in tabelas.items() if any(map(t.coluna, DIZEM_O_DONO))} | {"empresas"}
    while True:
        faltam = {n: t for n, t in tabelas.items() if n not in com}
        novas = {n for n, t in faltam.items() if any(fk.tabela in com for fk in t.estrangeiras)}
        if not novas:
            return list(faltam)
        com |= novas
