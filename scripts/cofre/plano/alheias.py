"""O que um plano poria noutra empresa, pelas ligações que as tabelas têm hoje.

Quem relê o backup já o confere, mas pelo que os metadados dele dizem das ligações: num adulterado,
sem lacre, elas podem não dizer nada.
"""

from __future__ import annotations

import itertools

from cofre.base.erros import BackupDanificado
from cofre.base.linha import texto, valores_de_todas
from cofre.base.palavras import plural, visivel
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REPOR

GRUPO = 1000
"""Linhas que se olham de cada vez."""


def conferir(plano: Plano, no_escopo: TabelaNoEscopo, empresa: str, donos: Donos) -> None:
    """Levanta BackupDanificado se alguma linha que o plano põe nesta tabela é, pelo que ela mesma
    diz, de outra das empresas que se conhecem."""
    nome = no_escopo.tabela.nome
    elos = next((r.elos for r in no_escopo.ramos if not r.passos), ())
    colunas = [e.coluna for e in elos]
    sabidos: dict[tuple[bytes, ...], bool] = {}
    alheias = 0
    alvos = (a.alvo for tipo in (REPOR, ALTERAR) for a in plano.acoes(nome, tipo) if a.alvo)
    while elos and (grupo := list(itertools.islice(alvos, GRUPO))):
        for valores in valores_de_todas(grupo, colunas):
            if valores not in sabidos:
                dono = donos.dono(elos, [*map(texto, valores)])
                sabidos[valores] = dono not in (None, empresa)
            alheias += sabidos[valores]
    if alheias:
        raise BackupDanificado(
            f"O backup traz em {visivel(nome)} {plural(alheias, 'registro', 'registros')} de outra"
            " empresa. Nada foi alterado.",
            "Não foi assim que ele foi gravado. Escolha outra data.",
        )
