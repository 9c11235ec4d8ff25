"""A ação `podar`: apaga os backups que nenhuma regra quer mais, e só eles.

Quem decide é `retencao`, uma conta pura; aqui se junta o que ela precisa saber de cada backup, se
mostra o plano e se apaga. Antes do primeiro apagado de uma empresa, o completo mais novo que fica é
relido do disco: se ele não é mais o que foi gravado, nada dela sai.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofre.base.config.valores import Politica
from cofre.base.disco import erros_de_disco, liberado
from cofre.base.erros import BackupDanificado, DefeitoInterno, ErroCofre
from cofre.base.modelo import Empresa
from cofre.base.palavras import na_tela, numero, plural, tamanho, visivel
from cofre.base.relato import Relato
from cofre.deposito import publicacao
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import (
    EmpresaComBackups,
    arquivos_de,
    bytes_de,
    da_pasta,
    estado_de,
    guardadas,
    nenhum_backup,
)
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.verificacao import conferir_bytes
from cofre.rotina.poda.protecao import guardados
from cofre.rotina.poda.retencao import Destino, garantia, planejar

if TYPE_CHECKING:
    from cofre.base.config.valores import Politica
    from cofre.deposito.deposito import Deposito


PALAVRA = "PODAR"
PELA_METADE = (
    "Cada backup está inteiro ou foi apagado: o que estava sendo apagado some na próxima execução."
)


@dataclass(frozen=True, slots=True)
class PedidoDePoda:
    """O que guardar, e de que empresas (todas, se nenhuma)."""

    politica: Politica
    empresas: tuple[str, ...] = ()
    apesar_do_encolhimento: bool = False


@dataclass(frozen=True, slots=True)
class BackupNaPoda:
    """Um backup no plano; `bytes` é o tamanho dele sozinho."""

    carimbo: str
    quando: datetime
    tipo: str
    estado: str
    bytes: int
    motivos: tuple[str, ...]

    @property
    def sai(self) -> bool:
        return not self.motivos


@dataclass(frozen=True, slots=True)
class PodaDeEmpresa:
    """O plano de uma empresa: os backups, do mais antigo ao mais novo; `libera`, em bytes, o que o
    disco ganha se saírem os que saem; `garantia`, o carimbo do completo mais novo, que fica."""

    empresa: Empresa
    pasta: Path
    backups: tuple[BackupNaPoda, ...]
    libera: int
    garantia: str

    @property
    def saem(self) -> tuple[BackupNaPoda, ...]:
        return tuple(b for b in self.backups if b.sai)


@dataclass(frozen=True, slots=True)
class ResumoDaPoda:
    """O que foi apagado: quantos backups, quantos bytes; `recusadas`, as empresas em que nada se
    apagou (id → causa)."""

    apagados: int = 0
    liberados: int = 0
    recusadas: Mapping[str, str] = field(default_factory=dict)

    @property
    def codigo(self) -> int:
        """O código de saída."""
        return BackupDanificado.codigo if self.recusadas else 0


@dataclass(frozen=True, slots=True)
class Podadora:
    """Planeja, mostra e executa a poda de um depósito."""

    deposito: Deposito
    pedido: PedidoDePoda
    relato: Relato

    def planejar(self, agora: datetime) -> list[PodaDeEmpresa]:
        """O plano de cada empresa, por nome. Não muda nada. Levanta NadaEncontrado ou ErroDeUso."""
        pedidas = self.pedido.empresas
        ids = {g.empresa.id for g in guardadas(self.deposito, pedidas)} if pedidas else None
        planos = [
            self._plano(guardada, todos, agora)
            for pasta in self.deposito.pastas()
            for todos in (self.deposito.backups(pasta),)
            for guardada in da_pasta(pasta, todos)
            if ids is None or guardada.empresa.id in ids
        ]
        if not planos:
            raise nenhum_backup(self.deposito)
        return sorted(planos, key=lambda p: (p.empresa.nome.casefold(), p.empresa.id))

    def _plano(
        self, guardada: EmpresaComBackups, da_pasta_toda: Sequence[Backup], agora: datetime
    ) -> PodaDeEmpresa:
        estados = {b.carimbo: estado_de(b)[0] for b in guardada.backups}
        da_empresa = guardados(guardada, da_pasta_toda, estados)
        destinos = planejar(
            da_empresa,
            self.pedido.politica,
            agora,
            apesar_do_encolhimento=self.pedido.apesar_do_encolhimento,
        )
        pares = list(zip(guardada.backups, destinos, strict=True))
        saem = [arquivo for b, d in pares if d.sai for arquivo in arquivos_de(b)]
        with erros_de_disco(guardada.pasta):
            return PodaDeEmpresa(
                guardada.empresa,
                guardada.pasta,
                tuple(_na_poda(b, d, estados) for b, d in pares),
                liberado(saem),
                garantia(da_empresa, agora),
            )

    # -- mostrar -----------------------------------------------------------------------------

    def mostrar(self, planos: Sequence[PodaDeEmpresa], *, so_o_que_sai: bool = False) -> None:
        """O plano em palavras: cada empresa, o que sai e o que fica, e por quê."""
        linha = self.relato.linha
        linha(f"🧹 PODA (guardar: {self.pedido.politica.em_palavras()})")
        for plano in planos:
            if so_o_que_sai and not plano.saem:
                continue
            linha()
            linha(f"🏢 {visivel(plano.empresa.nome)}: {_conta(plano)}")
            for b in plano.backups:
                if b.sai or not so_o_que_sai:
                    linha(f"   {_em_uma_linha(b)}")
        linha()
        saem = sum(len(p.saem) for p in planos)
        todos = sum(len(p.backups) for p in planos)
        if saem:
            libera = tamanho(sum(p.libera for p in planos))
            linha(f"📦 Saem {numero(saem)} de {_backups(todos)}; o disco ganha {libera}")
        else:
            linha(f"✅ Nada a apagar ({_backups(todos)})")

    # -- apagar ------------------------------------------------------------------------------

    def executar(self, planos: Sequence[PodaDeEmpresa]) -> ResumoDaPoda:
        """Apaga o que sai, menos de uma empresa cujo completo mais novo, que ficaria, não está mais
        como foi gravado. Só com a trava na mão. Levanta FalhaDeDisco; o que já foi apagado, foi por
        inteiro."""
        apagados, liberados = 0, 0
        recusadas: dict[str, str] = {}
        for plano in (p for p in planos if p.saem):
            with erros_de_disco(plano.pasta, PELA_METADE):
                backups = {b.carimbo: b for b in self.deposito.backups(plano.pasta)}
                try:
                    _conferir(backups[plano.garantia])
                except BackupDanificado as e:
                    recusadas[plano.empresa.id] = str(e)
                    self._recusar(plano, str(e))
                    continue
                saem = [backups[b.carimbo] for b in plano.saem]
                liberados += liberado(a for b in saem for a in arquivos_de(b))
                for backup in saem:
                    publicacao.apagar(plano.pasta, backup.carimbo)
            apagados += len(saem)
        if apagados:
            self.relato.linha(f"✅ {_apagados(apagados)}; o disco ganhou {tamanho(liberados)}")
        return ResumoDaPoda(apagados, liberados, recusadas)

    def _recusar(self, plano: PodaDeEmpresa, causa: str) -> None:
        self.relato.falha(f"❌ {visivel(plano.empresa.nome)}: {visivel(causa)}")
        self.relato.falha("   Nada desta empresa foi apagado. Faça um backup novo e confira com:")
        self.relato.falha("   python scripts/backup-por-empresa.py verificar")


def _conferir(backup: Backup) -> None:
    """Relê os arquivos do backup. Levanta BackupDanificado; OSError passa."""
    for tabela in backup.meta.tabelas.values() if backup.meta else ():
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


def documento(
    pedido: PedidoDePoda, planos: Sequence[PodaDeEmpresa], resultado: ResumoDaPoda | None
) -> dict[str, Any]:
    """Para a saída --json; sem `resultado`, nada foi apagado."""
    feito = resultado or ResumoDaPoda()
    return {
        "acao": "podar",
        "codigo": feito.codigo,
        "guardar": asdict(pedido.politica),
        "apagados": feito.apagados,
        "bytes_liberados": feito.liberados,
        "recusadas": dict(feito.recusadas),
        "empresas": [
            {
                "id": p.empresa.id,
                "nome": p.empresa.nome,
                "libera": p.libera,
                "backups": [
                    {
                        "carimbo": b.carimbo,
                        "sai": b.sai,
                        "motivos": list(b.motivos),
                        "estado": b.estado,
                        "bytes": b.bytes,
                    }
                    for b in p.backups
                ],
            }
            for p in planos
        ],
    }


# -- em palavras -------------------------------------------------------------------------------


def _na_poda(backup: Backup, destino: Destino, estados: Mapping[str, str]) -> BackupNaPoda:
    tipo = backup.meta.tipo if backup.meta else ""
    estado = estados[backup.carimbo]
    return BackupNaPoda(
        backup.carimbo, backup.quando, tipo, estado, bytes_de(backup), destino.motivos
    )


def _em_uma_linha(b: BackupNaPoda) -> str:
    partes = (na_tela(b.quando), visivel(b.tipo), b.estado, tamanho(b.bytes))
    porque = f"  ({visivel(', '.join(b.motivos))})" if b.motivos else ""
    return f"{'sai ' if b.sai else 'fica'}  {'  '.join(p for p in partes if p)}{porque}"


def _conta(plano: PodaDeEmpresa) -> str:
    if not plano.saem:
        return f"nada sai de {_backups(len(plano.backups))}"
    quantos = f"saem {numero(len(plano.saem))} de {_backups(len(plano.backups))}"
    return f"{quantos}; o disco ganha {tamanho(plano.libera)}"


def _backups(quantos: int) -> str:
    return plural(quantos, "backup", "backups")


def _apagados(quantos: int) -> str:
    return plural(quantos, "backup apagado", "backups apagados")


def podar_depois_do_backup(
    deposito: Deposito, politica: Politica, relato: Relato
) -> tuple[int, dict[str, Any]]:
    """A poda da execução diária, sem perguntar; com a trava na mão. Devolve o código e o documento.
    Um erro dela não desfaz nem esconde o backup que acabou de ser feito."""

    podadora = Podadora(deposito, PedidoDePoda(politica), relato)
    try:
        planos = podadora.planejar(datetime.now().astimezone())
        relato.linha()
        podadora.mostrar(planos, so_o_que_sai=True)
        resultado = podadora.executar(planos)
    except ErroCofre as e:
        erro = e
    except Exception as e:
        erro = DefeitoInterno(e)
    else:
        return resultado.codigo, documento(podadora.pedido, planos, resultado)
    relato.falha(f"❌ Poda não concluída: {erro}")
    for cura in erro.dica.splitlines():
        relato.falha(f"   {cura}")
    return erro.codigo, {"acao": "podar", "codigo": erro.codigo, "erro": str(erro)}
