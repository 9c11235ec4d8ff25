"""Procurar nos backups de uma empresa: cada registro que tem os termos, uma vez só."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ordem_de_exibicao
from cofre.busca.guardada import Avisar, Guardada, guardadas_de
from cofre.busca.historico import Chave, Registro, chaves_de, historias
from cofre.busca.leitura import Leitura
from cofre.busca.termos import Termos
from cofre.deposito.backup import Backup
from cofre.deposito.guardados import que, tabelas_em

LIMITE = 200
"""Registros que se mostram: quem acha mais do que isso tem de dizer mais."""


@dataclass(frozen=True, slots=True)
class Procura:
    """O que se procura: os `termos`, ou a `chave`; em que `tabelas` (vazio: todas); nos backups
    feitos `de` uma hora `ate` outra (None: sem limite). As versões de um registro achado são de
    todos os backups."""

    termos: Termos
    tabelas: tuple[str, ...] = ()
    chave: Chave = ()
    de: datetime | None = None
    ate: datetime | None = None


@dataclass(frozen=True, slots=True)
class Achados:
    """Os registros, por tabela; `ha_mais`: se o limite se atingiu."""

    registros: tuple[Registro, ...]
    ha_mais: bool


def procurar(backups: Sequence[Backup], procura: Procura, avisar: Avisar) -> Achados:
    """Nestes backups, do mais antigo ao mais novo. Um arquivo que não se lê é dito a `avisar`."""
    achados: list[Registro] = []
    for tabela in _tabelas(backups, procura):
        chaves = _chaves(backups, tabela, procura, LIMITE + 1 - len(achados), avisar)
        achados += historias(backups, tabela, chaves, _ninguem)
        if len(achados) > LIMITE:
            break
    return Achados(tuple(achados[:LIMITE]), len(achados) > LIMITE)


def _tabelas(backups: Sequence[Backup], procura: Procura) -> list[str]:
    nomes = set(tabelas_em(backups))
    return sorted(nomes & set(procura.tabelas or nomes), key=ordem_de_exibicao)


def _chaves(
    backups: Sequence[Backup], tabela: str, procura: Procura, limite: int, avisar: Avisar
) -> dict[Chave, None]:
    """As chaves das linhas com os termos, do arquivo mais novo ao mais antigo, sem repetir."""
    if procura.chave and procura.termos.vazio:
        return {procura.chave: None}
    no_prazo = que(
        backups,
        lambda b: (
            (procura.de is None or b.quando >= procura.de)
            and (procura.ate is None or b.quando <= procura.ate)
        ),
    )
    iguais: dict[str, list[Guardada]] = {}
    for guardada in reversed(guardadas_de(no_prazo, tabela)):
        iguais.setdefault(guardada.conteudo, []).append(guardada)
    achadas: dict[Chave, None] = {}
    leitura = Leitura()
    for copias in iguais.values():
        try:
            achadas |= dict.fromkeys(_da_que_se_le(copias, procura, leitura))
        except (BackupDanificado, OSError) as e:
            leitura = Leitura()
            avisar(copias[0].ilegivel(e))
        if len(achadas) >= limite:
            break
    return dict.fromkeys([*achadas][:limite])


def _da_que_se_le(copias: Sequence[Guardada], procura: Procura, leitura: Leitura) -> list[Chave]:
    """Da primeira destas cópias do mesmo que se lê. Levanta o que a última levanta."""
    *outras, ultima = copias
    for copia in outras:
        with contextlib.suppress(BackupDanificado, OSError):
            return _com_os_termos(copia, procura, leitura)
    return _com_os_termos(ultima, procura, leitura)


def _com_os_termos(guardada: Guardada, procura: Procura, leitura: Leitura) -> list[Chave]:
    achadas: list[Chave] = []
    for parte in leitura.proximo(guardada):
        linhas = [*procura.termos.nas_linhas(parte.novas)]
        chaves = chaves_de(linhas, guardada.salva.chave)
        achadas += (c for c in chaves if not procura.chave or c == procura.chave)
    return achadas


def _ninguem(_aviso: str) -> None:
    """Já foi dito."""
