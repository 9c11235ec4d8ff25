"""O acordo: o que o usuário já aceitou desta restauração, e as perguntas que levam a ele."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cofre.base.erros import Interrompido, RestauracaoRecusada
from cofre.base.modelo import ordem_de_exibicao
from cofre.base.palavras import visivel
from cofre.deposito.backup import Backup
from cofre.plano.alvo import RECUPERAR, VOLTAR, Alvo
from cofre.plano.plano import Plano
from cofre.restauracao import ajudas, campos
from cofre.restauracao.confirmacao import outras_respostas
from cofre.restauracao.dialogo import PALAVRA, PALAVRA_DE_DESFAZER, Dialogo
from cofre.restauracao.fim import Fora
from cofre.restauracao.palavras import Narrador
from cofre.restauracao.perdas import BALDES, COLUNAS, REGISTROS, TABELAS
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.risco import Risco
from cofre.restauracao.trabalho import Vigia
from cofre.restauracao.vocabulario import Vocabulario

Perda = Risco | tuple[str, str]
"""O que se pode aceitar: um risco, ou uma coluna (tabela, nome) que o banco não tem mais."""


@dataclass(frozen=True, slots=True)
class Acordo:
    """O que o usuário já aceitou deste alvo. `confirmado` é a assinatura do plano que ele leu e
    confirmou; `perdas`, os riscos e as colunas com que concordou; `cria`, se concordou em criar de
    novo o que falta (ver `Risco.criar`); `sem`, as tabelas que pendem do que volta e não quis
    somar; `fora`, as que deixou de fora por não poderem voltar."""

    alvo: Alvo
    confirmado: bytes = b""
    perdas: frozenset[Perda] = frozenset()
    cria: bool = False
    sem: frozenset[str] = frozenset()
    fora: tuple[Fora, ...] = ()


@dataclass(frozen=True, slots=True)
class Combinado:
    """O que se vai executar: `antes` é a foto de agora, já publicada, e `plano` o que se fez com
    ela. `ou_nada`: se a empresa mudou desde a foto, uma transação não escreve."""

    acordo: Acordo
    antes: Backup
    plano: Plano
    ou_nada: bool = True


@dataclass(frozen=True, slots=True)
class Negociacao:
    """Quem pergunta. `palavra` é a que veio por opção (e então nada se pergunta), e `aceitas`, as
    perdas que vieram por opção; `vigia`, quem olha pelo trabalho de lá; `somar`, se as tabelas que
    pendem do que volta se somam sem perguntar."""

    dialogo: Dialogo
    narrador: Narrador
    palavra: str | None
    aceitas: Sequence[str]
    vigia: Vigia
    somar: bool = False
    desfazendo: bool = False

    @property
    def _vocabulario(self) -> Vocabulario:
        return self.dialogo.vocabulario

    @property
    def palavras(self) -> tuple[str, ...]:
        """As que confirmam; a primeira é a que se pede."""
        return (PALAVRA_DE_DESFAZER, PALAVRA) if self.desfazendo else (PALAVRA,)

    def fechado(self, acordo: Acordo, quadro: Quadro) -> bool:
        """Se este acordo já diz tudo deste plano: nada a combinar, nem palavra a pedir."""
        confirmado = self.palavra in self.palavras or quadro.assinatura == acordo.confirmado
        return confirmado and not self.ha_o_que_combinar(acordo, quadro)

    def ha_o_que_combinar(self, acordo: Acordo, quadro: Quadro) -> bool:
        """Se o plano traz algo que este acordo ainda não diz."""
        perdas = {*_colunas(quadro.perdidas), *_por_aceitar(acordo, quadro)}
        por_cima = bool(quadro.trabalho) and not self.vigia.consentiu
        return not perdas <= acordo.perdas or por_cima or bool(self._por_somar(acordo, quadro))

    def combinar(self, acordo: Acordo, quadro: Quadro) -> Acordo:
        """O que não tem como voltar: some tabelas, tire tabelas ou siga sem, se o usuário quer.
        Devolve o mesmo acordo se não há nada novo. Levanta RestauracaoRecusada."""
        colunas = _colunas(quadro.perdidas)
        novas = colunas - acordo.perdas
        if novas and not self._aceita(COLUNAS, f"{self._vocabulario.verbo} sem essas colunas?"):
            raise RestauracaoRecusada(
                self._vocabulario.recusada,
                "Crie de novo no banco as colunas que faltam, ou aceite perdê-las"
                " (--aceitar colunas).",
            )
        acordo = replace(acordo, perdas=acordo.perdas | colunas)
        por_aceitar = (r for r in _por_aceitar(acordo, quadro) if r not in acordo.perdas)
        novos = [_sem_a_mae(acordo, r) for r in por_aceitar]
        if not novos:
            if quadro.trabalho and not self.vigia.consentiu:
                self.vigia.consentir(quadro.trabalho)
            return acordo
        self.narrador.riscos(quadro, novos)
        if a_criar := [r for r in novos if r.criar]:
            return self._criar(acordo, a_criar)
        return self._somar(acordo, novos) or self._tirar(acordo, novos)

    def sem_tabelas(self, ausentes: Sequence[Fora], *, sobra: bool) -> None:
        """Segue sem as tabelas que o banco não tem, se se quer, e se `sobra` alguma. Levanta
        RestauracaoRecusada."""
        nomes = ", ".join(visivel(a.tabela) for a in ausentes)
        if not sobra or not self._aceita(TABELAS, f"Seguir sem {nomes}?"):
            causa = visivel(ausentes[0].causa)
            raise RestauracaoRecusada(f"{causa[0].upper()}{causa[1:]}.", ausentes[0].cura)

    def somar_pendentes(self, acordo: Acordo, quadro: Quadro) -> Acordo:
        """O que pende do que volta soma-se à escolha, se o usuário quer. Devolve o mesmo acordo se
        não há nada a somar. Levanta Interrompido ou Voltar."""
        tabelas = self._por_somar(acordo, quadro)
        if not tabelas:
            return acordo
        if self.somar or self.dialogo.sim("Somar essas tabelas?", ajudas.PENDENTES):
            return replace(acordo, alvo=_com_tabelas(acordo.alvo, tabelas))
        return replace(acordo, sem=acordo.sem | frozenset(tabelas))

    def _por_somar(self, acordo: Acordo, quadro: Quadro) -> list[str]:
        """As tabelas por que ainda se pergunta, ou que a opção manda somar: só repondo o que falta,
        somar não religa nada."""
        if self.palavra and not self.somar:
            return []
        volta_tudo = acordo.alvo.modo == VOLTAR
        quais = (p for p in quadro.pendentes if p.sumiram or volta_tudo)
        return [p.tabela for p in quais if p.tabela not in acordo.sem]

    def confirmar(self, acordo: Acordo, quadro: Quadro, plano: Plano, acao: str) -> Acordo:
        """Mostra a confirmação e, se se quer, o plano campo a campo, e pede a palavra. Devolve o
        acordo confirmado, ou com o outro modo. Levanta Interrompido ou Voltar."""
        if self.palavra in self.palavras:
            return acordo
        if self.palavra:
            certas = " ou ".join(self.palavras)
            raise Interrompido(f"--confirmar precisa ser {certas}.", "Nada foi alterado.")
        self.narrador.confirmacao(quadro, acao)
        aceitos = [r for r in quadro.riscos if r in acordo.perdas]
        self.narrador.perdas(quadro, aceitos, acordo.fora)
        outras = outras_respostas(acordo.alvo, troca=not (self.desfazendo or acordo.alvo.recorte))
        while (dita := self.dialogo.confirmar(self.palavras, outras)) == "c":
            self.dialogo.ler(campos.por_inteiro(acordo.alvo, plano))
        if dita == "m":
            return _no_outro_modo(acordo)
        return replace(acordo, confirmado=quadro.assinatura)

    def voltar_tudo(self, acordo: Acordo, quadro: Quadro) -> Acordo | None:
        """Onde nada falta, mas algo difere: o acordo que volta também isso, se o usuário quer."""
        if not quadro.resumo.diferem or self.palavra or not self.dialogo.voltar_tudo():
            return None
        return _no_outro_modo(acordo)

    def _somar(self, acordo: Acordo, riscos: Sequence[Risco]) -> Acordo | None:
        """Somar as tabelas que resolveriam, se todos os riscos são disso e o usuário quer."""
        alvo = acordo.alvo
        meta = alvo.backup.meta
        somar = sorted({r.somar for r in riscos if r.somar and meta and r.somar in meta.tabelas})
        if not somar or alvo.recorte or not all(r.somar for r in riscos) or self.palavra:
            return None
        if not self.dialogo.sim(
            f"{self._vocabulario.verbo} também {', '.join(somar)}?", self._vocabulario.somar
        ):
            return None
        return replace(acordo, alvo=_com_tabelas(alvo, somar))

    def _criar(self, acordo: Acordo, riscos: Sequence[Risco]) -> Acordo:
        """Criar de novo o que falta. Levanta RestauracaoRecusada, se não se quer."""
        if BALDES in self.aceitas or (
            not self.palavra and self.dialogo.sim("Criar de novo o que falta?", ajudas.CRIAR)
        ):
            return replace(acordo, cria=True)
        raise RestauracaoRecusada(self._vocabulario.recusada, riscos[0].cura)

    def _tirar(self, acordo: Acordo, riscos: Sequence[Risco]) -> Acordo:
        """Seguir sem as tabelas, ou sem as linhas, que não podem voltar."""
        alvo = acordo.alvo
        tirar = tuple(dict.fromkeys(r.tabela for r in riscos if r.tirar))
        sobram = tuple(t for t in alvo.tabelas if t not in tirar)
        nomes = ", ".join(tirar)
        if tirar and sobram and self._aceita(TABELAS, f"Deixar {nomes} de fora e seguir?"):
            fora = {r.tabela: Fora(r.tabela, r.causa, r.cura) for r in riscos if r.tirar}
            menos = replace(alvo, tabelas=sobram)
            return replace(acordo, alvo=menos, fora=(*acordo.fora, *fora.values()))
        so_linhas = all(r.so_linhas for r in riscos)
        if so_linhas and self._aceita(
            REGISTROS, f"{self._vocabulario.verbo} o resto, sem esses registros?"
        ):
            return replace(acordo, perdas=acordo.perdas | frozenset(riscos))
        raise RestauracaoRecusada(self._vocabulario.recusada, riscos[0].cura)

    def _aceita(self, perda: str, pergunta: str) -> bool:
        """Se o usuário concorda em perder isto: pela opção, ou perguntando."""
        return perda in self.aceitas or (
            not self.palavra and self.dialogo.sim(pergunta, self._vocabulario.perda)
        )


def _sem_a_mae(acordo: Acordo, risco: Risco) -> Risco:
    """O que se resolveria somando uma tabela que já se concordou em deixar de fora: sai com ela, ou
    perguntar-se-ia por uma e por outra sem fim."""
    mae = next((f for f in acordo.fora if f.tabela == risco.somar), None)
    if mae is None:
        return risco
    cura = f"Precisa de {mae.tabela}, que fica de fora.\n{mae.cura}"
    return replace(risco, somar="", tirar=True, so_linhas=False, cura=cura)


def _com_tabelas(alvo: Alvo, mais: Sequence[str]) -> Alvo:
    return replace(alvo, tabelas=tuple(sorted({*alvo.tabelas, *mais}, key=ordem_de_exibicao)))


def _no_outro_modo(acordo: Acordo) -> Acordo:
    outro = VOLTAR if acordo.alvo.modo == RECUPERAR else RECUPERAR
    return Acordo(replace(acordo.alvo, modo=outro), sem=acordo.sem, fora=acordo.fora)


def _por_aceitar(acordo: Acordo, quadro: Quadro) -> list[Risco]:
    """Os riscos que ainda o são."""
    return [r for r in quadro.riscos if not (r.criar and acordo.cria)]


def _colunas(perdidas: Mapping[str, Sequence[str]]) -> frozenset[tuple[str, str]]:
    return frozenset((t, c) for t, nomes in perdidas.items() for c in nomes)
