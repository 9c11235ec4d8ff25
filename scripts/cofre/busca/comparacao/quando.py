"""Em que backups uma tabela, ou uma coluna dela, mudou."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cofre.base.erros import BackupDanificado
from cofre.base.selecao import tabela_de_nome
from cofre.busca.comparacao.comparacao import chaves_sabidas
from cofre.busca.comparacao.duas import juntar
from cofre.busca.comparacao.resumo import TabelaComparada, comparar
from cofre.busca.guardada import Avisar, Guardada, guardadas_de
from cofre.deposito.backup import Backup


@dataclass(frozen=True, slots=True)
class Assunto:
    """De que se quer saber: uma tabela, ou só uma coluna dela."""

    tabela: str
    coluna: str | None = None


def ler_assunto(dito: str, backups: Sequence[Backup]) -> Assunto | None:
    """«produtos», «produtos.preco»; None se nenhum backup tem essa tabela, ou essa coluna. Um nome
    também pode ter um ponto."""
    tabelas = {nome for b in backups if b.meta for nome in b.meta.tabelas}
    inteira = tabela_de_nome(dito, tabelas)
    if inteira is not None:
        return Assunto(inteira)
    partes = dito.split(".")
    for n in range(len(partes) - 1, 0, -1):
        tabela = tabela_de_nome(".".join(partes[:n]), tabelas)
        if tabela is not None:
            colunas = {c for g in guardadas_de(backups, tabela) for c in g.salva.tipos}
            coluna = tabela_de_nome(".".join(partes[n:]), colunas)
            return Assunto(tabela, coluna) if coluna is not None else None
    return None


@dataclass(frozen=True, slots=True)
class Mudanca:
    """O que mudou até este backup, desde o anterior que tem a tabela; ou, no primeiro que a tem,
    nada."""

    backup: Backup
    comparada: TabelaComparada | None


def mudancas(backups: Sequence[Backup], assunto: Assunto, avisar: Avisar) -> Iterator[Mudanca]:
    """Os backups em que mudou, do mais antigo ao mais novo, a começar pelo primeiro que tem a
    tabela. Arquivos seguidos iguais não se leem; um que não se lê é dito, e passa-se adiante."""
    chave = chaves_sabidas(backups).get(assunto.tabela, ())
    anterior: Guardada | None = None
    for guardada in guardadas_de(backups, assunto.tabela):
        if anterior is None:
            yield Mudanca(guardada.backup, None)
            anterior = guardada
            continue
        try:
            antes, depois = (g.backup.arquivo(g.salva) for g in (anterior, guardada))
            comparada = comparar(juntar(assunto.tabela, antes, depois, chave))
        except (BackupDanificado, OSError) as e:
            avisar(guardada.ilegivel(e))
            continue
        anterior = guardada
        if _mudou(assunto, comparada):
            yield Mudanca(guardada.backup, comparada)


def _mudou(assunto: Assunto, comparada: TabelaComparada) -> bool:
    if assunto.coluna is None:
        return not comparada.igual
    so_de_um = (*comparada.duas.novas, *comparada.duas.sumidas)
    return assunto.coluna in comparada.colunas or assunto.coluna in so_de_um
