"""A ação `podar`: apaga os backups que nenhuma regra quer mais, e só eles.

Quem decide é `retencao`, uma conta pura; aqui se junta o que ela precisa saber de cada backup e se
apaga. Antes do primeiro apagado de uma empresa, o completo mais novo que fica é relido do disco: se
ele não é mais o que foi gravado, nada dela sai.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cofre.base.config.valores import Politica
from cofre.base.disco import erros_de_disco, liberado
from cofre.base.erros import BackupDanificado, DefeitoInterno, ErroCofre, TravaOcupada
from cofre.base.palavras import como_se_diz, na_tela
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.conferencia import Conferencia
from cofre.deposito.conteudos.orfaos import NaoSeSabe, apagar_os_de_ninguem, de_ninguem
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups, da_pasta, guardadas, nenhum_backup
from cofre.deposito.lacre import conferencia
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.no_disco import arquivos_de, estado_de
from cofre.deposito.trava import JA, Espera
from cofre.deposito.verificacao import conferir_bytes
from cofre.rotina.poda import palavras
from cofre.rotina.poda.plano import PodaDeEmpresa, ResumoDaPoda
from cofre.rotina.poda.protecao import na_poda
from cofre.rotina.poda.retencao import BackupNaPoda, garantia, planejar

PELA_METADE = (
    "Cada backup está inteiro ou foi apagado: o que estava sendo apagado some na próxima execução."
)


@dataclass(frozen=True, slots=True)
class Poda:
    """O que guardar de um depósito, e de que empresas (todas, se nenhuma)."""

    deposito: Deposito
    politica: Politica
    relato: Relato
    empresas: tuple[str, ...] = ()
    apesar_do_encolhimento: bool = False

    def planejar(self, agora: datetime) -> list[PodaDeEmpresa]:
        """O plano de cada empresa, por nome. Não muda nada. Levanta NadaEncontrado ou ErroDeUso."""
        planos = list(self._planos(agora))
        if not planos:
            raise nenhum_backup(self.deposito)
        return sorted(planos, key=lambda p: (p.empresa.nome.casefold(), p.empresa.id))

    def _planos(self, agora: datetime) -> Iterator[PodaDeEmpresa]:
        escolhidas = guardadas(self.deposito, self.empresas) if self.empresas else ()
        ids = {guardada.empresa.id for guardada in escolhidas}
        for pasta in self.deposito.pastas():
            todos = self.deposito.backups(pasta)
            for guardada in da_pasta(pasta, todos):
                if not self.empresas or guardada.empresa.id in ids:
                    yield self._plano(guardada, todos, agora)

    def _plano(
        self, guardada: EmpresaComBackups, da_pasta_toda: Sequence[Backup], agora: datetime
    ) -> PodaDeEmpresa:
        estados = {b.carimbo: _estado(b) for b in guardada.backups}
        with erros_de_disco(guardada.pasta):
            por_decidir = na_poda(guardada, da_pasta_toda, estados)
            backups = planejar(
                por_decidir,
                self.politica,
                agora,
                apesar_do_encolhimento=self.apesar_do_encolhimento,
            )
            saem = {b.carimbo for b in backups if b.sai}
            arquivos = [a for b in guardada.backups if b.carimbo in saem for a in arquivos_de(b)]
            conteudos, presos = _de_ninguem(guardada, da_pasta_toda, saem)
            return PodaDeEmpresa(
                guardada.empresa,
                guardada.pasta,
                backups,
                liberado(arquivos) + sum(conteudos.values()),
                garantia(por_decidir, agora),
                frozenset(conteudos),
                presos,
            )

    def executar(self, vistos: Sequence[PodaDeEmpresa], espera: Espera = JA) -> ResumoDaPoda:
        """Apaga o que sai no plano que se viu e no que se refaz agora, com a trava da empresa na
        mão: menos de uma empresa em uso, ou cujo completo mais novo, que ficaria, não está mais
        como foi gravado. Levanta FalhaDeDisco; o que já foi apagado, foi por inteiro."""
        apagados, conteudos, liberados = 0, 0, 0
        recusadas: dict[str, str] = {}
        ocupadas: dict[str, str] = {}
        for visto in (p for p in vistos if p.ha_o_que_apagar):
            try:
                with self.deposito.trava_da_empresa(visto.empresa, espera):
                    apagados_, ganho = self._apagar(visto)
                    dos_conteudos, ganho_neles = self._apagar_conteudos(visto)
                apagados += apagados_
                conteudos += dos_conteudos
                liberados += ganho + ganho_neles
            except TravaOcupada as e:
                ocupadas[visto.empresa.id] = str(e)
                palavras.ocupada(visto, str(e), self.relato)
            except BackupDanificado as e:
                recusadas[visto.empresa.id] = str(e)
                palavras.recusada(visto, str(e), self.relato)
        resumo = ResumoDaPoda(apagados, conteudos, liberados, recusadas, ocupadas)
        palavras.fim(resumo, self.relato)
        return resumo

    def _apagar(self, visto: PodaDeEmpresa) -> tuple[int, int]:
        """Quantos backups saíram, e quantos bytes o disco ganhou. Levanta BackupDanificado, sem ter
        apagado nada, ou FalhaDeDisco."""
        with erros_de_disco(visto.pasta, PELA_METADE):
            todos = self.deposito.backups(visto.pasta)
            guardadas_ = {g.empresa.id: g for g in da_pasta(visto.pasta, todos)}
            guardada = guardadas_.get(visto.empresa.id)
            if guardada is None:
                return 0, 0
            agora = self._plano(guardada, todos, datetime.now().astimezone())
            plano = so_o_que_foi_visto(agora, visto)
            backups = {b.carimbo: b for b in todos}
            saem = [backups[b.carimbo] for b in plano.saem]
            if not saem:
                return 0, 0
            _conferir(backups[plano.garantia])
            ganho = liberado(a for b in saem for a in arquivos_de(b))
            for backup in saem:
                self.deposito.apagar(backup)
        return len(saem), ganho

    def _apagar_conteudos(self, visto: PodaDeEmpresa) -> tuple[int, int]:
        """Dos conteúdos que o plano mostrou, os que agora ninguém cita: quantos, e quantos bytes.
        Levanta FalhaDeDisco."""
        if not visto.conteudos:
            return 0, 0
        with erros_de_disco(visto.pasta, PELA_METADE):
            try:
                ha = self.deposito.backups(visto.pasta)
                return apagar_os_de_ninguem(visto.pasta, ha, visto.conteudos)
            except NaoSeSabe as e:
                palavras.conteudos_presos(str(e), self.relato)
                return 0, 0


def _de_ninguem(
    guardada: EmpresaComBackups, da_pasta: Sequence[Backup], saem: Collection[str]
) -> tuple[Mapping[str, int], str]:
    """Os conteúdos que ninguém cita se saírem estes backups, ou por que não se sabe."""
    ficam = [b for b in da_pasta if b.carimbo not in saem]
    try:
        return de_ninguem(guardada.pasta, ficam), ""
    except NaoSeSabe as e:
        return {}, str(e)


def _estado(backup: Backup) -> str:
    """O de `estado_de`; o que não é o que foi assinado conta como danificado: um backup falso não
    pode fazer as vezes de um bom, nem levá-lo a sair."""
    estado = estado_de(backup)[0]
    return "danificado" if estado == "danificado" or conferencia.causa(backup) else estado


def _conferir(backup: Backup) -> None:
    """Relê os arquivos do backup. Levanta BackupDanificado; OSError passa."""
    for tabela in backup.meta.arquivos if backup.meta else ():
        try:
            conferir_bytes(Arquivo(tabela, backup.caminho(tabela)))
        except BackupDanificado as e:
            quando = na_tela(backup.quando)
            raise BackupDanificado(
                f"o completo mais novo, de {quando}, está danificado"
                f" ({como_se_diz(tabela.nome)}: {e})"
            ) from e
    for dano in Conferencia(backup.pasta, so_de_hoje=True).danos(backup):
        quando = na_tela(backup.quando)
        raise BackupDanificado(f"o completo mais novo, de {quando}, está danificado ({dano})")


def so_o_que_foi_visto(agora: PodaDeEmpresa, visto: PodaDeEmpresa) -> PodaDeEmpresa:
    """O plano de agora, sem o que não saía no plano que o usuário confirmou."""
    confirmados = {b.carimbo for b in visto.saem}

    def restrito(b: BackupNaPoda) -> BackupNaPoda:
        if b.carimbo in confirmados or not b.sai:
            return b
        return replace(b, motivos=("mudou depois da confirmação",))

    return replace(agora, backups=tuple(map(restrito, agora.backups)))


def podar_depois_do_backup(
    deposito: Deposito, politica: Politica, relato: Relato
) -> tuple[int, dict[str, Any]]:
    """A poda da execução diária, sem perguntar nem esperar: uma empresa em uso é podada amanhã.
    Devolve o código e o documento. Um erro dela não desfaz nem esconde o backup que acabou de ser
    feito."""
    poda = Poda(deposito, politica, relato)
    try:
        planos = poda.planejar(datetime.now().astimezone())
        relato.linha()
        palavras.mostrar(planos, politica, relato, so_o_que_sai=True)
        resumo = poda.executar(planos)
    except ErroCofre as e:
        erro = e
    except Exception as e:
        erro = DefeitoInterno(e)
    else:
        codigo = 0 if resumo.codigo == TravaOcupada.codigo else resumo.codigo
        return codigo, {**palavras.documento(politica, planos, resumo), "codigo": codigo}
    relato.falha(f"❌ Poda não concluída: {erro}")
    for cura in erro.dica.splitlines():
        relato.falha(f"   {cura}")
    return erro.codigo, {"acao": "podar", "codigo": erro.codigo, "erro": str(erro)}
