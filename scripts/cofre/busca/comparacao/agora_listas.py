"""As listas de uma empresa (os arquivos, os logins) como estão agora, ao lado das de um backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cofre.base.modelo import ARQUIVOS, LOGINS
from cofre.base.selecao import tabela_de_nome
from cofre.busca.comparacao.duas import Duas
from cofre.deposito.backup import Backup
from cofre.foto.foto import Fonte
from cofre.via.logins.login import PAPEL

NAO_SE_LE = "o .env diz que não se guarda"
COMPARAM_SE = {
    ARQUIVOS: ("tamanho", "tipo", "cache", "etag"),
    LOGINS: ("email", "phone", "role", PAPEL),
}
"""As colunas em que se olha para o que mudou. Dos arquivos nada desce: um conteúdo que mudou vê-se
no eTag, e não na soma. O resto muda com quem entra no aplicativo, ou cada via o escreve a seu
modo."""


def so_o_que_se_sabe_agora(duas: Duas) -> Duas:
    """A mesma lista, só nas colunas que se comparam com o que há agora."""
    todas = (*duas.colunas, *duas.novas, *duas.sumidas)
    colunas = tuple(c for c in duas.colunas if c in COMPARAM_SE[duas.nome])
    caladas = frozenset(todas) - {*colunas}
    return replace(duas, colunas=colunas, novas=(), sumidas=(), caladas=caladas)


def que_se_pedem(fontes: Sequence[Fonte], backup: Backup, tabelas: Sequence[str]) -> list[Fonte]:
    """As das listas que este backup traz: só as pedidas em `tabelas`, se alguma se pediu."""
    salvas = backup.meta.tabelas if backup.meta else {}
    pedidas = {tabela_de_nome(nome, COMPARAM_SE) for nome in tabelas}
    return [f for f in fontes if f.nome in salvas and (not tabelas or f.nome in pedidas)]
