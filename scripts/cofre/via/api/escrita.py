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
from cofre.via.api.conexao import Conexao, PaginaGrande
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

    conexao: Conexao
    equipe: Equipe

    def repor(
        self, no_escopo: TabelaNoEscopo, lotes: Iterator[Lote], *, em_paralelo: bool
    ) -> Iterator[Inserido]:
        """Um POST por lote, em várias conexões se em paralelo."""

        def um(lote: Lote, insistir: bool) -> Inserido:
            try:
                return Inserido(lote, self._inserir(no_escopo, lote, insistir))
            except SEM_EFEITO as e:
                return Inserido(lote, erro=e)

        # O primeiro vai só: se um gatilho troca o dono, é o único que se solta.
        sozinhos = itertools.islice(lotes, 1) if em_paralelo else lotes
        yield from (um(lote, True) for lote in sozinhos)
        yield from lado_a_lado(self.equipe, um, lotes)

    def _inserir(self, no_escopo: TabelaNoEscopo, lote: Lote, insistir: bool) -> Sequence[bytes]:
        """Repetido, se a resposta se perde, sem duplicar o que entrou."""
        nomes = ("columns", ",".join(citar_sempre(c) for c in lote.colunas))
        gravadas = self.conexao.escrever(
            "POST",
            no_escopo.tabela.nome,
            (nomes, *_conferindo(no_escopo)),
            vetor(lote.linhas),
            "return=representation",
            "return=representation,resolution=ignore-duplicates",
            insistir_em_disputa=insistir,
        )
        return (_linhas(gravadas) or ()) if no_escopo.tabela.chave else ()

    # -- mudar -----------------------------------------------------------------------------

    def mudar(
        self, no_escopo: TabelaNoEscopo, quais: Iterator[Mudanca], *, em_paralelo: bool
    ) -> Generator[Mudada, None, None]:
        """Um GET por grupo de linhas e um PATCH por linha, em várias conexões se em paralelo."""

        def uma(relida: Relida) -> Mudada:
            try:
                return self._mudar(no_escopo, *relida)
            except EscritaRecusada as e:
                return Mudada(relida[0], recusa=e)

        relidas = self._reler(no_escopo, quais)
        # A primeira vai só: se um gatilho troca o dono, é a única que se solta.
        sozinhas = itertools.islice(relidas, 1) if em_paralelo else relidas
        yield from map(uma, sozinhas)
        yield from self.equipe.em_ordem(uma, relidas)

    def _reler(self, no_escopo: TabelaNoEscopo, quais: Iterator[Mudanca]) -> Iterator[Relida]:
        for lote in _em_grupos(no_escopo, quais, lambda m: (m.acao, m.como_esta)):
            yield from self._reler_grupo(no_escopo.tabela, lote)

    def _reler_grupo(self, tabela: Tabela, lote: Sequence[Mudanca]) -> Iterator[Relida]:
        try:
            vivas = com_chave(self.conexao, tabela, [m.acao for m in lote])
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
        self, no_escopo: TabelaNoEscopo, mudanca: Mudanca, viva: Viva | EscritaRecusada | None
    ) -> Mudada:
        """Insiste se só a versão mudou: a linha que um gatilho tocou, por causa de outra que
        mudamos, ainda é a que a foto viu. Levanta EscritaRecusada e FalhaDoServidor."""
        if isinstance(viva, EscritaRecusada):
            raise viva
        for _ in range(VERSOES_POR_MUDANCA):
            if viva is None or not _ainda_e(no_escopo, mudanca, viva.linha):
                break
            gravadas = self._mudar_versao(no_escopo, mudanca, viva.versao)
            if gravadas is None or gravadas:
                return Mudada(mudanca, gravadas)
            antes = viva
            viva = com_chave(self.conexao, no_escopo.tabela, [mudanca.acao]).get(mudanca.acao.chave)
            if viva == antes:
                nome = no_escopo.tabela.nome
                raise EscritaRecusada(IGNORADA, f"o banco não altera registros de {nome}", "")
        # Um pedido que chegou duas vezes, ou alguém que quis o mesmo: já está como se queria.
        ja_esta = viva is not None and _como_se_quer(mudanca, viva.linha)
        return Mudada(mudanca, [viva.linha] if viva is not None and ja_esta else ())

    def _mudar_versao(
        self, no_escopo: TabelaNoEscopo, mudanca: Mudanca, versao: str
    ) -> Sequence[bytes] | None:
        filtro = (
            *por_chave(no_escopo.tabela, [mudanca.acao.chave]),
            *do_mesmo_dono(no_escopo, mudanca.como_esta),
            *desta_versao(versao),
        )
        corpo = msgspec.json.encode(dict(mudanca.valores))
        parametros = (*filtro, *_conferindo(no_escopo))
        return _linhas(
            self.conexao.escrever(
                "PATCH", no_escopo.tabela.nome, parametros, corpo, "return=representation"
            )
        )

    # -- apagar ----------------------------------------------------------------------------

    def lotes_a_apagar(
        self, no_escopo: TabelaNoEscopo, acoes: Iterator[Acao]
    ) -> Iterator[list[Acao]]:
        """Grupos que cabem numa URL, e que se releem numa página."""
        yield from _em_grupos(no_escopo, acoes, lambda a: (a, a.atual or b"{}"))

    def apagar(self, no_escopo: TabelaNoEscopo, lote: Sequence[Acao]) -> Sequence[Acao]:
        """Um GET e um DELETE; sem chave, um par por página em que há linhas do lote."""
        if not no_escopo.tabela.chave:
            return self._apagar_sem_chave(no_escopo, lote)
        tabela = no_escopo.tabela
        try:
            vivas = com_chave(self.conexao, tabela, lote)
        except PaginaGrande:
            return [a for parte in metades(lote) for a in self.apagar(no_escopo, parte)]
        # Quem chegou antes e a apagou fez o que se queria.
        estao = [a for a in lote if a.chave in vivas]
        iguais = {a.chave: a for a in estao if vivas[a.chave].linha == a.atual}
        mudaram = [a for a in estao if a.chave not in iguais]
        quais = (
            *por_chave(tabela, list(iguais)),
            *destas_versoes([vivas[chave].versao for chave in iguais]),
        )
        return [*mudaram, *self._apagar_estas(tabela, quais, tabela.chave, iguais)]

    def _apagar_sem_chave(self, no_escopo: TabelaNoEscopo, lote: Sequence[Acao]) -> list[Acao]:
        """As que não se acharam já não existem, ou mudaram: a próxima foto as verá."""
        ficaram: list[Acao] = []
        for achadas in sem_chave(self.conexao, no_escopo, lote):
            achadas.sort(key=lambda par: par[1].particao)
            for _particao, grupo in itertools.groupby(achadas, key=lambda par: par[1].particao):
                desta = list(grupo)
                quais = dos_lugares([lugar for _acao, lugar in desta])
                acoes: dict[Chave, Acao] = {(lugar.em_json,): acao for acao, lugar in desta}
                ficaram += self._apagar_estas(no_escopo.tabela, quais, ("ctid",), acoes)
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
            self.conexao.escrever(
                "DELETE",
                tabela.nome,
                (*quais, ("select", selecao)),
                b"",
                "return=representation",
            )
        )
        if resposta is None or len(resposta) == len(acoes):
            return []
        if self.conexao.ler(tabela.nome, selecao, quais, limite=1).linhas:
            raise EscritaRecusada(IGNORADA, f"o banco não apaga registros de {tabela.nome}", "")
        apagadas = {valores_de(linha, colunas) for linha in resposta}
        return [acao for chave, acao in acoes.items() if chave not in apagadas]

    def apagar_inserida(self, no_escopo: TabelaNoEscopo, linha: bytes) -> None:
        """Um DELETE pela chave e pelo dono; uma recusa é calada."""
        tabela = no_escopo.tabela
        filtro = (
            *por_chave(tabela, [valores_de(linha, tabela.chave)]),
            *do_mesmo_dono(no_escopo, linha),
        )
        with contextlib.suppress(EscritaRecusada):  # o impedimento já diz o que houve
            self.conexao.escrever("DELETE", tabela.nome, filtro, b"", "return=minimal")


