"""As linhas de empresas por COPY, numa transação já aberta: nada aqui começa nem termina uma.

Quem fotografa para um backup abre um instante só de leitura; quem restaura pode ler de novo dentro
da sua própria transação, e vê o que acabou de escrever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import psycopg
from psycopg import sql

from cofre.base.erros import (
    BackupDanificado,
    FalhaDoServidor,
    Interrompido,
    LinhaDeOutraEmpresa,
    TabelaBloqueada,
)
from cofre.base.modelo import Empresa, Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.direta.aproveitar import Aproveitamento
from cofre.via.direta.conexao import que_responde
from cofre.via.direta.consulta import Catalogadas, linhas_das_empresas, tabelas_citadas
from cofre.via.direta.erros import ALGUMA, SemConexao, na_consulta
from cofre.via.direta.instante import exigir_intactas
from cofre.via.direta.lida import Lida
from cofre.via.direta.linhas import Bloco, em_blocos
from cofre.via.direta.mudadas import Duvida
from cofre.via.direta.resumos import Perguntas
from cofre.via.direta.reuso import Reusos
from cofre.via.direta.travas import quem_segura
from cofre.via.leitura import Entrega, PedidoDeFoto, TabelaLida

PONTO = "cofre_leitura"
"""O ponto de retorno: uma tabela que falha não derruba a transação. Um só basta, pois a leitura não
tem o que desfazer."""
PONTO_DE_RETORNO = sql.SQL(f"SAVEPOINT {PONTO}")

INTEIROS = "pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4 > 0"
"""Se um float sai com todos os algarismos: um ajuste do projeto pode arredondá-los, pelas duas vias
(documentação do PostgreSQL, «extra_float_digits»), e aí de nada se diz que é exato."""


def _um_apos_outro(*comandos: sql.Composable) -> sql.Composed:
    return sql.SQL("; ").join(comandos)


def _trava(nomes: Iterable[str]) -> sql.Composed:
    quais = sql.SQL(", ").join(sql.Identifier("public", n) for n in nomes)
    return sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(quais)


Lidas = Mapping[str, Lida]
"""O que se leu de uma tabela, por empresa: uma só leitura, que falha para todas ou para nenhuma."""


@dataclass(slots=True)
class Leitura:
    """Uma leitura destas empresas na transação aberta em `conexao`, ou que o `comeco` abre.
    `um_instante`: se todos os comandos dela veem o mesmo."""

    conexao: psycopg.Connection
    pedido: PedidoDeFoto
    catalogadas: Catalogadas
    parar: threading.Event
    um_instante: bool = True
    comeco: str = ""
    _aproveitar: Aproveitamento | None = field(init=False, default=None)

    def ler(self) -> dict[str, list[TabelaLida]]:
        """Todas as tabelas de cada empresa, pelo id dela. Levanta SemConexao, Interrompido ou
        InstantePerdido; o que é de uma tabela só fica na `falha` dela."""
        tabelas, comecar = self.pedido.tabelas, self.pedido.comecar
        entrega = comecar() if comecar is not None else None
        lidas = {nome: self._vazias(t.tabela, entrega) for nome, t in tabelas.items()}
        travadas, inteiros = self._travar_e_fixar(tabelas)
        self._aproveitar = self._aproveitamento()
        if self._aproveitar is not None:
            boas = {n: t for n, t in tabelas.items() if travadas[n] is None}
            self._aproveitar.reusos.perguntar(boas)
        falhas = {
            nome: travadas[nome]
            or self._tentar(nome, partial(self._ler_uma, tabelas[nome], lidas[nome], entrega))
            for nome in tabelas
        }
        if self._aproveitar is not None:
            self._aproveitar.resumir({n: li for n, li in lidas.items() if falhas[n] is None})
        return {
            empresa: [
                lidas[nome][empresa].pronta(falhas[nome], inteiros=inteiros) for nome in tabelas
            ]
            for empresa in self.pedido.ids
        }

    def _vazias(self, tabela: Tabela, entrega: Entrega | None) -> Lidas:
        rascunho = self.pedido.rascunho() if entrega is None else None
        anotar = self.pedido.bases is not None and self.um_instante
        return {e.id: Lida(tabela, rascunho, anotar) for e in self.pedido.empresas}

    def _travar_e_fixar(
        self, tabelas: Mapping[str, TabelaNoEscopo]
    ) -> tuple[dict[str, FalhaDoServidor | None], bool]:
        """Segura as tabelas contra ALTER e TRUNCATE (não contra escritas) até a transação acabar, e
        só então fixa o instante: nenhum TRUNCATE esvazia o que ele mostra. Diz por que alguma não
        deixou, e se os floats saem inteiros. Numa ida ao servidor; senão, uma tabela de cada vez,
        para se saber qual."""
        todas = list(dict.fromkeys(n for t in tabelas.values() for n in tabelas_citadas(t)))
        falhas: dict[str, FalhaDoServidor | None] = dict.fromkeys(tabelas)
        comeco = [sql.SQL(self.comeco)] if self.comeco else []
        travar = _um_apos_outro(*comeco, PONTO_DE_RETORNO, *([_trava(todas)] if todas else []))
        fixar = _um_apos_outro(sql.SQL(f"SELECT {INTEIROS}"), PONTO_DE_RETORNO)
        try:
            if self.pedido.instante is None:
                return falhas, self._inteiros(_um_apos_outro(travar, fixar))
            self.conexao.execute(travar)
        except psycopg.Error as e:
            self._voltar(na_consulta(e, ALGUMA))
            falhas = self._travar_uma_a_uma(tabelas)
        if self.pedido.instante is not None:
            seguras = [t for n, t in tabelas.items() if falhas[n] is None]
            exigir_intactas(self.conexao, {n for t in seguras for n in tabelas_citadas(t)})
        return falhas, self._inteiros(fixar)

    def _travar_uma_a_uma(
        self, tabelas: Mapping[str, TabelaNoEscopo]
    ) -> dict[str, FalhaDoServidor | None]:
        falhas: dict[str, FalhaDoServidor | None] = {}
        for nome, no_escopo in tabelas.items():
            trava = _um_apos_outro(
                _trava(tabelas_citadas(no_escopo)), sql.SQL(f"SAVEPOINT {PONTO}")
            )
            falhas[nome] = self._tentar(nome, partial(self._executar, trava))
        return falhas

    def _executar(self, comandos: sql.Composed) -> None:
        self.conexao.execute(comandos)

    def _inteiros(self, comandos: sql.Composed) -> bool:
        """Se os floats saem inteiros: o que diz o único destes comandos que responde algo."""
        linha = que_responde(self.conexao.execute(comandos)).fetchone()
        return linha is not None and bool(linha[0])

    def _tentar(self, tabela: str, fazer: Callable[[], None]) -> FalhaDoServidor | None:
        """Por que não deu, se é só desta tabela."""
        try:
            fazer()
            return None
        except psycopg.Error as e:
            falha = na_consulta(e, tabela)
        except FalhaDoServidor as e:
            falha = e
        self._voltar(falha)
        bloqueada = isinstance(falha, TabelaBloqueada)
        return quem_segura(self.conexao, tabela) if bloqueada else falha

    def _voltar(self, falha: FalhaDoServidor) -> None:
        """Volta ao ponto, se ainda há conexão e ninguém pediu para parar."""
        if self.parar.is_set():
            raise Interrompido("Interrompido.")
        if isinstance(falha, SemConexao) or self.conexao.closed:
            raise falha
        self._voltar_ao_ponto()

    def _voltar_ao_ponto(self) -> None:
        self.conexao.execute(f"ROLLBACK TO SAVEPOINT {PONTO}".encode())

    def _ler_uma(self, no_escopo: TabelaNoEscopo, lidas: Lidas, entrega: Entrega | None) -> None:
        """Lê uma tabela de todas as empresas pedidas, ou só o que mudou nela, se se aproveita."""
        aproveitar, por_ler = self._aproveitar, list(self.pedido.empresas)
        if aproveitar is not None:
            por_ler = [e for e in por_ler if not aproveitar.igual(no_escopo, lidas[e.id], e.id)]
            self._guardar_vistas(no_escopo, lidas, {e.id for e in por_ler})
        if not por_ler:
            self._mostrar(no_escopo)
            return
        if entrega is None:
            self._copiar(no_escopo, por_ler, lidas)
        else:
            (lida,) = lidas.values()
            if aproveitar is not None and aproveitar.em_parte(no_escopo, lida, entrega):
                return
            with entrega(no_escopo.tabela) as lida.saida:
                self._copiar(no_escopo, por_ler, lidas)
        if aproveitar is not None:
            for empresa in por_ler:
                aproveitar.conferir(no_escopo, lidas[empresa.id], empresa.id)

    def _mostrar(self, no_escopo: TabelaNoEscopo) -> None:
        """Do que se aproveitou sem poder ser lido, as colunas que alguém tem de ver."""
        bases = self.pedido.bases
        por_ver = bases.por_ver(no_escopo.tabela) if bases and bases.por_ver else None
        if por_ver is not None:
            for bloco in self._blocos(no_escopo, self.pedido.empresas, por_ver.colunas):
                por_ver.receber(bloco.linhas)

    def _guardar_vistas(
        self, no_escopo: TabelaNoEscopo, lidas: Lidas, por_ler: Collection[str]
    ) -> None:
        """O mesmo, das empresas que só se gravam depois."""
        bases = self.pedido.bases
        colunas = bases.colunas_por_ver.get(no_escopo.tabela.nome) if bases else None
        aproveitadas = [e for e in self.pedido.empresas if e.id not in por_ler]
        if colunas and aproveitadas:
            for bloco in self._blocos(no_escopo, aproveitadas, colunas):
                lidas[bloco.empresa].ver(bloco)

    def _copiar(self, no_escopo: TabelaNoEscopo, empresas: Sequence[Empresa], lidas: Lidas) -> None:
        registros = 0
        for bloco in self._blocos(no_escopo, empresas):
            lidas[bloco.empresa].acrescentar(bloco)
            registros += bloco.quantas
            self.pedido.avanco(no_escopo.tabela.nome, registros, None)

    def _blocos(
        self,
        no_escopo: TabelaNoEscopo,
        empresas: Sequence[Empresa],
        colunas: Sequence[str] | None = None,
    ) -> Iterator[Bloco]:
        """As linhas (só estas colunas, se ditas), por COPY. psycopg.Error passa."""
        consulta = linhas_das_empresas(no_escopo, empresas, self.catalogadas, colunas)
        if consulta is None:
            return
        copiar = sql.SQL("COPY ({}) TO STDOUT").format(consulta.texto)
        de_quem = partial(self._de_quem, frozenset(e.id for e in empresas), no_escopo)
        with self.conexao.cursor() as cursor, cursor.copy(copiar) as copia:
            for bloco in em_blocos(copia, consulta.campos, de_quem):
                if self.parar.is_set():
                    raise Interrompido("Interrompido.")
                yield bloco

    def _de_quem(
        self, ids: frozenset[str], no_escopo: TabelaNoEscopo, valores: Sequence[str | None]
    ) -> str | None:
        """A empresa, entre estas, de que a linha é, pelo número do ramo e pelos elos dela; None se
        um elo que vem antes a dá a uma que não está entre elas. Levanta LinhaDeOutraEmpresa."""
        elos = no_escopo.ramos[int(valores[0] or 0)].elos
        seus = valores[1 : 1 + len(elos)]
        quem = self.pedido.donos.entre(ids, elos, seus)
        if quem is None:
            raise LinhaDeOutraEmpresa(
                f"O servidor mandou, em {no_escopo.tabela.nome}, uma linha de outra empresa."
            )
        return quem or None

    def _aproveitamento(self) -> Aproveitamento | None:
        """O do que há de antes, se a quem pediu a foto interessa."""
        bases, conexao = self.pedido.bases, self.conexao
        if bases is None:
            return None
        perguntas = Perguntas(conexao, self.pedido.empresas, self.catalogadas, bases.sementes)
        de_quem = partial(self._de_quem, self.pedido.ids)
        reusos = Reusos(bases, perguntas, de_quem, self._sem_falhar)
        return Aproveitamento(reusos, self.pedido.tabelas, self.parar, um_instante=self.um_instante)

    def _sem_falhar(self, fazer: Callable[[], None]) -> bool:
        """Faz, e diz se deu; se o banco não deixou, ou é Duvida ou BackupDanificado, que passam, a
        transação fica como estava."""
        try:
            fazer()
            return True
        except (Duvida, BackupDanificado):
            # Uma consulta largada a meio pode ter sido cancelada, e aí nada mais se lê.
            self._voltar_ao_ponto()
            raise
        except psycopg.Error as e:
            self._voltar(na_consulta(e, ALGUMA))
        except (FalhaDoServidor, ValueError):
            if self.parar.is_set():
                raise
        return False
