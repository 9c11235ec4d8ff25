"""Ligar-se a uma frota: a que já há, ou uma que nasce e morre com esta execução."""

from __future__ import annotations

import contextlib
import logging
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime

from distributed import Client, LocalCluster
from distributed.security import Security

from cofre.backup.tarefa import Jeito
from cofre.base.config.valores import Configuracao
from cofre.base.erros import ErroCofre
from cofre.base.relato import Relato
from cofre.deposito.deposito import Deposito
from cofre.foto.foto import Contexto
from cofre.frota import certificados, preparo, relogio
from cofre.frota.ajustes import SO_DAQUI, calado, pasta_de_trabalho
from cofre.frota.digital import Digital, de
from cofre.frota.endereco import Onde
from cofre.frota.erros import FrotaParada
from cofre.frota.motor import Frota
from cofre.frota.partilha import DE_CADA, Limites, Parte
from cofre.frota.remessa import OPCOES, Remessa, empacotar

ATE_RESPONDER = 15
"""Segundos até se dizer que o agendador não responde."""


@contextlib.contextmanager
def aberta(
    onde: Onde,
    opcoes: Namespace,
    configuracao: Configuracao,
    deposito: Deposito,
    relato: Relato,
    jeito: Jeito,
    paciencia: float,
    conexoes_ditas: int | None,
) -> Iterator[Frota]:
    """O motor sobre a frota pedida; `paciencia`, os segundos que se espera sem trabalhador, e
    `conexoes_ditas`, o limite de todos juntos, se alguém o disse. Levanta ConfiguracaoInvalida,
    FalhaDeDisco ou FrotaParada."""
    digital = de(configuracao)
    limites = Limites(conexoes_ditas, opcoes.limite_por_segundo)

    def remessa_de(contexto: Contexto, parte: Parte, cliente: Client) -> Remessa:
        return Remessa(
            contexto.pedido.execucao,
            deposito.presente,
            digital,
            {nome: getattr(opcoes, nome, None) for nome in OPCOES},
            jeito,
            parte,
            relogio.do_agendador(cliente),
            str(configuracao.destino) if onde.local else None,
            empacotar(contexto),
        )

    with _ligada(onde, digital, DE_CADA) as cliente:
        frota = Frota(cliente, digital, deposito, relato, remessa_de, limites, paciencia)
        parando = True
        try:
            yield frota
            parando = False
        finally:
            frota.acabar(parando=parando)
            if frota.perdeu_alguem:  # o que deixou a meio
                with contextlib.suppress(ErroCofre):
                    deposito.preparar()


@contextlib.contextmanager
def _ligada(onde: Onde, digital: Digital, lugares: int) -> Iterator[Client]:
    with calado(), contextlib.ExitStack() as pilha:
        if onde.local:
            pasta = pilha.enter_context(pasta_de_trabalho())
            endereco = pilha.enter_context(
                LocalCluster(
                    n_workers=onde.trabalhadores,
                    threads_per_worker=lugares,
                    memory_limit=0,
                    dashboard_address=SO_DAQUI,
                    worker_dashboard_address=None,
                    scheduler_kwargs={"dashboard": False},
                    # Outro usuário desta máquina também chega a um tcp:// dela.
                    security=Security.temporary(),
                    silence_logs=logging.CRITICAL,
                    local_directory=pasta,
                    resources={digital.recurso: lugares},
                    preload=[preparo.NOME],
                )
            )
            yield pilha.enter_context(Client(endereco, set_as_default=False))
            return
        seguranca = None
        if onde.cifrado:
            seguranca = certificados.seguranca(certificados.QUEM_COMECA, datetime.now(UTC))
        try:
            cliente = Client(
                onde.agendador, security=seguranca, set_as_default=False, timeout=ATE_RESPONDER
            )
        except (OSError, TimeoutError):
            raise FrotaParada(
                f"O agendador da frota não responde em {onde.agendador}.",
                "Comece-o lá com «frota agendador», e veja se esta máquina o alcança, com os\n"
                "certificados do mesmo «--frota criar».",
            ) from None
        yield pilha.enter_context(cliente)
