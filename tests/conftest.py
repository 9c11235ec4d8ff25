"""As peças que todos os testes usam."""

from collections.abc import Iterator

import pytest

from cofre.base import derrame
from cofre.deposito.cifra import chaveiro

pytest_plugins = [
    "apoio.memoria",
    "apoio.servidores",
    "apoio.lojinha",
    "apoio.loja",
    "apoio.balcao",
    "apoio.bancada",
    "apoio.extensoes",
    "apoio.navegador",
    "apoio.servidores_s3",
    "apoio.servidores_rclone",
    "apoio.sistema",
    "apoio.fatias",
]


@pytest.fixture(autouse=True)
def _sem_cifra_de_outro() -> Iterator[None]:
    """O que um processo só diz uma vez: que cifra, e que chaves tem. Aqui, cada teste é um."""
    yield
    derrame.em_claro()
    chaveiro.esquecer()
