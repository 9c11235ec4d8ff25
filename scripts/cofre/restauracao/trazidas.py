"""As cópias trazidas de outro projeto (ver `cofre.clone`), e o projeto para onde vieram.

O mesmo `.env` pode passar a dizer outro projeto, e uma pasta de backups pode dar-se a outro `.env`:
o que a pasta guarda da clonagem continua lá, e não é deste projeto.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cofre.base.config.valores import Configuracao
from cofre.base.erros import RestauracaoRecusada
from cofre.base.palavras import na_tela
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import e_carimbo
from cofre.deposito.diario import Diario, diarios
from cofre.deposito.inventario import EmpresaComBackups
from cofre.via.projeto import trazida_para


def recusar_anonimizadas(configuracao: Configuracao, backups: Iterable[Backup]) -> None:
    """Uma cópia com outra gente no lugar da de verdade só serve ao projeto para que se fez. Levanta
    RestauracaoRecusada."""
    for backup in backups:
        de_onde = backup.meta.clone_de if backup.meta else {}
        if de_onde.get("anonimizado") and not trazida_para(de_onde, configuracao):
            raise RestauracaoRecusada(
                f"A cópia de {na_tela(backup.quando)} é anonimizada, e trouxe-se para outro projeto"
                " que não o deste .env.",
                "Nada foi alterado: ela poria outra gente no lugar da de verdade. Confira o .env\n"
                "e a pasta dos backups (BACKUP_DIR, --destino), ou use um backup deste projeto.",
            )


def recusar_de_outro(
    configuracao: Configuracao, guardada: EmpresaComBackups, diario: Diario
) -> None:
    """O que uma clonagem fez num projeto não se desfaz nem se continua noutro, nem se continua
    noutro o desfazer dela: a foto de antes é daquele. Levanta RestauracaoRecusada."""
    primeiro = _o_que_se_desfazia(guardada.pasta, diario)
    da_copia = str(primeiro.dados.get("backup"))
    meta = abrir_backup(guardada.pasta, da_copia).meta if e_carimbo(da_copia) else None
    de_onde = meta.clone_de if meta is not None else {}
    if de_onde and not trazida_para(de_onde, configuracao):
        raise RestauracaoRecusada(
            f"A clonagem de {primeiro.quando} foi para outro projeto, que não é o deste .env.",
            "Nada foi alterado: a foto de antes é daquele. Ponha no .env o endereço dele, como\n"
            "quando se clonou (a SUPABASE_URL, a SUPABASE_DB_URL, ou as duas).",
        )


def _o_que_se_desfazia(pasta: Path, diario: Diario) -> Diario:
    """A restauração que está por baixo de um desfazer, ou do desfazer de um."""
    todos = {d.caminho.name: d for d in diarios(pasta)}
    while (acima := todos.pop(str(diario.dados.get("desfaz")), None)) is not None:
        diario = acima
    return diario
