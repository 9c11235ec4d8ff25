"""A bancada da via direta: projeto pequeno com o que o teste quiser, e papéis que podem pouco."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from apoio.execucao import Saida, da_api, restaurar
from apoio.loja import Antes, Loja, antes_de
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.via.contrato import DIRETA
from supabase_local.servidores.postgres import ADMINISTRADOR
from supabase_local.servidores.servidor import SupabaseLocal

_numeros = itertools.count(1)
PARA_A_API = "GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role"


@dataclass(frozen=True, slots=True)
class Bancada:
    """A lojinha com mais alguma coisa, e o backup do DONO feito depois de tudo pronto."""

    loja: Loja
    antes: Antes

    def sql(self, *comandos: str, sem_gatilhos: bool = False) -> None:
        self.loja.sql(*comandos, sem_gatilhos=sem_gatilhos)

    def restaurar(self, *argumentos: str, url: str = "", respostas: tuple[str, ...] = ()) -> Saida:
        """Com --confirmar, a não ser que haja respostas; por esta URL do banco ou pela comum, e com
        a API também se se diz por qual via."""
        acao, opcoes = _separar(argumentos)
        confirmar = () if respostas else ("--confirmar", "RESTAURAR")
        return restaurar(
            self.loja.projeto,
            self.loja.destino,
            *(*acao, "--empresa", DONO, *confirmar, *opcoes),
            respostas=respostas,
            mais={
                "SUPABASE_DB_URL": url or self.loja.projeto.uri_banco,
                **(da_api(self.loja.projeto) if "--via" in opcoes else {}),
            },
        )

    def conferir(self, saida: Saida) -> None:
        """Deu certo, e o banco inteiro é byte a byte o de antes."""
        assert saida.codigo == 0, saida.tudo
        self.antes.conferir()
        assert self.loja.impressoes() == self.antes.impressoes

    def banco(self) -> psycopg.Connection:
        """Uma conexão do administrador, em autocommit."""
        return psycopg.connect(self.loja.projeto.uri_admin, autocommit=True)

    @contextlib.contextmanager
    def papel(self, *direitos: str, ignora_rls: bool = True) -> Iterator[str]:
        """A URL de um papel só com estes direitos (SQL, com {papel}); some no fim."""
        with papel(self.loja.projeto, *direitos, ignora_rls=ignora_rls) as url:
            yield url


@contextlib.contextmanager
def papel(projeto: SupabaseLocal, *direitos: str, ignora_rls: bool = True) -> Iterator[str]:
    """A URL do banco deste projeto, com um papel só com estes direitos (SQL, com {papel}); some no
    fim."""
    nome = f"papel_{next(_numeros)}"
    cluster = projeto.cluster
    rls = "BYPASSRLS" if ignora_rls else ""
    criar = f"CREATE ROLE {nome} LOGIN {rls} PASSWORD '{cluster.senha}';"
    dar = ";".join(d.replace("{papel}", nome) for d in direitos)
    cluster.executar(projeto.banco, criar + dar, ADMINISTRADOR)
    try:
        yield projeto.uri_banco.replace(f"//{urlsplit(projeto.uri_banco).username}:", f"//{nome}:")
    finally:
        limpar = f"REASSIGN OWNED BY {nome} TO postgres; DROP OWNED BY {nome}; DROP ROLE {nome}"
        cluster.executar(projeto.banco, limpar, ADMINISTRADOR)


def _separar(argumentos: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(a ação, as opções): a ação vem antes das opções."""
    corte = int(argumentos[:1] in (("desfazer",), ("continuar",)))
    return argumentos[:corte], argumentos[corte:]


class Montador:
    """Monta bancadas; cada uma com o seu banco. Da que é só a lojinha, com um `guardado` (o backup
    de outra, ou onde o deixar às seguintes), o backup não se tira de novo: é o mesmo."""

    def __init__(
        self, criar_supabase: FabricaDeSupabase, tmp_path: Path, guardado: Path | None = None
    ) -> None:
        self._criar, self._pasta, self._guardado = criar_supabase, tmp_path, guardado

    def __call__(self, *mais: str, admin: str = "") -> Bancada:
        projeto = self._criar(VAZIO, sql=(LOJINHA, *mais, PARA_A_API))
        if admin:
            projeto.cluster.executar(projeto.banco, admin, ADMINISTRADOR)
        loja = Loja(projeto, self._pasta / f"backups_{next(_numeros)}", DIRETA)
        guardado = None if mais or admin else self._guardado
        if guardado and guardado.exists():
            shutil.copytree(guardado, loja.destino)
        else:
            saida = loja.copiar("--empresa", DONO)
            assert saida.codigo == 0, saida.tudo
            if guardado:
                shutil.copytree(loja.destino, guardado)
        return Bancada(loja, antes_de(loja, DONO))


@pytest.fixture(scope="session")
def guardado_da_bancada(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Onde fica o backup da primeira bancada que é só a lojinha, para as outras."""
    return tmp_path_factory.mktemp("bancada") / "backups"


@pytest.fixture
def montar(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, guardado_da_bancada: Path
) -> Montador:
    return Montador(criar_supabase, tmp_path, guardado_da_bancada)
