"""Dados que parecem ter sumido: a cópia nova contra os últimos backups inteiros da empresa.

Compara-se com o último backup inteiro de rotina e, para que o dia seguinte ao acidente não se cale,
também com o último que não tinha encolhimento. De uma tabela que uma restauração levou desde então
a outro backup, compara-se com esse: o que ela tirou ou repôs já se sabe. Uma tabela que encolheu de
propósito para de ser dita quando o usuário a reconhece, ou depois de `DIAS_DE_AVISO` dias de backup
com o mesmo aviso.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofre.base import estado
from cofre.base.modelo import LISTAS, ordem_de_exibicao
from cofre.base.palavras import como_se_diz, do_que_se_diz, na_tela, numero, plural, visivel
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import momento
from cofre.deposito.metadados import Metadados
from cofre.deposito.ordem import PRIMEIRA, Ordem
from cofre.deposito.tabela_salva import TabelaSalva

if TYPE_CHECKING:
    from cofre.rotina.restauradas import Restaurada

MINIMO = 20
"""Linhas: menos que isto entra e sai num dia comum, por maior que seja a parcela."""

DIAS_DE_AVISO = 14
"""Dias em que houve backup, e não do calendário: a máquina desligada não gasta o aviso."""


@dataclass(frozen=True, slots=True)
class Encolhimento:
    """Uma tabela (vazio: a empresa inteira) tinha `antes` linhas no backup de carimbo `referencia`
    e tem `agora`. `aos_poucos`: de um backup para o seguinte perdeu pouco (ver `aos_poucos`)."""

    tabela: str
    antes: int
    agora: int
    referencia: str
    aos_poucos: bool = False

    @classmethod
    def de_documento(cls, dito: Mapping[str, Any]) -> Encolhimento:
        """O que os metadados, ou uma execução, dizem; o que não é número vale zero."""
        antes, agora = (n if isinstance(n := dito.get(c), int) else 0 for c in ("antes", "agora"))
        tabela, referencia = (str(dito.get(c, "")) for c in ("tabela", "referencia"))
        aos_poucos = dito.get("aos_poucos") is True
        return cls(do_que_se_diz(tabela), antes, agora, referencia, aos_poucos)

    def documento(self) -> dict[str, str | int]:
        """Para os metadados e para a saída --json; `aos_poucos`, só se foi assim."""
        dito = {**asdict(self), "tabela": como_se_diz(self.tabela)}
        return dito if self.aos_poucos else {c: v for c, v in dito.items() if c != "aos_poucos"}

    @property
    def em_resumo(self) -> str:
        """«clientes 145 → 0»."""
        nome = visivel(como_se_diz(self.tabela)) if self.tabela else "a empresa inteira"
        return f"{nome} {numero(self.antes)} → {numero(self.agora)}"

    @property
    def em_palavras(self) -> str:
        """«clientes: eram 145 registros em 2026-11-23 03:00; agora, nenhum»."""
        quando = na_tela(momento(self.referencia), "minuto")
        agora = numero(self.agora) if self.agora else "nenhum"
        nome = visivel(como_se_diz(self.tabela)) if self.tabela else "a empresa inteira"
        eram = "era" if self.antes == 1 else "eram"
        registros = plural(self.antes, "registro", "registros")
        if self.tabela in LISTAS:
            registros = numero(self.antes)
        poucos = " (aos poucos)" if self.aos_poucos else ""
        return f"{nome}: {eram} {registros} em {quando}; agora, {agora}{poucos}"


@dataclass(frozen=True, slots=True)
class Antes:
    """Uma tabela como se sabe que era, e de que backup se sabe."""

    backup: Backup
    salva: TabelaSalva


@dataclass(frozen=True, slots=True)
class Referencia:
    """Um backup (de carimbo `carimbo`) com que comparar: as tabelas dele, ou as que uma restauração
    pôs no lugar (`restauradas`); e as que já se disse vezes demais que encolheram desde ele."""

    carimbo: str
    tabelas: Mapping[str, Antes]
    ditas: frozenset[str] = frozenset()
    restauradas: frozenset[str] = frozenset()


def referencias(
    anteriores: Iterable[Backup],
    reconhecido: Ordem = PRIMEIRA,
    restauradas: Sequence[Restaurada] = (),
) -> tuple[Referencia, ...]:
    """Com o que comparar, destes backups (do mais novo ao mais antigo, lidos só até onde é
    preciso), sem olhar antes do `reconhecido`: o último inteiro sem encolhimento e, se é
    outro, o último inteiro. Das tabelas que estas `restauradas` (da mais antiga à mais nova)
    mudaram depois de um deles, vale o que elas puseram."""
    inteiros: list[tuple[Backup, Metadados]] = []
    for backup in itertools.takewhile(lambda b: b.ordem >= reconhecido, anteriores):
        if serve_de_referencia(backup) and backup.meta:
            inteiros.insert(0, (backup, backup.meta))
            if backup.ordem == reconhecido or not backup.meta.encolhidas:
                break
    if not inteiros:
        return ()
    dias: dict[str, set[date]] = {}
    for backup, meta in inteiros[1:]:
        for tabela in meta.encolhidas:
            dias.setdefault(tabela, set()).add(backup.quando.date())
    ditas = frozenset(t for t, d in dias.items() if len(d) >= DIAS_DE_AVISO)
    de = [referencia_em(b, restauradas) for b, _ in (inteiros[0], *inteiros[1:][-1:])]
    return (replace(de[0], ditas=ditas), *de[1:])


def serve_de_referencia(backup: Backup) -> bool:
    """Se é de rotina, inteiro, e não foi feito com uma restauração a meio."""
    meta = backup.meta
    return bool(meta and meta.inteiro and meta.de_rotina and not meta.restauracao_por_concluir)


def referencia_em(backup: Backup, restauradas: Sequence[Restaurada]) -> Referencia:
    """Este backup como referência: das tabelas que estas `restauradas` mudaram depois dele, vale o
    que elas puseram."""
    salvas_nele = backup.meta.tabelas if backup.meta else {}
    tabelas = {nome: Antes(backup, salva) for nome, salva in salvas_nele.items()}
    desde = [r for r in restauradas if r.comecada_em > backup.quando]
    for restaurada in desde:
        alvo = restaurada.alvo()
        salvas = alvo.meta.tabelas if alvo.meta else {}
        tabelas |= {n: Antes(alvo, salvas[n]) for n in restaurada.tabelas if n in salvas}
    das_restauradas = frozenset(nome for r in desde for nome in r.tabelas)
    return Referencia(backup.carimbo, tabelas, restauradas=das_restauradas)


def encolhimentos(
    referencias: Sequence[Referencia],
    agora: Mapping[str, TabelaSalva],
    parcela: float,
    podem: frozenset[str] = frozenset(),
    *,
    inteira: bool,
) -> tuple[Encolhimento, ...]:
    """O que encolheu mais que `parcela` por cento, a empresa primeiro e as tabelas na ordem de
    exibição. As que `podem` encolher não contam. `inteira`: se a cópia tem todas as tabelas; só
    então o total dela diz algo."""
    achados: dict[str, Encolhimento] = {}
    for referencia in referencias:
        contagens = _contagens(referencia.tabelas, agora, podem)
        for tabela, antes, hoje in _pares(contagens, inteira):
            if tabela not in referencia.ditas and _sumiu(antes, hoje, parcela):
                de = referencia.tabelas[tabela].backup.carimbo if tabela else referencia.carimbo
                achados.setdefault(tabela, Encolhimento(tabela, antes, hoje, de))
    return tuple(achados[t] for t in sorted(achados, key=lambda t: (t != "", ordem_de_exibicao(t))))


def _contagens(
    antes: Mapping[str, Antes], agora: Mapping[str, TabelaSalva], podem: frozenset[str]
) -> dict[str, tuple[int, int]]:
    """De cada tabela que está nas duas e foi contada: quantas linhas antes e agora."""
    return {
        nome: (era.salva.registros, agora[nome].registros)
        for nome, era in antes.items()
        if nome in agora and not podem & {nome, como_se_diz(nome)} and era.salva.registros >= 0
    }


def _pares(
    contagens: Mapping[str, tuple[int, int]], inteira: bool
) -> Iterator[tuple[str, int, int]]:
    if inteira:
        linhas = [par for nome, par in contagens.items() if nome not in LISTAS]
        yield "", sum(a for a, _ in linhas), sum(h for _, h in linhas)
    for nome, (antes, hoje) in contagens.items():
        yield nome, antes, hoje


def _sumiu(antes: int, agora: int, parcela: float) -> bool:
    """Uma tabela que tinha uma linha só e ficou vazia também conta: pode ser a assinatura, ou o
    único caixa aberto; de uma que se esvazia sempre, o cofre.toml diz que pode."""
    perdidas = antes - agora
    if agora == 0:
        return antes > 0
    return perdidas >= MINIMO and perdidas * 100 > antes * parcela


ARQUIVO = "encolhimento_reconhecido.json"


def ponto_de_partida(backups: Iterable[Backup]) -> Backup | None:
    """Destes (do mais novo ao mais antigo), onde as contas podem recomeçar: o último de rotina
    inteiro; se nenhum é, o último de rotina."""
    primeiro = None
    for backup in backups:
        if backup.meta and backup.meta.de_rotina:
            primeiro = primeiro or backup
            if backup.meta.inteiro:
                return backup
    return primeiro


@dataclass(frozen=True, slots=True)
class _Reconhecimento:
    user_id: str
    a_partir_de: str
    reconhecido_em: str = ""


def reconhecer(pasta: Path, user_id: str, backup: Backup) -> None:
    """Daqui em diante, a empresa só se compara deste backup para a frente. Levanta FalhaDeDisco."""
    agora = datetime.now().astimezone().isoformat(timespec="seconds")
    estado.gravar(pasta / ARQUIVO, _Reconhecimento(user_id, backup.carimbo, agora))


def reconhecido_ate(pasta: Path, user_id: str) -> Ordem:
    """A partir de que backup se compara; `PRIMEIRA` se nada foi reconhecido, ou se o arquivo não se
    lê: na dúvida, o aviso continua."""
    lido = estado.ler(pasta / ARQUIVO, _Reconhecimento)
    if lido is None or lido.user_id != user_id:
        return PRIMEIRA
    with contextlib.suppress(ValueError):
        # O backup pode ter saído numa poda: aí, vale a hora do nome.
        return abrir_backup(pasta, lido.a_partir_de).ordem
    return PRIMEIRA
