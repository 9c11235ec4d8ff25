"""O que se nota numa empresa ao copiá-la, e que vai nos metadados do backup dela."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cofre.base.config.valores import Configuracao
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import LISTAS
from cofre.deposito.backup import arquivo_de_metadados
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import diarios, pendentes
from cofre.deposito.metadados import Cabecalho, ler_cabecalho
from cofre.deposito.ordem import em_ordem
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Pedido
from cofre.rotina import mudanca
from cofre.rotina.aos_poucos import aos_poucos, de_antes_de_hoje
from cofre.rotina.encolhimento import (
    Encolhimento,
    Referencia,
    encolhimentos,
    reconhecido_ate,
    referencias,
)
from cofre.rotina.mudanca import Mudanca
from cofre.rotina.restauradas import Restaurada, restauradas


@dataclass(frozen=True, slots=True)
class Notado:
    """O que parece ter sumido, o que mudou fora do comum, quantas linhas de cada tabela mudaram, e
    se os dados são os de uma restauração que não acabou."""

    encolhimentos: tuple[Encolhimento, ...] = ()
    mudancas: tuple[Mudanca, ...] = ()
    alteradas: Mapping[str, int] = field(default_factory=dict)
    restauracao_por_concluir: bool = False

    @classmethod
    def de_metadados(cls, meta: Cabecalho) -> Notado:
        """O que já se notou num backup publicado."""
        return cls(
            tuple(map(Encolhimento.de_documento, meta.encolhimentos)),
            tuple(map(Mudanca.de_documento, meta.mudancas)),
            meta.alteradas,
            meta.restauracao_por_concluir,
        )

    def documento(self) -> dict[str, Any]:
        """As chaves dos metadados; as que nada dizem não vão."""
        mudou = {
            "alteradas": dict(self.alteradas),
            "mudancas": [m.documento() for m in self.mudancas],
            "restauracao_por_concluir": self.restauracao_por_concluir,
        }
        return {
            "encolhimentos": [e.documento() for e in self.encolhimentos],
            **{chave: valor for chave, valor in mudou.items() if valor},
        }


def notar(
    foto: FotoMontada, deposito: Deposito, configuracao: Configuracao, pedido: Pedido
) -> Notado:
    """O que há a notar nesta foto, contra os backups anteriores da empresa e o que as restaurações
    dela fizeram."""
    empresa = foto.empresa.id
    pasta = deposito.pasta_da_empresa(empresa)
    suas = [d for d in diarios(pasta) if d.dados.get("user_id") == empresa]
    feitas = list(restauradas(suas))
    podem = configuracao.regras.podem_encolher
    parcela = configuracao.limites.parcela
    reconhecido = reconhecido_ate(pasta, empresa)
    de_antes = referencias(deposito.da_empresa_do_mais_novo(empresa), reconhecido, feitas)
    inteira = not foto.falhas and not pedido.tabelas
    medidas = _medidas(foto, de_antes, podem)
    achados = encolhimentos(de_antes, foto.salvas, parcela, podem, inteira=inteira)
    if dias := configuracao.limites.em_dias:
        antigos = tuple(de_antes_de_hoje(pasta, empresa, foto.inicio, dias, reconhecido))
        poucos = aos_poucos(antigos, de_antes, feitas, foto.salvas, parcela, podem, inteira=inteira)
        ja = {e.tabela for e in achados}
        achados += tuple(e for e in poucos if e.tabela not in ja)
    return Notado(
        achados,
        _fora_do_comum(medidas, parcela, pasta, feitas),
        {nome: medida.alteradas for nome, medida in medidas.items()},
        restauracao_por_concluir=bool(pendentes(suas)),
    )


def _medidas(
    foto: FotoMontada, de_antes: Sequence[Referencia], podem: frozenset[str]
) -> dict[str, Mudanca]:
    """O que mudou em cada tabela desde o último backup inteiro. Das que se restauraram desde então
    nada se diz: um gatilho pode ter reescrito cada linha que voltou (`updated_at := now()`)."""
    if not de_antes:
        return {}
    ultimo = de_antes[-1]
    antes = {n: era for n, era in ultimo.tabelas.items() if n not in ultimo.restauradas}
    arquivos = {n: a for n, a in foto.arquivos.items() if n not in podem and n not in LISTAS}
    return mudanca.medir(antes, arquivos, foto.trocadas)


def _fora_do_comum(
    medidas: Mapping[str, Mudanca], parcela: float, pasta: Path, feitas: Sequence[Restaurada]
) -> tuple[Mudanca, ...]:
    # Só se há do que suspeitar é que se leem as semanas de trás.
    if not mudanca.fora_do_comum(medidas, {}, parcela):
        return ()
    desde = datetime.now().astimezone() - mudanca.SEMANAS
    return mudanca.fora_do_comum(medidas, mudanca.maiores(_desde(pasta, desde), feitas), parcela)


def _desde(pasta: Path, desde: datetime) -> Iterator[tuple[datetime, Cabecalho]]:
    for quando, carimbo in em_ordem(pasta):
        if quando >= desde:
            with contextlib.suppress(BackupDanificado, OSError):
                yield quando, ler_cabecalho(arquivo_de_metadados(pasta, carimbo))
