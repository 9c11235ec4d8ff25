"""Linhas de todas as empresas, lidas pela API, página a página: as que dizem quem elas são."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cofre.base.erros import ConsultaDemorada
from cofre.base.linha import abrir_linha, texto, valores_da_linha
from cofre.base.modelo import Tabela
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros, citar, faixa_de_chaves, so_as_suas, valor_citado
from cofre.via.empresas import Linha


def linhas(conexao: Conexao, tabela: Tabela, colunas: Sequence[str]) -> Iterator[Linha]:
    """Todas as linhas da tabela, com estas colunas. Levanta FalhaDoServidor."""
    yield from map(valores_da_linha, em_bytes(conexao, tabela, colunas, contar=True))


def em_bytes(
    conexao: Conexao,
    tabela: Tabela,
    colunas: Sequence[str],
    filtro: Parametros = (),
    *,
    contar: bool = False,
) -> Iterator[bytes]:
    """As que passam no filtro, como vieram. Levanta FalhaDoServidor.

    Uma página curta não prova o fim: prova-o uma vazia, ou, se é para `contar` (onde é depressa), a
    contagem da primeira, quando as traz todas. Com mais páginas a contagem já não é do mesmo
    instante, e quem chega entre uma e outra faria que parecesse o fim antes do fim.
    """
    selecao = ",".join(citar(c) for c in dict.fromkeys((*tabela.ordem, *colunas)))
    depois: tuple[str, ...] | None = None
    while True:
        faixa = (*filtro, *faixa_de_chaves(tabela, depois, None))
        try:
            pagina = conexao.ler(tabela.nome, selecao, faixa, limite=1000, contar=contar)
        except ConsultaDemorada:
            if not contar:
                raise
            contar = False
            continue
        if not pagina.linhas:
            return
        yield from map(bytes, pagina.linhas)
        if contar and pagina.total == len(pagina.linhas):
            return
        contar = False
        ultima = abrir_linha(pagina.linhas[-1])
        depois = tuple(texto(bytes(ultima[c])) or "" for c in tabela.ordem)


def que_casam(tabela: Tabela, colunas: Sequence[str], padrao: str) -> Parametros:
    """Filtro: as suas linhas em que alguma destas colunas casa com a expressão regular; sem ela,
    todas as suas."""
    suas = so_as_suas(tabela)
    if not padrao:
        return suas
    termos = ",".join(f"{citar(c)}.match.{valor_citado(padrao)}" for c in colunas)
    return (*suas, ("or", f"({termos})"))
