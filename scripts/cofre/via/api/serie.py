"""As linhas de uma consulta, em blocos, e como saber se ainda são as mesmas.

Cada bloco é uma página, e os blocos partilham o espaço das chaves sem buracos: o bloco vai da
última chave do anterior (exclusive) à sua própria última (inclusive), e o último não tem fim.
Conferir é pedir de novo só chave e xmin de cada faixa; a que mudou é lida de novo.

Os blocos ficam num rascunho em disco; na memória, só a última chave e um resumo de cada um.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from cofre.base.erros import ConsultaDemorada, PedidoGrande, RespostaInvalida
from cofre.base.linha import Campos
from cofre.base.rascunho import Rascunho, Trecho
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Consulta, Parametros, diferente
from cofre.via.api.linhas import SEM_LINHAS, Leitor, Literais, Selecao
from cofre.via.api.pagina import Pagina

LINHAS_POR_PAGINA = 1000
LINHAS_POR_PARTE = 5 * LINHAS_POR_PAGINA
"""Menos do que isto não paga os pedidos que acham onde repartir."""

BLOCOS_IGUAIS = 3
"""A partir de quantos blocos com a mesma versão as duas contagens custam menos que as páginas."""


@dataclass(frozen=True, slots=True)
class _Parte:
    """As linhas de uma empresa num bloco: quantas, o resumo das versões, e onde estão."""

    empresa: str
    linhas: int
    versoes: bytes
    trecho: Trecho


@dataclass(frozen=True, slots=True)
class _Bloco:
    """Uma faixa de chaves lida, até `ate` (None: sem fim); `versao` é o xmin de todas as linhas que
    vieram, ou vazio se têm mais de um."""

    ate: Literais | None
    versoes: bytes
    versao: str
    vieram: int
    partes: tuple[_Parte, ...]


@dataclass(frozen=True, slots=True)
class Faixa:
    """As chaves em (depois, ate]; None: sem começo, ou sem fim."""

    depois: Literais | None = None
    ate: Literais | None = None


Conferidos = tuple[list[_Bloco], set[str]]
"""Os blocos de uma faixa, relidos se preciso, e as empresas que mudaram nela."""


@dataclass(slots=True)
class Serie:
    """As linhas de uma consulta, de uma ou várias empresas. Vários fios a leem, cada um a sua
    faixa."""

    leitura: Conexao
    consulta: Consulta
    leitor: Leitor
    rascunho: Rascunho
    avanco: Callable[[int, int | None], None]
    limite: int = LINHAS_POR_PAGINA
    blocos: list[_Bloco] = field(default_factory=list)
    total: int | None = None
    lidas: int = 0
    mexida: bool = False
    """Se de certeza já não é toda o que se leu."""
    _trinco: threading.Lock = field(default_factory=threading.Lock)

    # -- ler ---------------------------------------------------------------------------------

    def retomar(self, avanco: Callable[[int, int | None], None]) -> None:
        """O que já se leu passa a ser o começo de outra foto: só falta conferi-lo."""
        self.avanco, self.total, self.lidas = avanco, None, 0

    def comecar(self) -> Faixa | None:
        """A primeira página, e a contagem; devolve a faixa que falta ler, se falta."""
        pagina = self._pedir(self.leitor.inteiras, Faixa(), contar=True)
        self.total = pagina.total
        if not pagina.linhas:
            self.blocos = [_vazio(None)]
            return None
        bloco = self._guardar(pagina)
        acabou = self.total is not None and bloco.vieram >= self.total
        self.blocos = [_ate(bloco, None)] if acabou else [bloco]
        return None if acabou else Faixa(bloco.ate)

    def repartir(self, faixa: Faixa, partes: int) -> list[Faixa]:
        """A faixa em até `partes` de tamanhos parecidos, se é grande e o servidor acha as divisas a
        tempo. Cada divisa se procura depois da anterior: o que muda entre uma e outra não as troca
        de ordem."""
        faltam = (self.total or 0) - self.lidas
        passo = -(-faltam // max(1, min(partes, faltam // LINHAS_POR_PARTE)))
        divisas = [faixa.depois]
        while passo and len(divisas) * passo < faltam:
            pular = (("offset", str(passo - 1)),)
            try:
                pagina = self._pedir(self.leitor.so_chaves, Faixa(divisas[-1]), pular, limite=1)
            except ConsultaDemorada:
                break
            if not pagina.linhas:
                break
            divisas.append(self.leitor.ultima(pagina))
        return [Faixa(*par) for par in itertools.pairwise([*divisas, faixa.ate])]

    def ler(self, faixa: Faixa) -> list[_Bloco]:
        """Lê as linhas da faixa para o rascunho. Sempre devolve ao menos um bloco, e o último vai
        até o fim dela, para que a faixa inteira continue sob conferência."""
        blocos = [self._guardar(p) for p in self._paginas(self.leitor.inteiras, faixa)]
        return [*blocos[:-1], _ate(blocos[-1], faixa.ate)] if blocos else [_vazio(faixa.ate)]

    def _guardar(self, pagina: Pagina[Campos]) -> _Bloco:
        lidas = self.leitor.linhas(pagina)
        partes = tuple(
            _Parte(d.empresa, d.quantas, d.versoes, self.rascunho.guardar(d.bloco))
            for d in lidas.partes
        )
        with self._trinco:
            self.lidas += lidas.vieram
            self.avanco(self.lidas, self.total)
        ultima = self.leitor.ultima(pagina)
        return _Bloco(ultima, lidas.versoes, lidas.versao, lidas.vieram, partes)

    # -- conferir ----------------------------------------------------------------------------

    def trechos(self, partes: int) -> list[tuple[Literais | None, list[_Bloco]]]:
        """Os blocos em até `partes` sequências, cada uma com a chave depois da qual começa."""
        tamanho = max(1, -(-len(self.blocos) // partes))
        cortes = range(0, len(self.blocos), tamanho)
        return [
            (self.blocos[i - 1].ate if i else None, self.blocos[i : i + tamanho]) for i in cortes
        ]

    def conferir(self, depois: Literais | None, blocos: Sequence[_Bloco]) -> Conferidos:
        """Confere estes blocos, que vêm depois daquela chave, e relê os que mudaram."""
        conferidos: list[_Bloco] = []
        mudaram: set[str] = set()
        for versao, iguais in itertools.groupby(blocos, key=lambda b: b.versao):
            juntos = list(iguais)
            faixa = Faixa(depois, juntos[-1].ate)
            if versao and len(juntos) >= BLOCOS_IGUAIS and self._so_tem(versao, faixa, juntos):
                conferidos += juntos
            else:
                for bloco in juntos:
                    novos, outras = self._conferir_um(Faixa(depois, bloco.ate), bloco)
                    conferidos += novos
                    mudaram |= outras
                    depois = bloco.ate
            depois = faixa.ate
        return conferidos, mudaram

    def _so_tem(self, versao: str, faixa: Faixa, blocos: Sequence[_Bloco]) -> bool:
        """Se a faixa ainda tem as mesmas linhas, todas nesta versão. A transação que a gravou já
        valia na primeira leitura: o que mudou depois tem outra, e o que saiu falta na contagem."""
        vieram = sum(b.vieram for b in blocos)
        try:
            outras = self._contar(faixa, diferente("xmin", versao))
            return outras == 0 and self._contar(faixa) == vieram
        except ConsultaDemorada:
            return False

    def _conferir_um(self, faixa: Faixa, bloco: _Bloco) -> Conferidos:
        paginas = self._paginas(self.leitor.so_chaves, faixa, limite=bloco.vieram + 1)
        if self.leitor.versoes(paginas) == bloco.versoes:
            return [bloco], set()
        novos = self.ler(faixa)
        antes, agora = _por_empresa([bloco]), _por_empresa(novos)
        return novos, {e for e in antes | agora if antes.get(e) != agora.get(e)}

    def contagem_confere(self) -> bool:
        """A contagem de todas as faixas de uma vez: a do começo, se ainda é a mesma."""
        vieram = sum(b.vieram for b in self.blocos)
        if self.total == vieram:
            return True
        try:
            total = self._contar(Faixa())
        except ConsultaDemorada:
            return True  # cada faixa já foi conferida à parte
        return total in (None, vieram)

    # -- pedir -------------------------------------------------------------------------------

    def _paginas(
        self, selecao: Selecao, faixa: Faixa, limite: int | None = None
    ) -> Iterator[Pagina[Campos]]:
        """As páginas não vazias da faixa. Uma página curta não prova o fim (o servidor pode limitar
        a menos do que se pediu): só a chave do fim dela, a contagem exata (a da primeira: o que
        chega depois dela, a conferência acha), ou uma página vazia."""
        total: int | None = None
        recebidas = 0
        sem_fim = faixa.ate is None
        while True:
            contar = sem_fim and recebidas == 0
            pagina = self._pedir(selecao, faixa, contar=contar, maximo=limite)
            total = pagina.total if contar else total
            if not pagina.linhas:
                return
            yield pagina
            recebidas += len(pagina.linhas)
            faixa = Faixa(self.leitor.ultima(pagina), faixa.ate)
            if faixa.depois == faixa.ate or (total is not None and recebidas >= total):
                return

    def _contar(self, faixa: Faixa, mais: Parametros = ()) -> int | None:
        return self._pedir(self.leitor.so_chaves, faixa, mais, contar=True, limite=0).total

    def _pedir(
        self,
        selecao: Selecao,
        faixa: Faixa,
        mais: Parametros = (),
        *,
        contar: bool = False,
        limite: int | None = None,
        maximo: int | None = None,
    ) -> Pagina[Campos]:
        """Uma página da faixa: de `limite` linhas, sempre; ou de até `maximo` (o tamanho de sempre,
        se não é dito), e menos se o servidor não dá conta."""
        parametros = (*self.consulta.faixa(faixa.depois, faixa.ate), *mais)
        nome = self.consulta.tabela.nome
        while True:
            linhas = self.limite if maximo is None else maximo
            try:
                pagina = self.leitura.ler_como(
                    selecao.abrir,
                    nome,
                    selecao.texto,
                    parametros,
                    contar=contar,
                    limite=linhas if limite is None else limite,
                )
            except (ConsultaDemorada, PedidoGrande) as e:
                if limite is not None:
                    raise
                if isinstance(e, ConsultaDemorada) and contar:
                    contar = False  # contar é que demora; a página vazia dirá onde acaba
                elif linhas == 1:
                    raise
                elif maximo is None:
                    self.limite = linhas // 2
                else:
                    maximo = linhas // 2
                continue
            if pagina.linhas and faixa.depois and self.leitor.ultima(pagina) == faixa.depois:
                raise RespostaInvalida(
                    f"O servidor manda sempre as mesmas linhas de {nome}: ignora a página pedida.",
                    "Verifique se há um proxy no caminho que altere a URL e tente de novo.",
                )
            return pagina

    # -- o que se leu --------------------------------------------------------------------------

    def registros(self, empresa: str) -> int:
        """Quantas linhas são da empresa."""
        return sum(p.linhas for b in self.blocos for p in b.partes if p.empresa == empresa)

    def textos(self, empresa: str) -> Iterator[bytes]:
        """Os blocos da empresa, nunca vazios, em ordem de chave."""
        for bloco in self.blocos:
            for parte in bloco.partes:
                if parte.empresa == empresa:
                    yield self.rascunho.ler(parte.trecho)


def _ate(bloco: _Bloco, ate: Literais | None) -> _Bloco:
    return replace(bloco, ate=ate)


def _vazio(ate: Literais | None) -> _Bloco:
    return _Bloco(ate, SEM_LINHAS, "", 0, ())


def _por_empresa(blocos: Sequence[_Bloco]) -> dict[str, list[tuple[int, bytes]]]:
    """O que os blocos têm de cada empresa, para comparar duas leituras."""
    partes: dict[str, list[tuple[int, bytes]]] = {}
    for parte in itertools.chain.from_iterable(b.partes for b in blocos):
        partes.setdefault(parte.empresa, []).append((parte.linhas, parte.versoes))
    return partes
