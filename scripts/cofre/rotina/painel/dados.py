"""O que a página mostra, lido do depósito: imutável, tipado e sem nada de HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from cofre.base.config.promessas import SEM_PROMESSAS, Promessas
from cofre.base.disco import erros_de_disco
from cofre.base.modelo import DeixadaDeFora, Empresa
from cofre.deposito import diario
from cofre.deposito.ausencia import ausente
from cofre.deposito.cifra import provas
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
    copias: tuple[CopiaDaEmpresa, ...] = ()
    visto: datetime | None = None
    alem_das_linhas: str = ""
    """Os arquivos e os logins do backup mais novo, em palavras."""
    medida: Medida | None = None

    @property
    def segura_ate(self) -> datetime | None:
        """Até quando se sabe que o que estava no banco está num backup inteiro."""
        return self.visto or (self.inteiro.quando if self.inteiro else None)


@dataclass(frozen=True, slots=True)
class Painel:
    """A página inteira. `dias` de cada empresa: dia com backup → se algum era inteiro; `lembretes`:
    o que se pede a quem guarda as chaves."""

    gerado: datetime
    idade_maxima: timedelta
    empresas: tuple[EmpresaNoPainel, ...]
    lembretes: tuple[str, ...] = ()


def reunir(
    deposito: Deposito,
    agora: datetime,
    idade_maxima: timedelta,
    promessas: Promessas = SEM_PROMESSAS,
) -> Painel:
    """Tudo o que há no depósito, por nome de empresa. Levanta FalhaDeDisco."""
    achadas = []
    copias = situacao.ler(deposito.raiz)
    for pasta in deposito.pastas():
        with erros_de_disco(pasta):
            historico = Historico(deposito, pasta, agora)
            achadas += [
                medida_de(historico, empresa, agora, idade_maxima, promessas)
                for empresa in _da_pasta(historico, agora, idade_maxima, copias)
            ]
    achadas.sort(key=lambda e: (e.nome.casefold(), e.id))
    lembretes = tuple(provas.do_deposito(deposito, agora))
    return Painel(agora, idade_maxima, tuple(achadas), lembretes)


def _da_pasta(
    historico: Historico,
    agora: datetime,
    idade_maxima: timedelta,
    copias: Mapping[str, Copia],
) -> Iterator[EmpresaNoPainel]:
    if not historico.carimbos:
        return
    diarios = diario.diarios(historico.pasta)
    for dono in historico.donos():
        pontos = list(historico.de_rotina(dono, historico.mostrados))
        seus = [d for d in diarios if d.dados.get("user_id") == dono]
        nas_copias = tuple(da_empresa(copias, dono, pontos[-1].carimbo if pontos else ""))
        yield _empresa(historico, dono, pontos, seus, agora - idade_maxima, nas_copias)


def medida_de(
    historico: Historico,
    empresa: EmpresaNoPainel,
    agora: datetime,
    idade_maxima: timedelta,
    promessas: Promessas,
) -> EmpresaNoPainel:
    """A mesma, com a medida da promessa dela."""
    inteiro = empresa.inteiro
    ultimo = historico.aberto(inteiro.carimbo) if inteiro else None
    quem = Empresa(empresa.id, empresa.nome)
    medida = medir(historico.pasta, quem, idade_de(ultimo, idade_maxima, agora), promessas)
    quebrada = (QUEBRADA,) if medida.quebras and SUMIDA not in empresa.problemas else ()
    return replace(empresa, medida=medida, problemas=(*empresa.problemas, *quebrada))


def _empresa(
    historico: Historico,
    dono: str,
    pontos: Sequence[Ponto],
    diarios: Sequence[Diario],
    limite: datetime,
    copias: tuple[CopiaDaEmpresa, ...],
) -> EmpresaNoPainel:
    """`limite`: de quando pode ser o backup inteiro mais novo sem ser velho."""
    novo = pontos[-1] if pontos else None
    inteiro = historico.mais_novo_inteiro(dono)
    cabecalho = historico.cabecalho(novo.carimbo) if novo else None
    estado, causa = historico.estado(novo) if novo else ("sem backup", "")
    estragos = _estragos(historico, dono, pontos)
    encolhimentos = estragos.encolhimentos(cabecalho, novo.ordem) if novo and cabecalho else ()
    mudancas = estragos.mudancas(cabecalho, novo.ordem) if novo and cabecalho else ()
    visto = historico.visto(inteiro) if inteiro else None
    segura_ate = visto or (inteiro.quando if inteiro else None)
    sumida = ausente(historico.pasta, dono, (p.quando for p in pontos))
    problemas = [SUMIDA] if sumida else []
    problemas += _problemas(estado, segura_ate, limite, (*encolhimentos, *mudancas), diarios)
    if not all(c.boa for c in copias):
        problemas.append(SEM_COPIA)
    return EmpresaNoPainel(
        id=dono,
        nome=historico.nome(dono),
        pasta=historico.pasta.name,
        problemas=tuple(problemas),
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
        ensaios=ler(historico.pasta, dono),
        copias=tuple(c.vista(inteiro.carimbo if inteiro else "", visto) for c in copias),
        visto=visto,
        alem_das_linhas=historico.alem_das_linhas(novo) if novo else "",
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
    segura_ate: datetime | None,
    limite: datetime,
    notado: Sequence[Encolhimento | Mudanca],
    diarios: Sequence[Diario],
) -> Iterator[str]:
    if diario.pendentes(diarios):
        yield POR_CONCLUIR
    if segura_ate is None or estado not in ("completo", "só algumas tabelas"):
        yield INCOMPLETA
    if segura_ate is not None and segura_ate < limite:
        yield VELHA
    if any(isinstance(n, Encolhimento) for n in notado):
        yield ENCOLHIDA
    if any(isinstance(n, Mudanca) for n in notado):
        yield MUDADA


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
