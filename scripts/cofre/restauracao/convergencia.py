"""Convergir: executar o plano e fotografar de novo, até nada diferir ou não haver progresso."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial

from cofre.base.erros import EmpresaMudou, FalhaDoServidor
from cofre.base.modelo import LISTAS
from cofre.base.palavras import como_se_diz, visivel
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.diario import Diario
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Contexto
from cofre.foto.fotografo import Fotografo
from cofre.plano.alvo import Alvo, Arquivos
from cofre.plano.escritor import DONO_TROCADO, INDIZIVEL, POR_REVER
from cofre.plano.impedimentos import Impedimento
from cofre.plano.plano import Plano
from cofre.plano.recusas import DE_UMA_LINHA
from cofre.plano.tabela import Contagem
from cofre.restauracao.arquivos.execucao import RECUSAS_DE_UM_ARQUIVO
from cofre.restauracao.conflitos import conflitos_de
from cofre.restauracao.desfecho import Desfecho, contagens_em_json
from cofre.restauracao.logins.volta import VoltaDosLogins
from cofre.restauracao.reescritas import reescritas
from cofre.via.contrato import Escrita

MANTER, DESFAZER = "manter", "desfazer"
PASSADAS = 8
"""Depois de tantas, o banco e o alvo não vão se encontrar."""

ESCRITAS_PARA_BARRA = 100
"""Cada alteração é um pedido: cem já demoram, pela internet."""

ACEITAVEIS = DE_UMA_LINHA | {"23503", INDIZIVEL} | RECUSAS_DE_UM_ARQUIVO
"""Recusas com que o usuário pode concordar: as de uma linha, as das que apontam para ela, e as de
um arquivo."""


@dataclass(slots=True)
class Convergencia:
    """Uma convergência: `escrita` é a via aberta para escrever (`atomica`: tudo ou nada), e
    `fotografo` fotografa por ela. As tabelas não escolhidas se comparam com `de_antes`; `efeitos` é
    o que fazer do que mudou nelas (None: perguntar). `sem_recusadas`: se o usuário concordou em
    seguir sem as linhas que o banco recusa."""

    alvo: Alvo
    atomica: bool
    fotografo: Fotografo
    contexto: Contexto
    escrita: Escrita
    de_antes: Arquivos
    diario: Diario
    relato: Relato
    efeitos: str | None
    sem_recusadas: bool
    logins: VoltaDosLogins
    passadas: int = 0
    impedimentos: list[Impedimento] = field(default_factory=list)
    _plano: Plano | None = None
    _desfazer: tuple[str, ...] = ()
    _vistas: set[bytes] = field(default_factory=set)
    _pilha: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _do_meio: list[FotoMontada] = field(default_factory=list)

    def levar(self, agora: Backup | None, planejado: Plano | None = None) -> Desfecho:
        """Até o fim, ou até uma pergunta; numa via atômica, confirma se chegou lá. `agora` é a foto
        de como a empresa está, se acabou de ser tirada, e `planejado` o plano que se fez com ela.
        Levanta EmpresaMudou, FalhaDoServidor, RestauracaoRecusada ou Interrompido: o diário fica
        aberto."""
        if self.efeitos == DESFAZER:
            self._desfazer = self.alvo.fora
        primeiro = self._primeiro(agora, planejado)
        if self.logins.criar(self.escrita):
            primeiro = self._nova_foto()
        return self._seguir(primeiro)

    def decidir(self, efeitos: str) -> Desfecho:
        """Segue, depois de uma pergunta, com a resposta dela. Levanta como `levar`."""
        assert self._plano is not None
        self.efeitos = efeitos
        self.diario.anotar(efeitos=efeitos)
        if efeitos != DESFAZER:
            return self._terminar(self._plano)
        self._desfazer = self.alvo.fora
        self._vistas.clear()
        return self._seguir(self._nova_foto())

    def close(self) -> None:
        """As fotos do meio que não viraram backup somem."""
        self._pilha.close()

    def _seguir(self, plano: Plano) -> Desfecho:
        while self.passadas < PASSADAS:
            assinatura = plano.assinatura()
            if plano.vazio or assinatura in self._vistas:
                if plano.efeitos and self.efeitos is None:
                    self._plano = plano
                    return replace(self._desfecho(plano), pergunta=True)
                break
            self._vistas.add(assinatura)
            self.passadas += 1
            self.impedimentos = self._executar(plano)
            if any(i.erro.codigo_sql in POR_REVER for i in self.impedimentos):
                self._vistas.discard(assinatura)  # alguém chegou antes: com a foto nova pode ir
            plano = self._nova_foto()
            if any(i.erro.codigo_sql == DONO_TROCADO for i in self.impedimentos):
                break  # cada passada a mais soltaria mais uma linha da empresa
        return self._terminar(plano)

    def _terminar(self, plano: Plano) -> Desfecho:
        desfecho = self._desfecho(plano)
        if desfecho.completa:
            for foto in self._do_meio:
                foto.publicar()
            self.escrita.confirmar()
            self.logins.anotar()
        return desfecho

    # -- as fotos e os planos ----------------------------------------------------------------

    def _primeiro(self, agora: Backup | None, planejado: Plano | None) -> Plano:
        if agora is None:
            return self._nova_foto()
        if self._desfazer:
            planejado = None  # é um plano sem essas tabelas
        if self.atomica:
            return self._da_mesma(agora, planejado)
        foto = self.alvo.arquivos(agora)
        return self._com_efeitos(planejado, foto)

    def _executar(self, plano: Plano) -> list[Impedimento]:
        passada = {"passada": self.passadas, "plano": contagens_em_json(_que_diferem(plano))}
        self.diario.acrescentar("passadas", passada)
        feitas: Counter[str] = Counter()
        nome = self.alvo.empresa.nome

        def ao_avancar(tabela: str, _acao: str, linhas: int) -> None:
            feitas[tabela] += linhas
            total = plano.contagens[tabela].diferencas
            dita = como_se_diz(tabela)
            self.relato.avanco(nome, dita, feitas[tabela], total, ESCRITAS_PARA_BARRA)

        return self.escrita.executar(plano, self.alvo.escopo, ao_avancar, self._aceitos)

    def _nova_foto(self) -> Plano:
        """Fotografa de novo e compara. A foto é guardada se o plano vai tirar ou mudar linhas: o
        que apareceu enquanto se restaurava está nela."""
        with contextlib.ExitStack() as pilha:
            foto = pilha.enter_context(self._fotografar())
            falhas = ilegiveis(foto, self.alvo)
            if falhas:
                raise FalhaDoServidor(f"Não consegui fotografar de novo a empresa.\n{falhas}")
            plano = self._plano_ate_o_alvo(foto.arquivos)
            if not any(c.remover or c.alterar for c in plano.contagens.values()):
                return plano
            if not self.atomica:
                foto.publicar()
                return plano
            # O que uma transação ainda pode desfazer nunca existiu: só vira backup ao confirmar.
            self._do_meio.append(foto)
            self._pilha.enter_context(pilha.pop_all())
            return plano

    def _plano_ate_o_alvo(self, foto: Arquivos) -> Plano:
        return self.alvo.plano(foto, self.de_antes, self.escrita.existentes, self._desfazer)

    def _da_mesma(self, agora: Backup, planejado: Plano | None) -> Plano:
        """O plano pela foto de dentro da transação, se o que se vai escrever é byte a byte a foto
        que o usuário viu: então é o mesmo. Levanta EmpresaMudou se não é."""
        assert agora.meta is not None
        with self._fotografar() as foto:
            for nome in (*self.alvo.tabelas, *self._desfazer):
                antes, ve = agora.meta.tabelas.get(nome), foto.arquivos.get(nome)
                if antes is None or ve is None or antes.somas != ve.tabela.somas:
                    raise EmpresaMudou(
                        f"Alguém mexeu em {nome} depois da foto: nada foi escrito.",
                        "Veja o novo plano e confirme de novo.",
                    )
            return self._com_efeitos(planejado, foto.arquivos)

    def _com_efeitos(self, planejado: Plano | None, foto: Arquivos) -> Plano:
        """O plano que se fez com esta foto, agora com o que difere nas tabelas em que não mexe."""
        if planejado is None:
            return self._plano_ate_o_alvo(foto)
        planejado.efeitos = self.alvo.efeitos(foto, self.de_antes)
        return planejado

    def _fotografar(self) -> contextlib.AbstractContextManager[FotoMontada]:
        contexto = de_agora(self.contexto, self.fotografo, "durante_restauracao")
        return self.fotografo.montar(self.alvo.empresa, contexto)

    # -- o fim -----------------------------------------------------------------------------

    def _desfecho(self, plano: Plano) -> Desfecho:
        """Só está completa se o que difere é o que o banco repõe a cada vez: uma passada inteira,
        sem recusas (fora as que o usuário aceita), que não mudou nada do que falta."""
        restantes = _que_diferem(plano)
        graves = {i.tabela for i in self.impedimentos if i.erro.codigo_sql not in self._aceitos}
        aceitas = Counter(i.tabela for i in self.impedimentos if i.tabela not in graves)
        parou = plano.vazio or plano.assinatura() in self._vistas
        completa = parou and all(
            c.repor <= aceitas[n] and not c.remover and n not in graves
            for n, c in restantes.items()
        )
        contagens = plano.contagens
        quer = {n: self.alvo.do_que_se_quer(n, contagens[n]) for n in self.alvo.tabelas}
        mudadas = partial(reescritas, plano, self.alvo.escopo, self.impedimentos, self.escrita)
        return Desfecho(
            completa=completa,
            atomica=self.atomica,
            passadas=self.passadas,
            registros=sum(c.iguais + c.alterar for n, c in quer.items() if n not in LISTAS),
            nas_listas={n: c.iguais + c.alterar for n, c in quer.items() if n in LISTAS},
            reescritas=mudadas() if completa else (),
            restantes=restantes,
            # O que a última foto já não vê não ficou por fazer: a linha que o banco recusou repor
            # podia estar lá, órfã, e voltou a ser da empresa com a mãe.
            impedimentos=[i for i in self.impedimentos if i.tabela in restantes],
            efeitos=plano.efeitos,
            conflitos=conflitos_de(self.alvo, plano),
        )

    @property
    def _aceitos(self) -> frozenset[str]:
        """Os códigos das recusas com que se concordou."""
        return ACEITAVEIS if self.sem_recusadas else frozenset()


def de_agora(contexto: Contexto, fotografo: Fotografo, tipo: str) -> Contexto:
    """A execução para uma foto: as linhas que acabaram de voltar, ou que um gatilho criou, podem
    ser as primeiras sem dono da sua tabela."""
    escopo = fotografo.via.com_ramos_de_agora(contexto.escopo, contexto.inspecao, fotografo.regras)
    return replace(contexto, escopo=escopo, pedido=replace(contexto.pedido, tipo=tipo))


def ilegiveis(foto: FotoMontada, alvo: Alvo) -> str:
    """As tabelas que não se deixaram fotografar, e por quê. Uma que o banco não tem mais não
    conta: não há nela o que fotografar."""
    falhas = foto.falhas
    nomes = sorted(set(falhas) & set(alvo.escopo))
    return "\n".join(f"{visivel(como_se_diz(nome))}: {falhas[nome]}" for nome in nomes)


def _que_diferem(plano: Plano) -> dict[str, Contagem]:
    return {n: c for n, c in plano.contagens.items() if c.diferencas}
