"""O que a página mostra, lido do depósito: imutável, tipado e sem nada de HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from cofre.base.config.promessas import SEM_PROMESSAS, Promessas
from cofre.base.disco import erros_de_disco
from cofre.base.modelo import DeixadaDeFora, Empresa
from cofre.deposito import diario
from cofre.deposito.ausencia import ausente
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import Diario
from cofre.deposito.ensaios import Ensaios, ler
from cofre.deposito.idade import idade_de
from cofre.deposito.metadados import Cabecalho
from cofre.remoto import situacao
from cofre.remoto.situacao import Copia
from cofre.rotina.copias import CopiaDaEmpresa, da_empresa
from cofre.rotina.encolhimento import Encolhimento, reconhecido_ate
from cofre.rotina.marcas import Estragos, do_cabecalho
from cofre.rotina.mudanca import Mudanca
from cofre.rotina.painel.historico import Historico, Ponto
from cofre.rotina.promessa import Medida, medir

RESTAURACOES_MOSTRADAS = 50

DATAS_MOSTRADAS = 15
"""Backups que se dizem um a um, de cada empresa."""

INCOMPLETA, VELHA, ENCOLHIDA, POR_CONCLUIR = "incompleta", "velha", "encolhida", "por_concluir"
SUMIDA, MUDADA, SEM_COPIA, QUEBRADA = "sumida", "mudada", "sem_copia", "quebrada"
"""O que pode haver de errado com uma empresa; sem nada disso, ela está inteira."""

GRAVIDADE = (
    SUMIDA,
    POR_CONCLUIR,
    INCOMPLETA,
    ENCOLHIDA,
    VELHA,
    QUEBRADA,
    MUDADA,
    SEM_COPIA,
)
"""Por que ordem se mostram os problemas."""


@dataclass(frozen=True, slots=True)
class Data:
    """Um backup de rotina na lista de datas, e o que o marca."""

    ponto: Ponto
    marcas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restauracao:
    """Uma restauração, como o diário a conta."""

    quando: str
    estado: str
    desfazendo: bool
    backup: str
    tabelas: int


@dataclass(frozen=True, slots=True)
class EmpresaNoPainel:
    """Uma empresa na página. `novo` é o backup de rotina mais novo, seja como for; `inteiro`, o
    mais novo que está completo e com os arquivos no lugar (None: não há); `visto`, a última vez em
    que este se viu igual ao banco, depois de feito."""

    id: str
    nome: str
    pasta: str
    problemas: tuple[str, ...]
    novo: Ponto | None
    estado_do_novo: str
    causa: str
    inteiro: Ponto | None
    pontos: tuple[Ponto, ...]
    dias: Mapping[date, bool]
    falhas: Mapping[str, str]
    de_fora: tuple[DeixadaDeFora, ...]
    encolhimentos: tuple[Encolhimento, ...]
    mudancas: tuple[Mudanca, ...]
    datas: tuple[Data, ...]
    restauracoes: tuple[Restauracao, ...]
    ensaios: Ensaios
    medida: Medida
    copias: tuple[CopiaDaEmpresa, ...] = ()
    visto: datetime | None = None
    alem_das_linhas: str = ""
    """Os arquivos e os logins do backup mais novo, em palavras."""
    para: tuple[str, ...] = ()
    """As chaves que fecharam o backup mais novo, de qualquer tipo, se está cifrado."""

    @property
    def segura_ate(self) -> datetime | None:
        """Até quando se sabe que o que estava no banco está num backup inteiro."""
        return self.visto or (self.inteiro.quando if self.inteiro else None)

    @property
    def gravidade(self) -> int:
        """A do pior dos problemas; sem nenhum, a última."""
        return min(map(GRAVIDADE.index, self.problemas), default=len(GRAVIDADE))


@dataclass(frozen=True, slots=True)
class Painel:
    """A página inteira. As empresas leem-se à medida que se pedem, e outra vez se se pedem outra
    vez: são tantas que não se guardam todas."""

    gerado: datetime
    idade_maxima: timedelta
    empresas: Iterable[EmpresaNoPainel]


def reunir(
    deposito: Deposito,
    agora: datetime,
    idade_maxima: timedelta,
    promessas: Promessas = SEM_PROMESSAS,
) -> Painel:
    """Tudo o que há no depósito, lido quando se pede; aí se levanta FalhaDeDisco."""
    return Painel(agora, idade_maxima, _DoDeposito(deposito, agora, idade_maxima, promessas))


@dataclass(frozen=True, slots=True)
class _DoDeposito:
    """As empresas, pela ordem das pastas."""

    deposito: Deposito
    agora: datetime
    idade_maxima: timedelta
    promessas: Promessas

    def __iter__(self) -> Iterator[EmpresaNoPainel]:
        copias = situacao.ler(self.deposito.raiz)
        for pasta in self.deposito.pastas():
            with erros_de_disco(pasta):
                empresas = list(self._da_pasta(pasta, copias))
            yield from empresas

    def _da_pasta(self, pasta: Path, copias: Mapping[str, Copia]) -> Iterator[EmpresaNoPainel]:
        historico = Historico(self.deposito, pasta, self.agora)
        if not historico.carimbos:
            return
        diarios = diario.diarios(pasta)
        for dono in historico.donos():
            pontos = list(historico.de_rotina(dono, historico.mostrados))
            seus = [d for d in diarios if d.dados.get("user_id") == dono]
            nas_copias = tuple(da_empresa(copias, dono, pontos[-1].carimbo if pontos else ""))
            inteiro = historico.mais_novo_inteiro(dono)
            ultimo = historico.aberto(inteiro.carimbo) if inteiro else None
            idade = idade_de(ultimo, self.idade_maxima, self.agora)
            quem = Empresa(dono, historico.nome(dono))
            medida = medir(pasta, quem, idade, self.promessas)
            yield _empresa(historico, quem, pontos, inteiro, seus, nas_copias, medida)


def _empresa(
    historico: Historico,
    quem: Empresa,
    pontos: Sequence[Ponto],
    inteiro: Ponto | None,
    diarios: Sequence[Diario],
    copias: tuple[CopiaDaEmpresa, ...],
    medida: Medida,
) -> EmpresaNoPainel:
    novo = pontos[-1] if pontos else None
    cabecalho = historico.cabecalho(novo.carimbo) if novo else None
    estado, causa = historico.estado(novo) if novo else ("sem backup", "")
    estragos = _estragos(historico, quem.id, pontos)
    encolhimentos = estragos.encolhimentos(cabecalho, novo.ordem) if novo and cabecalho else ()
    mudancas = estragos.mudancas(cabecalho, novo.ordem) if novo and cabecalho else ()
    sumida = ausente(historico.pasta, quem.id, (p.quando for p in pontos))
    notado: Sequence[Encolhimento | Mudanca] = (*encolhimentos, *mudancas)
    visto = medida.idade.visto
    return EmpresaNoPainel(
        id=quem.id,
        nome=quem.nome,
        pasta=historico.pasta.name,
        problemas=tuple(_problemas(estado, medida, notado, diarios, copias, sumida=sumida)),
        novo=novo,
        estado_do_novo=estado,
        causa=causa,
        inteiro=inteiro,
        pontos=tuple(p for p in pontos if p.inteiro),
        dias=_dias(pontos),
        falhas=cabecalho.falhas if cabecalho else {},
        de_fora=tuple(_de_fora(cabecalho)) if cabecalho else (),
        encolhimentos=encolhimentos,
        mudancas=mudancas,
        datas=tuple(_datas(historico, pontos, estragos)),
        restauracoes=tuple(_restauracao(d) for d in diarios[: -RESTAURACOES_MOSTRADAS - 1 : -1]),
        ensaios=ler(historico.pasta, quem.id),
        copias=tuple(c.vista(inteiro.carimbo if inteiro else "", visto) for c in copias),
        visto=visto,
        alem_das_linhas=historico.alem_das_linhas(novo) if novo else "",
        para=historico.para(),
        medida=medida,
    )


def _estragos(historico: Historico, dono: str, pontos: Sequence[Ponto]) -> Estragos:
    ditos = [historico.cabecalho(p.carimbo) for p in pontos]
    com_cifrados = any(c is not None and c.cifrado for c in ditos)
    return Estragos(reconhecido_ate(historico.pasta, dono), com_cifrados=com_cifrados)


def _datas(historico: Historico, pontos: Sequence[Ponto], estragos: Estragos) -> Iterator[Data]:
    """Os mais novos, do mais novo ao mais antigo."""
    for ponto in pontos[: -DATAS_MOSTRADAS - 1 : -1]:
        cabecalho = historico.cabecalho(ponto.carimbo)
        yield Data(ponto, tuple(do_cabecalho(cabecalho, ponto.ordem, estragos)))


def _problemas(
    estado: str,
    medida: Medida,
    notado: Sequence[Encolhimento | Mudanca],
    diarios: Sequence[Diario],
    copias: Sequence[CopiaDaEmpresa],
    *,
    sumida: bool,
) -> Iterator[str]:
    idade = medida.idade
    if sumida:
        yield SUMIDA
    if diario.pendentes(diarios):
        yield POR_CONCLUIR
    if idade.ultimo is None or estado not in ("completo", "só algumas tabelas"):
        yield INCOMPLETA
    if idade.ultimo is not None and idade.velho:
        yield VELHA
    if any(isinstance(n, Encolhimento) for n in notado):
        yield ENCOLHIDA
    if any(isinstance(n, Mudanca) for n in notado):
        yield MUDADA
    if not all(c.boa for c in copias):
        yield SEM_COPIA
    if medida.quebras and not sumida:
        yield QUEBRADA


def _dias(pontos: Sequence[Ponto]) -> dict[date, bool]:
    dias: dict[date, bool] = {}
    for ponto in pontos:
        dia = ponto.quando.date()
        dias[dia] = dias.get(dia, False) or ponto.inteiro
    return dias


def _de_fora(cabecalho: Cabecalho) -> Iterator[DeixadaDeFora]:
    for tabela in cabecalho.parcial_de:
        yield DeixadaDeFora(tabela, "não foi pedida neste backup")
    for fora in cabecalho.deixadas_de_fora:
        yield DeixadaDeFora(fora.get("tabela", ""), fora.get("motivo", ""))


def _restauracao(d: Diario) -> Restauracao:
    tabelas = d.dados.get("tabelas")
    return Restauracao(
        quando=str(d.dados.get("comecada_em", "")),
        estado=d.estado,
        desfazendo=d.desfazendo,
        backup=str(d.dados.get("backup", "")),
        tabelas=len(tabelas) if isinstance(tabelas, list) else 0,
    )
