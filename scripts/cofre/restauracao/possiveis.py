"""Das tabelas que se escolheram, as que se podem restaurar neste banco."""

from __future__ import annotations

from cofre.base.palavras import como_se_diz, visivel
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.restauracao.acordo import Negociacao
from cofre.restauracao.fim import Fora
from cofre.restauracao.restauracao import Restauracao


def possiveis(
    restauracao: Restauracao,
    negociacao: Negociacao,
    relato: Relato,
    backup: Backup,
    tabelas: tuple[str, ...],
    *,
    so_simula: bool,
) -> tuple[tuple[str, ...], tuple[Fora, ...]]:
    """Destas, as que se podem restaurar aqui; das outras, diz-se porquê. De uma tabela que o banco
    não tem, e que no backup tem registros, só se segue se se concorda em ir sem ela. Levanta
    RestauracaoRecusada, também se não sobra nenhuma."""
    podem, fora = restauracao.possiveis(backup, tabelas)
    for lista in fora:
        relato.aviso(f"{como_se_diz(lista.tabela)}: {lista.causa}.\n{lista.cura}")
    ausentes = restauracao.sem_lugar(backup, podem)
    podem = tuple(n for n in podem if n not in {a.tabela for a in ausentes})
    salvas = backup.meta.tabelas if backup.meta else {}
    perdem = tuple(a for a in ausentes if salvas[a.tabela].registros or not podem)
    for ausente in ausentes:
        vazia = "" if ausente in perdem else "; no backup está vazia, e nada se perde"
        relato.aviso(f"{visivel(ausente.causa)}{vazia}.")
    if perdem and not (so_simula and podem):
        negociacao.sem_tabelas(perdem, sobra=bool(podem))
    return podem, (*fora, *perdem)
