"""A ação `podar`: apaga os backups que nenhuma regra quer mais, e só eles.

Quem decide é `retencao`, uma conta pura; aqui se junta o que ela precisa saber de cada backup e se
apaga. Antes do primeiro apagado de uma empresa, o completo mais novo que fica é relido do disco: se
ele não é mais o que foi gravado, nada dela sai.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cofre.base.config.valores import Politica
from cofre.base.disco import erros_de_disco, liberado
from cofre.base.erros import BackupDanificado, DefeitoInterno, ErroCofre
from cofre.base.palavras import na_tela
from cofre.base.relato import Relato
from cofre.deposito import publicacao
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import (
    EmpresaComBackups,
    arquivos_de,
    da_pasta,
    estado_de,
    guardadas,
    nenhum_backup,
)
from cofre.deposito.ligacoes import Arquivo
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
        estados = {b.carimbo: estado_de(b)[0] for b in guardada.backups}
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
            return PodaDeEmpresa(
                guardada.empresa,
                guardada.pasta,
                backups,
                liberado(arquivos),
                garantia(por_decidir, agora),
            )

    def executar(self, planos: Sequence[PodaDeEmpresa]) -> ResumoDaPoda:
        """Apaga o que sai, menos de uma empresa cujo completo mais novo, que ficaria, não está mais
        como foi gravado. Só com a trava na mão. Levanta FalhaDeDisco; o que já foi apagado, foi por
        inteiro."""
        apagados, liberados = 0, 0
        recusadas: dict[str, str] = {}
        for plano in (p for p in planos if p.saem):
            try:
                liberados += self._apagar(plano)
                apagados += len(plano.saem)
            except BackupDanificado as e:
                recusadas[plano.empresa.id] = str(e)
                palavras.recusada(plano, str(e), self.relato)
        resumo = ResumoDaPoda(apagados, liberados, recusadas)
        palavras.fim(resumo, self.relato)
        return resumo

    def _apagar(self, plano: PodaDeEmpresa) -> int:
        """Quantos bytes o disco ganhou. Levanta BackupDanificado, sem ter apagado nada, ou
        FalhaDeDisco."""
        with erros_de_disco(plano.pasta, PELA_METADE):
            backups = {b.carimbo: b for b in self.deposito.backups(plano.pasta)}
            _conferir(backups[plano.garantia])
            saem = [backups[b.carimbo] for b in plano.saem]
            ganho = liberado(a for b in saem for a in arquivos_de(b))
            for backup in saem:
                publicacao.apagar(plano.pasta, backup.carimbo)
        return ganho


def _conferir(backup: Backup) -> None:
    """Relê os arquivos do backup. Levanta BackupDanificado; OSError passa."""
    for tabela in backup.meta.arquivos if backup.meta else ():
        try:
            conferir_bytes(Arquivo(tabela, backup.caminho(tabela)))
        except BackupDanificado as e:
            quando = na_tela(backup.quando)
            raise BackupDanificado(
                f"o completo mais novo, de {quando}, está danificado ({tabela.nome}: {e})"
            ) from e


def so_o_que_foi_visto(
    planos: Sequence[PodaDeEmpresa], vistos: Sequence[PodaDeEmpresa]
) -> list[PodaDeEmpresa]:
    """Os planos de agora, sem o que não saía no plano que o usuário confirmou."""
    confirmados = {(p.pasta, p.empresa.id, b.carimbo) for p in vistos for b in p.saem}

    def restrito(plano: PodaDeEmpresa, b: BackupNaPoda) -> BackupNaPoda:
        visto = (plano.pasta, plano.empresa.id, b.carimbo) in confirmados
        return b if visto or not b.sai else replace(b, motivos=("mudou depois da confirmação",))

    return [replace(p, backups=tuple(restrito(p, b) for b in p.backups)) for p in planos]


def podar_depois_do_backup(
    deposito: Deposito, politica: Politica, relato: Relato
) -> tuple[int, dict[str, Any]]:
    """A poda da execução diária, sem perguntar; com a trava na mão. Devolve o código e o documento.
    Um erro dela não desfaz nem esconde o backup que acabou de ser feito."""
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
        return resumo.codigo, palavras.documento(politica, planos, resumo)
    relato.falha(f"❌ Poda não concluída: {erro}")
    for cura in erro.dica.splitlines():
        relato.falha(f"   {cura}")
    return erro.codigo, {"acao": "podar", "codigo": erro.codigo, "erro": str(erro)}
