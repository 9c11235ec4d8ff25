"""O outro projeto da demonstração, o de homologação: outra API, outras chaves, outro banco, com as
suas duas empresas e o esquema de uma versão atrás. É aonde se leva uma cópia de uma empresa."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from supabase_local.empresas.dados import criar_modelo, inventar
from supabase_local.empresas.fotos import BALDE
from supabase_local.servidores.postgres import ADMINISTRADOR, Banco, ClusterPostgres
from supabase_local.servidores.servidor import SupabaseLocal
from supabase_local.servidores.storage.plantio import criar_balde

EMPRESAS = inventar(2)
VERSAO_ATRAS = """
    DROP TABLE notas_fiscais;
    ALTER TABLE produtos DROP CONSTRAINT produtos_preco_nao_negativo;
"""
"""O que aqui ainda não há; nem `produtos.foto`, que só o projeto da demonstração ganha."""
NOME = "demonstracao_homologacao"
"""O banco nasce a cada vez: é pequeno, e assim a cópia é sempre a primeira."""


@dataclass(frozen=True, slots=True)
class Homologacao:
    """O que está no ar: o banco, o `.env` que leva a ele, e o nome que `clonar` quer escrito antes
    de mexer num projeto em que há movimento."""

    banco: Banco
    env: Path
    nome: str


@contextlib.contextmanager
def subir(
    cluster: ClusterPostgres, pasta: Path, backups: Path, *, api: bool, direta: bool
) -> Iterator[Homologacao]:
    """No mesmo cluster da demonstração; o `.env.destino`, em `pasta`, diz a API, o banco, ou os
    dois. Os `backups` de lá são apagados: o banco também é outro."""
    cluster.apagar_banco(NOME)
    shutil.rmtree(backups, ignore_errors=True)
    criar_modelo(cluster, NOME, EMPRESAS)
    cluster.executar(NOME, VERSAO_ATRAS, ADMINISTRADOR)
    banco = Banco(cluster, NOME)
    with banco.conectar() as conexao:
        criar_balde(conexao, BALDE, publico=True)
    acesso = {"SUPABASE_DB_URL": banco.uri} if direta else {}
    nomes = [f"localhost:{cluster.porta}/{NOME}"] if direta else []
    with contextlib.ExitStack() as pilha:
        if api:
            no_ar = pilha.enter_context(SupabaseLocal(cluster, banco=NOME))
            nomes.append(f"localhost:{urlsplit(no_ar.url).port}")
            acesso["SUPABASE_URL"] = no_ar.url
            acesso["SUPABASE_SERVICE_ROLE_KEY"] = no_ar.chave_secreta
        env = _escrever_env(pasta, {**acesso, "BACKUP_DIR": str(backups)})
        yield Homologacao(banco, env, min(nomes))


def _escrever_env(pasta: Path, valores: dict[str, str]) -> Path:
    pasta.mkdir(parents=True, exist_ok=True)
    env = pasta / ".env.destino"
    env.touch(mode=0o600)
    linhas = [f"{nome}={valor}\n" for nome, valor in valores.items()]
    env.write_text("".join(linhas), encoding="utf-8")
    return env
