"""O que só o banco devolve a um arquivo que subiu: o id, o dono e a data em que foi criado.

Nunca a `version`, que diz onde está o conteúdo: mudá-la parte o objeto; e `updated_at` fica sendo o
da escrita, porque um gatilho do Storage o põe (medido).
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from cofre.base.erros import EscritaRecusada
from cofre.plano.lotes import metades
from cofre.via.arquivos.objetos import Objeto
from cofre.via.direta.conexao import ESCREVENDO, transacao
from cofre.via.direta.erros import ALGUMA, na_escrita

Conectar = Callable[[], contextlib.AbstractContextManager[psycopg.Connection]]
POR_VEZ = 500


@dataclass(frozen=True, slots=True)
class Identidade:
    """A que um objeto deve ter. `agora`: o id que tem hoje, e que ainda deve ter."""

    quer: Objeto
    agora: str


def devolver(
    conectar: Conectar, quais: Sequence[Identidade]
) -> list[tuple[Identidade, EscritaRecusada]]:
    """Escreve-a em cada um; devolve os que o banco recusou. Um que já não tem o id esperado fica
    como está: a próxima foto o vê. Levanta FalhaDoServidor."""
    recusados: list[tuple[Identidade, EscritaRecusada]] = []
    if quais:
        with conectar() as conexao:
            ha = _colunas(conexao)
            for n in range(0, len(quais), POR_VEZ):
                _um_lote(conexao, ha, quais[n : n + POR_VEZ], recusados)
    return recusados


def _um_lote(
    conexao: psycopg.Connection,
    ha: frozenset[str],
    lote: Sequence[Identidade],
    recusados: list[tuple[Identidade, EscritaRecusada]],
) -> None:
    """Todos de uma vez; recusados, procura-se qual."""
    try:
        with transacao(conexao, ESCREVENDO):
            conexao.execute(_comando(ha), (json.dumps([_em_json(i) for i in lote]),))
    except psycopg.Error as e:
        erro = na_escrita(e, ALGUMA)
        if not isinstance(erro, EscritaRecusada):
            raise erro from e
        partes = metades(lote)
        if not partes:
            recusados.append((lote[0], erro))
        for parte in partes:
            _um_lote(conexao, ha, parte, recusados)


def _colunas(conexao: psycopg.Connection) -> frozenset[str]:
    """As que esta versão do Storage tem."""
    try:
        achadas = conexao.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'storage' AND table_name = 'objects'"
        ).fetchall()
    except psycopg.Error as e:
        raise na_escrita(e, ALGUMA) from e
    return frozenset(c for (c,) in achadas)


def _comando(ha: frozenset[str]) -> sql.Composed:
    colunas = [c for c in ("id", "owner", "owner_id", "created_at") if c in ha]
    valores = sql.SQL(", ").join(
        sql.SQL("{} = n.{}").format(sql.Identifier(c), sql.Identifier(c)) for c in colunas
    )
    return sql.SQL(
        "UPDATE storage.objects AS o SET {} FROM pg_catalog.json_to_recordset(%s::json) AS n("
        "bucket_id text, name text, agora uuid, id uuid, owner uuid, owner_id text,"
        " created_at timestamptz) WHERE o.bucket_id = n.bucket_id AND o.name = n.name"
        " AND o.id = n.agora"
    ).format(valores)


def _em_json(identidade: Identidade) -> dict[str, str | None]:
    quer = identidade.quer
    return {
        "bucket_id": quer.balde,
        "name": quer.nome,
        "agora": identidade.agora,
        "id": quer.id,
        "owner": quer.dono if _e_uuid(quer.dono) else None,
        "owner_id": quer.dono,
        "created_at": quer.criado,
    }


def _e_uuid(texto: str | None) -> bool:
    try:
        return texto is not None and str(uuid.UUID(texto)) == texto.lower()
    except ValueError:
        return False
