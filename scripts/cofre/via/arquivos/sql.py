"""A lista dos objetos por SQL: inteira, de um instante só, com o que a API não diz.

As colunas são as que houver: projetos antigos, e servidores próprios, não têm as mesmas.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from cofre.base.erros import FalhaDoServidor
from cofre.base.linha import valores_da_linha
from cofre.via.arquivos.baldes import COMUM
from cofre.via.arquivos.erros import SEM_O_BANCO
from cofre.via.arquivos.lista import objeto_de
from cofre.via.arquivos.objetos import Balde, Objeto
from cofre.via.direta.conexao import transacao
from cofre.via.direta.erros import na_consulta

POR_PAGINA = 2000
DOS_OBJETOS = (
    "id",
    "bucket_id",
    "name",
    "owner",
    "owner_id",
    "created_at",
    "updated_at",
    "metadata",
    "user_metadata",
    "version",
)
DAS_VERSOES = {"archived_at": "archived_at IS NULL", "is_delete_marker": "NOT is_delete_marker"}
"""Onde há versões de um objeto (hoje desligadas em toda parte), só conta a que se vê."""
DOS_BALDES = ("id", "name", "public", "type", "file_size_limit", "allowed_mime_types")
OBJETOS, BALDES = "storage.objects", "storage.buckets"

Conectar = Callable[[], contextlib.AbstractContextManager[psycopg.Connection]]


class Tabelas:
    """As tabelas do Storage num banco."""

    def __init__(self, conectar: Conectar) -> None:
        self.conectar = conectar

    def baldes(self) -> list[Balde] | None:
        """Os baldes, pelo id; None se o projeto não tem Storage. Levanta FalhaDoServidor."""
        with self._lendo(BALDES) as conexao:
            colunas = _colunas(conexao, "buckets", DOS_BALDES)
            if not {"id", "name"} <= colunas.keys():
                return None
            consulta = sql.SQL("SELECT row_to_json(b)::text FROM (SELECT {} FROM {}) b").format(
                _lista(colunas), sql.Identifier("storage", "buckets")
            )
            lidos = [_linha(t) for (t,) in conexao.execute(consulta)]
        baldes = [_balde(x) for x in lidos if x.get("type") in (None, COMUM)]
        return sorted(baldes, key=lambda b: b.id.encode())

    def contar(self) -> dict[str, int]:
        """Quantos objetos há em cada balde. Levanta FalhaDoServidor."""
        with self._lendo(OBJETOS) as conexao:
            consulta = sql.SQL(
                "SELECT bucket_id, pg_catalog.count(*) FROM {} WHERE {} GROUP BY bucket_id"
            ).format(sql.Identifier("storage", "objects"), _que_se_ve(conexao))
            return {balde: int(n) for balde, n in conexao.execute(consulta)}

    def listar(self) -> Iterator[Objeto]:
        """Todos, pela ordem dos bytes de (balde, nome), de um instante só. Levanta
        FalhaDoServidor."""
        with self._lendo(OBJETOS) as conexao:
            colunas, se_ve = _colunas(conexao, "objects", DOS_OBJETOS), _que_se_ve(conexao)
            ultima: tuple[str, str] | None = None
            while pagina := conexao.execute(*_pagina(colunas, se_ve, ultima)).fetchall():
                for (texto,) in pagina:
                    objeto = _objeto(_linha(texto))
                    ultima = objeto.chave
                    yield objeto

    def achar(self, chaves: Sequence[tuple[str, str]]) -> list[Objeto]:
        """Destes (balde, nome), os objetos que há. Levanta FalhaDoServidor."""
        baldes, nomes = [b for b, _ in chaves], [n for _, n in chaves]
        with self._lendo(OBJETOS) as conexao:
            colunas = _colunas(conexao, "objects", DOS_OBJETOS)
            consulta = sql.SQL(
                "SELECT row_to_json(o)::text FROM (SELECT {} FROM {} WHERE {} AND (bucket_id, name)"
                " IN (SELECT * FROM ROWS FROM (pg_catalog.unnest(%s::text[]),"
                " pg_catalog.unnest(%s::text[])))) o"
            ).format(_lista(colunas), sql.Identifier("storage", "objects"), _que_se_ve(conexao))
            return [_objeto(_linha(t)) for (t,) in conexao.execute(consulta, (baldes, nomes))]

    @contextlib.contextmanager
    def _lendo(self, tabela: str) -> Iterator[psycopg.Connection]:
        try:
            with self.conectar() as conexao, transacao(conexao):
                yield conexao
        except psycopg.errors.InsufficientPrivilege as e:
            raise FalhaDoServidor(*SEM_O_BANCO) from e
        except psycopg.Error as e:
            raise na_consulta(e, tabela) from e


def _colunas(
    conexao: psycopg.Connection, tabela: str, queremos: tuple[str, ...]
) -> Mapping[str, str]:
    """Destas colunas, as que existem, com o tipo."""
    consulta = (
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'storage' AND table_name = %s"
    )
    ha: dict[str, str] = dict(conexao.execute(consulta, (tabela,)).fetchall())
    return {c: ha[c] for c in queremos if c in ha}


def _lista(colunas: Mapping[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, colunas))


def _que_se_ve(conexao: psycopg.Connection) -> sql.Composable:
    """A condição das linhas que são arquivos."""
    ha = _colunas(conexao, "objects", tuple(DAS_VERSOES))
    return sql.SQL(" AND ").join([sql.SQL("true"), *(sql.SQL(DAS_VERSOES[c]) for c in ha)])


def _pagina(
    colunas: Mapping[str, str], se_ve: sql.Composable, ultima: tuple[str, str] | None
) -> tuple[sql.Composed, tuple[str, ...]]:
    """As próximas POR_PAGINA linhas depois da `ultima`: o índice é por (bucket_id, name)."""
    depois = sql.SQL(
        '(bucket_id COLLATE "C", name COLLATE "C") > (%s COLLATE "C", %s COLLATE "C")'
        if ultima
        else "true"
    )
    consulta = sql.SQL(
        "SELECT row_to_json(o)::text FROM (SELECT {} FROM {} WHERE {} AND {}"
        ' ORDER BY bucket_id COLLATE "C", name COLLATE "C" LIMIT {}) o'
    ).format(
        _lista(colunas),
        sql.Identifier("storage", "objects"),
        se_ve,
        depois,
        sql.Literal(POR_PAGINA),
    )
    return consulta, ultima or ()


def _linha(texto: str) -> dict[str, Any]:
    return valores_da_linha(texto.encode())


def _balde(linha: Mapping[str, Any]) -> Balde:
    tipos, limite = linha.get("allowed_mime_types"), linha.get("file_size_limit")
    return Balde(
        linha["id"],
        linha["name"],
        publico=bool(linha.get("public")),
        limite=int(limite) if limite is not None else None,
        tipos=tuple(tipos) if tipos is not None else None,
    )


def _objeto(linha: Mapping[str, Any]) -> Objeto:
    dono = linha.get("owner_id") or linha.get("owner")
    return objeto_de(
        linha["bucket_id"],
        linha["name"],
        linha.get("metadata"),
        metadados=linha.get("user_metadata"),
        dono=str(dono) if dono else None,
        id=linha.get("id"),
        criado=linha.get("created_at"),
        mudado=linha.get("updated_at"),
        versao=linha.get("version"),
    )
