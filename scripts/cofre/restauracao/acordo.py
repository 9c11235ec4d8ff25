"""O acordo: o que o usuário já aceitou desta restauração, e as perguntas que levam a ele."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cofre.base.erros import Interrompido, RestauracaoRecusada
from cofre.deposito.backup import Backup
from cofre.plano.alvo import RECUPERAR, VOLTAR, Alvo
from cofre.plano.plano import Plano
from cofre.restauracao import ajudas
from cofre.restauracao.dialogo import PALAVRA, PALAVRA_DE_DESFAZER, Dialogo
from cofre.restauracao.palavras import Narrador
from cofre.restauracao.perdas import COLUNAS, REGISTROS, TABELAS
from cofre.restauracao.provas import Risco

RECUSADA = "A restauração foi recusada antes de começar: nada foi alterado."

Perda = Risco | tuple[str, str]
"""O que se pode aceitar: um risco, ou uma coluna (tabela, nome) que o banco não tem mais."""


@dataclass(frozen=True, slots=True)
class Acordo:
    """O que o usuário já aceitou deste alvo. `confirmado` é a assinatura do plano que ele leu e
    confirmou; `perdas`, os riscos e as colunas com que concordou."""

    alvo: Alvo
    confirmado: bytes = b""
    perdas: frozenset[Perda] = frozenset()


@dataclass(frozen=True, slots=True)
class Combinado:
    """O que se vai executar: `antes` é a foto de agora, já publicada, e `plano` o que se fez com
    ela."""

    acordo: Acordo
    antes: Backup
    plano: Plano


@dataclass(frozen=True, slots=True)
class Negociacao:
    """Quem pergunta. `palavra` é a que veio por opção (e então nada se pergunta), e `aceitas`, as
    perdas que vieram por opção."""

    dialogo: Dialogo
    narrador: Narrador
    palavra: str | None
    aceitas: Sequence[str]
    desfazendo: bool = False

    @property
    def palavras(self) -> tuple[str, ...]:
        """As que confirmam; a primeira é a que se pede."""
        return (PALAVRA_DE_DESFAZER, PALAVRA) if self.desfazendo else (PALAVRA,)

    def fechado(
        self,
        acordo: Acordo,
        perdidas: Mapping[str, Sequence[str]],
        riscos: Sequence[Risco],
        assinatura: bytes,
    ) -> bool:
        """Se este acordo já diz tudo deste plano: nada a combinar, nem palavra a pedir."""
        confirmado = self.palavra in self.palavras or assinatura == acordo.confirmado
        return confirmado and {*_colunas(perdidas), *riscos} <= acordo.perdas

    def combinar(
        self, acordo: Acordo, perdidas: Mapping[str, Sequence[str]], riscos: Sequence[Risco]
    ) -> Acordo:
        """O que não tem como voltar: some tabelas, tire tabelas ou siga sem, se o usuário quer.
        Devolve o mesmo acordo se não há nada novo. Levanta RestauracaoRecusada."""
        colunas = _colunas(perdidas)
        novas = colunas - acordo.perdas
        if novas and not self._aceita(COLUNAS, "Restaurar sem essas colunas?"):
            raise RestauracaoRecusada(
                RECUSADA,
                "Crie de novo no banco as colunas que faltam, ou aceite perdê-las"
                " (--aceitar colunas).",
            )
        acordo = replace(acordo, perdas=acordo.perdas | colunas)
        novos = [r for r in riscos if r not in acordo.perdas]
        if not novos:
            return acordo
        self.narrador.riscos(novos)
        return self._somar(acordo, novos) or self._tirar(acordo, novos)

    def confirmar(self, acordo: Acordo, assinatura: bytes, *, trocavel: bool) -> Acordo:
        """Pede a palavra. Devolve o acordo confirmado, ou com o outro modo. Levanta Interrompido ou
        Voltar."""
        if self.palavra in self.palavras:
            return acordo
        if self.palavra:
            certas = " ou ".join(self.palavras)
            raise Interrompido(f"--confirmar precisa ser {certas}.", "Nada foi alterado.")
        resposta = self.dialogo.confirmar(acordo.alvo, self.palavras, trocavel=trocavel)
        if resposta == "m":
            outro = VOLTAR if acordo.alvo.modo == RECUPERAR else RECUPERAR
            return Acordo(replace(acordo.alvo, modo=outro))
        return replace(acordo, confirmado=assinatura)

    def _somar(self, acordo: Acordo, riscos: Sequence[Risco]) -> Acordo | None:
        """Somar as tabelas que resolveriam, se todos os riscos são disso e o usuário quer."""
        alvo = acordo.alvo
        meta = alvo.backup.meta
        somar = sorted({r.somar for r in riscos if r.somar and meta and r.somar in meta.tabelas})
        if not somar or not all(r.somar for r in riscos) or self.palavra:
            return None
        if not self.dialogo.sim(f"Restaurar também {', '.join(somar)}?", ajudas.SOMAR):
            return None
        return replace(acordo, alvo=replace(alvo, tabelas=(*alvo.tabelas, *somar)))

    def _tirar(self, acordo: Acordo, riscos: Sequence[Risco]) -> Acordo:
        """Seguir sem as tabelas, ou sem as linhas, que não podem voltar."""
        alvo = acordo.alvo
        tirar = tuple(dict.fromkeys(r.tabela for r in riscos if r.tirar))
        sobram = tuple(t for t in alvo.tabelas if t not in tirar)
        nomes = ", ".join(tirar)
        if tirar and sobram and self._aceita(TABELAS, f"Deixar {nomes} de fora e seguir?"):
            return replace(acordo, alvo=replace(alvo, tabelas=sobram))
        so_linhas = all(r.so_linhas for r in riscos)
        if so_linhas and self._aceita(REGISTROS, "Restaurar o resto, sem esses registros?"):
            return replace(acordo, perdas=acordo.perdas | frozenset(riscos))
        raise RestauracaoRecusada(RECUSADA, riscos[0].cura)

    def _aceita(self, perda: str, pergunta: str) -> bool:
        """Se o usuário concorda em perder isto: pela opção, ou perguntando."""
        return perda in self.aceitas or (
            not self.palavra and self.dialogo.sim(pergunta, ajudas.PERDA)
        )


def _colunas(perdidas: Mapping[str, Sequence[str]]) -> frozenset[tuple[str, str]]:
    return frozenset((t, c) for t, nomes in perdidas.items() for c in nomes)
