"""Duas chaves que nascem juntas, e a prova de que cada uma abre o que as duas fecham."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence

from cofre.base.erros import BackupDanificado, DefeitoInterno
from cofre.deposito.cifra.chaves import ChaveQueAbre, ChaveQueFecha
from cofre.deposito.cifra.escrita import fechando
from cofre.deposito.cifra.leitura import abrindo

DE_PROVA = 200_000
"""Bytes do arquivo de prova: mais de um bloco dos que o age confere de cada vez."""


def provar(chave: ChaveQueAbre, para: Sequence[ChaveQueFecha]) -> None:
    """Fecha um arquivo, na memória, para estas chaves, e abre-o com aquela. Levanta FaltaChave se
    não é de nenhuma delas, e DependenciaAusente."""
    conteudo, cifrado = secrets.token_bytes(DE_PROVA), io.BytesIO()
    with fechando(cifrado, para) as fechado:
        fechado.write(conteudo)
    cifrado.seek(0)
    try:
        with abrindo(cifrado, [chave]) as aberto:
            voltou = aberto.read()
    except BackupDanificado as e:
        raise DefeitoInterno(e) from e
    if voltou != conteudo:
        raise DefeitoInterno(ValueError())
