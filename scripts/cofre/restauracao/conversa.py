"""A conversa de uma restauração: o plano mostrado, o que se perde combinado, a palavra dada; daí em
diante, `conducao`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cofre.base.erros import (
    HA_DIFERENCAS,
    NEM_TUDO_COMO_ERA,
    TUDO_CERTO,
    EmpresaMudou,
    ErroDeUso,
    RestauracaoIncompleta,
)
from cofre.base.modelo import LOGINS
from cofre.deposito.backup import Backup
from cofre.deposito.diario import DESFEITA, EM_ANDAMENTO, Diario
from cofre.deposito.inventario import EmpresaComBackups
from cofre.plano.alvo import Alvo
from cofre.plano.mudanca import Pedida
from cofre.plano.tabela import Contagem
from cofre.restauracao import campos, conflitos
from cofre.restauracao.acordo import Acordo, Combinado, Negociacao
from cofre.restauracao.conducao import CONCLUIR, DEIXAR, DESFAZER, Conducao
from cofre.restauracao.confirmacao import PELA_OPCAO, PELO_M
from cofre.restauracao.documento import documento_de
from cofre.restauracao.encerramento import Encerramento
from cofre.restauracao.fim import Fora
from cofre.restauracao.logins.escolha import escolher, pedidos_antes
from cofre.restauracao.mudanca import backups_da, pedida_de, recorte_da, recorte_de
from cofre.restauracao.palavras import NAO_PARA, Narrador
from cofre.restauracao.parada import como_seguir
from cofre.restauracao.planejamento import Planejamento
from cofre.restauracao.possiveis import possiveis
from cofre.restauracao.projeto import Projeto
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.restauracao import Restauracao
from cofre.restauracao.sessao import Sessao

TENTATIVAS = 3
"""Quantas vezes planejar, se alguém mexe na empresa entre a foto e a transação. A última já não
olha: o plano é o que a transação vê, ou uma loja que vende nunca se restauraria."""

Recortar = Callable[[Restauracao, Alvo], Alvo]
"""Do alvo inteiro, só o que se quer dele."""


class Conversa:
    """Uma restauração, do plano ao desfecho, com quem a pediu."""

    def __init__(self, sessao: Sessao) -> None:
        self._sessao = sessao
        self._opcoes = sessao.opcoes
        self._relato = sessao.relato
        self._dialogo = sessao.dialogo
        self._narrador = Narrador(sessao.relato, sessao.dialogo.vocabulario)
        palavra, aceitas = sessao.opcoes.confirmar, sessao.opcoes.aceitar or ()
        somar = bool(getattr(sessao.opcoes, "somar", False))
        self._negociacao = Negociacao(
            self._dialogo, self._narrador, palavra, aceitas, sessao.vigia, somar
        )
        self._planos = Planejamento(sessao)
        self._projeto = Projeto.de(sessao.configuracao, sessao.relato, sessao.opcoes)
        self._de_fora: tuple[Fora, ...] = ()
        """Do plano que acabou por ser vazio, o que se concordou em deixar de fora."""
        self._mais: dict[str, Any] = {}

    # -- as entradas: cada uma devolve o código de saída -------------------------------------

    def restaurar(
        self,
        guardada: EmpresaComBackups,
        backup: Backup,
        tabelas: tuple[str, ...],
        modo: str,
        recortar: Recortar | None = None,
    ) -> int:
        """Leva estas tabelas da empresa ao que são neste backup (só o que `recortar` escolhe delas,
        se há quem escolha); se já são, oferece outra data."""
        while True:
            self._projeto.avisar_se_e_de_outro(backup)
            restauracao = self._sessao.conectar(guardada, backup, tabelas)
            podem, fora = self._possiveis(restauracao, backup, tabelas)
            alvo = restauracao.alvo(backup, podem, modo)
            if recortar is not None:
                alvo = recortar(restauracao, alvo)
            inteiro = LOGINS in tabelas and not alvo.recorte
            self._planos.faltam, ids = escolher(self._sessao, backup, inteiro=inteiro)
            alvo = replace(alvo, logins=ids)
            self.juntar_ao_documento(**self._planos.faltam.documento(ids))
            if self._opcoes.simular:
                return self._simular(alvo)
            codigo = self._levar(alvo, "restaurar", fora=fora)
            if codigo is not None:
                return codigo
            quadro = self._dizer_que_e_igual("restaurar")
            perguntar = not (self._opcoes.confirmar or recortar)
            outra = self._dialogo.outra_data(guardada, backup, tabelas) if perguntar else None
            if outra is None:
                return self._fim("restaurar", self._codigo_do_igual(quadro), quadro=quadro)
            backup, tabelas = outra
            self._sessao.desconectar()

    def _possiveis(
        self, restauracao: Restauracao, backup: Backup, tabelas: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[Fora, ...]]:
        simula = self._opcoes.simular
        return possiveis(
            restauracao, self._negociacao, self._relato, backup, tabelas, so_simula=simula
        )

    def juntar_ao_documento(self, **mais: Any) -> None:
        """O que mais o documento final diz."""
        self._mais |= mais

    def desfazer_mudanca(
        self, guardada: EmpresaComBackups, antes: Backup, depois: Backup, tabelas: tuple[str, ...]
    ) -> int:
        """Põe de volta, destas tabelas, o que mudou entre os dois backups e não mudou outra vez."""
        self._projeto.avisar_se_e_de_outro(antes)
        restauracao = self._sessao.conectar(guardada, antes, tabelas, depois)
        tabelas, fora = self._possiveis(restauracao, antes, tabelas)
        campos = tuple(self._opcoes.campos or ())
        pedida = Pedida(antes.carimbo, depois.carimbo, campos)
        recorte = recorte_da(self._sessao, guardada, pedida, tabelas)
        if not recorte.fatias:
            self._relato.linha("\n✅ Nada mudou entre os dois backups.")
            return self._fim("desfazer-mudanca", TUDO_CERTO)
        alvo = restauracao.alvo(antes, tuple(recorte.fatias), recorte=recorte)
        if self._opcoes.simular:
            return self._simular(alvo)
        codigo = self._levar(alvo, "restaurar", fora=fora)
        return self._sem_o_que_mudar("restaurar") if codigo is None else codigo

    def concluir(self, guardada: EmpresaComBackups, pendente: Diario) -> int:
        """Continua até o mesmo alvo; o ponto de partida para desfazer continua o primeiro."""
        pendente.conferir()
        self._projeto.exigir_o_mesmo(guardada.pasta, pendente)
        dados = pendente.dados
        backup = self._sessao.backup(guardada, str(dados["backup"]))
        antes = self._sessao.backup(guardada, str(dados["antes"]))
        tabelas = tuple(dados["tabelas"])
        da_mudanca = backups_da(self._sessao, guardada, pedida_de(pendente))
        restauracao = self._sessao.conectar(guardada, backup, tabelas, antes, *da_mudanca)
        recorte = recorte_de(self._sessao, guardada, pendente, backup, ao_contrario=False)
        alvo = restauracao.alvo(backup, tabelas, str(dados["modo"]), recorte)
        alvo = replace(alvo, logins=pedidos_antes(self._sessao.usado, pendente))
        pendente.anotar(estado=EM_ANDAMENTO)
        conducao = self._conducao(continuando=True)
        with self._relato.escrevendo():
            codigo = conducao.ate_o_fim(alvo, antes, pendente)
        return self._fim(str(dados["acao"]), codigo, conducao=conducao)

    def desfazer(self, guardada: EmpresaComBackups, qual: Diario) -> int:
        """Converge para a foto de antes daquela restauração; a um desfazer que parou, conclui."""
        if qual.desfazendo and qual.por_concluir:
            return self.concluir(guardada, qual)
        qual.conferir()
        self._projeto.exigir_o_mesmo(guardada.pasta, qual)
        self._relato.linha(f"↩️ Desfazendo a {self._dialogo.vocabulario.ato} de {qual.quando}")
        antes = self._sessao.backup(guardada, str(qual.dados["antes"]))
        tabelas = tuple(qual.dados["tabelas"])
        da_mudanca = backups_da(self._sessao, guardada, pedida_de(qual))
        restauracao = self._sessao.conectar(guardada, antes, tabelas, *da_mudanca)
        recorte = recorte_de(self._sessao, guardada, qual, antes, ao_contrario=True)
        alvo = restauracao.alvo(antes, tabelas, recorte=recorte)
        self._negociacao = replace(self._negociacao, desfazendo=True)
        codigo = self._levar(alvo, "desfazer", desfaz=qual)
        if codigo is None:
            codigo = self._sem_o_que_mudar("desfazer")
        if codigo in (TUDO_CERTO, NEM_TUDO_COMO_ERA):
            qual.anotar(estado=DESFEITA)  # também quando já não havia o que mudar
        return codigo

    def resolver(self, guardada: EmpresaComBackups, pendente: Diario) -> int:
        """Uma restauração que não acabou vem antes de outra."""
        oque = pendente.em_palavras
        como = como_seguir(pendente)
        self._relato.linha()
        self._relato.linha(f"⚠️ Há {oque}, de {pendente.quando}.")
        if self._opcoes.confirmar:
            raise ErroDeUso(f"Há {oque} desta empresa: resolva antes.", como)
        escolha = self._dialogo.seguir(pendente.desfazendo, volta=self._dialogo.volta)
        if escolha == CONCLUIR:
            return self.concluir(guardada, pendente)
        if escolha == DESFAZER:
            return self.desfazer(guardada, pendente)
        if escolha == DEIXAR:
            self._sessao.prender(guardada)
            pendente.deixar()
        self._relato.erro(como)
        return RestauracaoIncompleta.codigo

    # -- planejar e combinar -----------------------------------------------------------------

    def _simular(self, alvo: Alvo) -> int:
        with self._planos.planejando(alvo, "restaurar") as (_foto, plano, quadro):
            self._narrador.plano(quadro, "restaurar", PELA_OPCAO)
            if self._opcoes.detalhes and (plano.conflitos or not quadro.vazio):
                self._narrador.campos(alvo, plano)
                self.juntar_ao_documento(**campos.documento(plano))
                if plano.conflitos:
                    self.juntar_ao_documento(conflitos=conflitos.documento(alvo, plano))
            if quadro.vazio:
                return self._sem_o_que_mudar("restaurar")
            self._narrador.riscos(quadro, quadro.riscos)
            if quadro.trabalho and not self._sessao.vigia.consentiu:
                self._sessao.vigia.consentir(quadro.trabalho)
            return self._fim("restaurar", HA_DIFERENCAS, plano.contagens, quadro=quadro)

    def _levar(
        self,
        alvo: Alvo,
        acao: str,
        desfaz: Diario | None = None,
        fora: tuple[Fora, ...] = (),
    ) -> int | None:
        """Planeja, confirma, executa e conta; None se não há o que mudar. `fora`: o que se escolheu
        e já se sabe que não pode vir."""
        acordo = Acordo(alvo, fora=fora)
        for restam in reversed(range(TENTATIVAS)):
            combinado, quadro = self._ate_combinar(acordo, acao)
            if combinado is None:
                return None
            combinado = replace(combinado, ou_nada=restam > 0)
            conducao = self._conducao()
            try:
                with self._relato.escrevendo():
                    codigo = conducao.executar(combinado, acao, desfaz)
                if conducao.fim is not None:
                    self._narrador.por_trazer(quadro)
                return self._fim(acao, codigo, conducao=conducao, quadro=quadro)
            except EmpresaMudou as e:
                self._relato.aviso(f"{e} Novo plano:" if restam > 1 else f"{e}\n{NAO_PARA}")
                acordo = replace(combinado.acordo, confirmado=b"")
        raise AssertionError("a última tentativa não olha se a empresa mudou")

    def _ate_combinar(self, acordo: Acordo, acao: str) -> tuple[Combinado | None, Quadro]:
        """Até que o plano de uma foto seja o que o usuário aceitou; None se não há o que fazer.
        Pergunta-se sem foto aberta, que a empresa fica solta enquanto não respondem."""
        visto = b""
        negociacao, opcao = self._negociacao, self._opcoes.confirmar
        while True:
            with self._planos.planejando(acordo.alvo, acao) as (foto, plano, quadro):
                # À palavra, o plano vai junto; antes dela, só se há outra coisa a dizer.
                antes = quadro.vazio or opcao or negociacao.ha_o_que_combinar(acordo, quadro)
                if antes and quadro.assinatura != visto:
                    self._narrador.plano(quadro, acao, PELA_OPCAO if opcao else PELO_M)
                    visto = quadro.assinatura
                if not quadro.vazio and negociacao.fechado(acordo, quadro):
                    return Combinado(acordo, foto.publicar(), plano), quadro
            if quadro.vazio:
                tudo = negociacao.voltar_tudo(acordo, quadro)
                if tudo is None:
                    self._de_fora = acordo.fora
                    return None, quadro
                acordo = tudo
                continue
            novo = negociacao.combinar(acordo, quadro)
            if novo == acordo:
                novo = negociacao.somar_pendentes(acordo, quadro)
            if novo == acordo:
                novo = negociacao.confirmar(acordo, quadro, plano, acao)
            # Outro alvo, ou alguém pode ter mexido enquanto se lia: fotografa de novo.
            acordo = novo

    def _sem_o_que_mudar(self, acao: str) -> int:
        """O fim de um plano vazio; se algo que se queria mudou outra vez, nem tudo é como era."""
        quadro = self._dizer_que_e_igual(acao)
        return self._fim(acao, self._codigo_do_igual(quadro), quadro=quadro)

    def _codigo_do_igual(self, quadro: Quadro) -> int:
        return NEM_TUDO_COMO_ERA if quadro.conflitos or self._de_fora else TUDO_CERTO

    def _dizer_que_e_igual(self, acao: str) -> Quadro:
        """O plano que se acaba de fazer é vazio; devolve o quadro dele."""
        quadro, sem_dialogo = self._planos.quadro, self._opcoes.confirmar or self._opcoes.simular
        assert quadro is not None
        self._narrador.nada_a_mudar(quadro, acao, self._de_fora, sem_dialogo=bool(sem_dialogo))
        return quadro

    def _conducao(self, *, continuando: bool = False) -> Conducao:
        restauracao, opcoes = self._sessao.restauracao, self._opcoes
        fim = Encerramento(self._relato, self._dialogo.vocabulario)
        return Conducao(restauracao, self._dialogo, fim, opcoes, continuando)

    def _fim(
        self,
        acao: str,
        codigo: int,
        tabelas: Mapping[str, Contagem] | None = None,
        *,
        conducao: Conducao | None = None,
        quadro: Quadro | None = None,
    ) -> int:
        """O documento final: das tabelas, o plano, ou o que ainda difere, e em que colunas."""
        onde, usado = self._sessao.restauracao, self._sessao.usado
        de_fora = {"fora": [f.em_json() for f in self._de_fora]} if self._de_fora else {}
        mais = {**de_fora, **self._mais}
        documento = documento_de(onde, usado, codigo, tabelas or {}, conducao, quadro, mais)
        self._relato.documento({"acao": acao, **documento})
        return codigo
