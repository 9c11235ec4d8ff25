"""As cópias trazidas de outro projeto (ver `cofre.clone`), e o projeto para onde vieram.

O mesmo `.env` pode passar a dizer outro projeto, e uma pasta de backups pode dar-se a outro `.env`:
o que a pasta guarda da clonagem continua lá, e não é deste projeto.
"""

from __future__ import annotations

from collections.abc import Iterable

from cofre.base.config.valores import Configuracao
from cofre.base.erros import RestauracaoRecusada
from cofre.base.palavras import na_tela
from cofre.deposito.backup import Backup
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
