"""O que o banco recusaria, perguntado antes: as escritas são feitas de verdade numa transação que
quem chama sempre desfaz, com os gatilhos como estarão na restauração.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import psycopg
from psycopg import sql

from cofre.base.erros import EscritaRecusada
from cofre.base.linha import abrir_linha
from cofre.base.modelo import Tabela
from cofre.base.textos import MARCA
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.lotes import em_lotes
from cofre.plano.tabela import Acao
from cofre.via.contrato import Prova, prova_de
from cofre.via.direta import comandos, gatilhos, restricoes
from cofre.via.direta.conexao import ESCREVENDO, Conexoes
from cofre.via.direta.endereco import Endereco
from cofre.via.direta.erros import ALGUMA, na_consulta
from cofre.via.direta.escrita import BYTES_POR_CARGA, LINHAS_POR_CARGA, EscritorDireto
from cofre.via.direta.gatilhos import Suspensos
from cofre.via.direta.ligacoes import Ligacoes
from cofre.via.direta.pontos import Pontos
from cofre.via.direta.restricoes import Restricoes
from cofre.via.direta.texto import (
    a_gravar,
    juntas_pela_chave,
    linhas_json,
    objeto,
    propria,
    resumo_de,
)
from cofre.via.direta.travas import vigiando
from cofre.via.logins.login import Login
from cofre.via.logins.sql import LoginsPorSql, num_ponto

LINHAS_ENSAIADAS = 20_000
"""De uma tabela. Quem restaura o faz numa transação só: nada se perde por descobrir depois."""


@dataclass(slots=True)
class Provas:
    """As de uma via, cada uma numa transação como a da restauração, que no fim é desfeita."""

    banco: Conexoes
    onde: Endereco
    supostos: tuple[Login, ...] = ()
    """Os logins que se criam nela, antes de provar."""
    _soltas: set[tuple[str, str]] = field(default_factory=set)
    """(tabela, regra NOT VALID) que alguma prova precisou soltar."""
    _ligacoes: Ligacoes | None = None
    """As chaves estrangeiras como a primeira prova as leu; quem restaura lê de novo."""

    def supondo(self, logins: Sequence[Login]) -> Provas:
        """As mesmas, supondo que estes logins já existem."""
        return replace(self, supostos=tuple(logins))

    def esquecer(self) -> None:
        """O banco pode já ter outras chaves estrangeiras."""
        self._ligacoes = None

    def ligacoes_em(self, conexao: psycopg.Connection) -> Ligacoes:
        """As chaves estrangeiras, para as conferir por esta conexão. psycopg.Error passa."""
        if self._ligacoes is None:
            self._ligacoes = Ligacoes.do_banco(conexao)
        return self._ligacoes.noutra(conexao)

    def como_escreve(self, tabelas: Collection[str]) -> Sequence[str]:
        """Se os gatilhos se suspendem, e o que fica travado. Levanta FalhaDoServidor."""
        with self._provando(ALGUMA, list(tabelas)) as (_conexao, suspensos):
            soltas = sorted(r for r in self._soltas if r[0] in tabelas)
            return [
                *gatilhos.dizer(suspensos.desligados, suspensos.restam),
                *restricoes.dizer(soltas),
            ]

    def provar(
        self,
        no_escopo: TabelaNoEscopo,
        lotes: Iterator[Sequence[Acao]],
        colunas: Sequence[str],
        *,
        alterando: bool,
    ) -> Iterator[Prova]:
        """O que o banco recusaria, perguntado por vários lotes de uma vez; só se a resposta é não,
        por um de cada vez. Bastam as primeiras LINHAS_ENSAIADAS: o que ele recusar das outras
        desfaz a transação inteira, e é dito então. Levanta FalhaDoServidor."""

        def um(linhas: Sequence[bytes]) -> EscritaRecusada | None:
            return self._recusa(no_escopo, linhas, colunas, alterando=alterando)

        def provar(juntos: Sequence[Sequence[Acao]]) -> Iterator[Prova]:
            feito = prova_de(um, [acao for lote in juntos for acao in lote])
            if feito.erro is None or len(juntos) == 1:
                yield from (Prova(lote, feito.erro) for lote in juntos)
            else:
                yield from (e for lote in juntos for e in provar([lote]))

        medidas = ((len, LINHAS_POR_CARGA), (_bytes, BYTES_POR_CARGA))
        for juntos in em_lotes(_primeiros(lotes), LINHAS_POR_CARGA, *medidas):
            yield from provar(juntos)

    def _recusa(
        self,
        no_escopo: TabelaNoEscopo,
        linhas: Sequence[bytes],
        colunas: Sequence[str],
        *,
        alterando: bool,
    ) -> EscritaRecusada | None:
        """O que o banco recusaria destas linhas, inseridas ou alteradas; None se nada."""
        tabela = no_escopo.tabela
        with self._provando(tabela.nome, [tabela.nome]) as (conexao, suspensos):
            quem = escritor(conexao, suspensos, self.ligacoes_em(conexao))
            if alterando:
                recusa = _alterar(quem, tabela, linhas, colunas)
            else:
                recusa = _inserir(quem, no_escopo, linhas, colunas)
            self._soltas.update(quem.pontos.restricoes.soltas)
            return recusa

    @contextlib.contextmanager
    def _provando(
        self, tabela: str, tabelas: Sequence[str]
    ) -> Iterator[tuple[psycopg.Connection, Suspensos]]:
        """Uma transação que se desfaz, com os gatilhos suspensos e os logins que se supõe que
        voltam."""
        with self.banco.uma() as conexao, vigiando(self.onde, conexao):
            try:
                conexao.execute(ESCREVENDO)
                suspensos = Suspensos(conexao, tabelas)
                logins = LoginsPorSql(num_ponto(conexao))
                # Onde um gatilho dispara, o que ele criasse estorvaria a prova: quem prova sabe
                # que login volta, e dá por resolvido o que só falta por ele.
                for login in () if self.supostos and logins.gatilhos() else self.supostos:
                    logins.criar(login)
                yield conexao, suspensos
            except psycopg.Error as e:
                raise na_consulta(e, tabela) from e
            finally:
                with contextlib.suppress(psycopg.Error):
                    conexao.execute("ROLLBACK")


def escritor(
    conexao: psycopg.Connection,
    suspensos: Suspensos,
    todas: Ligacoes | None = None,
    *,
    adiar: bool = False,
) -> EscritorDireto:
    """Quem escreve numa transação com os gatilhos assim suspensos, com as ligações já lidas ou
    lidas agora. `adiar`: ver `Pontos`. psycopg.Error passa."""
    ligacoes = None
    if not suspensos.modo.confere_ligacoes:
        ligacoes = todas.noutra(conexao) if todas else Ligacoes.do_banco(conexao)
    pontos = Pontos(conexao, Restricoes(conexao), ligacoes, adiar)
    return EscritorDireto(pontos, sem_gatilhos=not suspensos.restam)


def existentes(
    conexao: psycopg.Connection, no_escopo: TabelaNoEscopo, chaves: Sequence[Chave]
) -> list[bytes]:
    """As linhas com estas chaves, sejam de quem forem: a chave e as colunas de ligação.
    psycopg.Error passa."""
    tabela = no_escopo.tabela
    consulta = sql.SQL("SELECT {resumo} FROM {linhas} JOIN {t} AS t ON {mesma_chave}").format(
        resumo=resumo_de("t", list(dict.fromkeys((*tabela.chave, *no_escopo.colunas_de_ligacao)))),
        linhas=linhas_json(tabela, tabela.chave),
        t=propria(tabela),
        mesma_chave=juntas_pela_chave(tabela),
    )
    objetos = [objeto(tabela.chave, chave) for chave in chaves]
    return [linha.encode() for (linha,) in conexao.execute(consulta, [objetos]).fetchall()]


def _primeiros(lotes: Iterator[Sequence[Acao]]) -> Iterator[Sequence[Acao]]:
    """Os lotes até que somem LINHAS_ENSAIADAS."""
    linhas = 0
    for lote in lotes:
        yield lote
        linhas += len(lote)
        if linhas >= LINHAS_ENSAIADAS:
            return


def _inserir(
    quem: EscritorDireto, alvo: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """A recusa de um INSERT destas linhas, ou None. Levanta FalhaDoServidor."""
    tem = abrir_linha(linhas[0])
    try:
        quem.inserir(alvo, linhas, [c for c in colunas if c in tem])
    except EscritaRecusada as e:
        return e
    return None


def _alterar(
    quem: EscritorDireto, tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """A recusa se as linhas que existem ficassem assim, ou None. Levanta FalhaDoServidor."""
    tem = abrir_linha(linhas[0])
    mudam = [c for c in colunas if c in tem and c not in (*tabela.identidades, *tabela.chave)]
    if not mudam:
        return None
    novas = [a_gravar(tabela, linha).decode() for linha in linhas]
    com_textos = any(MARCA.decode() in nova for nova in novas)
    comando = comandos.alterar_sem_olhar(tabela, mudam, com_textos=com_textos)
    try:
        quem.pontos.executar(tabela, comando, [novas], linhas)
    except EscritaRecusada as e:
        return e
    return None


def _bytes(lote: Sequence[Acao]) -> int:
    return sum(len(a.alvo or b"") for a in lote)
