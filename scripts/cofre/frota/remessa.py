"""O que viaja até um trabalhador, uma vez por execução: o que se achou no projeto, e como copiar.

Nenhuma chave: o trabalhador lê o seu `.env`, e só serve se for o mesmo (ver `digital`).
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cofre.backup.tarefa import Jeito
from cofre.base.config.valores import Configuracao
from cofre.foto.foto import Contexto
from cofre.frota.digital import Digital
from cofre.frota.partilha import Parte

OPCOES = ("via", "tentativas", "sem_arquivos", "sem_logins")
"""As opções da linha de comando que também valem lá."""


@dataclass(frozen=True, slots=True)
class Remessa:
    """`presente` é o nome da presença de quem começou (ver `deposito.presenca`), que só vê quem tem
    a mesma pasta; `relogio`, o que o do agendador leva à frente do seu, em segundos; `destino`, a
    pasta, se a diz quem começou."""

    execucao: str
    presente: str
    digital: Digital
    opcoes: Mapping[str, Any]
    jeito: Jeito
    parte: Parte
    relogio: float
    destino: str | None
    pacote: bytes = field(repr=False)

    def contexto(self, configuracao: Configuracao) -> Contexto:
        """O da execução, com a configuração de quem o abre."""
        pedido, inspecao, escopo, instante = pickle.loads(zlib.decompress(self.pacote))
        return Contexto(pedido, inspecao, escopo, configuracao, instante)


def empacotar(contexto: Contexto) -> bytes:
    """O contexto, sem a configuração."""
    dentro = (contexto.pedido, contexto.inspecao, contexto.escopo, contexto.instante)
    return zlib.compress(pickle.dumps(dentro, protocol=pickle.HIGHEST_PROTOCOL), 1)
