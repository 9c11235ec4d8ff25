"""Empresas inventadas mas verossímeis, e como gravá-las no banco embutido.

`Perfil` diz o tamanho de uma empresa; `linhas_de` inventa as suas linhas, sempre as mesmas;
`semear` as grava com COPY e com os gatilhos detidos, para que o banco fique como foi inventado.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from supabase_local.empresas.cadastros import cadastros
from supabase_local.empresas.invencao import Inventor, sem_acento
from supabase_local.empresas.linhas import Linhas, Perfil
from supabase_local.empresas.movimento import movimento
from supabase_local.servidores.postgres import ClusterPostgres

__all__ = ["DEMONSTRACAO", "Perfil", "criar_modelo", "inventar", "ler_sql", "linhas_de", "semear"]

PASTA_SQL = Path(__file__).with_name("sql")

NOME_DIFICIL = 'Zé & Filhos <script>alert("oi")</script> 🛠️ “Oficina”/\\:*?'
DEMONSTRACAO = (
    Perfil(UUID("abc12345-6789-4abc-8def-0123456789ab"), "Grupo Raval", 819, 145, 89),
    Perfil(UUID("def67890-1234-4def-9abc-ba9876543210"), NOME_DIFICIL, 230, 45, 30),
    Perfil(UUID("abc12345-ffff-4000-8000-00000000abcd"), "Loja X", 60, 20, 15),
)
ARQUIVOS_ANTES = ("esquema.sql", "acesso.sql")
ARQUIVOS_DEPOIS = ("restricoes.sql", "gatilhos.sql")
RECURSOS = ("produtos", "clientes", "vendas", "caixa", "relatórios")
ACOES = ("ver", "criar", "alterar", "excluir")


def inventar(
    quantas: int, produtos: int = 12, clientes: int = 6, vendas: int = 5
) -> tuple[Perfil, ...]:
    """Perfis de tantas empresas pequenas, para testes."""
    acaso = Inventor(f"empresas-{quantas}")
    return tuple(
        Perfil(acaso.uuid(), f"Loja {acaso.um_de(('São José', 'Açaí', 'Ômega'))} {n}",
               produtos, clientes, vendas)
        for n in range(1, quantas + 1)
    )  # fmt: skip


def linhas_de(perfil: Perfil) -> Linhas:
    """Todas as linhas de uma empresa, tabela por tabela, na ordem em que podem ser inseridas."""
    inventor = Inventor(str(perfil.user_id))
    codigo = f"{sem_acento(perfil.nome)[:12]}{inventor.acaso.getrandbits(24):06x}"
    linhas = cadastros(perfil, inventor, codigo)
    linhas.update(movimento(perfil, inventor, codigo, linhas))
    return linhas


def semear(conexao: psycopg.Connection, perfis: Iterable[Perfil]) -> None:
    """Grava as empresas (conexão do papel `postgres`, em autocommit), numa só transação."""
    with conexao.transaction(), conexao.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.executemany(
            "INSERT INTO permissoes (id, recurso, acao) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (n, recurso, acao)
                for n, (recurso, acao) in enumerate(
                    ((recurso, acao) for recurso in RECURSOS for acao in ACOES), start=1
                )
            ],
        )
        for perfil in perfis:
            for tabela, linhas in linhas_de(perfil).items():
                _copiar(cursor, tabela, linhas)
        cursor.execute("REFRESH MATERIALIZED VIEW resumo_produtos")


def criar_modelo(
    cluster: ClusterPostgres,
    nome: str,
    perfis: Sequence[Perfil],
    *,
    com_gatilhos: bool = True,
) -> None:
    """Um banco com o esquema e as empresas, pronto para servir de modelo a outros."""
    cluster.criar_banco(nome, sql=[ler_sql(arquivo) for arquivo in ARQUIVOS_ANTES])
    with cluster.conectar(nome) as conexao:
        semear(conexao, perfis)
    for arquivo in ARQUIVOS_DEPOIS if com_gatilhos else ARQUIVOS_DEPOIS[:1]:
        cluster.executar(nome, ler_sql(arquivo))
    cluster.executar(nome, "ANALYZE")


def ler_sql(nome: str) -> str:
    """O texto de um dos arquivos de `scripts/supabase_local/empresas/sql/`."""
    return (PASTA_SQL / nome).read_text(encoding="utf-8")


def _copiar(cursor: psycopg.Cursor, tabela: str, linhas: Sequence[dict[str, object]]) -> None:
    if not linhas:
        return
    colunas = list(linhas[0])
    comando = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*tabela.split("."))
        if tabela.startswith("auth.")
        else sql.Identifier(tabela),
        sql.SQL(", ").join(map(sql.Identifier, colunas)),
    )
    with cursor.copy(comando) as copia:
        for linha in linhas:
            copia.write_row([linha[coluna] for coluna in colunas])
