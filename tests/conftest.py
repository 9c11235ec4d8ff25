"""As peças que todos os testes usam."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from apoio.campanha import CAMPANHA
from cofre.base import derrame
from cofre.deposito.cifra import chaveiro, cifra

pytest_plugins = [
    "apoio.impressoes",
    "apoio.memoria",
    "apoio.servidores",
    "apoio.lojinha",
    "apoio.loja",
    "apoio.balcao",
    "apoio.escritorio",
    "apoio.bancada",
    "apoio.extensoes",
    "apoio.navegador",
    "apoio.servidores_s3",
    "apoio.servidores_rclone",
    "apoio.sistema",
    "apoio.fatias",
]

# Na suíte, os mesmos exemplos sempre: o que ela diz de um código não muda de uma vez para a outra.
# As campanhas tiram outros cada vez. Um exemplo demora o que demorar, que a máquina pode estar
# cheia; e o que um teste recebe serve a todos os dele.
settings.register_profile(
    "nosso",
    derandomize=not CAMPANHA,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("nosso")


def pytest_configure() -> None:
    """Ao colher os testes nada se larga, e um terço do tempo era o coletor a procurar o que."""
    gc.disable()


def pytest_collection_finish() -> None:
    """E os milhares de testes colhidos ficam até ao fim: o coletor não os percorre outra vez."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _sem_cifra_de_outro() -> Iterator[None]:
    """O que um processo só diz uma vez: que cifra, e que chaves tem. Aqui, cada teste é um."""
    yield
    derrame.em_claro()
    chaveiro.esquecer()


@pytest.fixture
def perfil_proprio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """O segredo deste PC é só deste teste: o mesmo dos scripts que tenham os backups em `b`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "b.perfil"))
    cifra.segredo.cache_clear()
    yield
    cifra.segredo.cache_clear()
