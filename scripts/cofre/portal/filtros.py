"""Os filtros das escritas, em forma de URL do PostgREST: as linhas desta chave, deste dono, e que
ainda têm o que a foto viu. Puro texto, nenhum pedido é feito aqui."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

import msgspec

from cofre.campos import NULO, texto
from cofre.escopo import TabelaNoEscopo
from cofre.escritor import Mudanca, colunas_de_dono
from cofre.modelo import Tabela
from cofre.ordem import em_lotes
from cofre.plano import Chave, abrir_linha
from cofre.portal.consulta import Parametros, citar, valor_citado

COMPARAVEIS = frozenset(
    {
        *"uuid text integer bigint smallint numeric boolean date".split(),
        "character varying",
        "timestamp with time zone",
        "timestamp without time zone",
    }
)
"""Tipos cujo texto JSON, comparado com `eq`, é sempre o próprio valor."""
MAIOR_COMPARADO = 200
MAXIMO_DE_COMPARADOS = 8
BYTES_DE_FILTRO = 2000
"""De chaves, ou do que se compara, já escapado: com o resto, a URL fica abaixo de 3 KB."""


def citar_sempre(nome: str) -> str:
    """Um nome na lista `columns`, que aceita aspas para qualquer um."""
    return '"' + nome.replace("\\", "\\\\").replace('"', '\\"') + '"'


def por_chave(tabela: Tabela, chaves: Sequence[Chave]) -> Parametros:
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


def bytes_na_url(tabela: Tabela, chave: Chave) -> int:
    """Quantos bytes a chave toma num filtro, já escapada, com a vírgula."""
    return len(quote(_termo(tabela, chave), safe="")) + len("%2C") if tabela.chave else 0


def do_mesmo_dono(alvo: TabelaNoEscopo, linha: bytes) -> Parametros:
    """O filtro com as colunas de dono como estão na linha: se mudaram, não se toca nela."""
    campos = abrir_linha(linha)
    colunas = (c for c in colunas_de_dono(alvo) if c in campos and c not in alvo.tabela.chave)
    return tuple(_igual(c, campos[c]) for c in colunas)


def _igual(coluna: str, bruto: msgspec.Raw) -> tuple[str, str]:
    valor = texto(bytes(bruto))
    return citar(coluna), "is.null" if valor is None else f"eq.{valor}"


def se_ainda_for(tabela: Tabela, mudanca: Mudanca) -> Parametros:
    """Só altera se as colunas ainda têm o que a foto viu: a mudança de outra pessoa, feita depois
    da foto, não se perde (a próxima foto a verá)."""
    if mudanca.acao.atual is None:
        return ()
    campos = abrir_linha(mudanca.acao.atual)
    parametros = []
    for nome in mudanca.valores:
        coluna, bruto = tabela.coluna(nome), campos.get(nome, msgspec.Raw(NULO))
        if coluna and coluna.tipo in COMPARAVEIS and len(bytes(bruto)) <= MAIOR_COMPARADO:
            parametros.append(_igual(nome, bruto))
    na_url = (lambda p: len(urlencode([p])), BYTES_DE_FILTRO)
    return tuple(next(em_lotes(parametros, MAXIMO_DE_COMPARADOS, na_url), ()))


def por_tudo(linha: bytes) -> Parametros:
    """Sem chave, a linha é o conjunto dos seus valores (json não se compara; vetores se escrevem de
    outro jeito)."""
    return tuple(
        _igual(coluna, bruto)
        for coluna, bruto in abrir_linha(linha).items()
        if bytes(bruto)[:1] not in (b"{", b"[")
    )
