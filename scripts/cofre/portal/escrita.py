"""O único que escreve no banco pela API: cada operação do executor em pedidos do PostgREST.

Alterar leva no filtro a chave, as colunas de dono e o que a foto viu nas colunas que mudam. Remover
lê as linhas de novo, deixa as que não são byte a byte as da foto e apaga exatamente as versões que
leu: uma linha que alguém mudou no meio do caminho não é tocada.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from cofre.equipe import Equipe
from cofre.erros import EscritaRecusada
from cofre.escopo import TabelaNoEscopo
from cofre.escritor import IGNORADA, Mudada, Mudanca, colunas_de_dono, com_nulas
from cofre.modelo import Tabela
from cofre.ordem import em_lotes
from cofre.plano import Acao, Chave, abrir_linha
from cofre.portal.consulta import Parametros, citar
from cofre.portal.filtros import (
    BYTES_DE_FILTRO,
    bytes_na_url,
    citar_sempre,
    do_mesmo_dono,
    por_chave,
    por_tudo,
    se_ainda_for,
)
from cofre.portal.transporte import PaginaGrande, Transporte

CHAVES_POR_PEDIDO = 40
BYTES_POR_RELEITURA = 512 * 1024

NULO_PROIBIDO = "23502"
UM_SO_OBJETO = "application/vnd.pgrst.object+json"


@dataclass(frozen=True, slots=True)
class EscritorDaApi:
    """O `cofre.executor.Escritor` que escreve pela API."""

    transporte: Transporte
    equipe: Equipe

    def inserir(
        self, alvo: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
    ) -> Sequence[bytes]:
        """Um POST; repetido, se a resposta se perde, sem duplicar o que entrou."""
        nomes = ("columns", ",".join(citar_sempre(c) for c in colunas))
        gravadas = self.transporte.escrever(
            "POST",
            alvo.tabela.nome,
            (nomes, *_conferindo(alvo)),
            _vetor(linhas),
            "return=representation",
            "return=representation,resolution=ignore-duplicates",
        )
        return (_linhas(gravadas) or ()) if alvo.tabela.chave else ()

    def mudar(
        self, alvo: TabelaNoEscopo, quais: Iterator[Mudanca], *, em_paralelo: bool
    ) -> Iterator[Mudada]:
        """Um PATCH por linha, em várias conexões se em paralelo."""

        def uma(mudanca: Mudanca) -> Mudada:
            try:
                return Mudada(mudanca, self._alterar(alvo, mudanca))
            except EscritaRecusada as e:
                return Mudada(mudanca, recusa=e)

        if not em_paralelo:
            yield from map(uma, quais)
            return
        # A primeira vai só: se um gatilho troca o dono, é a única que se solta.
        yield from map(uma, itertools.islice(quais, 1))
        yield from self.equipe.em_ordem(uma, quais)

    def _alterar(self, alvo: TabelaNoEscopo, mudanca: Mudanca) -> Sequence[bytes] | None:
        filtro = (
            *por_chave(alvo.tabela, [mudanca.acao.chave]),
            *do_mesmo_dono(alvo, mudanca.como_esta),
            *se_ainda_for(alvo.tabela, mudanca),
        )
        corpo = msgspec.json.encode(dict(mudanca.valores))
        parametros = (*filtro, *_conferindo(alvo))
        return _linhas(
            self.transporte.escrever(
                "PATCH", alvo.tabela.nome, parametros, corpo, "return=representation"
            )
        )

    def lotes_a_apagar(self, tabela: Tabela, acoes: Iterator[Acao]) -> Iterator[list[Acao]]:
        """Grupos que cabem numa URL, e que se releem numa página."""
        limites = (
            (lambda a: bytes_na_url(tabela, a.chave), BYTES_DE_FILTRO),
            (lambda a: len(a.atual or b""), BYTES_POR_RELEITURA),
        )
        yield from em_lotes(acoes, CHAVES_POR_PEDIDO if tabela.chave else 1, *limites)

    def apagar(self, tabela: Tabela, lote: Sequence[Acao]) -> Sequence[Acao]:
        """Um GET e um DELETE; sem chave, um DELETE pelos valores da linha."""
        if not tabela.chave:
            filtro = por_tudo(lote[0].atual or b"{}")
            self.transporte.escrever("DELETE", tabela.nome, filtro, b"", "return=minimal")
            return ()
        try:
            agora = self._como_estao(tabela, lote)
        except PaginaGrande:
            meio = len(lote) // 2
            return [*self.apagar(tabela, lote[:meio]), *self.apagar(tabela, lote[meio:])]
        iguais = [a for a in lote if a.chave in agora and agora[a.chave][0] == a.atual]
        mudaram = [a for a in lote if a.chave in agora and agora[a.chave][0] != a.atual]
        versoes = {a.chave: agora[a.chave][1] for a in iguais}
        return [*mudaram, *self._apagar_versoes(tabela, iguais, versoes)]

    def _como_estao(self, tabela: Tabela, lote: Sequence[Acao]) -> dict[Chave, tuple[bytes, str]]:
        """As linhas e as suas versões (xmin), as que ainda existem. Levanta PaginaGrande se não
        vieram todas numa só leitura."""
        filtro = por_chave(tabela, [a.chave for a in lote])
        limite = 1 if len(lote) == 1 else None
        pagina = self.transporte.ler(tabela.nome, "*,xmin", filtro, contar=True, limite=limite)
        if pagina.total is not None and pagina.total != len(pagina.linhas):
            raise PaginaGrande(f"O servidor só manda {len(pagina.linhas)} linhas por vez.")
        estao = {}
        for bruta in pagina.linhas:
            linha, _, versao = bytes(bruta).rpartition(b',"xmin":"')
            estao[_chave(tabela, bytes(bruta))] = (linha + b"}", versao.rstrip(b'"}').decode())
        return estao

    def _apagar_versoes(
        self, tabela: Tabela, acoes: Sequence[Acao], versoes: dict[Chave, str]
    ) -> list[Acao]:
        """Apaga estas versões; devolve as que alguém mudou antes. As versões vêm todas da mesma
        leitura: a que uma transação posterior gravasse não estaria entre elas, por isso a lista
        das chaves e a das versões bastam, sem dizer qual é de qual."""
        if not acoes:
            return []
        quais = (
            *por_chave(tabela, [a.chave for a in acoes]),
            ("xmin", f"in.({','.join(dict.fromkeys(versoes.values()))})"),
        )
        so_chave = ("select", ",".join(citar(c) for c in tabela.chave))
        resposta = _linhas(
            self.transporte.escrever(
                "DELETE", tabela.nome, (*quais, so_chave), b"", "return=representation"
            )
        )
        if resposta is None or len(resposta) == len(acoes):
            return []
        if self.transporte.ler(tabela.nome, so_chave[1], quais, limite=1).linhas:
            raise EscritaRecusada(IGNORADA, f"o banco não apaga registros de {tabela.nome}", "")
        apagadas = {_chave(tabela, linha) for linha in resposta}
        return [a for a in acoes if a.chave not in apagadas]

    def apagar_inserida(self, alvo: TabelaNoEscopo, linha: bytes) -> None:
        """Um DELETE pela chave e pelo dono; uma recusa é calada."""
        tabela = alvo.tabela
        filtro = (*por_chave(tabela, [_chave(tabela, linha)]), *do_mesmo_dono(alvo, linha))
        with contextlib.suppress(EscritaRecusada):  # o impedimento já diz o que houve
            self.transporte.escrever("DELETE", tabela.nome, filtro, b"", "return=minimal")


def _conferindo(alvo: TabelaNoEscopo) -> Parametros:
    """O `select` do que a resposta de uma escrita traz: a chave e as colunas de dono."""
    colunas = dict.fromkeys((*alvo.tabela.chave, *colunas_de_dono(alvo)))
    return (("select", ",".join(citar(c) for c in colunas)),) if alvo.tabela.chave else ()


def _linhas(corpo: bytes) -> list[bytes] | None:
    """As linhas de uma resposta; None se ela se perdeu."""
    if not corpo:
        return None
    return [bytes(b) for b in msgspec.json.decode(corpo, type=list[msgspec.Raw])]


def _chave(tabela: Tabela, linha: bytes) -> Chave:
    campos = abrir_linha(linha)
    return tuple(bytes(campos[c]) for c in tabela.chave)


def _vetor(linhas: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(linhas) + b"]"


def existentes(
    transporte: Transporte, no_escopo: TabelaNoEscopo, chaves: Sequence[Chave]
) -> list[bytes]:
    """As linhas com estas chaves, sejam de quem forem: a chave e as colunas de ligação."""
    tabela = no_escopo.tabela
    achadas: list[bytes] = []
    colunas = dict.fromkeys((*tabela.chave, *no_escopo.colunas_de_ligacao))
    selecao = ",".join(citar(c) for c in colunas)
    bytes_do_filtro = (lambda c: bytes_na_url(tabela, c), BYTES_DE_FILTRO)
    for lote in em_lotes(chaves, CHAVES_POR_PEDIDO, bytes_do_filtro):
        pagina = transporte.ler(tabela.nome, selecao, por_chave(tabela, lote))
        achadas += [bytes(linha) for linha in pagina.linhas]
    return achadas


def ensaiar_insercao(
    transporte: Transporte, tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """O que o banco recusaria destas linhas, sem gravá-las; None se aceitaria todas.

    Pede-se a resposta como um só objeto: com duas linhas ou mais, o PostgREST responde PGRST116 e
    desfaz a transação, depois de o banco ter conferido tudo (gatilhos e chaves estrangeiras
    inclusive; com uma linha só, as chaves estrangeiras não se veem).
    """
    return _ensaiar(transporte, tabela, linhas, colunas, (), "return=representation")


def ensaiar_alteracao(
    transporte: Transporte, tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """O que o banco recusaria se estas linhas, que existem, ficassem assim; None se nada.

    É um upsert pela chave, desfeito como em `ensaiar_insercao`. Os gatilhos de inserção também
    rodam: quem chama só deve crer nas recusas que são do valor.
    """
    por_chave = ("on_conflict", ",".join(citar_sempre(c) for c in tabela.chave))
    prefer = "return=representation,resolution=merge-duplicates"
    return _ensaiar(transporte, tabela, linhas, colunas, (por_chave,), prefer)


def _ensaiar(
    transporte: Transporte,
    tabela: Tabela,
    linhas: Sequence[bytes],
    colunas: Sequence[str],
    parametros: Parametros,
    prefer: str,
) -> EscritaRecusada | None:
    """Um POST que nunca fica: com duas linhas ou mais, a resposta de um só objeto o desfaz; uma
    linha sozinha vai com outra de chave nula, que o banco sempre recusa."""
    so_uma = len(linhas) == 1
    tem = abrir_linha(linhas[0])
    nomes = ("columns", ",".join(citar_sempre(c) for c in colunas if c in tem))
    corpo = _vetor([linhas[0], com_nulas(linhas[0], tabela.chave)] if so_uma else linhas)
    try:
        transporte.escrever(
            "POST", tabela.nome, (nomes, *parametros), corpo, prefer, aceitar=UM_SO_OBJETO
        )
    except EscritaRecusada as e:
        da_sentinela = e.codigo_sql == NULO_PROIBIDO and any(
            f'column "{c}"' in str(e) for c in tabela.chave
        )
        return None if e.codigo_sql == "PGRST116" or (so_uma and da_sentinela) else e
    # Só se gatilhos descartaram todas as linhas menos uma: a que ficou é desta empresa, e a próxima
    # foto a verá.
    return None
