"""O único que escreve no banco pela API: cada operação do executor em pedidos do PostgREST.

Antes de mudar ou remover, as linhas são lidas de novo; as que não são byte a byte as da foto ficam,
e as outras só se mudam ou se apagam na versão que se leu: uma linha que alguém mudou no meio do
caminho não é tocada.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.erros import ConsultaDemorada, EscritaRecusada
from cofre.base.linha import NULO, abrir_linha
from cofre.base.modelo import Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.escritor import (
    IGNORADA,
    SEM_EFEITO,
    Inserido,
    Lote,
    Mudada,
    Mudanca,
    colunas_de_dono,
)
from cofre.plano.lados import Chave
from cofre.plano.lotes import em_lotes, metades
from cofre.plano.plano import Acao
from cofre.via.api.conexao import PaginaGrande, Transporte
from cofre.via.api.consulta import Parametros, citar
from cofre.via.api.fila import lado_a_lado
from cofre.via.api.filtros import (
    BYTES_DE_FILTRO,
    bytes_da_chave,
    bytes_dos_valores,
    citar_sempre,
    desta_versao,
    destas_versoes,
    do_mesmo_dono,
    dos_lugares,
    por_chave,
)
from cofre.via.api.versoes import Viva, com_chave, sem_chave, valores_de

CHAVES_POR_PEDIDO = 40
BYTES_POR_RELEITURA = 512 * 1024
VERSOES_POR_MUDANCA = 5
"""Quantas vezes se tenta mudar uma linha que outros tocam sem a mudar, antes de a deixar para a
próxima foto."""

T = TypeVar("T")
Relida = tuple[Mudanca, Viva | EscritaRecusada | None]
"""Uma mudança e a linha como está agora; None se já não existe."""


@dataclass(frozen=True, slots=True)
class EscritorDaApi:
    """O `cofre.plano.escritor.Escritor` que escreve pela API."""

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

    # -- mudar -----------------------------------------------------------------------------

    def mudar(
        self, alvo: TabelaNoEscopo, quais: Iterator[Mudanca], *, em_paralelo: bool
    ) -> Generator[Mudada, None, None]:
        """Um GET por grupo de linhas e um PATCH por linha, em várias conexões se em paralelo."""

        def uma(relida: Relida) -> Mudada:
            try:
                return self._mudar(alvo, *relida)
            except EscritaRecusada as e:
                return Mudada(relida[0], recusa=e)

        relidas = self._reler(alvo, quais)
        # A primeira vai só: se um gatilho troca o dono, é a única que se solta.
        sozinhas = itertools.islice(relidas, 1) if em_paralelo else relidas
        yield from map(uma, sozinhas)
        yield from self.equipe.em_ordem(uma, relidas)

    def _reler(self, alvo: TabelaNoEscopo, quais: Iterator[Mudanca]) -> Iterator[Relida]:
        for lote in _em_grupos(alvo, quais, lambda m: (m.acao, m.como_esta)):
            yield from self._reler_grupo(alvo.tabela, lote)

    def _reler_grupo(self, tabela: Tabela, lote: Sequence[Mudanca]) -> Iterator[Relida]:
        try:
            vivas = com_chave(self.transporte, tabela, [m.acao for m in lote])
        except EscritaRecusada as e:
            yield from ((m, e) for m in lote)
        except (PaginaGrande, ConsultaDemorada):
            partes = metades(lote)
            if not partes:
                raise
            for parte in partes:
                yield from self._reler_grupo(tabela, parte)
        else:
            yield from ((m, vivas.get(m.acao.chave)) for m in lote)

    def _mudar(
        self, alvo: TabelaNoEscopo, mudanca: Mudanca, viva: Viva | EscritaRecusada | None
    ) -> Mudada:
        """Insiste se só a versão mudou: a linha que um gatilho tocou, por causa de outra que
        mudamos, ainda é a que a foto viu. Levanta EscritaRecusada e FalhaDeLeitura."""
        if isinstance(viva, EscritaRecusada):
            raise viva
        for _ in range(VERSOES_POR_MUDANCA):
            if viva is None or not _ainda_e(alvo, mudanca, viva.linha):
                break
            gravadas = self._mudar_versao(alvo, mudanca, viva.versao)
            if gravadas is None or gravadas:
                return Mudada(mudanca, gravadas)
            antes = viva
            viva = com_chave(self.transporte, alvo.tabela, [mudanca.acao]).get(mudanca.acao.chave)
            if viva == antes:
                nome = alvo.tabela.nome
                raise EscritaRecusada(IGNORADA, f"o banco não altera registros de {nome}", "")
        # Um pedido que chegou duas vezes, ou alguém que quis o mesmo: já está como se queria.
        ja_esta = viva is not None and _como_se_quer(mudanca, viva.linha)
        return Mudada(mudanca, [viva.linha] if viva is not None and ja_esta else ())

    def _mudar_versao(
        self, alvo: TabelaNoEscopo, mudanca: Mudanca, versao: str
    ) -> Sequence[bytes] | None:
        filtro = (
            *por_chave(alvo.tabela, [mudanca.acao.chave]),
            *do_mesmo_dono(alvo, mudanca.como_esta),
            *desta_versao(versao),
        )
        corpo = msgspec.json.encode(dict(mudanca.valores))
        parametros = (*filtro, *_conferindo(alvo))
        return _linhas(
            self.transporte.escrever(
                "PATCH", alvo.tabela.nome, parametros, corpo, "return=representation"
            )
        )

    # -- apagar ----------------------------------------------------------------------------

    def lotes_a_apagar(self, alvo: TabelaNoEscopo, acoes: Iterator[Acao]) -> Iterator[list[Acao]]:
        """Grupos que cabem numa URL, e que se releem numa página."""
        yield from _em_grupos(alvo, acoes, lambda a: (a, a.atual or b"{}"))

    def apagar(self, alvo: TabelaNoEscopo, lote: Sequence[Acao]) -> Sequence[Acao]:
        """Um GET e um DELETE; sem chave, um par por página em que há linhas do lote."""
        if not alvo.tabela.chave:
            return self._apagar_sem_chave(alvo, lote)
        tabela = alvo.tabela
        try:
            vivas = com_chave(self.transporte, tabela, lote)
        except PaginaGrande:
            return [a for parte in metades(lote) for a in self.apagar(alvo, parte)]
        # Quem chegou antes e a apagou fez o que se queria.
        estao = [a for a in lote if a.chave in vivas]
        iguais = {a.chave: a for a in estao if vivas[a.chave].linha == a.atual}
        mudaram = [a for a in estao if a.chave not in iguais]
        quais = (
            *por_chave(tabela, list(iguais)),
            *destas_versoes([vivas[chave].versao for chave in iguais]),
        )
        return [*mudaram, *self._apagar_estas(tabela, quais, tabela.chave, iguais)]

    def _apagar_sem_chave(self, alvo: TabelaNoEscopo, lote: Sequence[Acao]) -> list[Acao]:
        """As que não se acharam já não existem, ou mudaram: a próxima foto as verá."""
        ficaram: list[Acao] = []
        for achadas in sem_chave(self.transporte, alvo, lote):
            achadas.sort(key=lambda par: par[1].particao)
            for _particao, grupo in itertools.groupby(achadas, key=lambda par: par[1].particao):
                desta = list(grupo)
                quais = dos_lugares([lugar for _acao, lugar in desta])
                acoes: dict[Chave, Acao] = {(lugar.em_json,): acao for acao, lugar in desta}
                ficaram += self._apagar_estas(alvo.tabela, quais, ("ctid",), acoes)
        return ficaram

    def _apagar_estas(
        self, tabela: Tabela, quais: Parametros, colunas: Sequence[str], acoes: dict[Chave, Acao]
    ) -> list[Acao]:
        """Apaga estas linhas, que as `colunas` distinguem; devolve as que alguém mudou antes. As
        versões vêm todas da mesma leitura: a que uma transação posterior gravasse não estaria entre
        elas, por isso a lista das linhas e a das versões bastam, sem dizer qual é de qual."""
        if not acoes:
            return []
        selecao = ",".join(citar(c) for c in colunas)
        resposta = _linhas(
            self.transporte.escrever(
                "DELETE",
                tabela.nome,
                (*quais, ("select", selecao)),
                b"",
                "return=representation",
            )
        )
        if resposta is None or len(resposta) == len(acoes):
            return []
        if self.transporte.ler(tabela.nome, selecao, quais, limite=1).linhas:
            raise EscritaRecusada(IGNORADA, f"o banco não apaga registros de {tabela.nome}", "")
        apagadas = {valores_de(linha, colunas) for linha in resposta}
        return [acao for chave, acao in acoes.items() if chave not in apagadas]

    def apagar_inserida(self, alvo: TabelaNoEscopo, linha: bytes) -> None:
        """Um DELETE pela chave e pelo dono; uma recusa é calada."""
        tabela = alvo.tabela
        filtro = (
            *por_chave(tabela, [valores_de(linha, tabela.chave)]),
            *do_mesmo_dono(alvo, linha),
        )
        with contextlib.suppress(EscritaRecusada):  # o impedimento já diz o que houve
            self.transporte.escrever("DELETE", tabela.nome, filtro, b"", "return=minimal")


def _em_grupos(
    alvo: TabelaNoEscopo, itens: Iterator[T], ver: Callable[[T], tuple[Acao, bytes]]
) -> Iterator[list[T]]:
    """Os itens em grupos cujo filtro cabe numa URL, e que se releem numa página; `ver` dá a ação de
    um item e a linha como se crê que está."""

    def na_url(item: T) -> int:
        acao, linha = ver(item)
        if not alvo.tabela.chave:
            return bytes_dos_valores(alvo, linha)
        return bytes_da_chave(alvo.tabela, acao.chave)

    da_linha = (lambda item: len(ver(item)[1]), BYTES_POR_RELEITURA)
    yield from em_lotes(itens, CHAVES_POR_PEDIDO, (na_url, BYTES_DE_FILTRO), da_linha)


def _ainda_e(alvo: TabelaNoEscopo, mudanca: Mudanca, linha: bytes) -> bool:
    """Se a linha é a que a foto viu; de uma que acabou de entrar, se é desta empresa e ainda espera
    os valores que ficaram para depois."""
    if mudanca.acao.atual is not None:
        return linha == mudanca.acao.atual
    esta, entrou = abrir_linha(linha), abrir_linha(mudanca.como_esta)
    ligacoes = {c for fk in alvo.tabela.estrangeiras for c in fk.colunas}
    de_quem = {*colunas_de_dono(alvo), *ligacoes} - mudanca.valores.keys()
    return all(bytes(esta[c]) == NULO for c in mudanca.valores) and all(
        esta[c] == entrou[c] for c in de_quem
    )


def _como_se_quer(mudanca: Mudanca, linha: bytes) -> bool:
    esta = abrir_linha(linha)
    return all(esta.get(c) == v for c, v in mudanca.valores.items())


def _conferindo(alvo: TabelaNoEscopo) -> Parametros:
    """O `select` do que a resposta de uma escrita traz: a chave e as colunas de dono."""
    colunas = dict.fromkeys((*alvo.tabela.chave, *colunas_de_dono(alvo)))
    return (("select", ",".join(citar(c) for c in colunas)),) if alvo.tabela.chave else ()


def _linhas(corpo: bytes) -> list[bytes] | None:
    """As linhas de uma resposta; None se ela se perdeu."""
    if not corpo:
        return None
    return [bytes(b) for b in msgspec.json.decode(corpo, type=list[msgspec.Raw])]


def vetor(linhas: Sequence[bytes]) -> bytes:
    """O corpo de um pedido com estas linhas."""
    return b"[" + b",".join(linhas) + b"]"
