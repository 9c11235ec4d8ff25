"""Restaurar é convergir: fotografar, comparar com o alvo, executar o plano, fotografar de novo, até
nada diferir.

Desfazer é o mesmo com outro alvo (a foto de antes); continuar depois de uma queda é o mesmo com o
mesmo alvo. A foto de antes é um backup comum, publicado antes da primeira escrita, e o diário está
no disco antes dela.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cofre.base.comandos import BACKUP, comando
from cofre.base.erros import RestauracaoRecusada
from cofre.base.modelo import ARQUIVOS, LISTAS, LOGINS, Empresa
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.diario import Diario
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Contexto
from cofre.foto.fotografo import Fotografo
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.plano.herdadas import NENHUMA, Herdadas
from cofre.plano.plano import Plano
from cofre.plano.recorte import Recorte
from cofre.restauracao.conflitos import conflitos_de
from cofre.restauracao.convergencia import DESFAZER, Convergencia, de_agora, ilegiveis
from cofre.restauracao.fim import Fora
from cofre.restauracao.inexatas import inexatas
from cofre.restauracao.listas import Caso, Dito, Lista
from cofre.restauracao.logins.guardados import do_backup
from cofre.restauracao.logins.volta import VoltaDosLogins
from cofre.restauracao.pendentes import pendentes_de, que_seguem
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.resumo import que_diferem, resumir
from cofre.restauracao.risco import Risco
from cofre.restauracao.riscos import citam, riscos_de
from cofre.via.contrato import Via

NAO_HA_COMO = {
    ARQUIVOS: (
        "só a API escreve os arquivos do Storage, e ela não está configurada",
        "Ponha SUPABASE_URL e a chave de serviço no .env, ao lado da SUPABASE_DB_URL.",
    ),
}
"""Por lista, porque não se escreve, e o que fazer."""
NAO_HA_COMO_LA = {
    ARQUIVOS: (
        "só a API escreve os arquivos do Storage, e a do destino não está configurada",
        "Ponha SUPABASE_URL e a chave de serviço no .env dele, ou --sem-arquivos.",
    ),
}
"""O mesmo, quando o backup veio de outro projeto."""
NAO_EXISTE_MAIS = (
    "a tabela {} não existe mais na API (apagada ou sem permissão)",
    "Recrie {} no banco, ou escolha as outras tabelas.",
)
NUNCA_EXISTIU = (
    "a tabela {} não existe no destino, ou a chave não a pode ler",
    "Crie {} no destino, ou escolha as outras tabelas.",
)
"""De uma tabela que este banco não tem: do backup de um projeto que a tinha, e do de outro."""


@dataclass(frozen=True, slots=True)
class Etapa:
    """Uma parte do que se restaura, que vale antes de a seguinte começar. `atomica`: se é uma
    transação só."""

    alvo: Alvo
    atomica: bool


@dataclass(frozen=True, slots=True)
class Restauracao:
    """Uma empresa que se restaura por uma via: a foto de agora, o plano até o alvo, o que o
    impediria, e a convergência."""

    via: Via
    fotografo: Fotografo
    contexto: Contexto
    relato: Relato
    empresa: Empresa
    herdadas: Herdadas = NENHUMA
    """Do backup com que se conectou."""
    listas: Mapping[str, Lista] = field(default_factory=dict)
    """As que, além das tabelas, se podem restaurar: as mesmas da `via`."""

    def alvo(
        self,
        backup: Backup,
        tabelas: Sequence[str],
        modo: str = VOLTAR,
        recorte: Recorte | None = None,
    ) -> Alvo:
        """Estas tabelas como estão neste backup; com um recorte, só o que ele diz delas. Levanta
        RestauracaoRecusada se uma é uma lista que não há como escrever."""
        if sem := [n for n in tabelas if n in LISTAS and n not in self.listas]:
            raise RestauracaoRecusada(*NAO_HA_COMO[sem[0]])
        das_listas = {nome: lista.no_escopo for nome, lista in self.listas.items()}
        escopo = {**self.contexto.escopo.tabelas, **das_listas}
        gravaveis = self.via.colunas_gravaveis
        tabelas = [t for t in tabelas if t != LOGINS]  # os que faltam pedem-se um a um
        herdadas = self.herdadas if self.herdadas.carimbo == backup.carimbo else NENHUMA
        return Alvo(
            self.empresa,
            backup,
            tuple(tabelas),
            modo,
            escopo,
            gravaveis,
            herdadas,
            recorte,
            self.contexto.inspecao.donos,
            lambda linha: any(lista.nao_via(backup, linha) for lista in self.listas.values()),
        )

    def possiveis(
        self, backup: Backup, tabelas: Sequence[str]
    ) -> tuple[tuple[str, ...], tuple[Fora, ...]]:
        """Destas, as que se podem restaurar aqui, e as listas que não. Uma de que o backup não tem
        conteúdo nenhum não faz falta, e os logins não são uma: os que faltam pedem-se um a um.
        Levanta RestauracaoRecusada se não sobra nada."""
        sem = [n for n in tabelas if n in NAO_HA_COMO and n not in self.listas]
        if sem and len(sem) == len(tabelas):
            raise RestauracaoRecusada(*NAO_HA_COMO[sem[0]])
        ditos = NAO_HA_COMO_LA if backup.de_outro_projeto else NAO_HA_COMO
        fora = (Fora(n, *ditos[n]) for n in sem if _ha_o_que_voltar(backup, n))
        return tuple(n for n in tabelas if n not in sem and n != LOGINS), tuple(fora)

    def sem_lugar(self, backup: Backup, tabelas: Sequence[str]) -> tuple[Fora, ...]:
        """Destas, as tabelas que este banco não tem, ou não mostra."""
        causa, cura = NAO_EXISTE_MAIS
        if backup.de_outro_projeto:
            causa, cura = NUNCA_EXISTIU
        faltam = (n for n in tabelas if n not in (*LISTAS, *self.contexto.escopo.tabelas))
        return tuple(Fora(n, causa.format(n), cura.format(n)) for n in faltam)

    @contextlib.contextmanager
    def fotografando(self, alvo: Alvo) -> Iterator[tuple[FotoMontada, Plano]]:
        """A empresa como está, e o plano dela até o alvo. A foto some ao sair, se não for
        publicada. Levanta RestauracaoRecusada, BackupDanificado ou FalhaDoServidor."""
        alvo.conferir()
        contexto = de_agora(self.contexto, self.fotografo, "pre_restauracao")
        with self._fotografo_de(alvo).montar(alvo.empresa, contexto) as foto:
            if falhas := ilegiveis(foto, alvo):
                raise RestauracaoRecusada(
                    f"Não consegui fotografar a empresa inteira antes de mexer.\n{falhas}",
                    "Sem a foto de agora não há como desfazer. Faça um backup e veja a causa:\n"
                    f"  {comando(BACKUP)}",
                )
            for lista in self._escolhidas(alvo):
                lista.comecar(alvo, None)
            plano = alvo.plano(foto.arquivos, foto.arquivos, self.via.existentes)
            for lista in self._escolhidas(alvo):
                lista.conferir(plano.so_de([lista.nome]))
            yield foto, plano

    def _escolhidas(self, alvo: Alvo) -> list[Lista]:
        return [lista for nome, lista in self.listas.items() if nome in alvo.tabelas]

    def _fotografo_de(self, alvo: Alvo) -> Fotografo:
        """Das listas, só se fotografam as que se vão escrever: ler as outras pode ser caro."""
        fontes = [fonte for fonte in self.fotografo.listas if fonte.nome in alvo.tabelas]
        return replace(self.fotografo, listas=fontes)

    def quadro(
        self,
        alvo: Alvo,
        plano: Plano,
        foto: FotoMontada,
        somaveis: Collection[str],
        nao_voltam: Sequence[str] = (),
    ) -> Quadro:
        """Tudo o que se diz deste plano antes de o executar. `somaveis`: as tabelas do backup que
        ainda se podem somar às escolhidas; `nao_voltam`: os logins que faltam, e continuarão a
        faltar. Levanta FalhaDoServidor ou BackupDanificado."""
        perdidas = alvo.colunas_perdidas()
        resumo = resumir(alvo, plano, que_diferem(alvo, foto.arquivos))
        conflitos = conflitos_de(alvo, plano)
        if plano.vazio:
            return Quadro(alvo, plano.assinatura(), resumo, perdidas, conflitos=conflitos)
        guardados = do_backup(alvo.backup) if alvo.logins else {}
        via = self.via.supondo([guardados[qual] for qual in alvo.logins])
        caso = Caso(via, alvo, plano, foto, self.listas, frozenset(nao_voltam))
        riscos = tuple(riscos_de(caso))
        ditos = {x.nome: x.ditos(caso) for x in self._escolhidas(alvo)}
        return Quadro(
            alvo,
            plano.assinatura(),
            resumo,
            perdidas,
            riscos,
            inexatas(self.via, alvo, plano),
            (*self.via.como_escreve(alvo.escolhidas()), *_frases(ditos)),
            # De um recorte, o que vem junto já se escolheu, registro a registro.
            () if alvo.recorte else pendentes_de(alvo, plano, foto.arquivos, somaveis),
            que_seguem(alvo, plano, _que_faltariam(riscos)),
            conflitos,
            {nome: dito.documento for nome, dito in ditos.items()},
            # Numa transação, as provas já o disseram, uma a uma.
            {} if self.via.atomica else citam(plano, nao_voltam),
        )

    @contextlib.contextmanager
    def convergindo(
        self,
        etapa: Etapa,
        antes: Backup,
        diario: Diario,
        efeitos: str | None,
        sem_recusadas: bool,
    ) -> Iterator[Convergencia]:
        """A via aberta para escrever até a empresa ser o alvo desta etapa. `antes` é o estado com
        que se comparam as tabelas não escolhidas. Numa via atômica, o que não acabou até sair é
        desfeito. Levanta FalhaDoServidor."""
        alvo = etapa.alvo
        desfazer = alvo.fora if efeitos == DESFAZER else ()
        guardados = do_backup(alvo.backup) if alvo.logins else {}
        for lista in self._escolhidas(alvo):
            lista.comecar(alvo, diario)
        with self.via.escrevendo(alvo.escolhidas(desfazer)) as escrita:
            fotografo = replace(self._fotografo_de(alvo), via=escrita)
            de_antes = alvo.arquivos(antes)
            logins = VoltaDosLogins(
                [guardados[qual] for qual in alvo.logins],
                alvo,
                fotografo,
                self.contexto,
                de_antes,
                diario,
                etapa.atomica,
                self.relato,
            )
            convergencia = Convergencia(
                alvo,
                etapa.atomica,
                fotografo,
                self.contexto,
                escrita,
                de_antes,
                diario,
                self.relato,
                efeitos,
                sem_recusadas,
                logins,
            )
            with contextlib.closing(convergencia):
                yield convergencia

    def etapas(self, alvo: Alvo) -> list[Etapa]:
        """As etapas até este alvo, na ordem: as linhas (e, antes delas, os logins que citam), que
        numa via atômica são todas ou nenhuma, e as listas, que não o podem ser. As linhas primeiro
        porque, se o banco as recusa, então nada mudou mesmo; porque não ficam travadas enquanto os
        arquivos sobem; e porque uma linha que sai deixa de nomear o arquivo antes de ele sair. Uma
        queda entre as duas é como outra qualquer: o diário está aberto, e a foto de antes tem os
        conteúdos."""
        das_listas = {n: t for n, t in alvo.escopo.items() if n in self.listas}
        so_linhas = {n: t for n, t in alvo.escopo.items() if n not in self.listas}
        etapas = []
        for escopo, atomica, logins in (
            (so_linhas, self.via.atomica, alvo.logins),
            (das_listas, False, ()),
        ):
            tabelas = tuple(n for n in alvo.tabelas if n in escopo)
            if tabelas or logins:
                desta = replace(alvo, tabelas=tabelas, escopo=escopo, logins=logins)
                etapas.append(Etapa(desta, atomica))
        return etapas


def _ha_o_que_voltar(backup: Backup, lista: str) -> bool:
    salva = backup.meta.tabelas.get(lista) if backup.meta else None
    conteudos = salva.conteudos if salva is not None else None
    return conteudos is None or conteudos.registros > 0


def _frases(ditos: Mapping[str, Dito]) -> list[str]:
    return [frase for dito in ditos.values() for frase in dito.frases]


def _que_faltariam(riscos: Sequence[Risco]) -> dict[str, list[bytes]]:
    """As linhas que se sabe que não voltariam, por tabela."""
    faltariam: dict[str, list[bytes]] = {}
    for risco in riscos:
        if risco.linhas:
            faltariam.setdefault(risco.tabela, []).extend(risco.linhas)
    return faltariam
