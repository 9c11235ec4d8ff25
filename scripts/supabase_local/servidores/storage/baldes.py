"""Os baldes: criar, ver, mudar, apagar e esvaziar (arquivos.md, 1 e 5)."""

from __future__ import annotations

from typing import Any

from psycopg import errors, sql
from psycopg.rows import DictRow

from supabase_local.servidores.servico import Conexao, Papel
from supabase_local.servidores.storage.erros import (
    balde_com_objetos,
    grande_demais,
    ja_existe,
    nome_invalido,
    pedido_invalido,
    sem_balde,
)
from supabase_local.servidores.storage.nomes import BALDE
from supabase_local.servidores.storage.objetos import como_uuid
from supabase_local.servidores.storage.tempo import em_milissegundos

UNIDADES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
ORDENS = ("id", "name", "created_at", "updated_at")


def descrever(balde: DictRow) -> dict[str, Any]:
    """O balde como a API o mostra: dono nulo é `""`."""
    return {
        "id": balde["id"],
        "name": balde["name"],
        "owner": str(balde["owner"] or ""),
        "public": balde["public"],
        "type": balde["type"],
        "file_size_limit": balde["file_size_limit"],
        "allowed_mime_types": balde["allowed_mime_types"],
        "created_at": em_milissegundos(balde["created_at"]),
        "updated_at": em_milissegundos(balde["updated_at"]),
    }


def achar(conexao: Conexao, identidade: str) -> DictRow:
    """Pelo `id`, e não pelo nome, que pode ser outro. Levanta Recusa."""
    consulta = "SELECT * FROM storage.buckets WHERE id = %s"
    achado = conexao.execute(consulta, (identidade,)).fetchone()
    if achado is None:
        raise sem_balde()
    return achado


def listar(conexao: Conexao, parametros: dict[str, str]) -> list[dict[str, Any]]:
    """Sem ordem nem limite que não se peçam. A quem nada pode ver, 200 e vazia."""
    coluna = parametros.get("sortColumn", "")
    ordem = sql.SQL("ORDER BY {} {}").format(
        sql.Identifier(coluna if coluna in ORDENS else "id"),
        sql.SQL("DESC" if parametros.get("sortOrder") == "desc" else "ASC"),
    )
    comando = sql.SQL(
        "SELECT * FROM storage.buckets WHERE name ILIKE '%%' || %s || '%%' {} LIMIT %s OFFSET %s"
    ).format(ordem if coluna else sql.SQL(""))
    limite = int(parametros["limit"]) if "limit" in parametros else None
    valores = (parametros.get("search", ""), limite, int(parametros.get("offset", 0)))
    return [descrever(balde) for balde in conexao.execute(comando, valores)]


def criar(conexao: Conexao, papel: Papel, corpo: dict[str, Any], teto: int) -> dict[str, Any]:
    """`id` e `name` podem diferir. Dono, datas e o resto não se escolhem. Levanta Recusa."""
    nome = corpo.get("name")
    if not isinstance(nome, str):
        raise pedido_invalido("body must have required property 'name'")
    identidade = corpo.get("id") or nome
    for texto in (nome, identidade):
        if not BALDE.fullmatch(texto) or len(texto) > 100:
            raise nome_invalido(texto)
    valores = {
        "id": identidade,
        "name": nome,
        "public": bool(corpo.get("public", False)),
        "file_size_limit": _limite(corpo.get("file_size_limit"), teto),
        "allowed_mime_types": corpo.get("allowed_mime_types"),
        "owner_id": papel.pessoa,
        "owner": como_uuid(papel.pessoa),
    }
    try:
        conexao.execute(
            "INSERT INTO storage.buckets"
            " (id, name, public, file_size_limit, allowed_mime_types, owner_id, owner)"
            " VALUES (%(id)s, %(name)s, %(public)s, %(file_size_limit)s, %(allowed_mime_types)s,"
            " %(owner_id)s, %(owner)s)",
            valores,
        )
    except errors.UniqueViolation:
        raise ja_existe("BucketAlreadyExists") from None
    return {"name": identidade}


def mudar(conexao: Conexao, identidade: str, corpo: dict[str, Any], teto: int) -> dict[str, Any]:
    """Só o que se diz; nulo limpa. `updated_at` fica como estava. Levanta Recusa."""
    achar(conexao, identidade)
    for coluna in ("public", "file_size_limit", "allowed_mime_types"):
        if coluna not in corpo:
            continue
        valor = corpo[coluna]
        if coluna == "file_size_limit":
            valor = _limite(valor, teto)
        comando = sql.SQL("UPDATE storage.buckets SET {} = %s WHERE id = %s")
        conexao.execute(comando.format(sql.Identifier(coluna)), (valor, identidade))
    return {"message": "Successfully updated"}


def apagar(conexao: Conexao, identidade: str) -> dict[str, Any]:
    """Só um vazio. Levanta Recusa."""
    with conexao.transaction():
        achar(conexao, identidade)
        consulta = "SELECT FROM storage.objects WHERE bucket_id = %s LIMIT 1"
        if conexao.execute(consulta, (identidade,)).fetchone() is not None:
            raise balde_com_objetos()
        conexao.execute("SET LOCAL storage.allow_delete_query = 'true'")
        conexao.execute("DELETE FROM storage.buckets WHERE id = %s", (identidade,))
    return {"message": "Successfully deleted"}


def esvaziar(conexao: Conexao, identidade: str) -> dict[str, Any]:
    """Só põe na fila: os objetos saem depois («até uma hora»), e aqui nunca saem."""
    achar(conexao, identidade)
    return {"message": "Empty bucket has been queued. Completion may take up to an hour."}


def _limite(dito: object, teto: int) -> int | None:
    if dito is None:
        return None
    texto = str(dito).strip().upper()
    unidade = next((u for u in ("TB", "GB", "MB", "KB", "B") if texto.endswith(u)), "")
    numero = texto.removesuffix(unidade)
    if not numero.replace(".", "", 1).isdigit():
        raise pedido_invalido("body/file_size_limit must be integer")
    bytes_ = int(float(numero) * UNIDADES[unidade]) if unidade else int(numero)
    if bytes_ > teto:
        raise grande_demais()
    return bytes_
