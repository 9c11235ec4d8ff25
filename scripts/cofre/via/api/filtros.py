"""Os filtros das escritas, em forma de URL do PostgREST: as linhas desta chave, deste dono e desta
versão. Puro texto, nenhum pedido é feito aqui."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from cofre.base.linha import abrir_linha, texto
from cofre.base.modelo import Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.escritor import colunas_de_dono
from cofre.via.api.consulta import Parametros, citar, so_as_suas, valor_citado

COMPARAVEIS = frozenset(
    {
        *"uuid text integer bigint numeric boolean date".split(),
        "character varying",
        "timestamp with time zone",
        "timestamp without time zone",
    }
)
"""Tipos cujo texto JSON, comparado com `eq`, é sempre o próprio valor."""
BYTES_POR_LINHA = 500
BYTES_DE_FILTRO = 2000
"""De uma linha sem chave, e de um filtro inteiro, já escapados: com o resto, a URL fica abaixo de
3 KB."""


class Lugar(NamedTuple):
    """Onde está uma linha sem chave, e a versão dela: textos de `tableoid`, `ctid` e `xmin`."""

    particao: str
    endereco: str
    versao: str

    @property
    def em_json(self) -> bytes:
        """O endereço como o servidor o escreve numa linha."""
        return msgspec.json.encode(self.endereco)


def citar_sempre(nome: str) -> str:
    """Um nome na lista `columns`, que aceita aspas para qualquer um."""
    return '"' + nome.replace("\\", "\\\\").replace('"', '\\"') + '"'


def por_chave(tabela: Tabela, chaves: Sequence[Chave]) -> Parametros:
    """Só as linhas desta tabela com estas chaves: numa herança, a chave pode repetir-se."""
    return (*_das_chaves(tabela, chaves), *so_as_suas(tabela))


def _das_chaves(tabela: Tabela, chaves: Sequence[Chave]) -> Parametros:
    if len(chaves) == 1:
        pares = zip(tabela.chave, chaves[0], strict=True)
        return tuple((citar(c), f"eq.{texto(v) or ''}") for c, v in pares)
    termos = ",".join(_termo(tabela, chave) for chave in chaves)
    if len(tabela.chave) == 1:
        return ((citar(tabela.chave[0]), f"in.({termos})"),)
    return (("or", f"({termos})"),)


def _termo(tabela: Tabela, chave: Chave) -> str:
    """Uma chave dentro de in.(...) ou, composta, de or(...)."""
    valores = [valor_citado(texto(v) or "") for v in chave]
    if len(valores) == 1:
        return valores[0]
    iguais = (f"{citar(c)}.eq.{v}" for c, v in zip(tabela.chave, valores, strict=True))
    return f"and({','.join(iguais)})"


def bytes_da_chave(tabela: Tabela, chave: Chave) -> int:
    """Quantos bytes a chave toma num filtro, já escapada, com a vírgula."""
    return len(quote(_termo(tabela, chave), safe="")) + len("%2C")


def do_mesmo_dono(no_escopo: TabelaNoEscopo, linha: bytes) -> Parametros:
    """O filtro com as colunas de dono como estão na linha: se mudaram, não se toca nela."""
    campos = abrir_linha(linha)
    colunas = (
        c for c in colunas_de_dono(no_escopo) if c in campos and c not in no_escopo.tabela.chave
    )
    return tuple(_igual(c, campos[c]) for c in colunas)


def _igual(coluna: str, bruto: msgspec.Raw) -> tuple[str, str]:
    valor = texto(bytes(bruto))
    return citar(coluna), "is.null" if valor is None else f"eq.{valor}"


def pelos_valores(no_escopo: TabelaNoEscopo, linhas: Sequence[bytes]) -> Parametros:
    """Onde não há chave, um filtro que pega estas linhas e talvez outras, que se distinguem depois,
    byte a byte: as colunas por onde se chega à empresa e as que se comparam sem dúvida. Vazio se
    uma linha não tem nenhuma curta o bastante."""
    por_linha = dict.fromkeys(tuple(_valores(no_escopo, linha)) for linha in linhas)
    suas = so_as_suas(no_escopo.tabela)
    if () in por_linha:
        return suas
    termos = ",".join(f"and({','.join(termos)})" for termos in por_linha)
    return (("or", f"({termos})"), *suas)


def bytes_dos_valores(no_escopo: TabelaNoEscopo, linha: bytes) -> int:
    """Quantos bytes a linha toma no filtro de `pelos_valores`, já escapada."""
    return len(quote(f"and({','.join(_valores(no_escopo, linha))}),", safe=""))


def _valores(no_escopo: TabelaNoEscopo, linha: bytes) -> Iterator[str]:
    """Os termos de uma linha; as colunas de dono, sempre, e primeiro."""
    campos = abrir_linha(linha)
    donos = [c for c in colunas_de_dono(no_escopo) if c in campos]
    comparaveis = (c.nome for c in no_escopo.tabela.colunas if c.tipo in COMPARAVEIS)
    outras = (c for c in (*no_escopo.colunas_de_ligacao, *comparaveis) if c in campos)
    cabem = BYTES_POR_LINHA
    for coluna in dict.fromkeys((*donos, *outras)):
        valor = texto(bytes(campos[coluna]))
        igual = "is.null" if valor is None else f"eq.{valor_citado(valor)}"
        termo = f"{citar(coluna)}.{igual}"
        cabem -= len(quote(termo, safe=""))
        if coluna in donos or cabem >= 0:
            yield termo


def desta_versao(versao: str) -> Parametros:
    """Só a linha que ainda é a que se leu: o `xmin` é o número da transação que a escreveu, e muda
    com qualquer mudança dela, de qualquer coluna e tipo."""
    return (("xmin", f"eq.{versao}"),)


def destas_versoes(versoes: Iterable[str]) -> Parametros:
    """O mesmo, de várias: todas de uma mesma leitura."""
    return (("xmin", f"in.({','.join(dict.fromkeys(versoes))})"),)


def dos_lugares(lugares: Sequence[Lugar]) -> Parametros:
    """As linhas sem chave que estão nestes lugares de uma mesma partição. Com as versões, bastam:
    um lugar só se reusa por uma transação posterior, cuja versão não pode estar na lista."""
    particao = lugares[0].particao
    assert all(lugar.particao == particao for lugar in lugares)
    enderecos = ",".join(valor_citado(lugar.endereco) for lugar in lugares)
    return (("tableoid", f"eq.{particao}"), ("ctid", f"in.({enderecos})"))