def _em_grupos(
    no_escopo: TabelaNoEscopo, itens: Iterator[T], ver: Callable[[T], tuple[Acao, bytes]]
) -> Iterator[list[T]]:
    """Os itens em grupos cujo filtro cabe numa URL, e que se releem numa página; `ver` dá a ação de
    um item e a linha como se crê que está."""

    def na_url(item: T) -> int:
        acao, linha = ver(item)
        if not no_escopo.tabela.chave:
            return bytes_dos_valores(no_escopo, linha)
        return bytes_da_chave(no_escopo.tabela, acao.chave)

    da_linha = (lambda item: len(ver(item)[1]), BYTES_POR_RELEITURA)
    yield from em_lotes(itens, CHAVES_POR_PEDIDO, (na_url, BYTES_DE_FILTRO), da_linha)


def _ainda_e(no_escopo: TabelaNoEscopo, mudanca: Mudanca, linha: bytes) -> bool:
    """Se a linha é a que a foto viu; de uma que acabou de entrar, se é desta empresa e ainda espera
    os valores que ficaram para depois."""
    if mudanca.acao.atual is not None:
        return linha == mudanca.acao.atual
    esta, entrou = abrir_linha(linha), abrir_linha(mudanca.como_esta)
    ligacoes = {c for fk in no_escopo.tabela.estrangeiras for c in fk.colunas}
    de_quem = {*colunas_de_dono(no_escopo), *ligacoes} - mudanca.valores.keys()
    return all(bytes(esta[c]) == NULO for c in mudanca.valores) and all(
        esta[c] == entrou[c] for c in de_quem
    )


def _como_se_quer(mudanca: Mudanca, linha: bytes) -> bool:
    esta = abrir_linha(linha)
    return all(esta.get(c) == v for c, v in mudanca.valores.items())


def _conferindo(no_escopo: TabelaNoEscopo) -> Parametros:
    """O `select` do que a resposta de uma escrita traz: a chave e as colunas de dono."""
    colunas = dict.fromkeys((*no_escopo.tabela.chave, *colunas_de_dono(no_escopo)))
    return (("select", ",".join(citar(c) for c in colunas)),) if no_escopo.tabela.chave else ()


def _linhas(corpo: bytes) -> list[bytes] | None:
    """As linhas de uma resposta; None se ela se perdeu."""
    if not corpo:
        return None
    return [bytes(b) for b in msgspec.json.decode(corpo, type=list[msgspec.Raw])]


def vetor(linhas: Sequence[bytes]) -> bytes:
    """O corpo de um pedido com estas linhas."""
    return b"[" + b",".join(linhas) + b"]"
