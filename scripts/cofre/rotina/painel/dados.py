"""O que a página mostra, lido do depósito: imutável, tipado e sem nada de HTML."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from cofre.base.disco import erros_de_disco
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import DeixadaDeFora
from cofre.deposito import diario
from cofre.deposito.ausencia import ausente
from cofre.deposito.backup import arquivo_de_metadados
from cofre.deposito.cifra import provas
from cofre.deposito.cobertura import visto_em
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import Diario
from cofre.deposito.ensaios import Ensaios, ler
from cofre.deposito.inventario import alem_das_linhas, estado_de
from cofre.deposito.metadados import Cabecalho, ler_cabecalho
from cofre.deposito.ordem import Ordem, em_ordem
from cofre.remoto import situacao
from cofre.remoto.situacao import Copia
from cofre.rotina.copias import CopiaDaEmpresa, da_empresa
from cofre.rotina.encolhimento import Encolhimento, reconhecido_ate
from cofre.rotina.marcas import Estragos, do_cabecalho
from cofre.rotina.mudanca import Mudanca

DIAS = 60
"""De quantos dias é o calendário."""

PONTOS_ANTIGOS = 30
"""Quantos backups de antes desses dias entram no gráfico, espaçados por igual: com anos de backups
diários, o desenho é o mesmo e a página não cresce."""

RESTAURACOES_MOSTRADAS = 50

DATAS_MOSTRADAS = 15
"""Backups que se dizem um a um, de cada empresa."""

INCOMPLETA, VELHA, ENCOLHIDA, POR_CONCLUIR = "incompleta", "velha", "encolhida", "por_concluir"
SUMIDA, MUDADA, SEM_COPIA = "sumida", "mudada", "sem_copia"
"""O que pode haver de errado com uma empresa; sem nada disso, ela está inteira."""


@dataclass(frozen=True, slots=True)
class Ponto:
    """Um backup de rotina no tempo; `inteiro` é o que os metadados dizem dele."""

    carimbo: str
    quando: datetime
    registros: int
    bytes: int
    inteiro: bool

    @property
    def ordem(self) -> Ordem:
        """O que o põe antes ou depois de outro."""
        return self.quando, self.carimbo


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


def reunir(deposito: Deposito, agora: datetime, idade_maxima: timedelta) -> Painel:
    """Tudo o que há no depósito, por nome de empresa. Levanta FalhaDeDisco."""
    achadas = []
    copias = situacao.ler(deposito.raiz)
    for pasta in deposito.pastas():
        with erros_de_disco(pasta):
            historico = _Historico(deposito, pasta, agora)
            achadas += list(_da_pasta(historico, agora, idade_maxima, copias))
    achadas.sort(key=lambda e: (e.nome.casefold(), e.id))
    lembretes = tuple(provas.do_deposito(deposito, agora))
    return Painel(agora, idade_maxima, tuple(achadas), lembretes)


class _Historico:
    """Os backups de uma pasta, lidos só os que fazem falta."""

    def __init__(self, deposito: Deposito, pasta: Path, agora: datetime) -> None:
        self.deposito = deposito
        self.pasta = pasta
        self.quando = {carimbo: instante for instante, carimbo in em_ordem(pasta)}
        self.carimbos = list(self.quando)
        self._lidos: dict[str, Cabecalho | None] = {}
        antigos = [c for c in self.carimbos if self.quando[c] < agora - timedelta(days=DIAS)]
        self.mostrados = [*espacados(antigos, PONTOS_ANTIGOS), *self.carimbos[len(antigos) :]]

    def cabecalho(self, carimbo: str) -> Cabecalho | None:
        """None se não se lê."""
        if carimbo not in self._lidos:
            self._lidos[carimbo] = None
            with contextlib.suppress(BackupDanificado, OSError):
                self._lidos[carimbo] = ler_cabecalho(arquivo_de_metadados(self.pasta, carimbo))
        return self._lidos[carimbo]

    def _do_mais_novo(self) -> Iterator[Cabecalho]:
        """Os legíveis, dos mostrados."""
        return filter(None, map(self.cabecalho, reversed(self.mostrados)))

    def donos(self) -> list[str]:
        """De quem são os backups; o nome da pasta, se nenhum se lê."""
        return list(dict.fromkeys(c.user_id for c in self._do_mais_novo())) or [self.pasta.name]

    def nome(self, dono: str) -> str:
        """O do backup mais novo que diz um."""
        nomes = (c.empresa.nome for c in self._do_mais_novo() if c.user_id == dono and c.nome)
        return next(nomes, f"({self.pasta.name})")

    def de_rotina(self, dono: str, carimbos: Sequence[str]) -> Iterator[Ponto]:
        """Os backups de rotina deste dono; os ilegíveis podem ser dele."""
        for carimbo in carimbos:
            c = self.cabecalho(carimbo)
            if c is None:
                yield Ponto(carimbo, self.quando[carimbo], 0, 0, inteiro=False)
            elif c.user_id == dono and c.de_rotina:
                yield Ponto(carimbo, self.quando[carimbo], c.total, c.total_bytes, c.inteiro)

    def mais_novo_inteiro(self, dono: str) -> Ponto | None:
        """O mais novo completo e com os arquivos no lugar, por mais antigo que seja."""
        inteiros = (p for p in self.de_rotina(dono, self.carimbos[::-1]) if p.inteiro)
        return next((p for p in inteiros if self.estado(p)[0] == "completo"), None)

    def visto(self, ponto: Ponto) -> datetime | None:
        """A última vez em que se viu igual ao banco."""
        return visto_em(self.deposito.abrir(self.pasta, ponto.carimbo))

    def alem_das_linhas(self, ponto: Ponto) -> str:
        """Os arquivos e os logins que o backup leva, em palavras."""
        return alem_das_linhas(self.deposito.abrir(self.pasta, ponto.carimbo))

    def estado(self, ponto: Ponto) -> tuple[str, str]:
        """O estado e a causa dele, vendo se os arquivos estão no lugar."""
        return estado_de(self.deposito.abrir(self.pasta, ponto.carimbo))


def _da_pasta(
    historico: _Historico,
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


def _empresa(
    historico: _Historico,
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
    ditos = [historico.cabecalho(p.carimbo) for p in pontos]
    com_cifrados = any(c is not None and c.cifrado for c in ditos)
    estragos = Estragos(reconhecido_ate(historico.pasta, dono), com_cifrados=com_cifrados)
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
        copias=copias,
        visto=visto,
        alem_das_linhas=historico.alem_das_linhas(novo) if novo else "",
    )


def _datas(historico: _Historico, pontos: Sequence[Ponto], estragos: Estragos) -> Iterator[Data]:
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


def espacados(itens: Sequence[str], quantos: int) -> list[str]:
    """No máximo `quantos` dos itens, espaçados por igual, com o primeiro e o último."""
    if len(itens) <= quantos:
        return list(itens)
    passo = (len(itens) - 1) / (quantos - 1)
    return [itens[round(n * passo)] for n in range(quantos)]
