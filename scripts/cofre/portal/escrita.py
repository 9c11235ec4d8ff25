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
from cofre.escritor import (
    IGNORADA,
    SEM_EFEITO,
    Inserido,
    Lote,
    Mudada,
    Mudanca,
    colunas_de_dono,
)
from cofre.modelo import Tabela
from cofre.ordem import em_lotes
from cofre.plano import Acao, Chave, abrir_linha
from cofre.portal.consulta import Parametros, citar
from cofre.portal.fila import lado_a_lado
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


@dataclass(frozen=True, slots=True)
class EscritorDaApi:
    """O `cofre.executor.Escritor` que escreve pela API."""

    transporte: Transporte
    equipe: Equipe

    def repor(
        self, alvo: TabelaNoEscopo, lotes: Iterator[Lote], *, em_paralelo: bool
    ) -> Iterator[Inserido]:
        """Um POST por lote, em várias conexões se em paralelo."""

        def um(lote: Lote, insistir: bool) -> Inserido:
            try:
                return Inserido(lote, self._inserir(alvo, lote, insistir))
            except SEM_EFEITO as e:
                return Inserido(lote, erro=e)

        # O primeiro vai só: se um gatilho troca o dono, é o único que se solta.
        sozinhos = itertools.islice(lotes, 1) if em_paralelo else lotes
        yield from (um(lote, True) for lote in sozinhos)
        yield from lado_a_lado(self.equipe, um, lotes)

    def _inserir(self, alvo: TabelaNoEscopo, lote: Lote, insistir: bool) -> Sequence[bytes]:
        """Repetido, se a resposta se perde, sem duplicar o que entrou."""
        nomes = ("columns", ",".join(citar_sempre(c) for c in lote.colunas))
        gravadas = self.transporte.escrever(
            "POST",
            alvo.tabela.nome,
            (nomes, *_conferindo(alvo)),
            vetor(lote.linhas),
            "return=representation",
            "return=representation,resolution=ignore-duplicates",
            insistir_em_disputa=insistir,
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


def vetor(linhas: Sequence[bytes]) -> bytes:
    """O corpo de um pedido com estas linhas."""
    return b"[" + b",".join(linhas) + b"]"
