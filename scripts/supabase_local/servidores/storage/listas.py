"""As duas listagens, e o que cada uma perde em silêncio (arquivos.md, 1).

A segunda, plana e por nome, é a única que não perde nada. A primeira e qualquer uma com pastas
continuam depois de `nome + "/"`, e pulam os nomes cujo caractere seguinte vem antes de `/`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import DictRow

from supabase_local.servidores.servico import Conexao
from supabase_local.servidores.storage.erros import pedido_invalido
from supabase_local.servidores.storage.tempo import em_milissegundos

PADRAO_DA_PRIMEIRA, MAXIMO_DA_PRIMEIRA = 100, 1500
MAXIMO_DA_SEGUNDA = 1000
LOTE_DA_PRIMEIRA = 64
"""De quantos em quantos, pelo menos, a primeira procura por dentro."""
ORDENS_DA_SEGUNDA = ("name", "updated_at", "created_at")
TODOS: LiteralString = """
    SELECT id, name, metadata, created_at, updated_at, last_accessed_at FROM storage.objects
    WHERE bucket_id = %s AND starts_with({nome}, {comeco}) ORDER BY {nome} COLLATE "C"
"""


def primeira(conexao: Conexao, balde: str, pedido: dict[str, Any]) -> list[dict[str, Any]]:
    """Um nível de pastas, sem distinguir maiúsculas. Um balde que não há é uma lista vazia.
    Levanta Recusa."""
    if not isinstance(pedido.get("prefix"), str):
        raise pedido_invalido("body must have required property 'prefix'")
    limite = min(int(pedido.get("limit") or PADRAO_DA_PRIMEIRA), MAXIMO_DA_PRIMEIRA)
    if limite < 1:
        raise pedido_invalido("body/limit must be >= 1")
    deslocamento = int(pedido.get("offset") or 0)
    pasta = pedido["prefix"].strip("/")
    comeco = f"{pasta}/" if pasta else ""
    todos = _todos(conexao, balde, comeco, sem_caixa=True)
    entradas = _em_pastas(todos, comeco, max(limite, LOTE_DA_PRIMEIRA), str.lower)
    ordem = pedido.get("sortBy") or {}
    if ordem.get("order") == "desc":
        entradas = _ao_contrario(entradas)
    achadas = entradas[deslocamento : deslocamento + limite]
    procurado = (pedido.get("search") or "").lower()
    return [_entrada(n, o) for n, o in achadas if procurado in n.lower()]


def segunda(conexao: Conexao, balde: str, pedido: dict[str, Any]) -> dict[str, Any]:
    """Com `with_delimiter`, em pastas; sem, plana, com o nome inteiro. Levanta Recusa."""
    limite = min(int(pedido.get("limit") or MAXIMO_DA_SEGUNDA), MAXIMO_DA_SEGUNDA)
    ordem = pedido.get("sortBy") or {}
    coluna = ordem.get("column", "name")
    if coluna not in ORDENS_DA_SEGUNDA:
        raise pedido_invalido("body/sortBy/column must be equal to one of the allowed values")
    cursor = _abrir(pedido.get("cursor"))
    comeco = pedido.get("prefix") or ""
    desce = ordem.get("order") == "desc"
    pastas: list[dict[str, Any]] = []
    if pedido.get("with_delimiter"):
        todos = _todos(conexao, balde, comeco, sem_caixa=False)
        entradas = _em_pastas(todos, comeco, limite, str, depois_de=cursor)
        pagina, ha_mais = entradas[:limite], len(entradas) > limite
        objetos = [_objeto(o, comeco + n) for n, o in pagina if o is not None]
        pastas = [{"name": f"{comeco}{n}/", "key": f"{comeco}{n}/"} for n, o in pagina if o is None]
        ultimo = f"{pagina[-1][0]}/" if pagina else None
    else:
        linhas = _pagina(conexao, balde, comeco, coluna, cursor, limite + 1, desce=desce)
        ha_mais = len(linhas) > limite
        objetos = [_objeto(linha, linha["name"]) for linha in linhas[:limite]]
        ultimo = _marca(linhas[min(limite, len(linhas)) - 1][coluna]) if linhas else None
    resposta: dict[str, Any] = {"hasNext": ha_mais, "folders": pastas, "objects": objetos}
    if ha_mais and ultimo is not None:
        resposta["nextCursor"] = base64.b64encode(json.dumps(ultimo).encode()).decode()
        resposta["nextCursorKey"] = ultimo
    return resposta


def _pagina(
    conexao: Conexao,
    balde: str,
    comeco: str,
    coluna: str,
    cursor: str | None,
    quantas: int,
    *,
    desce: bool,
) -> list[DictRow]:
    """Por data, o cursor é o milissegundo: perde os que o têm em comum com o último da página."""
    chave = sql.SQL(
        'name COLLATE "C"' if coluna == "name" else "date_trunc('milliseconds', {})"
    ).format(sql.Identifier(coluna))
    depois = sql.SQL("AND {} {} {}").format(
        chave,
        sql.SQL("<" if desce else ">"),
        sql.SQL("%(cursor)s" if coluna == "name" else "%(cursor)s::timestamptz"),
    )
    comando = sql.SQL(
        "SELECT id, name, metadata, created_at, updated_at, last_accessed_at FROM storage.objects"
        " WHERE bucket_id = %(balde)s AND starts_with(name, %(comeco)s) {} ORDER BY {} {}"
        " LIMIT %(quantas)s"
    ).format(
        depois if cursor is not None else sql.SQL(""),
        chave,
        sql.SQL("DESC" if desce else "ASC"),
    )
    valores = {"balde": balde, "comeco": comeco, "cursor": cursor, "quantas": quantas}
    return conexao.execute(comando, valores).fetchall()


def _todos(conexao: Conexao, balde: str, comeco: str, *, sem_caixa: bool) -> list[DictRow]:
    partes = ("lower(name)", "lower(%s)") if sem_caixa else ("name", "%s")
    comando = sql.SQL(TODOS).format(nome=sql.SQL(partes[0]), comeco=sql.SQL(partes[1]))
    return conexao.execute(comando, (balde, comeco)).fetchall()


Entrada = tuple[str, DictRow | None]
"""O nome dentro da pasta, e o objeto; None é uma pasta."""


def _em_pastas(
    todos: Iterable[DictRow],
    comeco: str,
    lote: int,
    chave: Callable[[str], str],
    depois_de: str | None = None,
) -> list[Entrada]:
    entradas: list[Entrada] = []
    vista = None
    limiar = None if depois_de is None else chave(depois_de)
    for linha in todos:
        resto = linha["name"][len(comeco) :]
        nome, barra, _ = resto.partition("/")
        if limiar is not None and chave(resto) <= limiar:
            continue
        if barra and vista == chave(nome):
            continue
        vista = chave(nome) if barra else None
        entradas.append((nome, None if barra else linha))
        if len(entradas) % lote == 0:
            limiar = f"{chave(nome)}/"
            if barra:
                limiar = f"{chave(nome)}/\U0010ffff"
    return entradas


def _ao_contrario(entradas: list[Entrada]) -> list[Entrada]:
    """De trás para diante, uma pasta `x/` ao lado de um arquivo `x` desaparece."""
    arquivos = {nome for nome, objeto in entradas if objeto is not None}
    return [(n, o) for n, o in reversed(entradas) if o is not None or n not in arquivos]


def _entrada(nome: str, objeto: DictRow | None) -> dict[str, Any]:
    campos = ("id", "updated_at", "created_at", "last_accessed_at", "metadata")
    if objeto is None:
        return {"name": nome, **dict.fromkeys(campos)}
    return _objeto(objeto, nome)


def _objeto(linha: DictRow, nome: str) -> dict[str, Any]:
    """Sem versão, dono nem metadados de quem enviou."""
    return {
        "name": nome,
        "id": str(linha["id"]),
        "updated_at": em_milissegundos(linha["updated_at"]),
        "created_at": em_milissegundos(linha["created_at"]),
        "last_accessed_at": em_milissegundos(linha["last_accessed_at"]),
        "metadata": linha["metadata"],
    }


def _marca(valor: str | datetime) -> str | None:
    return valor if isinstance(valor, str) else em_milissegundos(valor)


def _abrir(cursor: str | None) -> str | None:
    if not cursor:
        return None
    try:
        aberto = json.loads(base64.b64decode(cursor, validate=True))
    except ValueError:
        raise pedido_invalido("Invalid cursor") from None
    return str(aberto)
