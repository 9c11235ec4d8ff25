"""`chaves criar`: as duas primeiras chaves, e os backups passam a sair cifrados."""

from __future__ import annotations

from argparse import Namespace

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.config.cifragem import NOME_DAS_QUE_FECHAM
from cofre.base.erros import TUDO_CERTO, ErroDeUso
from cofre.base.relato import Relato
from cofre.comando import chaves_novas


def executar(opcoes: Namespace, relato: Relato) -> int:
    """Levanta ErroDeUso se já há chaves, e o que `chaves_novas.por_no_lugar` levanta."""
    if ambiente.cifragem().para:
        raise ErroDeUso(
            f"Os backups já são cifrados: {NOME_DAS_QUE_FECHAM} está no .env.",
            f"Para as trocar por outras:\n  {comando(BACKUP, 'chaves', 'trocar')}",
        )
    relato.linha("🔑 Duas chaves novas: a do dono e a de reserva. Qualquer uma abre os backups.")
    relato.linha("   Perdidas as duas, o que se cifrou não se abre nunca mais, por ninguém.")
    novas = chaves_novas.por_no_lugar(opcoes, relato)
    chaves_novas.contar(novas, relato)
    relato.documento(novas.documento("criar"))
    return TUDO_CERTO
