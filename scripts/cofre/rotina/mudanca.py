"""Tabelas em que mudaram linhas demais: a quantidade é a mesma, e o que está nelas já não.

Conta-se, ao copiar, quantas linhas de cada tabela estão também no backup anterior, mas diferentes.
Diz-se de uma tabela quando são muitas (as mesmas regras do que encolhe) e mais do triplo do dia em
que mais mudaram nas últimas semanas da própria empresa: a que se reescreve toda noite não é
notícia. Um dia que uma restauração jogou fora não conta como um desses dias.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofre.base.erros import BackupDanificado
from cofre.base.linha import ORDENS
from cofre.base.modelo import ordem_de_exibicao
from cofre.base.palavras import na_tela, numero, plural, visivel
from cofre.deposito.carimbo import momento
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.metadados import Cabecalho
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.plano.lados import Lado, Ordem, ate_acabar_um, lado, pelo_indice
from cofre.rotina.encolhimento import MINIMO, Antes

if TYPE_CHECKING:
    from cofre.rotina.restauradas import Restaurada
    from cofre.via.leitura import Trocadas

SEMANAS = timedelta(weeks=5)
"""Até onde se olha para trás: um reajuste de preços por mês ainda está lá."""

VEZES = 3
"""Quantas vezes mais que no dia em que mais mudou."""

NAO_SE_MEDE = (BackupDanificado, OSError, ValueError, sqlite3.Error)
"""O que impede a medida de uma tabela, e nunca o backup dela."""

MAIOR_SEM_ORDEM = 200_000
"""Linhas: uma tabela maior cujas chaves não se sabem pôr em ordem não se mede, que a medida
passaria por um índice em disco."""


@dataclass(frozen=True, slots=True)
class Mudanca:
    """Numa tabela, `alteradas` linhas das `comuns` (as que também estão no backup de carimbo
    `referencia`) são diferentes do que eram nele."""

    tabela: str
    alteradas: int
    comuns: int
    referencia: str

    @classmethod
    def de_documento(cls, dito: Mapping[str, Any]) -> Mudanca:
        """O que os metadados, ou uma execução, dizem; o que não é número vale zero."""
        quantas = [n if isinstance(n := dito.get(c), int) else 0 for c in ("alteradas", "comuns")]
        tabela, referencia = (str(dito.get(c, "")) for c in ("tabela", "referencia"))
        return cls(tabela, quantas[0], quantas[1], referencia)

    def documento(self) -> dict[str, str | int]:
        """Para os metadados e para a saída --json."""
        return asdict(self)

    @property
    def em_resumo(self) -> str:
        """«produtos 818 de 819»."""
        return f"{visivel(self.tabela)} {numero(self.alteradas)} de {numero(self.comuns)}"

    @property
    def em_palavras(self) -> str:
        """«produtos: 818 de 819 registros mudaram desde 2026-11-23 03:00»."""
        quando = na_tela(momento(self.referencia), "minuto")
        registros = plural(self.comuns, "registro", "registros")
        mudaram = "mudou" if self.alteradas == 1 else "mudaram"
        nome = visivel(self.tabela)
        return f"{nome}: {numero(self.alteradas)} de {registros} {mudaram} desde {quando}"


def medir(
    antes: Mapping[str, Antes], agora: Mapping[str, Arquivo], trocadas: Mapping[str, Trocadas]
) -> dict[str, Mudanca]:
    """De cada tabela das duas que se sabe medir, o que mudou nela, se algo mudou; das `trocadas`
    contra o mesmo backup já se sabe. De um arquivo que não se lê nada se diz aqui: quem o confere é
    `verificar`."""
    medidas: dict[str, Mudanca] = {}
    for nome in sorted(antes.keys() & agora.keys(), key=ordem_de_exibicao):
        if _mede_se(antes[nome].salva, agora[nome]):
            with contextlib.suppress(*NAO_SE_MEDE):
                medida = _sabida(antes[nome], agora[nome], trocadas.get(nome))
                medida = medida or _medida(antes[nome], agora[nome])
                if medida.alteradas:
                    medidas[nome] = medida
    return medidas


def _mede_se(era: TabelaSalva, arquivo: Arquivo) -> bool:
    """Com poucas linhas, ou o mesmo conteúdo, não há o que contar; sem chave, ou com outras
    colunas, não se sabe que linha é qual, ou todas mudaram por si. E quem faz o backup não lê um
    cifrado, nem o que acabou de gravar."""
    e = arquivo.tabela
    if e.cifrado or era.cifrado:
        return False
    if min(era.registros, e.registros) < MINIMO or era.somas == e.somas:
        return False
    if not e.chave or era.chave != e.chave or era.tipos != e.tipos:
        return False
    return _ordem(e) is not None or max(era.registros, e.registros) <= MAIOR_SEM_ORDEM


def _ordem(tabela: TabelaSalva) -> Ordem | None:
    tipo = tabela.tipos.get(tabela.chave[0], "")
    return ORDENS.get(tipo) if len(tabela.chave) == 1 else None


def _sabida(era: Antes, arquivo: Arquivo, trocadas: Trocadas | None) -> Mudanca | None:
    if trocadas is None or trocadas.carimbo != era.backup.carimbo:
        return None
    comuns = arquivo.tabela.registros - trocadas.novas
    return Mudanca(arquivo.tabela.nome, trocadas.alteradas, comuns, trocadas.carimbo)


def _medida(era: Antes, arquivo: Arquivo) -> Mudanca:
    tabela = arquivo.tabela
    ordem = _ordem(tabela)

    def de(caminho: Path) -> Lado:
        return lado(caminho, tabela.nome, tabela.chave, ordem)

    hoje, antes = de(arquivo.caminho), de(era.backup.caminho(era.salva))
    so_hoje = alteradas = 0
    if ordem is None:
        for _, um, outro in pelo_indice(hoje, [antes], com_chave=True):
            alteradas += um is not None and outro is not None
            so_hoje += outro is None
    else:
        for item in ate_acabar_um(hoje, antes):
            if isinstance(item, list):
                continue
            alteradas += item[1] is not None and item[2] is not None
            so_hoje += item[2] is None
        so_hoje += sum(len(linhas) for _, linhas in hoje.resto_em_grupos())
    return Mudanca(tabela.nome, alteradas, tabela.registros - so_hoje, era.backup.carimbo)


def fora_do_comum(
    medidas: Mapping[str, Mudanca], maiores: Mapping[str, int], parcela: float
) -> tuple[Mudanca, ...]:
    """As que são notícia: ao menos `MINIMO` linhas, mais que `parcela` por cento das comuns e mais
    que `VEZES` o que a tabela mudou no dia em que mais mudou (`maiores`)."""
    return tuple(
        m
        for m in medidas.values()
        if m.alteradas >= MINIMO
        and m.alteradas * 100 > m.comuns * parcela
        and m.alteradas > VEZES * maiores.get(m.tabela, 0)
    )


def maiores(
    anteriores: Iterable[tuple[datetime, Cabecalho]], restauradas: Sequence[Restaurada]
) -> dict[str, int]:
    """De cada tabela, quantas linhas mudaram no dia em que mais mudaram, nestes backups (quando, e
    o que dizem). O que uma destas restaurações desfez não conta: mudou, e voltou."""
    maiores: dict[str, int] = {}
    desfeitos = [(r.alvo().quando, r.comecada_em, frozenset(r.tabelas)) for r in restauradas]
    for quando, cabecalho in anteriores:
        for tabela, quantas in cabecalho.alteradas.items():
            desfeita = any(de < quando < ate and tabela in quais for de, ate, quais in desfeitos)
            if not desfeita:
                maiores[tabela] = max(maiores.get(tabela, 0), quantas)
    return maiores
