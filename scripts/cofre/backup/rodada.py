"""O caso de uso principal: uma foto de cada empresa, publicada como backup."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cofre.backup.andamento import separar
from cofre.backup.escolha import sem_empresas, tabelas_pedidas
from cofre.backup.palavras import Narracao
from cofre.backup.resumo import Resultado, Resumo
from cofre.backup.sumidas import procurar_sumidas
from cofre.backup.tarefa import Motor, Tarefa
from cofre.base.config.valores import Configuracao
from cofre.base.equipe import Equipe
from cofre.base.modelo import Empresa
from cofre.base.relato import Relato
from cofre.base.selecao import escolher_empresas
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conhecidos
from cofre.deposito.trava import JA, Espera
from cofre.escopo.escopo import Escopo
from cofre.foto.fontes import dos_arquivos
from cofre.foto.foto import Contexto, Fonte, Pedido
from cofre.via.contrato import DIRETA, EMPRESAS_JUNTAS, JUNTAS_PELA_DIRETA, ViaDeLeitura
from cofre.via.leitura import Instante

REGISTROS_DE_UMA_GRANDE = 20_000
TRAVAS = 400
"""Empresas presas ao mesmo tempo por um processo, no máximo: cada trava é um arquivo aberto."""


@dataclass(frozen=True, slots=True)
class Rodada:
    """Uma execução do backup: reúne o que ela usa."""

    configuracao: Configuracao
    via: ViaDeLeitura
    deposito: Deposito
    equipe: Equipe
    motor: Motor
    """Quem faz as tarefas: os fios deste processo, ou outros."""
    relato: Relato
    espera: Espera = JA
    """Quanto esperar pelas empresas que outra execução está usando, depois de copiar as outras."""
    listas: Sequence[Fonte] = ()
    com_sem_dono: bool = True
    """Se se contam as linhas que não são de empresa nenhuma: uma pergunta por tabela."""
    um_instante: bool = False
    """Se todas as empresas se leem num só instante do banco."""

    def fazer(
        self,
        pedido: Pedido,
        ao_publicar: Callable[[Resultado], object],
        *,
        continuando: bool = False,
    ) -> Resumo:
        """Fotografa e publica; `ao_publicar` recebe cada empresa quando ela acaba. `continuando`: o
        que esta execução já tinha feito não se repete.

        Levanta ErroCofre pelo que impede a execução inteira; o que impede só uma empresa ou uma
        tabela vai no resultado dela.
        """
        inicio = time.monotonic()
        narracao = Narracao(self.relato, self.via.nome)
        narracao.comeco(self.configuracao.avisos)
        seguro = self.via.segurar_instante() if self.um_instante else contextlib.nullcontext()
        with seguro as instante:
            resumo = self._fazer(pedido, instante, narracao, ao_publicar, continuando=continuando)
        resumo.acabar(time.monotonic() - inicio)
        narracao.fim(resumo)
        return resumo

    def _fazer(
        self,
        pedido: Pedido,
        instante: Instante | None,
        narracao: Narracao,
        ao_publicar: Callable[[Resultado], object],
        *,
        continuando: bool,
    ) -> Resumo:
        contexto, escolhidas = self._preparar(pedido, instante)
        narracao.projeto(contexto.inspecao, self.configuracao.regras, len(escolhidas))
        servidor = contexto.inspecao.catalogo.servidor
        resumo = Resumo(so_algumas=bool(pedido.tabelas), servidor=servidor, instante=instante)
        prontas, faltam = (
            separar(self.deposito, escolhidas, pedido) if continuando else ([], escolhidas)
        )
        narracao.ja_copiadas(len(prontas))
        for resultado in prontas:
            resumo.somar(resultado)
            ao_publicar(resultado)
        with self.relato.acompanhando():
            for resultado in self._publicadas(faltam, contexto):
                resumo.somar(resultado)
                ao_publicar(resultado)
                narracao.empresa(resultado)
        if not pedido.empresas:
            self._procurar_faltas(resumo, contexto, de_todas=not prontas)
        if resumo.lacres:
            resumo.codigo_dos_lacres = conhecidos.meu_codigo()
        return resumo

    def _preparar(
        self, pedido: Pedido, instante: Instante | None
    ) -> tuple[Contexto, list[Empresa]]:
        """O que há no projeto e o que se vai copiar dele, e de que empresas."""
        inspecao = self.via.inspecionar(self.configuracao.regras, instante)
        if not inspecao.empresas:
            raise sem_empresas(inspecao, self.via.nome)
        escolhidas = escolher_empresas(inspecao.empresas, pedido.empresas)
        pedidas = tabelas_pedidas(inspecao, pedido.tabelas)
        escopo = self.via.com_nao_gravaveis(Escopo(pedidas, inspecao.escopo.de_fora))
        return Contexto(pedido, inspecao, escopo, self.configuracao, instante), escolhidas

    def _publicadas(self, empresas: Sequence[Empresa], contexto: Contexto) -> Iterator[Resultado]:
        """Cada empresa, depois de publicada, e as que outra execução usava no fim. Levanta
        TravaOcupada se nenhuma ficou livre."""
        ocupadas = []
        tarefas = (Tarefa(tuple(e.id for e in juntas)) for juntas in self._juntas(empresas))
        for resultado in self._feitas(contexto, tarefas):
            if resultado.ocupada:
                ocupadas.append(resultado.empresa.id)
            else:
                yield resultado
        if not ocupadas:
            return
        ate = time.time() + self.espera.segundos
        finais = list(self._feitas(contexto, (Tarefa((e,), ate) for e in ocupadas)))
        if len(finais) == len(empresas) and all(r.ocupada for r in finais):
            raise finais[0].impedida or AssertionError
        yield from finais

    def _feitas(self, contexto: Contexto, tarefas: Iterator[Tarefa]) -> Iterator[Resultado]:
        for resultados in self.motor.fazer(contexto, tarefas):
            yield from resultados

    def _procurar_faltas(self, resumo: Resumo, contexto: Contexto, *, de_todas: bool) -> None:
        """Num backup de todas: as linhas de ninguém, e as empresas que não aparecem mais. Os
        arquivos de ninguém, se de todas (`de_todas`) se viram agora as linhas."""
        if not resumo.falhas and self.com_sem_dono:
            resumo.sem_dono = self._contar_sem_dono(resumo, contexto)
            if de_todas and self.motor.viu_tudo and not contexto.pedido.tabelas:
                fonte = dos_arquivos(self.listas)
                resumo.arquivos_sem_dono = fonte.de_ninguem(contexto) if fonte else {}
        presentes = contexto.inspecao.empresas
        resumo.sumidas = procurar_sumidas(self.deposito, presentes, self.via.origem)

    def _juntas(self, empresas: Sequence[Empresa]) -> Iterator[list[Empresa]]:
        """As empresas em grupos que se leem de uma vez. As que eram grandes no último backup vão
        sozinhas: as outras do grupo esperariam por elas."""
        todas, num_processo = _peso(empresas), self.motor.num_processo
        juntas = EMPRESAS_JUNTAS
        if self.via.nome == DIRETA and self.motor.em_ordem:
            # Mais do que isso só se ainda chegam para todos os fios.
            juntas = max(juntas, min(JUNTAS_PELA_DIRETA, -(-todas // num_processo)))
        maximo = por_tarefa(todas, juntas, self.motor.processos, num_processo)
        grupo: list[Empresa] = []
        for empresa, grande in self._por_vez(empresas):
            if grupo and (grande or _peso([*grupo, empresa]) > maximo):
                yield grupo
                grupo = []
            grupo.append(empresa)
            if grande:
                yield grupo
                grupo = []
        if grupo:
            yield grupo

    def _por_vez(self, empresas: Sequence[Empresa]) -> Iterator[tuple[Empresa, bool]]:
        """Cada empresa, e se era grande no último backup: na ordem em que vêm ou, se o motor não
        responde por ordem, as maiores primeiro, que são as que mais demoram, e depois as que há
        mais tempo não têm backup."""
        if self.motor.em_ordem:
            yield from ((e, self._medida(e)[0] < 0) for e in empresas)
            return
        medidas = sorted(((*self._medida(e), e.nome, n) for n, e in enumerate(empresas)))
        yield from ((empresas[n], registros < 0) for registros, _, _, n in medidas)

    def _medida(self, empresa: Empresa) -> tuple[int, str]:
        """O que diz o último backup dela: os registros, com o sinal trocado, se era grande (senão,
        0), e o instante; vazio se não há."""
        ultimo = self.deposito.ultimo(empresa.id)
        if ultimo is None or ultimo.meta is None:
            return 0, ""
        total = ultimo.meta.total
        return -total if total > REGISTROS_DE_UMA_GRANDE else 0, ultimo.carimbo

    def _contar_sem_dono(self, resumo: Resumo, contexto: Contexto) -> dict[str, int]:
        """Quantas linhas de cada tabela não são de empresa nenhuma: não estão em backup algum."""
        sobras: dict[str, int] = {}
        tabelas = contexto.escopo.tabelas
        totais = self.equipe.cada(lambda n: self.via.contar(n, contexto.instante), tabelas)
        for nome, total in zip(tabelas, totais, strict=True):
            sobra = (total or 0) - resumo.por_tabela[nome]
            if sobra > 0:
                sobras[nome] = sobra
        return sobras


def por_tarefa(todas: int, juntas: int, processos: int, num_processo: int) -> int:
    """Quantas se leem de uma vez: no máximo as `juntas`, em voltas que ocupam todos por igual. Uma
    tarefa a mais do que os lugares seria uma volta inteira para ela."""
    maximo, lugares = min(juntas, TRAVAS // num_processo), processos * num_processo
    voltas = -(-todas // (maximo * lugares))
    if voltas > 1:
        return -(-todas // (voltas * lugares))
    return min(maximo, max(1, -(-todas // processos)))  # poucas chegam para todos os processos


def _peso(empresas: Sequence[Empresa]) -> int:
    """Quantos ids é preciso citar para achar o que é delas."""
    return sum(max(1, len(e.registros)) for e in empresas)
