"""Uma tabela que, lida por inteiro, não era o que se aproveitaria sem a ler, em palavras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from cofre.base.palavras import na_tela, visivel


def divergencias(divergiram: Mapping[str, datetime]) -> Iterator[str]:
    """Uma frase por tabela, com o dia em que se leu toda pela última vez. Sem dados."""
    for nome, desde in sorted(divergiram.items()):
        yield (
            f"{visivel(nome)}: o que o banco tem não é o que os resumos diziam. Este backup leu-a"
            f" toda e está certo; nos de depois de {na_tela(desde, 'minuto')}, ela pode não estar"
        )
