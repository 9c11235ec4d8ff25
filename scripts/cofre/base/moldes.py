"""Os leitores de JSON para um tipo, feitos uma vez e um de cada vez.

O msgspec descobre a forma de um Struct da primeira vez que o lê, e dois fios a descobri-la ao mesmo
tempo derrubam o processo inteiro (visto no 0.22: SIGSEGV em `msgspec.json.decode`). Depois disso,
qualquer um lê ao lado dos outros.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import msgspec

_TRINCO = threading.Lock()


@functools.cache
def leitor_de(tipo: Any) -> msgspec.json.Decoder[Any]:
    """O leitor deste tipo; pedi-lo basta para que `msgspec.convert` também o possa ler."""
    with _TRINCO:
        return msgspec.json.Decoder(tipo)
