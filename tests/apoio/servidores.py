"""Os servidores dos testes: um cluster por sessão e um Supabase embutido por banco."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import pytest

from apoio.impressoes import impressoes, soltar
from apoio.memoria import lugar_do_cluster
from apoio.reposicao import LOJA, LOJA_SEM_GATILHOS, VAZIO, Estante, estante_de
from supabase_local.empresas.dados import DEMONSTRACAO, criar_modelo
from supabase_local.servidores.servidor import ClusterPostgres, SupabaseLocal

__all__ = ["LOJA", "VAZIO", "FabricaDeSupabase"]
_numeros = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[ClusterPostgres]:
    """O PostgreSQL da sessão, com o banco modelo `LOJA` já pronto."""
    with ClusterPostgres(lugar_do_cluster(), efemero=True) as servidor:
        criar_modelo(servidor, LOJA, DEMONSTRACAO)
        yield servidor


@pytest.fixture(scope="session")
def modelo_sem_gatilhos(cluster: ClusterPostgres) -> str:
    """O nome do modelo LOJA_SEM_GATILHOS, que passa a existir."""
    criar_modelo(cluster, LOJA_SEM_GATILHOS, DEMONSTRACAO, com_gatilhos=False)
    return LOJA_SEM_GATILHOS


@pytest.fixture(scope="session")
def estante(cluster: ClusterPostgres) -> Iterator[Estante]:
    """Os projetos que um teste deixou como os achou, para os seguintes."""
    with estante_de(cluster) as uma:
        yield uma


class FabricaDeSupabase:
    """Cria projetos novos; `modelo` é o banco copiado, `sql` o que se executa nele depois. Com uma
    `estante`, dá o que há nela, que é igual."""

    def __init__(
        self,
        cluster: ClusterPostgres,
        pilha: contextlib.ExitStack,
        estante: Estante | None = None,
    ) -> None:
        self.cluster = cluster
        self._pilha = pilha
        self._estante = estante

    def banco(self, modelo: str = LOJA, sql: tuple[str, ...] = ()) -> str:
        nome = f"teste_{next(_numeros)}"
        soltar()
        self.cluster.criar_banco(nome, modelo=modelo, sql=sql)
        self._pilha.callback(self.cluster.apagar_banco, nome)
        self._pilha.callback(soltar)
        return nome

    def __call__(
        self,
        modelo: str = LOJA,
        *,
        sql: tuple[str, ...] = (),
        max_linhas: int = 1000,
        de_hoje: bool | None = None,
        minima: bool = False,
        com_api: bool = True,
    ) -> SupabaseLocal:
        """Sem `com_api`, de quem não a usa, não se tira da estante um projeto com ela no ar."""
        soltar()
        molde = self._estante.molde(modelo, sql) if self._estante and com_api else None
        if self._estante is None or molde is None:
            banco = self.banco(modelo, sql)
            return self.sobre(banco, max_linhas, de_hoje=de_hoje, minima=minima)
        especie, desde = (molde, max_linhas, de_hoje, minima), self._estante.agora()
        projeto = self._estante.tirar(especie, molde)
        if projeto is None:
            nome = f"teste_{next(_numeros)}"
            self.cluster.criar_banco(nome, modelo=molde)
            projeto = SupabaseLocal(
                self.cluster, banco=nome, max_linhas=max_linhas, de_hoje=de_hoje, minima=minima
            )
        self._pilha.callback(self._estante.receber, especie, projeto, molde, desde)
        self._pilha.callback(soltar)
        return projeto

    def sobre(
        self,
        banco: str,
        max_linhas: int = 1000,
        *,
        de_hoje: bool | None = None,
        minima: bool = False,
    ) -> SupabaseLocal:
        """Um projeto sobre um banco que já existe, com a API por subir; `de_hoje`, se ela responde
        como as de hoje (o que não se diz é assim), e `minima`, se os erros dela só trazem código e
        mensagem."""
        projeto = SupabaseLocal(
            self.cluster, banco=banco, max_linhas=max_linhas, de_hoje=de_hoje, minima=minima
        )
        self._pilha.callback(projeto.parar)
        return projeto


@pytest.fixture
def criar_supabase(cluster: ClusterPostgres, estante: Estante) -> Iterator[FabricaDeSupabase]:
    """Uma fábrica de projetos que duram um teste."""
    with contextlib.ExitStack() as pilha:
        yield FabricaDeSupabase(cluster, pilha, estante)


@pytest.fixture
def supabase(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    """Um projeto com as três empresas da demonstração, para um teste só."""
    return criar_supabase()


@pytest.fixture(scope="module")
def criar_supabase_do_modulo(
    cluster: ClusterPostgres, estante: Estante
) -> Iterator[FabricaDeSupabase]:
    """A mesma fábrica, com projetos que duram um módulo de testes."""
    with contextlib.ExitStack() as pilha:
        yield FabricaDeSupabase(cluster, pilha, estante)


@pytest.fixture(scope="module")
def supabase_do_modulo(criar_supabase_do_modulo: FabricaDeSupabase) -> Iterator[SupabaseLocal]:
    """As três empresas, para os testes do módulo que só leem: no fim, tudo é o que era."""
    projeto = criar_supabase_do_modulo()
    antes = impressoes(projeto)
    yield projeto
    assert impressoes(projeto) == antes
