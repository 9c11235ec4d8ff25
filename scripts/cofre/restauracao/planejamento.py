"""Planejar: uma foto de agora, o que falta dela até ao alvo, e o que isso tem de arriscado."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cofre.base.modelo import ARQUIVOS
from cofre.foto.arquivos import FotoMontada
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Plano
from cofre.restauracao.arquivos.por_trazer import PorTrazer, por_trazer
from cofre.restauracao.logins.faltam import Faltam
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.sessao import Sessao


@dataclass(slots=True)
class Planejamento:
    """Os planos de uma sessão. `faltam`: os logins que faltam à empresa; `quadro`: o do plano mais
    novo (None: ainda não se planejou)."""

    sessao: Sessao
    faltam: Faltam = field(default_factory=Faltam)
    quadro: Quadro | None = None

    @contextlib.contextmanager
    def planejando(self, alvo: Alvo, acao: str) -> Iterator[tuple[FotoMontada, Plano, Quadro]]:
        """Uma foto de agora, o plano dela até o alvo, e o quadro dele: de um plano que não mudou, é
        o mesmo, que fazê-lo manda ao banco tudo o que se vai escrever."""
        restauracao, quadro = self.sessao.restauracao, self.quadro
        with contextlib.ExitStack() as pilha:
            with self.sessao.relato.acompanhando("Comparando a empresa com o backup"):
                foto, plano = pilha.enter_context(restauracao.fotografando(alvo))
                if quadro is None or (quadro.alvo, quadro.assinatura) != (alvo, plano.assinatura()):
                    somaveis = self.sessao.usado.sadias if acao == "restaurar" else ()
                    ausentes = self.faltam.ausentes(alvo.logins)
                    quadro = restauracao.quadro(alvo, plano, foto, somaveis, ausentes)
                    if acao == "restaurar":
                        feito_la = self.sessao.vigia.trabalho(alvo, foto, plano)
                        por_trazer = self._por_trazer(alvo, plano)
                        quadro = replace(quadro, trabalho=feito_la, por_trazer=por_trazer)
                    self.quadro = quadro
            yield foto, plano, quadro

    def _por_trazer(self, alvo: Alvo, plano: Plano) -> PorTrazer:
        if ARQUIVOS in alvo.tabelas or (armazem := self.sessao.armazem()) is None:
            return PorTrazer()
        return por_trazer(alvo, plano, armazem)
