"""Inserir pela API, e saber o que entrou mesmo quando o pedido chega duas vezes ao banco.

O gateway do Supabase repete sozinho um pedido cuja resposta se perdeu no caminho, também um POST
(supabase/postgres, envoy_config/lds.supabase.yaml: `retry_on: gateway-error`), e quem o mandou só
vê a segunda resposta: uma recusa, por linhas que já são as nossas. Onde nada é único ela é um
sucesso, e a próxima foto vê as linhas em dobro, que o plano então tira.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from cofre.base.equipe import Equipe
from cofre.base.erros import EscritaRecusada
from cofre.base.linha import NULO, abrir_linha
from cofre.base.modelo import Tabela
from cofre.base.varredura import indizivel
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.escritor import SEM_EFEITO, Inserido, Lote
from cofre.plano.lotes import em_lotes
from cofre.plano.tabela import Acao
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import citar
from cofre.via.api.fila import lado_a_lado
from cofre.via.api.filtros import BYTES_DE_FILTRO, bytes_da_chave, citar_sempre, por_chave
from cofre.via.api.formas import em_partes, indiziveis, linha_a_gravar, sem_como_gravar
from cofre.via.api.guarda import CHAVES_POR_PEDIDO, conferindo, linhas_de, vetor
from cofre.via.api.indizivel import recusa
from cofre.via.api.versoes import sem_chave, valores_de

SEM_COLUNA_DO_SISTEMA = "0A000"
"""feature_not_supported: «cannot retrieve a system column in this context» (PostgreSQL, apêndice A;
é o que se vê num INSERT ... RETURNING xmin em tabela particionada)."""

JA_EXISTE = frozenset({"23505", "23P01", "P0001"})
"""O que o banco diz da segunda vez: valor único, intervalo excluído, ou um gatilho que procura a
linha."""


@dataclass(frozen=True, slots=True)
class Insercoes:
    """As inserções de um escritor."""

    conexao: Conexao
    equipe: Equipe
    _particionadas: set[str] = field(default_factory=set)

    def repor(
        self, no_escopo: TabelaNoEscopo, lotes: Iterator[Lote], *, em_paralelo: bool
    ) -> Iterator[Inserido]:
        """Um POST por lote, em várias conexões se em paralelo."""

        def um(lote: Lote, insistir: bool) -> Inserido:
            try:
                return Inserido(lote, self._inserir(no_escopo, lote, insistir))
            except SEM_EFEITO as e:
                entraram = self._ja_entraram(no_escopo, lote) if _ja_existe(e) else None
                return Inserido(lote, erro=e) if entraram is None else Inserido(lote, entraram)

        lotes = em_partes(no_escopo.tabela, lotes)
        # O primeiro vai só: se um gatilho troca o dono, é o único que se solta.
        sozinhos = itertools.islice(lotes, 1) if em_paralelo else lotes
        yield from (um(lote, True) for lote in sozinhos)
        yield from lado_a_lado(self.equipe, um, lotes)

    def _inserir(self, no_escopo: TabelaNoEscopo, lote: Lote, insistir: bool) -> Sequence[bytes]:
        """Repetido, se a resposta se perde, sem duplicar o que entrou. A versão vem junto, a não
        ser numa tabela particionada, em que o PostgreSQL não a dá a quem insere."""
        nome = no_escopo.tabela.nome
        if any(_fica_de_fora(no_escopo.tabela, linha) for linha in lote.linhas):
            raise recusa(nome)
        versao = () if nome in self._particionadas else ("xmin",)
        nomes = ("columns", ",".join(citar_sempre(c) for c in lote.colunas))
        try:
            gravadas = self.conexao.escrever(
                "POST",
                nome,
                (nomes, *conferindo(no_escopo, *versao)),
                vetor([linha_a_gravar(no_escopo.tabela, linha) for linha in lote.linhas]),
                "return=representation",
                "return=representation,resolution=ignore-duplicates",
                insistir_em_disputa=insistir,
            )
        except EscritaRecusada as e:
            if e.codigo_sql != SEM_COLUNA_DO_SISTEMA or not versao:
                raise
            self._particionadas.add(nome)
            return self._inserir(no_escopo, lote, insistir)
        return (linhas_de(gravadas) or ()) if no_escopo.tabela.chave else ()

    def _ja_entraram(self, no_escopo: TabelaNoEscopo, lote: Lote) -> list[bytes] | None:
        """As linhas do lote como estão no banco (nenhuma, sem chave), se ele já está lá inteiro:
        com as chaves que se mandaram, que a foto não tinha, e desta empresa. O conteúdo, a próxima
        foto confere. None se falta alguma, ou se é de outra: então a recusa é uma recusa."""
        tabela = no_escopo.tabela
        if not tabela.chave:
            procuradas = [Acao(a.chave, a.alvo, None) for a in lote.acoes]
            grupos = sem_chave(self.conexao, no_escopo, procuradas)
            return [] if sum(map(len, grupos)) == len(procuradas) else None
        colunas = dict.fromkeys((*tabela.chave, *no_escopo.colunas_de_ligacao, "xmin"))
        selecao = ",".join(citar(c) for c in colunas)
        mandadas = {a.chave: linha for a, linha in zip(lote.acoes, lote.linhas, strict=True)}
        achadas: list[bytes] = []
        limite = (lambda chave: bytes_da_chave(tabela, chave), BYTES_DE_FILTRO)
        for grupo in em_lotes(mandadas, CHAVES_POR_PEDIDO, limite):
            vivas = self.conexao.ler(tabela.nome, selecao, por_chave(tabela, grupo)).linhas
            delas = {valores_de(bytes(linha), tabela.chave): bytes(linha) for linha in vivas}
            nossas = [c for c in grupo if c in delas and _nossa(no_escopo, mandadas[c], delas[c])]
            if len(nossas) < len(grupo):
                return None
            achadas += (delas[chave] for chave in nossas)
        return achadas


def _ja_existe(erro: Exception) -> bool:
    return isinstance(erro, EscritaRecusada) and erro.codigo_sql in JA_EXISTE


def _nossa(no_escopo: TabelaNoEscopo, mandada: bytes, viva: bytes) -> bool:
    """Se a linha é da mesma empresa que a que se mandou; o banco pode preencher um dono nulo."""
    quis, ficou = abrir_linha(mandada), abrir_linha(viva)
    nulo = msgspec.Raw(NULO)
    return all(quis.get(c, nulo) in (nulo, ficou[c]) for c in no_escopo.colunas_de_ligacao)


def _fica_de_fora(tabela: Tabela, linha: bytes) -> bool:
    """Se a linha tem um json que a API não escreve; sem chave, também se ele entraria outro: a
    próxima foto não teria como saber que é a mesma linha."""
    outra = not tabela.chave and sem_como_gravar(tabela, abrir_linha(linha))
    return bool(outra) or (indizivel(linha) and bool(indiziveis(tabela, abrir_linha(linha))))
