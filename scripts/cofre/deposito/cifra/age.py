"""O pyrage, que é quem sabe o formato age. Importa-se só quando se cifra ou se abre: importar este
módulo sem o pacote levanta DependenciaAusente."""

from __future__ import annotations

from cofre.base import comandos
from cofre.base.erros import DependenciaAusente

try:
    from pyrage import (
        DecryptError,
        EncryptError,
        IdentityError,
        RecipientError,
        decrypt_io,
        encrypt_io,
    )
    from pyrage.x25519 import Identity, Recipient
except ImportError:
    raise DependenciaAusente(
        "Cifrar os backups, ou abrir um cifrado, precisa do pacote pyrage, que não está instalado.",
        comandos.como_instalar(comandos.DA_COPIA),
    ) from None

__all__ = (
    "DecryptError",
    "EncryptError",
    "Identity",
    "IdentityError",
    "Recipient",
    "RecipientError",
    "decrypt_io",
    "encrypt_io",
)
