"""Numa leitura: que tabelas são as do último backup, de quais só se lê uma parte, e o que se guarda
para a próxima."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import psycopg

from cofre.base.erros import BackupDanificado
from cofre.deposito.resumos import Bloco, juntar
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.direta.em_parte import EmParte
from cofre.via.direta.lida import Lida, somador
from cofre.via.direta.mudadas import Duvida
from cofre.via.direta.reuso import Lidas, Reusos, Situacao
from cofre.via.leitura import Entrega


@dataclass(frozen=True, slots=True)
class Aproveitamento:
    """O que se aproveita numa leitura. `um_instante`: se todos os comandos dela veem o mesmo; senão
    só se aproveitam tabelas inteiras, e nada se guarda para a próxima."""

    reusos: Reusos
    tabelas: Mapping[str, TabelaNoEscopo]
    parar: threading.Event
    um_instante: bool

    def igual(self, no_escopo: TabelaNoEscopo, lida: Lida, empresa: str) -> bool:
        """Se a tabela é a do backup anterior, e ele ainda é o que era; a que se lê por inteiro sem
        precisar passa a ser somada, para a conferir."""
        situacao, bases = self.reusos.situacao(no_escopo, empresa), self.reusos.bases
        if situacao is None:
            return False
        if situacao.conferir:
            lida.soma = somador()
            return False
        if not situacao.iguais:
            return False
        anterior = situacao.anterior
        serve = bases.usar(lida.tabela, anterior) if bases.usar else True
        if serve:
            lida.igual(anterior, situacao.resumida.de(0))
        else:
            bases.dizer(f"{lida.tabela.nome}: o arquivo de {anterior.carimbo} não se aproveita")
        return serve

    def em_parte(self, no_escopo: TabelaNoEscopo, lida: Lida, entrega: Entrega) -> bool:
        """Lê só o que mudou, se se sabe o que foi e vale a pena; diz se leu. Levanta Duvida se só
        a meio se soube que não: tudo o que se entregou tem de recomeçar. E o que a saída levante.
        """
        situacao = self._de_uma_so(no_escopo)
        if situacao is None or situacao.conferir or situacao.iguais or not situacao.em_parte:
            return False
        parte = self._parte(no_escopo, situacao)
        if not self._sem_duvida(no_escopo, parte.procurar):
            return False
        with entrega(no_escopo.tabela) as saida:
            try:
                lida.em_parte(situacao.anterior, parte.montar(), saida)
            except (psycopg.Error, BackupDanificado, msgspec.DecodeError, UnicodeDecodeError) as e:
                raise Duvida("o que se ia aproveitar já não é o que era") from e
        lida.com_textos, lida.trocadas = parte.com_textos, parte.trocadas
        lida.por_linha = bytes(parte.por_linha)
        if not (parte.partidos or parte.com_textos):
            lida.resumo = msgspec.structs.replace(
                situacao.anterior.resumo, blocos=tuple(lida.blocos)
            )
        return True

    def conferir(self, no_escopo: TabelaNoEscopo, lida: Lida, empresa: str) -> None:
        """O que se leu por inteiro sem precisar tem de ser o que se teria aproveitado."""
        situacao = self.reusos.situacao(no_escopo, empresa)
        if situacao is None or lida.soma is None:
            return
        if situacao.anterior.selada:
            # Sem a chave não se lê o de antes, mas sabe-se a soma dele.
            if situacao.iguais and lida.soma.terminar() != situacao.anterior.salva.sha256:
                lida.divergiu = situacao.anterior.resumo.inteira_em
            return
        suposta = somador()

        def supor() -> None:
            if situacao.iguais:
                for bloco in situacao.anterior.linhas():
                    suposta.bloco(bloco)
                return
            parte = self._parte(no_escopo, situacao)
            parte.procurar()
            for bruto, _ in parte.montar():
                suposta.bloco(bruto)

        if situacao.iguais or (self._de_uma_so(no_escopo) and situacao.em_parte):
            feito = self._sem_duvida(no_escopo, supor)
            if feito and suposta.terminar() != lida.soma.terminar():
                lida.divergiu = situacao.anterior.resumo.inteira_em

    def resumir(self, lidas: Mapping[str, Mapping[str, Lida]]) -> None:
        """O que se guarda para a próxima vez, das tabelas que se leram."""
        if not self.um_instante:
            return
        tabelas = self.tabelas
        por_resumir = {
            (nome, empresa): Lidas(
                tabelas[nome],
                _blocos(tabelas[nome], lida, selado=self.reusos.bases.selado),
                lida.inteira_em,
            )
            for nome, por_empresa in lidas.items()
            for empresa, lida in por_empresa.items()
            if lida.resumo is None and lida.divergiu is None
        }
        for (nome, empresa), resumo in self.reusos.resumir(por_resumir).items():
            lidas[nome][empresa].resumo = resumo

    def _de_uma_so(self, no_escopo: TabelaNoEscopo) -> Situacao | None:
        """A situação da tabela, se a leitura é de uma empresa só e de um instante só."""
        if not (self.um_instante and self.reusos.sozinha):
            return None
        (empresa,) = self.reusos.perguntas.empresas
        return self.reusos.situacao(no_escopo, empresa.id)

    def _sem_duvida(self, no_escopo: TabelaNoEscopo, fazer: Callable[[], None]) -> bool:
        try:
            return self.reusos.sem_falhar(fazer)
        except (Duvida, BackupDanificado) as e:
            self.reusos.bases.dizer(f"{no_escopo.tabela.nome}: {e}")
            return False

    def _parte(self, no_escopo: TabelaNoEscopo, situacao: Situacao) -> EmParte:
        reusos = self.reusos
        mudadas, guardados = reusos.achadas(no_escopo.tabela.nome)
        return EmParte(
            reusos.perguntas,
            no_escopo,
            self.parar,
            situacao.anterior,
            situacao.resumida,
            situacao.diferem or frozenset(),
            mudadas,
            guardados,
            mudadas is None and reusos.cabem(no_escopo, situacao.resumida.linhas),
        )


def _blocos(no_escopo: TabelaNoEscopo, lida: Lida, *, selado: bool) -> Sequence[Bloco]:
    """Os blocos por que se há de perguntar: um só, se as linhas não estão todas no arquivo da
    tabela, se a chave não as ordena, ou se o arquivo é para não se ler."""
    tabela = no_escopo.tabela
    seguidas = tabela.chave and (tabela.ordem_sabida or len(no_escopo.ramos) == 1)
    por_blocos = seguidas and not (lida.com_textos or selado)
    return juntar(lida.blocos) if por_blocos else juntar(lida.blocos, 1)
