"""`verificar --copia`: o que há num destino está inteiro? Sem chave nenhuma.

Vê-se sempre que cada lacre é de quem se conhece e não mudou, que os anteriores que o mais novo de
cada computador cita ainda lá estão, e que cada conteúdo tem o nome e o tamanho certos. Uma parte,
se pedida, é baixada e somada: a soma tem de ser o nome.

O que não se vê daqui: se os lacres mais novos foram todos tirados. Isso só sabe quem os escreveu
(`esperados`), ou quem olha a data do último.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from cofre.base.equipe import Equipe
from cofre.base.palavras import plural
from cofre.deposito.lacre.lacre import Lacre
from cofre.remoto.destino import Destino, Objeto
from cofre.remoto.disposicao import Conteudo, Endereco, olhar
from cofre.remoto.envio import Avanco
from cofre.remoto.erros import ObjetoAusente
from cofre.remoto.lacres import Lidos, ler_lacres

A_CHEGAR = timedelta(days=1)
"""Numa pasta sincronizada, um lacre que outro computador escreveu pode chegar antes dos conteúdos:
até este tempo, o que falta dele está a chegar."""
SOMAS_LADO_A_LADO = 4


@dataclass(frozen=True, slots=True)
class Parte:
    """`n` de `t` partes do conteúdo, que mudam a cada dia: em t/n dias passa-se por tudo."""

    n: int
    t: int

    def tem(self, sha256: str, dia: int) -> bool:
        """Se este conteúdo é dos deste dia (um número que cresce um por dia)."""
        return (int(sha256[:12], 16) - dia * self.n) % self.t < self.n


@dataclass(frozen=True, slots=True)
class Achado:
    """Algo errado com um backup na cópia (ou com a empresa, se não há `carimbo`)."""

    empresa: str
    carimbo: str
    causa: str


@dataclass(frozen=True, slots=True)
class DaEmpresa:
    """O que há de uma empresa: quantos backups, de quando é o mais novo e o número dele."""

    backups: int
    ultimo: datetime
    carimbo: str
    numero: int


@dataclass(slots=True)
class Conferencia:
    """O que se viu. `achados`: o que está errado; `chegando`: o que ainda chega; `ultimo`: o lacre
    mais novo de todos; `podres`: as somas dos conteúdos que não a têm, e os nomes dos
    lacres que não são o que foi assinado; `orfaos`: quantos conteúdos nenhum lacre cita (de um
    envio cortado, ou por podar); `somados`: os que se baixaram."""

    empresas: dict[str, DaEmpresa] = field(default_factory=dict)
    ultimo: Endereco | None = None
    achados: list[Achado] = field(default_factory=list)
    chegando: list[Achado] = field(default_factory=list)
    conteudos: int = 0
    bytes: int = 0
    podres: list[str] = field(default_factory=list)
    orfaos: int = 0
    somados: int = 0
    bytes_somados: int = 0


@dataclass(frozen=True, slots=True)
class Sabido:
    """O que este computador sabe: em que chaves confia, quem ele é, o último lacre que enviou de
    cada empresa, que horas são, e os carimbos dos backups que ainda tem de cada uma que aqui está:
    um que ele mesmo podou depois do seu último lacre não falta na cópia."""

    conhecidas: Collection[str]
    escritor: str
    esperados: Mapping[str, Endereco]
    agora: datetime
    vivos: Mapping[str, Collection[str]] = field(default_factory=dict)

    def podou(self, endereco: Endereco) -> bool:
        """Se era daqui, e já não é."""
        vivos = self.vivos.get(endereco.empresa)
        daqui = endereco.escritor == self.escritor
        return daqui and vivos is not None and endereco.carimbo not in vivos


def conferir(destino: Destino, sabido: Sabido, parte: Parte | None, avanco: Avanco) -> Conferencia:
    """Confere a cópia inteira por fora, e a parte pedida por dentro. Levanta FalhaDaCopia se não se
    chega ao destino."""
    la = olhar(destino)
    lidos = ler_lacres(destino, la.lacres)
    exame = _Exame(destino, sabido, la, lidos)
    exame.lacres()
    exame.buracos()
    exame.conteudos()
    if parte is not None:
        exame.somas(parte, avanco)
    return exame.visto


class _Exame:
    """Um destino a ser conferido."""

    def __init__(self, destino: Destino, sabido: Sabido, la: Conteudo, lidos: Lidos) -> None:
        self._destino = destino
        self._sabido = sabido
        self._la = la
        self._lidos = lidos
        self._nossos = {e: x for e, x in lidos.bons.items() if x.chave in sabido.conhecidas}
        self.visto = Conferencia()

    def lacres(self) -> None:
        """Os que não se leem, os de quem não se conhece, e o que há de cada empresa."""
        for endereco, causa in self._lidos.ruins.items():
            self.visto.podres.append(endereco.nome)
            self._anotar(endereco, self._la.lacres[endereco], causa)
        for endereco, lacre in self._lidos.bons.items():
            if endereco not in self._nossos:
                causa = "assinado por quem este computador não conhece"
                self._errado(endereco, f"{causa} (código {lacre.codigo})")
        self.visto.ultimo = max(self._nossos, key=lambda e: (e.carimbo, e), default=None)
        for empresa in sorted({e.empresa for e in self._nossos}):
            dela = [x for e, x in self._nossos.items() if e.empresa == empresa]
            ultimo = max(dela, key=lambda x: (x.inicio, x.carimbo))
            self.visto.empresas[empresa] = DaEmpresa(
                len(dela), ultimo.inicio, ultimo.carimbo, ultimo.numero
            )

    def buracos(self) -> None:
        """Os que o mais novo de cada computador cita, e não estão; e o último que daqui foi."""
        for endereco, novo in mais_novos(self._nossos).items():
            for anterior in novo.anteriores:
                onde = Endereco(endereco.empresa, anterior.carimbo, endereco.escritor)
                achado = self._lidos.bons.get(onde)
                if achado is not None and achado.sha256 == anterior.sha256:
                    continue
                if onde in self._lidos.ruins:
                    continue  # já está dito
                if achado is None and self._sabido.podou(onde):
                    continue
                causa = "o lacre não está mais lá"
                if achado is not None:
                    causa = "não é o mesmo que foi assinado"
                    self.visto.podres.append(onde.nome)
                self._anotar(onde, self._la.lacres[endereco], causa)
        for empresa, endereco in self._sabido.esperados.items():
            if endereco not in self._la.lacres:
                causa = "foi o último que este computador enviou, e não está mais lá"
                self.visto.achados.append(Achado(empresa, endereco.carimbo, causa))

    def conteudos(self) -> None:
        """Nomes e tamanhos, de cada backup de quem se conhece."""
        citados: dict[str, int] = {}
        for endereco, lacre in self._nossos.items():
            citados.update(lacre.blobs)
            faltam = sum(not self._la.tem(soma, n) for soma, n in lacre.blobs)
            if faltam:
                quais = plural(faltam, "conteúdo falta", "conteúdos faltam")
                causa = f"{quais} ou {'tem' if faltam == 1 else 'têm'} outro tamanho"
                self._anotar(endereco, self._la.lacres[endereco], causa)
        self.visto.conteudos = len(citados)
        self.visto.bytes = sum(citados.values())
        de_todos = {soma for lacre in self._lidos.bons.values() for soma, _ in lacre.blobs}
        self.visto.orfaos = len(self._la.blobs.keys() - de_todos)

    def somas(self, parte: Parte, avanco: Avanco) -> None:
        """Baixa e soma a parte de hoje do que está lá com o tamanho certo."""
        dia = self._sabido.agora.toordinal()
        de_quem: dict[str, Endereco] = {}
        for endereco in sorted(self._nossos):
            for soma, n in self._nossos[endereco].blobs:
                if parte.tem(soma, dia) and self._la.tem(soma, n):
                    de_quem.setdefault(soma, endereco)
        total = sum(self._la.blobs[s].bytes for s in de_quem)
        for soma, certa in self._somar(de_quem):
            objeto = self._la.blobs[soma]
            self.visto.somados += 1
            self.visto.bytes_somados += objeto.bytes
            avanco(self.visto.bytes_somados, total)
            if not certa:
                self.visto.podres.append(soma)
                self._anotar(de_quem[soma], objeto, f"o conteúdo {soma[:12]}… não tem a sua soma")

    def _somar(self, somas: Collection[str]) -> Iterator[tuple[str, bool]]:
        equipe = Equipe(SOMAS_LADO_A_LADO, threading.Event(), "somas")
        try:
            yield from equipe.em_ordem(self._confere, somas)
        finally:
            equipe.encerrar()

    def _confere(self, soma: str) -> tuple[str, bool]:
        medida = Somador()
        try:
            self._destino.ler(self._la.blobs[soma].nome, cast(BinaryIO, medida))
        except ObjetoAusente:
            return soma, False
        return soma, medida.hexdigest() == soma

    def _anotar(self, endereco: Endereco, objeto: Objeto, causa: str) -> None:
        """Errado; ou a chegar, se veio há pouco de outro computador por uma pasta."""
        de_outro = endereco.escritor != self._sabido.escritor
        recente = self._sabido.agora - objeto.modificado < A_CHEGAR
        if self._destino.de_pasta and de_outro and recente:
            self.visto.chegando.append(Achado(endereco.empresa, endereco.carimbo, causa))
        else:
            self._errado(endereco, causa)

    def _errado(self, endereco: Endereco, causa: str) -> None:
        self.visto.achados.append(Achado(endereco.empresa, endereco.carimbo, causa))


class Somador(io.RawIOBase):
    """Uma saída que não guarda nada: só soma."""

    def __init__(self) -> None:
        super().__init__()
        self._soma = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, dados: object) -> int:
        self._soma.update(dados)  # type: ignore[arg-type]
        return len(dados)  # type: ignore[arg-type]

    def hexdigest(self) -> str:
        """A soma do que passou."""
        return self._soma.hexdigest()


def mais_novos(lacres: Mapping[Endereco, Lacre]) -> dict[Endereco, Lacre]:
    """O de maior número de cada computador, em cada empresa."""
    novos: dict[tuple[str, str], Endereco] = {}
    for endereco, lacre in lacres.items():
        chave = (endereco.empresa, endereco.escritor)
        if chave not in novos or lacres[novos[chave]].numero < lacre.numero:
            novos[chave] = endereco
    return {e: lacres[e] for e in novos.values()}
