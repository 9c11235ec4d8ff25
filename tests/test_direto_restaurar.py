"""A restauração pela conexão direta: cada coluna de cada linha volta, numa transação só.

O que as duas vias prometem igual está nos testes marcados com PELAS_DUAS_VIAS.
"""

from __future__ import annotations

import contextlib
import os
import random
from typing import Final

import psycopg
import pytest
from psycopg import sql

from apoio.impressoes import diferencas, tabelas_e_donos
from apoio.loja import LOJA_X, Loja, antes_de
from cofre.via import DIRETA

CAMPANHA = os.environ.get("CAMPANHA") == "1"
SEMENTES = range(100 if CAMPANHA else 6)
MORTES = range(100 if CAMPANHA else 6)

pytestmark = pytest.mark.parametrize("via", [DIRETA], indirect=True)

SEGREDO_DO_BANCO: Final = "postgres"


def _estragar_tudo(loja: Loja, acaso: random.Random) -> None:
    """Cada tabela da empresa, sem os gatilhos: linhas apagadas e colunas mudadas, das chaves
    estrangeiras às que o banco reescreve."""
    with psycopg.connect(loja.projeto.uri_admin) as banco:
        banco.execute("SET LOCAL session_replication_role = replica")
        banco.execute(f"SELECT setseed({acaso.random():.6f})")
        for tabela, dono in tabelas_e_donos(banco):
            if "." in tabela:
                continue
            onde = sql.SQL("({})::text = {} AND random() < {}").format(
                sql.SQL(dono), sql.Literal(LOJA_X), sql.Literal(acaso.choice((0.2, 0.5, 1.0)))
            )
            nome = sql.Identifier(tabela)
            mudavel = _coluna_mudavel(banco, tabela, acaso)
            if mudavel is not None:
                comando = sql.SQL("UPDATE {} AS t SET {} WHERE {}").format(nome, mudavel, onde)
                # Uma linha que fura uma regra NOT VALID não se muda; apagar, sim.
                with contextlib.suppress(psycopg.errors.CheckViolation), banco.transaction():
                    banco.execute(comando)
            if acaso.random() < 0.6 and tabela not in ("empresas", "funcionarios"):
                banco.execute(sql.SQL("DELETE FROM {} AS t WHERE {}").format(nome, onde))


def _coluna_mudavel(
    banco: psycopg.Connection, tabela: str, acaso: random.Random
) -> sql.Composed | None:
    """Uma coluna que possa ficar nula, ou uma data, com outro valor; nunca a que diz a empresa."""
    colunas: list[tuple[str, bool, str]] = banco.execute(
        "SELECT attname::text, NOT attnotnull, atttypid::regtype::text FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' AND attidentity = '' AND attname <> ALL(%s)"
        " AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary"
        " AND attnum = ANY(indkey)) ORDER BY attnum",
        [f'public."{tabela}"', ["user_id", "parent_user_id", "empresa_id", "venda_id", "caixa_id",
                                "funcionario_id", "funcao_id", "produto_id"]],
    ).fetchall()  # fmt: skip
    mudaveis = [
        sql.SQL("{} = {}").format(sql.Identifier(n), sql.SQL("NULL" if nula else "now()"))
        for n, nula, tipo in colunas
        if nula or tipo.startswith("timestamp")
    ]
    return acaso.choice(mudaveis) if mudaveis else None


@pytest.mark.parametrize("semente", SEMENTES)
def test_toda_coluna_de_toda_linha_volta(loja: Loja, semente: int) -> None:
    antes = antes_de(loja)
    _estragar_tudo(loja, random.Random(f"direta {semente}"))
    assert diferencas(loja.estado(), antes.estado)
    saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    assert "o próprio banco reescreve" not in saida.saida
    antes.conferir()
    assert loja.impressoes() == antes.impressoes  # nem uma coluna, de ninguém
