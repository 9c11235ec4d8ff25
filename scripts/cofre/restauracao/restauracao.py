"""Restaurar é convergir: fotografar, comparar com o alvo, executar o plano, fotografar de novo, até
nada diferir.

Desfazer é o mesmo com outro alvo (a foto de antes); continuar depois de uma queda é o mesmo com o
mesmo alvo. A foto de antes é um backup comum, publicado antes da primeira escrita, e o diário está
no disco antes dela.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cofre.base.erros import BackupDanificado, RestauracaoRecusada
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.diario import Diario
from cofre.deposito.ligacoes import chaves_repetidas
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Contexto
from cofre.foto.fotografo import Fotografo
from cofre.plano.alvo import Alvo, Comparacao
from cofre.plano.plano import Plano
from cofre.restauracao.convergencia import (
    DESFAZER,
    Convergencia,
    Desfecho,
    PerguntarEfeitos,
    de_agora,
    ilegiveis,
)
from cofre.restauracao.riscos import Avaliacao, Risco
from cofre.via.contrato import Via


@dataclass(frozen=True, slots=True)
class Planejada:
    """Uma restauração pronta para confirmar; nada foi escrito."""

    foto: FotoMontada
    plano: Plano
    riscos: tuple[Risco, ...]
    colunas_perdidas: Mapping[str, tuple[str, ...]]
    _pilha: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def levar_plano(self) -> Plano:
        """O plano, que deixa de sumir ao sair do contexto: passa a ser de quem o leva."""
        self._pilha.pop_all()
        return self.plano


@dataclass(frozen=True, slots=True)
class Restauradora:
    """Planeja e executa restaurações de um projeto."""

    via: Via
    fotografo: Fotografo
    contexto: Contexto
    relato: Relato

    @contextlib.contextmanager
    def planejar(self, alvo: Alvo) -> Iterator[Planejada]:
        """Fotografa, compara e avalia os riscos. A foto some ao sair, se não for publicada.
        Levanta RestauracaoRecusada, BackupDanificado ou FalhaDoServidor."""
        comparacao = self._comparacao(alvo)
        self._conferir_tabelas(alvo)
        self._conferir_chaves(comparacao)
        contexto = de_agora(self.contexto, self.fotografo, "pre_restauracao")
        with self.fotografo.montar(alvo.empresa, contexto) as foto:
            falhas = ilegiveis(foto, comparacao)
            if falhas:
                raise RestauracaoRecusada(
                    f"Não consegui fotografar a empresa inteira antes de mexer.\n{falhas}",
                    "Sem a foto de agora não há como desfazer. Faça um backup e veja a causa:\n"
                    "python scripts/backup-por-empresa.py",
                )
            with contextlib.ExitStack() as pilha:
                plano = pilha.enter_context(comparacao.plano(foto.arquivos, foto.arquivos))
                riscos = tuple(self._avaliacao(comparacao, plano, foto).riscos())
                yield Planejada(foto, plano, riscos, self._colunas_perdidas(alvo), pilha)

    def como_escreve(self, alvo: Alvo) -> Sequence[str]:
        """O que o usuário precisa saber antes de confirmar. Levanta FalhaDoServidor."""
        return self.via.como_escreve(self._comparacao(alvo).escolhidas())

    def convergir(
        self,
        alvo: Alvo,
        antes: Backup,
        diario: Diario,
        perguntar_efeitos: PerguntarEfeitos,
        efeitos: str | None = None,
        agora: Backup | None = None,
        *,
        plano: Plano | None = None,
        sem_recusadas: bool = False,
    ) -> Desfecho:
        """Executa até a empresa ser o alvo, ou não haver mais progresso. `antes` é o estado com que
        se comparam as tabelas não escolhidas; `plano`, o que se fez com a foto de `agora`; o resto,
        como em `Convergencia`."""
        comparacao = self._comparacao(alvo)
        desfazer = comparacao.fora if efeitos == DESFAZER else ()
        with contextlib.ExitStack() as pilha:
            escrita = pilha.enter_context(self.via.escrevendo(comparacao.escolhidas(desfazer)))
            convergencia = Convergencia(
                comparacao,
                self.via.atomica,
                replace(self.fotografo, via=escrita),
                self.contexto,
                escrita,
                comparacao.arquivos(antes),
                diario,
                self.relato,
                perguntar_efeitos,
                efeitos,
                pilha,
            )
            do_mesmo = plano if antes == agora else None
            return convergencia.levar(agora, do_mesmo, sem_recusadas=sem_recusadas)

    # -- peças -----------------------------------------------------------------------------

    def _comparacao(self, alvo: Alvo) -> Comparacao:
        return Comparacao(self.via.colunas_gravaveis, self.contexto.escopo.tabelas, alvo)

    def _avaliacao(self, comparacao: Comparacao, plano: Plano, foto: FotoMontada) -> Avaliacao:
        escolhidas, final = comparacao.alvo.tabelas, comparacao.final(foto.arquivos)
        abertas = foto.contradicoes
        return Avaliacao(self.via, plano, comparacao.escopo, escolhidas, final, abertas)

    def _conferir_tabelas(self, alvo: Alvo) -> None:
        """As escolhidas estão no backup e ainda na API. Levanta RestauracaoRecusada."""
        meta = alvo.backup.meta
        for nome in alvo.tabelas:
            if meta is None or nome not in meta.tabelas:
                raise RestauracaoRecusada(
                    f"O backup escolhido não tem a tabela {nome}.", "Escolha outra data."
                )
            if nome not in self.contexto.escopo.tabelas:
                raise RestauracaoRecusada(
                    f"A tabela {nome} não existe mais na API (apagada ou sem permissão).",
                    f"Recrie {nome} no banco, ou escolha as outras tabelas.",
                )

    def _conferir_chaves(self, comparacao: Comparacao) -> None:
        """Com a chave que a tabela tem hoje, nenhuma se repete no backup: com a que tinha, ele já
        foi conferido."""
        alvo = comparacao.alvo
        assert alvo.backup.meta is not None
        for nome, arquivo in comparacao.arquivos(alvo.backup, alvo.tabelas).items():
            e_outra = arquivo.tabela.chave != alvo.backup.meta.tabelas[nome].chave
            if e_outra and chaves_repetidas(arquivo):
                raise BackupDanificado(
                    f"No backup, há registros de {nome} com a mesma chave. Nada foi alterado."
                )

    def _colunas_perdidas(self, alvo: Alvo) -> dict[str, tuple[str, ...]]:
        """Colunas do backup que o banco não tem mais, por tabela."""
        assert alvo.backup.meta is not None
        perdidas = {}
        for nome in alvo.tabelas:
            hoje = {c.nome for c in self.contexto.escopo.tabelas[nome].tabela.colunas}
            antes = [str(c["nome"]) for c in alvo.backup.meta.tabelas[nome].colunas]
            if sumidas := tuple(c for c in antes if c not in hoje):
                perdidas[nome] = sumidas
        return perdidas
