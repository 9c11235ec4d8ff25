"""O único que escreve no banco pela API: cada operação do executor em pedidos do PostgREST.

Antes de mudar ou remover, as linhas são lidas de novo. Só se apaga a que é byte a byte a da foto, e
só se muda a coluna que ainda é; e sempre na versão que se leu: o que alguém muda no meio do caminho
não é tocado, e a próxima foto o guarda.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.erros import ConsultaDemorada, EscritaRecusada, PedidoGrande
from cofre.base.linha import abrir_linha, texto
from cofre.base.modelo import Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.escritor import IGNORADA, Inserido, Lote, Mudada, Mudanca
from cofre.plano.lotes import metades
from cofre.plano.tabela import Acao
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros, citar
from cofre.via.api.filtros import (
    desta_versao,
    destas_versoes,
    do_mesmo_dono,
    dos_lugares,
    por_chave,
)
from cofre.via.api.formas import a_gravar, gravaveis, indiziveis
from cofre.via.api.guarda import (
    ainda_nossa,
    alguma_como,
    chaves_de,
    conferindo,
    curtas,
    em_grupos,
    linhas_de,
    por_dono,
    que_valem,
    todas_como,
)
from cofre.via.api.indizivel import recusa
from cofre.via.api.insercao import Insercoes
from cofre.via.api.reescritas import Reescritas
from cofre.via.api.versoes import Viva, com_chave, sem_chave, valores_de

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
    reescritas: Reescritas = field(default_factory=Reescritas)
    """De uma passada para a seguinte."""
    _insercoes: Insercoes = field(init=False)

    def __post_init__(self) -> None:
        insercoes = Insercoes(self.conexao, self.equipe)
        object.__setattr__(self, "_insercoes", insercoes)

    def repor(
        self, no_escopo: TabelaNoEscopo, lotes: Iterator[Lote], *, em_paralelo: bool
    ) -> Iterator[Inserido]:
        """Um POST por lote, em várias conexões se em paralelo (ver `insercao`)."""
        return self._insercoes.repor(no_escopo, lotes, em_paralelo=em_paralelo)

    # -- mudar -----------------------------------------------------------------------------

    def mudar(
        self, no_escopo: TabelaNoEscopo, quais: Iterator[Mudanca], *, em_paralelo: bool
    ) -> Generator[Mudada, None, None]:
        """Um GET por grupo de linhas e um PATCH por linha, em várias conexões se em paralelo."""

        def uma(relida: Relida) -> Mudada:
            mudanca, viva = relida
            valores = gravaveis(no_escopo.tabela, mudanca.valores)
            if not valores:
                return Mudada(mudanca)  # o plano já disse que a API não os grava
            try:
                return self._mudar_o_que_da(no_escopo, replace(mudanca, valores=valores), viva)
            except EscritaRecusada as e:
                return Mudada(mudanca, recusa=e)

        relidas = self._reler(no_escopo, quais)
        # A primeira vai só: se um gatilho troca o dono, é a única que se solta.
        sozinhas = map(uma, itertools.islice(relidas, 1 if em_paralelo else None))
        with contextlib.closing(self.equipe.em_ordem(uma, relidas)) as outras:
            for feita in itertools.chain(sozinhas, outras):
                self.reescritas.contar(no_escopo.tabela, feita)
                yield feita

    def _reler(self, no_escopo: TabelaNoEscopo, quais: Iterator[Mudanca]) -> Iterator[Relida]:
        for lote in em_grupos(no_escopo, quais, lambda m: (m.acao, m.como_esta)):
            yield from self._reler_grupo(no_escopo, lote)

    def _reler_grupo(self, no_escopo: TabelaNoEscopo, lote: Sequence[Mudanca]) -> Iterator[Relida]:
        try:
            vivas = com_chave(self.conexao, no_escopo, chaves_de(lote))
        except EscritaRecusada as e:
            yield from ((m, e) for m in lote)
        except (PedidoGrande, ConsultaDemorada):
            partes = metades(lote)
            if not partes:
                raise
            for parte in partes:
                yield from self._reler_grupo(no_escopo, parte)
        else:
            yield from ((m, vivas.get(m.acao.chave)) for m in lote)

    def _mudar_o_que_da(
        self, no_escopo: TabelaNoEscopo, mudanca: Mudanca, viva: Viva | EscritaRecusada | None
    ) -> Mudada:
        """Como `_mudar`; as colunas que a API não escreve ficam como estão."""
        nao_vao = indiziveis(no_escopo.tabela, mudanca.valores)
        ditos = {c: v for c, v in mudanca.valores.items() if c not in nao_vao}
        if len(ditos) == len(mudanca.valores):
            return self._mudar(no_escopo, mudanca, viva)
        if ditos:
            self._mudar(no_escopo, replace(mudanca, valores=ditos), viva)
        return Mudada(mudanca, recusa=recusa(no_escopo.tabela.nome))

    def _mudar(
        self, no_escopo: TabelaNoEscopo, mudanca: Mudanca, viva: Viva | EscritaRecusada | None
    ) -> Mudada:
        """Manda só as colunas que ainda têm o que a foto viu: a que outra pessoa mudou fica como
        está, e a próxima foto a guarda. Insiste se só a versão mudou, como a da linha que um
        gatilho tocou por causa de outra. Levanta EscritaRecusada e FalhaDoServidor."""
        if isinstance(viva, EscritaRecusada):
            raise viva
        mandadas: Mapping[str, msgspec.Raw] = {}
        nome = no_escopo.tabela.nome
        for _ in range(VERSOES_POR_MUDANCA):
            if viva is None or not ainda_nossa(no_escopo, mudanca, viva.linha):
                break
            valem = que_valem(mudanca, viva.linha)
            if not valem:
                break
            mandadas, inteira = valem, len(valem) == len(mudanca.valores)
            gravadas = self._mudar_versao(no_escopo, mudanca, valem, viva.versao)
            if gravadas:
                self.reescritas.aprender(nome, valem, gravadas[0])
                return Mudada(mudanca, gravadas, inteira=inteira)
            antes, viva = viva, self._agora(no_escopo, mudanca)
            if gravadas is not None and viva == antes:
                raise EscritaRecusada(IGNORADA, f"o banco não altera registros de {nome}", "")
            if viva is not None and alguma_como(valem, viva.linha):
                # O pedido chegou duas vezes, e a resposta é a da segunda, que já não achou a linha
                # nesta versão; o que não ficou como se mandou, um gatilho reescreveu.
                return Mudada(mudanca, [viva.linha], inteira=inteira)
        feita = viva is not None and (
            todas_como(mudanca.valores, viva.linha)
            or (bool(mandadas) and self.reescritas.explicam(nome, mudanca.acao.chave, mandadas))
        )
        return Mudada(mudanca, [viva.linha] if viva is not None and feita else (), inteira=feita)

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
        prontos = a_gravar(no_escopo.tabela, valores)
        corpo = msgspec.json.encode(prontos)
        # As mandadas voltam, se são curtas: assim se sabe o que um gatilho reescreve.
        parametros = (*filtro, *conferindo(no_escopo, *curtas(prontos)))
        return linhas_de(
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
        except PedidoGrande:
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
        resposta = linhas_de(
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
        # A resposta se perdeu, ou é a da segunda vez de um pedido que chegou duas, ou alguém as
        # apagou antes: a que já não está lá é a que se queria apagar.
        if self.conexao.ler(tabela.nome, selecao, (*quais, *versoes), limite=1).linhas:
            raise EscritaRecusada(IGNORADA, f"o banco não apaga registros de {tabela.nome}", "")
        restam = self.conexao.ler(tabela.nome, selecao, quais).linhas
        chaves = {valores_de(bytes(linha), colunas) for linha in restam}
        return [acao for chave, acao in acoes.items() if chave in chaves]

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
