"""O único que escreve no banco pela API: cada operação do executor em pedidos do PostgREST.

Antes de mudar ou remover, as linhas são lidas de novo. Só se apaga a que é byte a byte a da foto, e
só se muda a coluna que ainda é; e sempre na versão que se leu: o que alguém muda no meio do caminho
não é tocado, e a próxima foto o guarda.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.erros import ConsultaDemorada, EscritaRecusada
from cofre.base.linha import abrir_linha, texto
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
from cofre.plano.lotes import metades
from cofre.plano.plano import Acao
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros, citar
from cofre.via.api.fila import lado_a_lado
from cofre.via.api.filtros import (
    citar_sempre,
    desta_versao,
    destas_versoes,
    do_mesmo_dono,
    dos_lugares,
    por_chave,
)
from cofre.via.api.guarda import (
    ainda_nossa,
    alguma_como,
    chaves_de,
    em_grupos,
    por_dono,
    que_valem,
    todas_como,
)
from cofre.via.api.pagina import PaginaGrande
from cofre.via.api.versoes import Viva, com_chave, sem_chave, valores_de

SEM_COLUNA_DO_SISTEMA = "0A000"
"""feature_not_supported: «cannot retrieve a system column in this context» (PostgreSQL, apêndice A;
é o que se vê num INSERT ... RETURNING xmin em tabela particionada)."""

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
    duvidosas: set[tuple[str, Chave]] = field(default_factory=set)
    """De uma passada para a seguinte: as linhas de que não se soube quem as mudou."""
    _particionadas: set[str] = field(default_factory=set)

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
        """Repetido, se a resposta se perde, sem duplicar o que entrou. A versão vem junto, a não
        ser numa tabela particionada, em que o PostgreSQL não a dá a quem insere."""
        nome = no_escopo.tabela.nome
        versao = () if nome in self._particionadas else ("xmin",)
        nomes = ("columns", ",".join(citar_sempre(c) for c in lote.colunas))
        try:
            gravadas = self.conexao.escrever(
                "POST",
                nome,
                (nomes, *_conferindo(no_escopo, *versao)),
                vetor(lote.linhas),
                "return=representation",
                "return=representation,resolution=ignore-duplicates",
                insistir_em_disputa=insistir,
            )
        except EscritaRecusada as e:
            if e.codigo_sql != SEM_COLUNA_DO_SISTEMA or not versao:
                raise
            self._particionadas.add(nome)
            return self._inserir(no_escopo, lote, insistir)
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
        if not em_paralelo:
            yield from map(uma, relidas)
            return
        # A primeira vai só: se um gatilho troca o dono, é a única que se solta.
        yield from map(uma, itertools.islice(relidas, 1))
        yield from self.equipe.em_ordem(uma, relidas)

    def _reler(self, no_escopo: TabelaNoEscopo, quais: Iterator[Mudanca]) -> Iterator[Relida]:
        for lote in em_grupos(no_escopo, quais, lambda m: (m.acao, m.como_esta)):
            yield from self._reler_grupo(no_escopo, lote)

    def _reler_grupo(self, no_escopo: TabelaNoEscopo, lote: Sequence[Mudanca]) -> Iterator[Relida]:
        try:
            vivas = com_chave(self.conexao, no_escopo, chaves_de(lote))
        except EscritaRecusada as e:
            yield from ((m, e) for m in lote)
        except (PaginaGrande, ConsultaDemorada):
            partes = metades(lote)
            if not partes:
                raise
            for parte in partes:
                yield from self._reler_grupo(no_escopo, parte)
        else:
            yield from ((m, vivas.get(m.acao.chave)) for m in lote)

    def _mudar(
        self, no_escopo: TabelaNoEscopo, mudanca: Mudanca, viva: Viva | EscritaRecusada | None
    ) -> Mudada:
        """Manda só as colunas que ainda têm o que a foto viu: a que outra pessoa mudou fica como
        está, e a próxima foto a guarda. Insiste se só a versão mudou, como a da linha que um
        gatilho tocou por causa de outra. Levanta EscritaRecusada e FalhaDoServidor."""
        if isinstance(viva, EscritaRecusada):
            raise viva
        mandadas: Mapping[str, msgspec.Raw] = {}
        for _ in range(VERSOES_POR_MUDANCA):
            if viva is None or not ainda_nossa(no_escopo, mudanca, viva.linha):
                break
            valem = que_valem(mudanca, viva.linha)
            if not valem:
                break
            gravadas = self._mudar_versao(no_escopo, mudanca, valem, viva.versao)
            if gravadas:
                return Mudada(mudanca, gravadas, inteira=len(valem) == len(mudanca.valores))
            antes, viva = viva, self._agora(no_escopo, mudanca)
            if gravadas is not None and viva == antes:
                nome = no_escopo.tabela.nome
                raise EscritaRecusada(IGNORADA, f"o banco não altera registros de {nome}", "")
            mandadas = valem if gravadas is None else {}
        feita = viva is not None and (
            # Um pedido que chegou duas vezes, ou alguém que quis o mesmo.
            todas_como(mudanca.valores, viva.linha)
            or (bool(mandadas) and self._foi_a_nossa(no_escopo, mudanca, mandadas, viva.linha))
        )
        return Mudada(mudanca, [viva.linha] if viva is not None and feita else (), inteira=feita)

    def _foi_a_nossa(
        self,
        no_escopo: TabelaNoEscopo,
        mudanca: Mudanca,
        mandadas: Mapping[str, msgspec.Raw],
        linha: bytes,
    ) -> bool:
        """Se a mudança cuja resposta se perdeu é a que se vê na linha: alguma coluna ficou como se
        mandou, e as outras um gatilho reescreveu. Se nenhuma ficou, pode ter sido outra pessoa: a
        próxima foto guarda o que está lá, e só da segunda vez se crê que é o banco."""
        if alguma_como(mandadas, linha):
            return True
        quem = (no_escopo.tabela.nome, mudanca.acao.chave)
        de_novo = quem in self.duvidosas
        self.duvidosas.add(quem)
        return de_novo

    def _agora(self, no_escopo: TabelaNoEscopo, mudanca: Mudanca) -> Viva | None:
        return com_chave(self.conexao, no_escopo, chaves_de([mudanca])).get(mudanca.acao.chave)

    def _mudar_versao(
        self,
        no_escopo: TabelaNoEscopo,
        mudanca: Mudanca,
        valores: Mapping[str, msgspec.Raw],
        versao: str,
    ) -> Sequence[bytes] | None:
        filtro = (
            *por_chave(no_escopo.tabela, [mudanca.acao.chave]),
            *do_mesmo_dono(no_escopo, mudanca.como_esta),
            *desta_versao(versao),
        )
        corpo = msgspec.json.encode(dict(valores))
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
        yield from em_grupos(no_escopo, acoes, lambda a: (a, a.atual or b"{}"))

    def apagar(self, no_escopo: TabelaNoEscopo, lote: Sequence[Acao]) -> Sequence[Acao]:
        """Um GET e um DELETE; sem chave, um par por página em que há linhas do lote."""
        if not no_escopo.tabela.chave:
            return self._apagar_sem_chave(no_escopo, lote)
        tabela = no_escopo.tabela
        try:
            vivas = com_chave(self.conexao, no_escopo, [(a.chave, a.atual) for a in lote])
        except PaginaGrande:
            partes = metades(lote)
            if not partes:
                raise
            return [a for parte in partes for a in self.apagar(no_escopo, parte)]
        # Quem chegou antes e a apagou fez o que se queria.
        estao = [a for a in lote if a.chave in vivas]
        iguais = [a for a in estao if vivas[a.chave].linha == a.atual]
        ficaram = [a for a in estao if vivas[a.chave].linha != a.atual]
        for dono, delas in por_dono(no_escopo, iguais).items():
            estas = {a.chave: a for a in delas}
            quais = (*por_chave(tabela, list(estas)), *dono)
            versoes = destas_versoes(vivas[chave].versao for chave in estas)
            ficaram += self._apagar_estas(tabela, quais, versoes, tabela.chave, estas)
        return ficaram

    def _apagar_sem_chave(self, no_escopo: TabelaNoEscopo, lote: Sequence[Acao]) -> list[Acao]:
        """As que não se acharam já não existem, ou mudaram: a próxima foto as verá."""
        ficaram: list[Acao] = []
        for achadas in sem_chave(self.conexao, no_escopo, lote):
            achadas.sort(key=lambda par: par[1].particao)
            for _particao, grupo in itertools.groupby(achadas, key=lambda par: par[1].particao):
                desta = list(grupo)
                lugares = [lugar for _acao, lugar in desta]
                acoes: dict[Chave, Acao] = {(lugar.em_json,): acao for acao, lugar in desta}
                ficaram += self._apagar_estas(
                    no_escopo.tabela,
                    dos_lugares(lugares),
                    destas_versoes(lugar.versao for lugar in lugares),
                    ("ctid",),
                    acoes,
                )
        return ficaram

    def _apagar_estas(
        self,
        tabela: Tabela,
        quais: Parametros,
        versoes: Parametros,
        colunas: Sequence[str],
        acoes: Mapping[Chave, Acao],
    ) -> list[Acao]:
        """Apaga estas linhas, que as `colunas` distinguem; devolve as que ficaram porque alguém as
        mudou antes. As versões vêm todas da mesma leitura: a que uma transação posterior gravasse
        não estaria entre elas, por isso a lista das linhas e a das versões bastam, sem dizer qual é
        de qual."""
        selecao = ",".join(citar(c) for c in colunas)
        resposta = _linhas(
            self.conexao.escrever(
                "DELETE",
                tabela.nome,
                (*quais, *versoes, ("select", selecao)),
                b"",
                "return=representation",
            )
        )
        if resposta is not None and len(resposta) == len(acoes):
            return []
        if resposta is None:  # a resposta se perdeu: o que ainda está lá não foi apagado
            restam = self.conexao.ler(tabela.nome, selecao, quais).linhas
            chaves = {valores_de(bytes(linha), colunas) for linha in restam}
            return [acao for chave, acao in acoes.items() if chave in chaves]
        if self.conexao.ler(tabela.nome, selecao, (*quais, *versoes), limite=1).linhas:
            raise EscritaRecusada(IGNORADA, f"o banco não apaga registros de {tabela.nome}", "")
        apagadas = {valores_de(linha, colunas) for linha in resposta}
        return [acao for chave, acao in acoes.items() if chave not in apagadas]

    def apagar_inserida(self, no_escopo: TabelaNoEscopo, linha: bytes) -> None:
        """Um DELETE pela chave, pelo dono e pela versão que entrou, se ela se sabe; uma recusa é
        calada."""
        tabela = no_escopo.tabela
        versao = abrir_linha(linha).get("xmin")
        filtro = (
            *por_chave(tabela, [valores_de(linha, tabela.chave)]),
            *do_mesmo_dono(no_escopo, linha),
            *(desta_versao(texto(bytes(versao)) or "") if versao is not None else ()),
        )
        with contextlib.suppress(EscritaRecusada):  # o impedimento já diz o que houve
            self.conexao.escrever("DELETE", tabela.nome, filtro, b"", "return=minimal")


def _conferindo(no_escopo: TabelaNoEscopo, *mais: str) -> Parametros:
    """O `select` do que a resposta de uma escrita traz: a chave e as colunas de dono."""
    colunas = dict.fromkeys((*no_escopo.tabela.chave, *colunas_de_dono(no_escopo), *mais))
    return (("select", ",".join(citar(c) for c in colunas)),) if no_escopo.tabela.chave else ()


def _linhas(corpo: bytes) -> list[bytes] | None:
    """As linhas de uma resposta; None se ela se perdeu."""
    if not corpo:
        return None
    return [bytes(b) for b in msgspec.json.decode(corpo, type=list[msgspec.Raw])]


def vetor(linhas: Sequence[bytes]) -> bytes:
    """O corpo de um pedido com estas linhas."""
    return b"[" + b",".join(linhas) + b"]"
