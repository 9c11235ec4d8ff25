"""As linhas de uma página: separar o que é da linha do que veio só para conferir, e de quem ela é.

Uma linha chega como `{...colunas...,"xmin":"123","_dono":{...}}`. O que se guarda é o trecho até
as colunas, byte por byte; o resto diz a versão da linha e de quem ela é.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NoReturn

import msgspec

from cofre.base.erros import LinhaDeOutraEmpresa, RespostaInvalida
from cofre.base.linha import NULO, PENDURADA, Campos, texto, tipo_com
from cofre.base.modelo import SEM_CHAVE
from cofre.escopo.donos import Donos
from cofre.via.api.conexao import Pagina
from cofre.via.api.consulta import APELIDO, Consulta

Literais = tuple[str, ...]
"""Os valores da chave de uma linha como se escrevem num filtro."""

MAIS_LEMBRADOS = 10_000


@dataclass(frozen=True, slots=True)
class DaEmpresa:
    """As linhas de uma empresa numa página, na ordem em que vieram, e o resumo das suas versões."""

    empresa: str
    textos: list[bytes]
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
        nulas = [linha.NOMES[c] for c in ramo.nulos[0]]
        self._nulas = _em_bytes(nulas) if nulas else None
        da_mae = (PENDURADA,) if ramo.passos else ()
        self._versoes = _campos([*(linha.NOMES[c] for c in versao), *da_mae])
        self._xmin = _em_bytes([linha.NOMES["xmin"]])
        self._so_chave = msgspec.json.Decoder(tipo_com(ordem))
        self._chaves = _varias(chaves)
        self._linhas = _varias(linha)
        self._corte = f',"{"tableoid" if ordem == SEM_CHAVE else "xmin"}":"'.encode()

    def linhas(self, pagina: Pagina) -> Lidas:
        """As linhas inteiras, cada uma com a sua empresa. Levanta LinhaDeOutraEmpresa."""
        estruturas = self._decodificar(self._linhas, pagina)
        versoes = list(map(self._versoes, estruturas))
        resumo = _resumo([versoes])
        xmins = set(map(self._xmin, estruturas))
        versao = (texto(xmins.pop()[0]) or "") if len(xmins) == 1 else ""
        partes = list(self._repartir(pagina, versoes, resumo, self._de_quem(estruturas)))
        return Lidas(partes, len(estruturas), resumo, versao)

    def versoes(self, paginas: Iterable[Pagina]) -> bytes:
        """O resumo das páginas de uma faixa pedidas só com chave e `xmin`: igual ao de
        `Lidas.versoes` para as mesmas linhas."""
        estruturas = (self._decodificar(self._chaves, pagina) for pagina in paginas)
        return _resumo(list(map(self._versoes, e)) for e in estruturas)

    def ultima(self, pagina: Pagina) -> Literais:
        """A chave da última linha de uma página não vazia."""
        estrutura = self._so_chave.decode(pagina.linhas[-1])
        return tuple(texto(estrutura[c]) or "" for c in self._consulta.tabela.ordem)

    def _decodificar(
        self, decodificador: msgspec.json.Decoder[list[Campos]], pagina: Pagina
    ) -> list[Campos]:
        try:
            return decodificador.decode(pagina.corpo)
        except msgspec.ValidationError as e:
            nome = self._consulta.tabela.nome
            raise RespostaInvalida(f"Não entendi as linhas de {nome}: {e}") from e

    def _de_quem(self, estruturas: Sequence[Campos]) -> list[str]:
        """A empresa de cada linha; vazio se um elo que vem antes a dá a uma que não foi pedida.
        Os mesmos valores se repetem, e só são entendidos uma vez."""
        if self._nulas is not None and any(v != NULO for e in estruturas for v in self._nulas(e)):
            self._recusar()  # é de outro ramo, ou de outra empresa: o filtro não foi aplicado
        valores = list(map(self._valores, estruturas))
        sabidos = self._sabidos if len(self._sabidos) < MAIS_LEMBRADOS else {}
        for novos in set(valores) - sabidos.keys():
            sabidos[novos] = self._dono(novos)
        self._sabidos = sabidos
        return [sabidos[v] for v in valores]

    def _dono(self, valores: tuple[bytes, ...]) -> str:
        quem = self._donos.entre(self._empresas, self._elos, [texto(v) for v in valores])
        if quem is None:
            self._recusar()
        return quem

    def _repartir(
        self, pagina: Pagina, versoes: Sequence[Any], resumo: bytes, donos: Sequence[str]
    ) -> Iterator[DaEmpresa]:
        """As linhas de cada empresa. Quase sempre a página é de uma só, e o resumo é o dela."""
        todas = dict.fromkeys(donos)
        for quem in filter(None, todas):
            linhas: Iterable[msgspec.Raw] = pagina.linhas
            if len(todas) > 1:
                minhas = [dono == quem for dono in donos]
                linhas = itertools.compress(pagina.linhas, minhas)
                resumo = _resumo([list(itertools.compress(versoes, minhas))])
            yield DaEmpresa(quem, list(map(self._so_a_linha, linhas)), resumo)

    def _recusar(self) -> NoReturn:
        raise LinhaDeOutraEmpresa(
            f"O servidor mandou, em {self._consulta.tabela.nome}, uma linha de outra empresa."
        )

    def _so_a_linha(self, bruta: msgspec.Raw) -> bytes:
        linha = bytes(bruta)
        corte = linha.rfind(self._corte)
        if corte < 0:
            raise RespostaInvalida(f"Falta o xmin nas linhas de {self._consulta.tabela.nome}.")
        return linha[:corte] + b"}"


def _campos(nomes: Sequence[str]) -> Callable[[Campos], Any]:
    """Uma função que pega estes campos, sem que o Python os percorra um a um."""
    return attrgetter(*nomes)


def _em_bytes(nomes: Sequence[str]) -> Callable[[Campos], tuple[bytes, ...]]:
    """O mesmo, em bytes que se comparam."""
    pegar = attrgetter(*nomes)
    if len(nomes) == 1:
        return lambda estrutura: (bytes(pegar(estrutura)),)
    return lambda estrutura: tuple(map(bytes, pegar(estrutura)))


def _varias(tipo: type[Campos]) -> msgspec.json.Decoder[list[Campos]]:
    return msgspec.json.Decoder(list[tipo])  # type: ignore[valid-type]


def _resumo(paginas: Iterable[Sequence[Any]]) -> bytes:
    """O resumo de uma sequência de linhas, venham elas em quantas páginas vierem."""
    resumo = hashlib.blake2b(digest_size=16)
    for pagina in paginas:
        if pagina:
            resumo.update(msgspec.json.encode(pagina)[1:-1] + b",")
    return resumo.digest()


SEM_LINHAS = _resumo([])
"""O resumo de nenhuma linha."""
