"""O que uma poda precisa saber de cada backup de uma empresa, e por que alguns não podem sair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from cofre.deposito.backup import Backup
from cofre.deposito.diario import DESFEITA, diarios, ha_ilegivel
from cofre.deposito.inventario import EM_PALAVRAS, EmpresaComBackups, de_rotina
from cofre.deposito.metadados import TIPOS_DE_ROTINA
from cofre.deposito.no_disco import bytes_de
from cofre.deposito.remocao import so_cita_os_seus
from cofre.rotina.encolhimento import reconhecido_ate
from cofre.rotina.poda.retencao import BackupNaPoda


def na_poda(
    guardada: EmpresaComBackups, da_pasta: Sequence[Backup], estados: Mapping[str, str]
) -> list[BackupNaPoda]:
    """Os backups da empresa como a retenção os vê. `da_pasta` são todos os da pasta, também os de
    outra empresa que alguém tenha posto lá; `estados`, os de `estado_de`, por carimbo."""
    protegidos = dict(_protegidos(guardada, da_pasta, estados))
    reconhecido = reconhecido_ate(guardada.pasta, guardada.empresa.id)
    return [
        BackupNaPoda(
            b.carimbo,
            b.quando,
            rotina=de_rotina(b),
            inteiro=estados[b.carimbo] == "completo" and not _da_primeira_versao(b),
            protegido=protegidos.get(b.carimbo, ""),
            encolhido=bool(b.meta and b.meta.encolhidas) and b.ordem > reconhecido,
            tipo=b.meta.tipo if b.meta else "",
            estado=estados[b.carimbo],
            bytes=bytes_de(b),
        )
        for b in guardada.backups
    ]


def _protegidos(
    guardada: EmpresaComBackups, da_pasta: Sequence[Backup], estados: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(carimbo, por que não pode sair), do motivo mais fraco ao mais forte: o último vale."""
    citados = Counter(a for b in da_pasta for a in _citados(b))
    ultimo_antigo = max((b.carimbo for b in da_pasta if _da_primeira_versao(b)), default="")
    diario_ilegivel, necessarios = _pelos_diarios(guardada)
    for b in guardada.backups:
        if any(citados[a] > 1 for a in _citados(b)) or (
            b.meta and not so_cita_os_seus(b.meta, b.carimbo)
        ):
            yield b.carimbo, "cita arquivos de outro backup"
        # Quais arquivos são de um da primeira versão, diz a data do backup anterior na pasta.
        if b.carimbo <= ultimo_antigo:
            yield b.carimbo, "da primeira versão, ou anterior a um dela"
        if b.meta and b.meta.tipo not in (*TIPOS_DE_ROTINA, *EM_PALAVRAS):
            yield b.carimbo, f"é do tipo «{b.meta.tipo}»: as regras não o conhecem"
        if estados[b.carimbo] == "danificado":
            yield b.carimbo, "danificado: veja com verificar"
        if diario_ilegivel:
            yield b.carimbo, "há um diário de restauração que não se lê"
        if b.carimbo in necessarios:
            yield b.carimbo, "uma restauração precisa dele"


def _da_primeira_versao(backup: Backup) -> bool:
    return backup.meta is not None and backup.meta.da_primeira_versao


def _citados(backup: Backup) -> set[str]:
    return {a.arquivo for a in backup.meta.arquivos} if backup.meta else set()


def _pelos_diarios(guardada: EmpresaComBackups) -> tuple[bool, Collection[str]]:
    """Se há um diário ilegível; e os backups de que precisam as restaurações por concluir e a
    última que ainda se pode desfazer."""
    legiveis = diarios(guardada.pasta)
    desta = [d for d in legiveis if d.dados.get("user_id") == guardada.empresa.id]
    desfaziveis = [d for d in desta if d.estado != DESFEITA]
    precisam = [*(d for d in legiveis if d.por_concluir), *desfaziveis[-1:]]
    return ha_ilegivel(guardada.pasta), {c for d in precisam for c in d.backups}
