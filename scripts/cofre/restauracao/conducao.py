"""Conduzir até o fim o que se combinou: converger, perguntar no caminho o que for preciso, e o que
fazer quando não acaba."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace
from typing import Any

from cofre.base.erros import (
    TUDO_CERTO,
    DefeitoInterno,
    ErroCofre,
    Interrompido,
    RestauracaoIncompleta,
)
from cofre.deposito.backup import Backup
from cofre.deposito.diario import BALDES_CRIADOS, CLONAGEM, PROJETO, Diario, abrir_novo, fechado
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.plano.recorte import REGISTROS, Recorte
from cofre.restauracao.acordo import Acordo, Combinado
from cofre.restauracao.convergencia import MANTER
from cofre.restauracao.desfecho import Desfecho, encerrar
from cofre.restauracao.dialogo import Dialogo
from cofre.restauracao.efeitos import contar_efeitos, perguntar_dos_efeitos
from cofre.restauracao.encerramento import Encerramento
from cofre.restauracao.fim import Fim, fim_de
from cofre.restauracao.guarda import Interveio
from cofre.restauracao.logins.volta import COMECADOS, FEITOS, PEDIDOS
from cofre.restauracao.parada import (
    INTERROMPIDA,
    Parada,
    como_desfazer,
    como_seguir,
    fechar_desfeita,
)
from cofre.restauracao.restauracao import Etapa, Restauracao
from cofre.via.projeto import identidades

CONCLUIR, DESFAZER, DEIXAR = "1", "2", "3"
"""As escolhas depois de uma parada, como `Dialogo.seguir` as devolve."""


@dataclass(frozen=True, slots=True)
class _Parou:
    """Não acabou. `efeitos`: as outras tabelas que mudaram; `sem_resposta`: a escolha que vale se o
    usuário não faz nenhuma."""

    parada: Parada
    sem_resposta: str
    efeitos: tuple[str, ...] = ()


@dataclass(slots=True)
class Conducao:
    """Uma restauração em execução. `continuando`: se já tinha parado antes; `desfecho`: o último
    que se alcançou, e `fim`, o que dele se conta, se chegou ao alvo."""

    restauracao: Restauracao
    dialogo: Dialogo
    encerramento: Encerramento
    opcoes: Namespace
    continuando: bool
    desfecho: Desfecho | None = None
    fim: Fim | None = None
    _atomica: bool = False
    """Se a etapa em que se está é uma transação só."""

    def executar(self, combinado: Combinado, acao: str, desfaz: Diario | None) -> int:
        """O que se combinou, com um diário novo. Devolve o código de saída; levanta ErroCofre se
        parou e não há quem escolha o que fazer, e EmpresaMudou se nada chegou a ser escrito."""
        diario = self._abrir_diario(combinado.acordo, combinado.antes, acao, desfaz)
        return self.ate_o_fim(combinado.acordo.alvo, combinado.antes, diario, combinado)

    def _abrir_diario(
        self, acordo: Acordo, antes: Backup, acao: str, desfaz: Diario | None
    ) -> Diario:
        alvo = acordo.alvo
        return abrir_novo(
            antes.pasta,
            {
                "acao": acao,
                "user_id": alvo.empresa.id,
                "nome": alvo.empresa.nome,
                "backup": alvo.backup.carimbo,
                "antes": antes.carimbo,
                "tabelas": list(alvo.tabelas),
                "modo": alvo.modo,
                **({"recorte": _no_diario(alvo.recorte, antes)} if alvo.recorte else {}),
                "efeitos": self.opcoes.efeitos,
                "via": self.restauracao.via.nome,
                PROJETO: sorted(identidades(self.restauracao.contexto.configuracao)),
                "sem_recusadas": bool(acordo.perdas),
                **({"cria": True} if acordo.cria else {}),
                **({CLONAGEM: True} if alvo.backup.de_outro_projeto else {}),
                "fora": [f.documento() for f in acordo.fora],
                **({PEDIDOS: list(alvo.logins)} if alvo.logins else {}),
                **_do_desfeito(desfaz),
            },
        )

    def ate_o_fim(
        self, alvo: Alvo, antes: Backup, diario: Diario, combinado: Combinado | None = None
    ) -> int:
        """Até o fim, e outra vez enquanto o usuário quiser concluir. Com o `combinado`, começa por
        ele; sem, por outra foto. Devolve o código de saída: depois de desfeita, ainda é o da que
        não se completou. Levanta como `executar`."""
        while (parou := self._tentar(alvo, antes, diario, combinado)) is not None:
            resposta = self._escolher(parou)
            escolha = resposta or parou.sem_resposta
            if escolha == CONCLUIR:
                combinado = None
                continue
            if escolha == DESFAZER and not diario.desfazendo:
                self.restauracao.relato.linha(
                    f"↩️ Voltando ao que era antes da {self.dialogo.vocabulario.ato}..."
                )
                self._voltar(alvo, parou.efeitos, antes, diario)
            else:
                if resposta == DEIXAR:
                    diario.deixar()
                self.restauracao.relato.erro(como_seguir(diario))
            return RestauracaoIncompleta.codigo
        fechar_desfeita(antes, diario)
        return self.fim.codigo if self.fim else TUDO_CERTO

    def _tentar(
        self, alvo: Alvo, antes: Backup, diario: Diario, combinado: Combinado | None
    ) -> _Parou | None:
        """Uma convergência, contada; None se chegou ao alvo."""
        try:
            desfecho = self._ate_o_desfecho(alvo, antes, diario, combinado)
        except Interveio:
            raise
        except (KeyboardInterrupt, Interrompido):
            raise self._parada(diario).interrompida() from None
        except Exception as e:
            parada = self._parada(diario)
            # Um defeito nosso: a empresa pode estar pela metade, e é isso que se tem de dizer.
            self._dizer_parada(parada, e if isinstance(e, ErroCofre) else DefeitoInterno(e))
            return _Parou(parada, sem_resposta=DEIXAR)
        if desfecho.efeitos and self.opcoes.efeitos:
            contar_efeitos(self.dialogo.relato, desfecho.efeitos)
        self.desfecho = desfecho
        if desfecho.completa:
            self.fim = fim_de(alvo, desfecho, diario, self.restauracao.listas)
            self.encerramento.fim(self.fim, como_desfazer(diario))
            return None
        self.encerramento.incompleta(desfecho)
        if desfecho.desfeita:
            raise self._parada(diario).desfeita()
        efeitos = tuple(desfecho.efeitos)
        return _Parou(self._parada(diario), sem_resposta=DESFAZER, efeitos=efeitos)

    def _parada(self, diario: Diario) -> Parada:
        ato = self.dialogo.vocabulario.ato
        return Parada(diario, self.restauracao.relato, ato, self._atomica, self.continuando)

    def _ate_o_desfecho(
        self, alvo: Alvo, antes: Backup, diario: Diario, combinado: Combinado | None
    ) -> Desfecho:
        """Converge, etapa a etapa; a que não se completa é a última."""
        feito: Desfecho | None = None
        for etapa in self.restauracao.etapas(alvo):
            self._atomica = etapa.atomica
            desfecho = self._de_uma_etapa(etapa, antes, diario, combinado)
            feito = feito.com(desfecho) if feito else desfecho
            if not desfecho.completa:
                break
        assert feito is not None
        encerrar(diario, feito)
        return feito

    def _de_uma_etapa(
        self, etapa: Etapa, antes: Backup, diario: Diario, combinado: Combinado | None
    ) -> Desfecho:
        """Converge, perguntando no caminho o que fazer dos efeitos em tabelas não escolhidas."""
        # Ao desfazer, as outras tabelas se comparam com o que eram antes de restaurar; de um
        # recorte, com o que são: o que a empresa fez do resto, desde então, não se desfaz.
        alvo = etapa.alvo
        de_antes = alvo.backup if diario.desfazendo and not alvo.recorte else antes
        agora, plano = None, None
        if combinado and (combinado.ou_nada or not etapa.atomica):
            agora, plano = combinado.antes, combinado.plano.so_de(alvo.tabelas)
        relato, sem_recusadas = self.dialogo.relato, bool(diario.dados.get("sem_recusadas"))
        while True:
            efeitos = self.opcoes.efeitos or diario.dados.get("efeitos")
            with (
                relato.acompanhando(self.dialogo.vocabulario.fazendo),
                self.restauracao.convergindo(
                    etapa, de_antes, diario, efeitos, sem_recusadas
                ) as aberta,
            ):
                desfecho = aberta.levar(agora, plano)
                if desfecho.pergunta and (self.opcoes.confirmar or alvo.recorte):
                    # De registros que voltam, o que o banco faz é o contrário do que fez quando
                    # sumiram: o estoque que a venda apagada devolveu, ela torna a tirar.
                    contar_efeitos(relato, desfecho.efeitos, ficam=bool(alvo.recorte))
                    desfecho = aberta.decidir(MANTER)
                elif desfecho.pergunta and not etapa.atomica:
                    desfecho = aberta.decidir(perguntar_dos_efeitos(relato, desfecho.efeitos))
            if not desfecho.pergunta:
                return desfecho
            # A transação foi desfeita: ninguém espera uma resposta com linhas travadas.
            diario.anotar(efeitos=perguntar_dos_efeitos(relato, desfecho.efeitos))

    # -- quando não acaba --------------------------------------------------------------------

    def _dizer_parada(self, parada: Parada, erro: ErroCofre) -> None:
        """Um erro que não se venceu; levanta, se não há quem escolha o que fazer."""
        incompleta = parada.por_erro(erro)
        if self.opcoes.confirmar:
            raise incompleta from erro
        self.restauracao.relato.linha()
        self.restauracao.relato.linha(f"❌ {incompleta}")
        for linha in erro.dica.splitlines():
            self.restauracao.relato.linha(f"   {linha}")

    def _escolher(self, parou: _Parou) -> str | None:
        """Concluir, desfazer ou deixar; None se ninguém responde."""
        if self.opcoes.confirmar:
            return None
        try:
            return self.dialogo.seguir(parou.parada.diario.desfazendo)
        except KeyboardInterrupt:
            raise parou.parada.no_meio(INTERROMPIDA) from None

    def _voltar(self, alvo: Alvo, efeitos: tuple[str, ...], antes: Backup, diario: Diario) -> None:
        tabelas = tuple(dict.fromkeys((*alvo.tabelas, *efeitos)))
        recorte = alvo.recorte.ao_contrario() if alvo.recorte else None
        volta = replace(
            alvo, tabelas=tabelas, backup=antes, modo=VOLTAR, recorte=recorte, logins=()
        )
        desfecho = self.desfecho
        aberto = self._abrir_diario(Acordo(volta), antes, "desfazer", diario)
        self.ate_o_fim(volta, antes, aberto)
        self.desfecho, self.fim = desfecho, None


def _do_desfeito(desfaz: Diario | None) -> dict[str, Any]:
    """O que o diário de um desfazer tem de saber do que se desfaz: os baldes que se criaram, que
    saem se estão vazios, e os logins, que ficam, e diz-se; de um que se estava a criar, o que um
    gatilho lhe fez sai."""
    if desfaz is None:
        return {}
    criados = desfaz.dados.get(BALDES_CRIADOS)
    feitos = desfaz.dados.get(FEITOS, ())
    ficam = [f for f in feitos if not (f.get("recusa") or f.get("existia"))]
    sabidos = {f["id"] for f in feitos}
    a_meio = [c for c in desfaz.dados.get(COMECADOS, ()) if c["id"] not in sabidos]
    return {
        "desfaz": desfaz.caminho.name,
        **({COMECADOS: a_meio} if a_meio else {}),
        **({BALDES_CRIADOS: criados} if criados else {}),
        **({FEITOS: ficam} if ficam else {}),
    }


def _no_diario(recorte: Recorte, antes: Backup) -> dict[str, Any]:
    """O recorte para o diário: as chaves dos registros são dados, e vão como a foto."""
    documento = recorte.documento()
    return fechado(documento, antes.para) if antes.cifrado and REGISTROS in documento else documento
