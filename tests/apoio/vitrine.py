"""A lojinha com arquivos no Storage: os mesmos nomes, nos mesmos baldes, nas pastas das duas
empresas, e um que não é de nenhuma."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from apoio.baldes import (
    arquivos_de,
    impressoes_do_storage,
    por_arquivo,
    tirar_arquivos,
)
from apoio.execucao import RESTAURACAO, Saida, da_api, executar
from apoio.impressoes import alheias, impressoes
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.servidores.servidor import SupabaseLocal
from supabase_local.servidores.storage import plantio
from supabase_local.servidores.storage.conteudos import Conteudos

EMPRESA: Final = "aaaa1111"
API, DIRETA = "api", "direta"
SO_ARQUIVOS: Final = ("--tabelas", "arquivos", "--confirmar", "RESTAURAR")
IDENTIDADE: Final = ("id", "owner", "owner_id", "created_at")
PASTA_VAZIA: Final = ".emptyFolderPlaceholder"
NOMES: Final = (
    "a",
    "a/b",
    "A",
    " nas pontas ",
    "q?x&y+z'",
    "//barras//",
    PASTA_VAZIA,
)
LINHAS: Final = f"""
    ALTER TABLE produtos ADD COLUMN foto text;
    UPDATE produtos SET foto = 'https://x.supabase.co/storage/v1/object/public/fotos/{DONO}/a'
    WHERE id = 1;
    UPDATE produtos SET foto = '{DONO}/a/b' WHERE id = 2;
"""
"""Um produto nomeia um arquivo pelo endereço, e outro pelo caminho."""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Um por módulo."""
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, LINHAS))


@pytest.fixture
def armazem(projeto: SupabaseLocal) -> None:
    """O Storage, igual no começo de cada teste."""
    encher(projeto)


def encher(projeto: SupabaseLocal) -> None:
    """Faz do Storage o que ele é no começo de cada teste."""
    with projeto.cluster.conectar(projeto.banco) as banco:
        banco.execute("SET session_replication_role = replica")
        banco.execute("DELETE FROM storage.objects")
        banco.execute("DELETE FROM storage.buckets")
    # Numa só conexão, cada um na sua transação: abrir uma por arquivo custaria dez vezes mais.
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        plantio.criar_balde(banco, "fotos", publico=True)
        plantio.criar_balde(banco, "papeis")
        conteudos = projeto.storage.projeto.conteudos
        for balde in ("fotos", "papeis"):
            for dono in (DONO, VIZINHA):
                for nome in NOMES:
                    _por(banco, conteudos, balde, dono, nome)
        plantio.plantar(banco, conteudos, "fotos", "logo.png", b"de ninguem")


def _por(
    banco: psycopg.Connection[Any], conteudos: Conteudos, balde: str, dono: str, nome: str
) -> None:
    plantio.plantar(
        banco,
        conteudos,
        balde,
        f"{dono}/{nome}",
        b"" if nome.startswith(".") else f"{balde}{dono}{nome}".encode() * 9,
        tipo="text/html; charset=utf-8" if nome == "a" else "image/png",
        cache="public, max-age=3" if nome == "A" else "no-cache",
        metadados={"cor": ["azul", 2.5, None]} if nome == "a/b" else {},
        dono=dono if nome == "A" else None,
    )


def estragar(projeto: SupabaseLocal) -> None:
    """Apaga três, muda um e acrescenta outro, dos da empresa."""
    tirar_arquivos(projeto, "fotos", f"{DONO}/a", f"{DONO}/A", f"{DONO}/{PASTA_VAZIA}")
    por_arquivo(projeto, "fotos", f"{DONO}/a/b", b"outra coisa", tipo="image/gif")
    por_arquivo(projeto, "papeis", f"{DONO}/novo", b"mais novo que o backup")


def ambiente_de(projeto: SupabaseLocal, via: str) -> dict[str, str]:
    """Com os arquivos; pela direta, com a API ao lado."""
    direta = {"SUPABASE_DB_URL": projeto.uri_banco} if via == DIRETA else {}
    return {"BACKUP_ARQUIVOS": "sim", **da_api(projeto), **direta}


def copiar(projeto: SupabaseLocal, destino: Path, via: str, **mais: str) -> None:
    """Um backup da empresa."""
    ambiente = {**ambiente_de(projeto, via), **mais}
    saida = executar(projeto, destino, "--empresa", EMPRESA, mais=ambiente)
    assert saida.codigo == 0, saida.tudo


def restaurar(projeto: SupabaseLocal, destino: Path, via: str, *args: str) -> Saida:
    """A restauração dela, ou outra ação."""
    mais = ambiente_de(projeto, via)
    return executar(projeto, destino, *args, "--empresa", EMPRESA, mais=mais, script=RESTAURACAO)


def dos_outros(projeto: SupabaseLocal) -> dict[Any, Any]:
    """Tudo o que não é da empresa, no banco e no Storage: versões e datas também."""
    return {
        **alheias(impressoes(projeto), DONO),
        **impressoes_do_storage(projeto, lambda _balde, nome: nome.startswith(f"{DONO}/")),
    }


def seus(projeto: SupabaseLocal, *, identidade: bool = False) -> dict[Any, Any]:
    """Os da empresa: conteúdo, tipo, cache e metadados; com a identidade, id, dono e data."""
    achados = arquivos_de(projeto, lambda _balde, nome: nome.startswith(f"{DONO}/"))
    return {
        onde: (
            a.dados,
            a.tipo,
            a.cache,
            a.metadados or {},  # o servidor guarda {} de quem nada disse
            *([a.linha[c] for c in IDENTIDADE] if identidade else []),
        )
        for onde, a in achados.items()
    }


def baldes(projeto: SupabaseLocal) -> list[Any]:
    """As opções de cada balde."""
    consulta = "SELECT id, public, file_size_limit, allowed_mime_types FROM storage.buckets"
    with projeto.cluster.conectar(projeto.banco) as banco:
        return sorted(banco.execute(consulta).fetchall())
