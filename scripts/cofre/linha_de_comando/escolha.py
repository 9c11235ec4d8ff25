"""O backup que uma linha de comando pede, e a recusa do que está danificado."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cofre.base.erros import BackupDanificado, ErroDeUso, NadaEncontrado

if TYPE_CHECKING:
    from cofre.deposito import Backup
    from cofre.inventario import EmpresaGuardada


def backup_pedido(guardada: EmpresaGuardada, pedido: str | None) -> Backup:
    """O do carimbo (ou do começo dele), ou o mais novo inteiro. Levanta NadaEncontrado ou
    ErroDeUso."""
    from cofre.inventario import mais_novo

    if not pedido:
        achado = mais_novo(reversed(guardada.backups))
        if achado is None:
            raise NadaEncontrado(
                "Esta empresa não tem backup inteiro.",
                "Veja os que há com: python scripts/backup-por-empresa.py listar\n"
                "e escolha um com --backup.",
            )
        return achado
    achados = [b for b in guardada.backups if b.carimbo.startswith(pedido)]
    if len(achados) != 1:
        lista = "\n".join(f"  {b.carimbo}  {b.estado}" for b in guardada.backups)
        quantos = "vários backups começam" if achados else "nenhum backup começa"
        raise ErroDeUso(f"--backup {pedido}: {quantos} assim.", f"Backups:\n{lista}")
    return achados[0]


def recusar_danificado(guardada: EmpresaGuardada, backup: Backup, outra_escolha: str) -> None:
    """Relê o backup inteiro. Levanta BackupDanificado com os danos e o anterior que presta; sem um,
    `outra_escolha` diz como escolher."""
    from cofre.verificacao import anterior_inteiro, danos_de

    if backup.meta is None:
        raise BackupDanificado(backup.dano)
    danos = list(danos_de(backup))
    if danos:
        lista = "\n".join(f"{d.tabela}: {d.causa}" for d in danos)
        anterior = anterior_inteiro(guardada, backup)
        outro = f"--backup {anterior.carimbo}" if anterior else outra_escolha
        raise BackupDanificado(
            f"O backup de {backup.quando:%Y-%m-%d %H:%M:%S} está danificado.",
            f"{lista}\nNada foi alterado. Escolha um backup anterior inteiro: {outro}",
        )
