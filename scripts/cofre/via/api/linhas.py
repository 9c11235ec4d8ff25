"""As linhas de uma página: separar o que é da linha do que veio só para conferir, e de quem ela é.

Uma linha chega como `{...colunas...,"xmin":"123","_dono":{...}}`. O que se guarda é o trecho até
as colunas, byte por byte; o resto diz a versão da linha e de quem ela é.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn

import msgspec

from cofre.base.erros import LinhaDeOutraEmpresa, RespostaInvalida
from cofre.base.linha import (
    NULO,
    PENDURADA,
    SEPARADOR,
    Campos,
    abrir_linha,
    juntar,
    leitor_de,
    separar,
    texto,
    tipo_com,
)
from cofre.base.modelo import SEM_CHAVE
from cofre.escopo.donos import Donos
from cofre.via.api.consulta import APELIDO, Consulta
from cofre.via.api.formas import algum_interessa, com_textos, fim_sem_textos
from cofre.via.api.pagina import Abrir, Pagina

Literais = tuple[str, ...]
"""Os valores da chave de uma linha como se escrevem num filtro."""

MAIS_LEMBRADOS = 10_000


@dataclass(frozen=True, slots=True)
class DaEmpresa:
    """As linhas de uma empresa numa página, na ordem em que vieram e já juntadas: quantas são, e o
    resumo das suas versões."""

    empresa: str
    bloco: bytes
    quantas: int
    versoes: bytes


@dataclass(frozen=True, slots=True)
class Lidas:
    """Uma página repartida pelas empresas da consulta.

    `versoes` resume chave e versão de TODAS as linhas que vieram (também as que nenhuma empresa
    leva), para comparar duas leituras da mesma faixa; `versao` é o `xmin` de todas elas, ou vazio
    se têm mais de um.
    """

    partes: list[DaEmpresa]
    vieram: int
    versoes: bytes
    versao: str


class Selecao(NamedTuple):
    """O que se pede de cada linha, e como se abre o que vem."""

    texto: str
    abrir: Abrir[Campos]


class Leitor:
    """Sabe ler as páginas de uma consulta. Um por consulta: o formato da linha é compilado."""

    def __init__(self, consulta: Consulta, empresas: Iterable[str], donos: Donos) -> None:
        self._consulta = consulta
        self._empresas = frozenset(empresas)
        self._donos = donos
        self._sabidos: dict[tuple[bytes, ...], str] = {}
        ramo, ordem = consulta.ramo, consulta.tabela.ordem
        self._elos = ramo.elos
        dos_elos = tuple(e.coluna for e in ramo.elos)
        versao = (*ordem, "xmin")
        if ramo.passos:
            mae = tipo_com(dos_elos)
            caminho = mae
            for _ in range(len(ramo.passos) - 1):
                caminho = tipo_com((), pendurada=(APELIDO, caminho))
            pendurada = (APELIDO, caminho)
            linha = tipo_com((*versao, *ramo.nulos[0]), pendurada=pendurada)
            chaves = tipo_com(versao, pendurada=pendurada)
        else:
            mae = linha = tipo_com((*versao, *dos_elos))
            chaves = tipo_com(versao)
        ate_a_mae = f"{PENDURADA}." * len(ramo.passos)
        self._valores = _em_bytes([ate_a_mae + mae.NOMES[c] for c in dos_elos])
        self._nulas = _em_bytes([linha.NOMES[c] for c in ramo.nulos[0]])
        da_mae = (PENDURADA,) if ramo.passos else ()
        self._versoes = attrgetter(*(linha.NOMES[c] for c in versao), *da_mae)
        self._xmin = _em_bytes([linha.NOMES["xmin"]])
        self.inteiras = Selecao(consulta.linhas(), leitor_de(linha))
        """As linhas inteiras, com a chave, a versão e os elos abertos."""
        self.so_chaves = Selecao(consulta.chaves(), leitor_de(chaves))
        self._corte = f',"{"tableoid" if ordem == SEM_CHAVE else "xmin"}":"'.encode()
        textos = fim_sem_textos(consulta.tabela) if consulta.textos else b""
        self._fim: _Fim | None = None
        if ordem != SEM_CHAVE and not ramo.passos and textos is not None:
            self._fim = _fim_das_linhas(textos)

    def linhas(self, pagina: Pagina[Campos]) -> Lidas:
        """As linhas inteiras, cada uma com a sua empresa. Levanta LinhaDeOutraEmpresa."""
        versoes = list(map(self._versoes, pagina.linhas))
        resumo = _resumo([versoes])
        xmins = set(self._xmin(pagina.linhas))
        versao = (texto(xmins.pop()[0]) or "") if len(xmins) == 1 else ""
        partes = list(self._repartir(pagina, versoes, resumo, self._de_quem(pagina.linhas)))
        return Lidas(partes, len(pagina.linhas), resumo, versao)

    def versoes(self, paginas: Iterable[Pagina[Campos]]) -> bytes:
        """O resumo das páginas de uma faixa pedidas só com chave e `xmin`: igual ao de
        `Lidas.versoes` para as mesmas linhas."""
        return _resumo(list(map(self._versoes, pagina.linhas)) for pagina in paginas)

    def ultima(self, pagina: Pagina[Campos]) -> Literais:
        """A chave da última linha de uma página não vazia."""
        estrutura = pagina.linhas[-1]
        return tuple(texto(estrutura[c]) or "" for c in self._consulta.tabela.ordem)

    def _de_quem(self, estruturas: Sequence[Campos]) -> list[str]:
        """A empresa de cada linha; vazio se um elo que vem antes a dá a uma que não foi pedida.
        Os mesmos valores se repetem, e só são entendidos uma vez."""
        if set(itertools.chain.from_iterable(self._nulas(estruturas))) - {NULO}:
            self._recusar()  # é de outro ramo, ou de outra empresa: o filtro não foi aplicado
        valores = self._valores(estruturas)
        sabidos = self._sabidos if len(self._sabidos) < MAIS_LEMBRADOS else {}
        distintos = set(valores)
        for novos in distintos - sabidos.keys():
            sabidos[novos] = self._dono(novos)
        self._sabidos = sabidos
        if len(distintos) == 1:
            return [sabidos[v] for v in distintos] * len(valores)
        return [sabidos[v] for v in valores]

    def _dono(self, valores: tuple[bytes, ...]) -> str:
        quem = self._donos.entre(self._empresas, self._elos, [texto(v) for v in valores])
        if quem is None:
            self._recusar()
        return quem

    def _repartir(
        self, pagina: Pagina[Campos], versoes: Sequence[Any], resumo: bytes, donos: Sequence[str]
    ) -> Iterator[DaEmpresa]:
        """As linhas de cada empresa. Quase sempre a página é de uma só, e o resumo é o dela."""
        todas = dict.fromkeys(donos)
        if len(todas) == 1:
            (quem,) = todas
            if quem:
                yield DaEmpresa(quem, self._bloco(pagina), len(donos), resumo)
            return
        linhas = list(map(self._so_a_linha, separar(pagina.corpo)))
        for quem in filter(None, todas):
            minhas = [dono == quem for dono in donos]
            resumo = _resumo([list(itertools.compress(versoes, minhas))])
            bloco = juntar(itertools.compress(linhas, minhas))
            yield DaEmpresa(quem, bloco, sum(minhas), resumo)

    def _bloco(self, pagina: Pagina[Campos]) -> bytes:
        """Todas as linhas da página, já juntadas. Cada uma tem o seu `"xmin"`: se não há outro, nem
        dentro de um valor json, todo corte que se acha é entre duas linhas, e corta-se a página
        toda de uma vez. Senão, uma a uma."""
        so_um = pagina.corpo.count(b'"xmin"') == len(pagina.linhas)
        if self._fim is not None and so_um and not algum_interessa(pagina.corpo):
            linhas = self._fim.entre_duas.split(pagina.corpo)
            fim = self._fim.no_fim.search(linhas[-1])
            if fim is not None and len(linhas) == len(pagina.linhas):
                linhas[-1] = linhas[-1][: fim.start()] + b"}"
                linhas[0] = linhas[0].removeprefix(b"[")
                return (b"}" + SEPARADOR + b"{").join(linhas)
        return juntar(map(self._so_a_linha, separar(pagina.corpo)))

    def _recusar(self) -> NoReturn:
        raise LinhaDeOutraEmpresa(
            f"O servidor mandou, em {self._consulta.tabela.nome}, uma linha de outra empresa."
        )

    def _so_a_linha(self, bruta: msgspec.Raw) -> bytes:
        linha = bytes(bruta)
        corte = linha.rfind(self._corte)
        if corte < 0:
            raise RespostaInvalida(f"Falta o xmin nas linhas de {self._consulta.tabela.nome}.")
        limpa = linha[:corte] + b"}"
        if not self._consulta.textos:
            return limpa
        return com_textos(self._consulta.tabela, limpa, abrir_linha(b"{" + linha[corte + 1 :]))


class _Fim(NamedTuple):
    """Como acaba uma linha que não é a última da página, com o começo da outra, e a última."""

    entre_duas: re.Pattern[bytes]
    no_fim: re.Pattern[bytes]


@functools.cache
def _fim_das_linhas(textos: bytes) -> _Fim:
    fim = rb',"xmin":"\d+"' + textos
    return _Fim(re.compile(fim + rb"\}, \n \{"), re.compile(fim + rb"\}\]\Z"))


def _em_bytes(nomes: Sequence[str]) -> Callable[[Sequence[Campos]], list[tuple[bytes, ...]]]:
    """Uma função que pega estes campos de cada linha, em bytes que se comparam, sem que o Python
    as percorra uma a uma."""
    pegar = [attrgetter(nome) for nome in nomes]

    def de_todas(estruturas: Sequence[Campos]) -> list[tuple[bytes, ...]]:
        return list(zip(*(map(bytes, map(um, estruturas)) for um in pegar), strict=True))

    return de_todas


def _resumo(paginas: Iterable[Sequence[Any]]) -> bytes:
    """O resumo de uma sequência de linhas, venham elas em quantas páginas vierem."""
    resumo = hashlib.blake2b(digest_size=16)
    for pagina in paginas:
        if pagina:
            resumo.update(msgspec.json.encode(pagina)[1:-1] + b",")
    return resumo.digest()


SEM_LINHAS = _resumo([])
"""O resumo de nenhuma linha."""
