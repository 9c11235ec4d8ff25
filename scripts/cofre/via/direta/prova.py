"""O que o banco recusaria, perguntado antes: as escritas são feitas de verdade numa transação que
quem chama sempre desfaz, com os gatilhos como estarão na restauração.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from cofre.base.erros import EscritaRecusada
from cofre.base.linha import abrir_linha
from cofre.base.modelo import Tabela
from cofre.base.textos import MARCA
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.tabela import Acao
from cofre.via.direta import comandos
from cofre.via.direta.escrita import EscritorDireto
from cofre.via.direta.gatilhos import Suspensos
from cofre.via.direta.ligacoes import Ligacoes
from cofre.via.direta.restricoes import Restricoes
from cofre.via.direta.texto import (
    a_gravar,
    juntas_pela_chave,
    linhas_json,
    objeto,
    propria,
    resumo_de,
)

LINHAS_ENSAIADAS = 20_000
"""De uma tabela. Quem restaura o faz numa transação só: nada se perde por descobrir depois."""


def primeiros(lotes: Iterator[Sequence[Acao]]) -> Iterator[Sequence[Acao]]:
    """Os lotes até que somem LINHAS_ENSAIADAS."""
    linhas = 0
    for lote in lotes:
        yield lote
        linhas += len(lote)
        if linhas >= LINHAS_ENSAIADAS:
            return


def escritor(
    conexao: psycopg.Connection, suspensos: Suspensos, todas: Ligacoes | None = None
) -> EscritorDireto:
    """Quem escreve numa transação com os gatilhos assim suspensos, com as ligações já lidas ou
    lidas agora. psycopg.Error passa."""
    ligacoes = None
    if not suspensos.modo.confere_ligacoes:
        ligacoes = todas.noutra(conexao) if todas else Ligacoes.do_banco(conexao)
    return EscritorDireto(conexao, Restricoes(conexao), ligacoes, sem_gatilhos=not suspensos.restam)


def inserir(
    quem: EscritorDireto, alvo: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """A recusa de um INSERT destas linhas, ou None. Levanta FalhaDoServidor."""
    tem = abrir_linha(linhas[0])
    try:
        quem.inserir(alvo, linhas, [c for c in colunas if c in tem])
    except EscritaRecusada as e:
        return e
    return None


def alterar(
    quem: EscritorDireto, tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """A recusa se as linhas que existem ficassem assim, ou None. Levanta FalhaDoServidor."""
    tem = abrir_linha(linhas[0])
    mudam = [c for c in colunas if c in tem and c not in (*tabela.identidades, *tabela.chave)]
    if not mudam:
        return None
    novas = [a_gravar(tabela, linha).decode() for linha in linhas]
    com_textos = any(MARCA.decode() in nova for nova in novas)
    comando = comandos.alterar_sem_olhar(tabela, mudam, com_textos=com_textos)
    try:
        quem.executar(tabela, comando, [novas], linhas)
    except EscritaRecusada as e:
        return e
    return None


def existentes(
    conexao: psycopg.Connection, no_escopo: TabelaNoEscopo, chaves: Sequence[Chave]
) -> list[bytes]:
    """As linhas com estas chaves, sejam de quem forem: a chave e as colunas de ligação.
    psycopg.Error passa."""
    tabela = no_escopo.tabela
    consulta = sql.SQL("SELECT {resumo} FROM {linhas} JOIN {t} AS t ON {mesma_chave}").format(
        resumo=resumo_de("t", list(dict.fromkeys((*tabela.chave, *no_escopo.colunas_de_ligacao)))),
        linhas=linhas_json(tabela, tabela.chave),
        t=propria(tabela),
        mesma_chave=juntas_pela_chave(tabela),
    )
    objetos = [objeto(tabela.chave, chave) for chave in chaves]
    return [linha.encode() for (linha,) in conexao.execute(consulta, [objetos]).fetchall()]
