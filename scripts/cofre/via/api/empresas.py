"""As linhas que dizem quem são as empresas, lidas pela API, página a página."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cofre.base.linha import abrir_linha, texto, valores_da_linha
from cofre.base.modelo import Tabela
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import citar, faixa_de_chaves
from cofre.via.empresas import Linha


def linhas(conexao: Conexao, tabela: Tabela, colunas: Sequence[str]) -> Iterator[Linha]:
    """Todas as linhas da tabela, com estas colunas. Levanta FalhaDoServidor."""
    selecao = ",".join(citar(c) for c in dict.fromkeys((*tabela.ordem, *colunas)))
    depois: tuple[str, ...] | None = None
    while True:
        faixa = faixa_de_chaves(tabela, depois, None)
        pagina = conexao.ler(tabela.nome, selecao, faixa, limite=1000)
        if not pagina.linhas:
            return
        yield from map(valores_da_linha, pagina.linhas)
        ultima = abrir_linha(pagina.linhas[-1])
        depois = tuple(texto(bytes(ultima[c])) or "" for c in tabela.ordem)
