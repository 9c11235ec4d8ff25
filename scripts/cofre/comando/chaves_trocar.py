"""`chaves trocar`: outras duas, porque uma se perdeu ou alguém a viu."""

from __future__ import annotations

from argparse import Namespace

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.erros import TUDO_CERTO, ErroDeUso
from cofre.base.relato import Relato
from cofre.comando import chaves_novas
from cofre.deposito.cifra.chaves import ler_que_fecham


def executar(opcoes: Namespace, relato: Relato) -> int:
    """Levanta ErroDeUso se ainda não há chaves, e o que `chaves_novas.por_no_lugar` levanta."""
    antigas = ler_que_fecham(ambiente.cifragem().para)
    if not antigas:
        raise ErroDeUso(
            "Ainda não há chaves: os backups não são cifrados.",
            f"Para as criar:\n  {comando(BACKUP, 'chaves', 'criar')}",
        )
    relato.linha("🔑 Duas chaves novas, no lugar das que estão no .env.")
    novas = chaves_novas.por_no_lugar(opcoes, relato)
    chaves_novas.contar(novas, relato)
    relato.linha("ℹ️ O próximo backup cifra tudo de novo. Os de antes só se abrem com as antigas:")
    relato.linha(
        "   guarde essas folhas enquanto os houver. Se alguém viu uma chave antiga, apague"
    )
    relato.linha("   os backups que ela abre, aqui e nas cópias, assim que puder.")
    antigas_ = [chave.texto for chave in antigas]
    relato.documento({**novas.documento("trocar"), "antigas": antigas_})
    return TUDO_CERTO
