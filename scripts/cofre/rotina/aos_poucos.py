"""Dados que somem aos poucos: cada backup pouco perde do anterior, e numa semana perdeu-se muito.

Compara-se também com o último backup inteiro de antes de hoje, e com o último de há tantos dias (ou
o mais antigo que há). É o que apanha um robô que apaga umas linhas por hora, sobretudo quando se
faz um backup a cada quinze minutos.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.ordem import PRIMEIRA, Ordem, em_ordem
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.rotina.encolhimento import (
    MINIMO,
    Encolhimento,
    Referencia,
    encolhimentos,
    referencia_em,
    serve_de_referencia,
)

if TYPE_CHECKING:
    from cofre.rotina.restauradas import Restaurada


def de_antes_de_hoje(
    pasta: Path, user_id: str, agora: datetime, dias: int, reconhecido: Ordem = PRIMEIRA
) -> Iterator[Backup]:
    """O último inteiro de antes de hoje, e o último que tem ao menos estes `dias` (o mais antigo,
    se nenhum os tem), sem olhar antes do `reconhecido`. Só se abrem os que é preciso. OSError
    passa."""
    todos = [ordem for ordem in em_ordem(pasta) if ordem >= reconhecido]
    hoje = agora.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    de_ontem = [o for o in todos if o[0] < hoje]
    de_ha_dias = [o for o in todos if o[0] <= agora - timedelta(days=dias)]
    for ordens in (de_ontem[::-1], (*de_ha_dias[::-1], *todos)):
        abertos = (abrir_backup(pasta, carimbo) for _, carimbo in ordens)
        servem = (b for b in abertos if serve_de_referencia(b) and b.meta)
        if achado := next((b for b in servem if b.meta and b.meta.user_id == user_id), None):
            yield achado


def aos_poucos(
    antigos: Sequence[Backup],
    de_sempre: Sequence[Referencia],
    restauradas: Sequence[Restaurada],
    agora: Mapping[str, TabelaSalva],
    parcela: float,
    podem: frozenset[str] = frozenset(),
    *,
    inteira: bool,
) -> tuple[Encolhimento, ...]:
    """O que encolheu desde estes backups, e não se vê nas referências `de_sempre`. A tabela que se
    esvazia sempre, de umas poucas linhas, não conta: só se diz a que perdeu muitas."""
    ja = {r.carimbo for r in de_sempre}
    ditas = frozenset(t for r in de_sempre for t in r.ditas)
    mais = [
        replace(referencia_em(b, restauradas), ditas=ditas) for b in antigos if b.carimbo not in ja
    ]
    achados = encolhimentos(mais, agora, parcela, podem, inteira=inteira)
    return tuple(replace(e, aos_poucos=True) for e in achados if e.antes - e.agora >= MINIMO)
