"""De que se fazem os nomes e os lugares inventados: as listas do Faker em português do Brasil.

O Faker sorteia devagar (décimos de milissegundo por nome), e não dá sempre o mesmo ao mesmo: as
listas dele leem-se uma vez, e quem escolhe nelas é `falsos`. Importar este módulo sem o pacote
levanta DependenciaAusente.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from cofre.base import comandos
from cofre.base.erros import DependenciaAusente

try:
    from faker.providers.address.pt_BR import Provider as _Enderecos
    from faker.providers.person.pt_BR import Provider as _Pessoas
except ImportError:
    raise DependenciaAusente(
        "Anonimizar uma cópia precisa do pacote Faker, que não está instalado.",
        comandos.como_instalar(comandos.DE_ANONIMIZAR),
    ) from None


class Lista:
    """Palavras, das mais curtas às mais compridas."""

    def __init__(self, palavras: Iterable[str]) -> None:
        self.palavras = sorted(set(palavras), key=lambda p: (len(p), p))
        self._tamanhos = [len(p) for p in self.palavras]

    def ate(self, tamanho: int) -> int:
        """Quantas têm no máximo tantas letras."""
        return bisect.bisect_right(self._tamanhos, tamanho)


NOMES = Lista(n for n in _Pessoas.first_names if " " not in n)
SOBRENOMES = Lista(n for n in _Pessoas.last_names if " " not in n)
BAIRROS = Lista(_Enderecos.bairros)
RAMOS = Lista(
    (
        *("Casa", "Loja", "Grupo", "Empório", "Comercial", "Oficina", "Ateliê", "Armazém"),
        *("Mercado", "Estúdio", "Clínica", "Padaria", "Livraria", "Farmácia", "Transportes"),
        *("Distribuidora", "Indústria", "Serviços", "Tecidos", "Móveis", "Soluções", "Agência"),
    )
)
"""O que uma empresa faz: a primeira palavra do nome dela."""
