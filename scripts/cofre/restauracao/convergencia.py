"""Convergir: executar o plano e fotografar de novo, até nada diferir ou não haver progresso."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cofre.base.erros import EmpresaMudou, FalhaDoServidor
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.diario import CONCLUIDA, INCOMPLETA, Diario
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Contexto
from cofre.foto.fotografo import Fotografo
from cofre.plano.alvo import Arquivos, Comparacao
from cofre.plano.escritor import DONO_TROCADO, POR_REVER
from cofre.plano.impedimentos import Impedimento
from cofre.plano.plano import Contagem, Plano
from cofre.restauracao.riscos import DE_UMA_LINHA
from cofre.via.contrato import Escrita

MANTER, DESFAZER = "manter", "desfazer"
PASSADAS = 8
"""Depois de tantas, o banco e o alvo não vão se encontrar."""

ESCRITAS_PARA_BARRA = 100
"""Cada alteração é um pedido: cem já demoram, pela internet."""

ACEITAVEIS = DE_UMA_LINHA | {"23503"}
"""Recusas com que o usuário pode concordar: as de uma linha, e as das que apontam para ela."""

PerguntarEfeitos = Callable[[Mapping[str, Contagem]], str]


@dataclass(frozen=True, slots=True)
class Desfecho:
    """Como acabou. `desfeita`: a transação inteira voltou atrás, e nada mudou; `reescritas`:
    colunas que o banco muda sozinho, por tabela, com quantas linhas; `restantes`: o que ainda
    difere; `efeitos`: o que mudou em tabelas não escolhidas."""

    completa: bool
    desfeita: bool
    passadas: int
    registros: int
    reescritas: Mapping[str, Counter[str]]
    restantes: Mapping[str, Contagem]
    impedimentos: Sequence[Impedimento]
    efeitos: Mapping[str, Contagem]


@dataclass(slots=True)
class Convergencia:
    """Uma convergência: `escrita` é a via aberta para escrever (`atomica`: tudo ou nada), e
    `fotografo` fotografa por ela. As tabelas não escolhidas se comparam com `de_antes`; `efeitos` é
    o que fazer do que mudou nelas (None: perguntar)."""

    comparacao: Comparacao
    atomica: bool
    fotografo: Fotografo
    contexto: Contexto
    escrita: Escrita
    de_antes: Arquivos
    diario: Diario
    relato: Relato
    perguntar_efeitos: PerguntarEfeitos
    efeitos: str | None
    pilha: contextlib.ExitStack
    passadas: int = 0
    impedimentos: list[Impedimento] = field(default_factory=list)
    _desfazer: tuple[str, ...] = ()
    _vistas: set[bytes] = field(default_factory=set)
    _do_meio: list[FotoMontada] = field(default_factory=list)

    def levar(
        self, agora: Backup | None, planejado: Plano | None = None, *, sem_recusadas: bool
    ) -> Desfecho:
        """Até o fim; numa via atômica, confirma se chegou lá. `agora` é a foto de como a empresa
        está, se acabou de ser tirada, e `planejado` o plano que se fez com ela. Levanta
        EmpresaMudou, FalhaDoServidor, RestauracaoRecusada ou Interrompido: o diário fica aberto."""
        if self.efeitos == DESFAZER:
            self._desfazer = self.comparacao.fora
        plano = self.pilha.enter_context(self._primeiro(agora, planejado))
        while self.passadas < PASSADAS and (proximo := self._passar(plano)) is not None:
            plano = proximo
            if any(i.erro.codigo_sql == DONO_TROCADO for i in self.impedimentos):
                break  # cada passada a mais soltaria mais uma linha da empresa
        desfecho = self._desfecho(plano, ACEITAVEIS if sem_recusadas else frozenset())
        if desfecho.completa:
            for foto in self._do_meio:
                foto.publicar()
            self.escrita.confirmar()
        self._encerrar(plano, desfecho)
        return desfecho

    # -- as fotos e os planos ----------------------------------------------------------------

    def _primeiro(
        self, agora: Backup | None, planejado: Plano | None
    ) -> contextlib.AbstractContextManager[Plano]:
        if agora is None:
            return self._nova_foto()
        if self.atomica:
            return self._a_mesma(agora)
        if planejado is not None and not self._desfazer:
            return planejado
        return self.comparacao.plano(self.comparacao.arquivos(agora), self.de_antes, self._desfazer)

    def _passar(self, plano: Plano) -> Plano | None:
        """Executa o plano e devolve o seguinte; None se não há mais o que fazer."""
        assinatura = plano.assinatura()
        if plano.vazio or assinatura in self._vistas:
            return self._tratar_efeitos(plano)
        self._vistas.add(assinatura)
        self.passadas += 1
        self.impedimentos = self._executar(plano)
        if any(i.erro.codigo_sql in POR_REVER for i in self.impedimentos):
            self._vistas.discard(assinatura)  # alguém chegou antes: com a foto nova pode ir
        return self.pilha.enter_context(self._nova_foto())

    def _tratar_efeitos(self, plano: Plano) -> Plano | None:
        if self.efeitos is not None or not plano.efeitos:
            return None
        self.efeitos = self.perguntar_efeitos(plano.efeitos)
        self.diario.anotar(efeitos=self.efeitos)
        if self.efeitos != DESFAZER:
            return None
        self._desfazer = self.comparacao.fora
        self._vistas.clear()
        return self.pilha.enter_context(self._nova_foto())

    def _executar(self, plano: Plano) -> list[Impedimento]:
        passada = {"passada": self.passadas, "plano": contagens_em_json(plano)}
        self.diario.acrescentar("passadas", passada)
        feitas: Counter[str] = Counter()
        nome = self.comparacao.alvo.empresa.nome

        def ao_avancar(tabela: str, _acao: str, linhas: int) -> None:
            feitas[tabela] += linhas
            total = plano.contagens[tabela].diferencas
            self.relato.avanco(nome, tabela, feitas[tabela], total, ESCRITAS_PARA_BARRA)

        return self.escrita.executar(plano, self.comparacao.escopo, ao_avancar)

    @contextlib.contextmanager
    def _nova_foto(self) -> Iterator[Plano]:
        """Fotografa de novo e compara. A foto é guardada se o plano vai tirar ou mudar linhas: o
        que apareceu enquanto se restaurava está nela."""
        with self._fotografar() as foto:
            falhas = ilegiveis(foto, self.comparacao)
            if falhas:
                raise FalhaDoServidor(f"Não consegui fotografar de novo a empresa.\n{falhas}")
            with self.comparacao.plano(foto.arquivos, self.de_antes, self._desfazer) as plano:
                if any(c.remover or c.alterar for c in plano.contagens.values()):
                    self._guardar(foto)
                yield plano

    def _guardar(self, foto: FotoMontada) -> None:
        """O que uma transação ainda pode desfazer nunca existiu: só vira backup ao confirmar."""
        if self.atomica:
            self._do_meio.append(foto)
        else:
            foto.publicar()

    @contextlib.contextmanager
    def _a_mesma(self, agora: Backup) -> Iterator[Plano]:
        """O plano pela foto de dentro da transação, se o que se vai escrever é byte a byte a foto
        que o usuário viu. Levanta EmpresaMudou se não é."""
        assert agora.meta is not None
        with self._fotografar() as foto:
            for nome in (*self.comparacao.alvo.tabelas, *self._desfazer):
                antes, ve = agora.meta.tabelas.get(nome), foto.arquivos.get(nome)
                if antes is None or ve is None or antes.sha256 != ve.tabela.sha256:
                    raise EmpresaMudou(
                        f"Alguém mexeu em {nome} depois da foto: nada foi escrito.",
                        "Veja o novo plano e confirme de novo.",
                    )
            with self.comparacao.plano(foto.arquivos, self.de_antes, self._desfazer) as plano:
                yield plano

    def _fotografar(self) -> contextlib.AbstractContextManager[FotoMontada]:
        contexto = de_agora(self.contexto, self.fotografo, "durante_restauracao")
        return self.fotografo.montar(self.comparacao.alvo.empresa, contexto)

    # -- o fim -----------------------------------------------------------------------------

    def _desfecho(self, plano: Plano, aceitos: frozenset[str]) -> Desfecho:
        """Só está completa se o que difere é o que o banco repõe a cada vez: uma passada inteira,
        sem recusas (fora as `aceitos`), que não mudou nada do que falta."""
        restantes = {n: c for n, c in plano.contagens.items() if c.diferencas}
        graves = {i.tabela for i in self.impedimentos if i.erro.codigo_sql not in aceitos}
        aceitas = Counter(i.tabela for i in self.impedimentos if i.tabela not in graves)
        parou = plano.vazio or plano.assinatura() in self._vistas
        completa = parou and all(
            c.repor <= aceitas[n] and not c.remover and n not in graves
            for n, c in restantes.items()
        )
        tabelas = self.comparacao.alvo.tabelas
        return Desfecho(
            completa=completa,
            desfeita=self.atomica and not completa,
            passadas=self.passadas,
            registros=sum(c.iguais + c.alterar for n, c in plano.contagens.items() if n in tabelas),
            reescritas={n: plano.colunas_diferentes(n) for n in restantes} if completa else {},
            restantes=restantes,
            # O que se deixou para a próxima foto, e ela já não vê, não ficou por fazer.
            impedimentos=[
                i
                for i in self.impedimentos
                if i.tabela in restantes or i.erro.codigo_sql not in POR_REVER
            ],
            efeitos=plano.efeitos,
        )

    def _encerrar(self, plano: Plano, desfecho: Desfecho) -> None:
        self.diario.anotar(
            estado=CONCLUIDA if desfecho.completa else INCOMPLETA,
            desfecho={
                "passadas": desfecho.passadas,
                "registros": desfecho.registros,
                "reescritas": {n: dict(c) for n, c in desfecho.reescritas.items()},
                "restantes": contagens_em_json(plano),
                "recusas": [
                    {"tabela": i.tabela, "acao": i.acao, "chave": i.chave, "erro": str(i.erro)}
                    for i in desfecho.impedimentos
                ],
            },
        )


def de_agora(contexto: Contexto, fotografo: Fotografo, tipo: str) -> Contexto:
    """A execução para uma foto: as linhas que acabaram de voltar, ou que um gatilho criou, podem
    ser as primeiras sem dono da sua tabela."""
    escopo = fotografo.via.com_ramos_de_agora(contexto.escopo, contexto.inspecao, fotografo.regras)
    return replace(contexto, escopo=escopo, pedido=replace(contexto.pedido, tipo=tipo))


def ilegiveis(foto: FotoMontada, comparacao: Comparacao) -> str:
    """As tabelas que não se deixaram fotografar, e por quê. Uma que o banco não tem mais não
    conta: não há nela o que fotografar."""
    falhas = foto.falhas
    nomes = sorted(set(falhas) & set(comparacao.escopo))
    return "\n".join(f"{nome}: {falhas[nome]}" for nome in nomes)


def contagens_em_json(plano: Plano) -> dict[str, dict[str, int]]:
    """As contagens de um plano, só das tabelas que diferem."""
    return {
        n: {"repor": c.repor, "alterar": c.alterar, "remover": c.remover, "iguais": c.iguais}
        for n, c in plano.contagens.items()
        if c.diferencas
    }
