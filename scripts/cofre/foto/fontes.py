"""As fontes das listas de uma execução: os arquivos e os logins, se se querem."""

from __future__ import annotations

import threading
from argparse import Namespace

from cofre.base.config.valores import Configuracao
from cofre.base.relato import Relato
from cofre.foto.foto import Fonte
from cofre.via.contrato import ViaDeLeitura


def fontes_de(
    opcoes: Namespace,
    configuracao: Configuracao,
    via: ViaDeLeitura,
    parar: threading.Event,
    relato: Relato,
) -> tuple[Fonte, ...]:
    """As que se fotografam nesta execução, por esta via."""
    return ()
