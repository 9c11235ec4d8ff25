"""As impressões digitais de um banco em SQL, por tabela e empresa, sem nada do cofre no meio."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, tuple_row

from supabase_local.servidores.servidor import SupabaseLocal

DE_NINGUEM: Final = ""
"""O dono das linhas globais e das que não são de empresa alguma."""

# De quem é cada linha, escrito à mão: é com isto que se conferem as regras do cofre.
DONOS: Final = {
    "user_approvals": "coalesce(t.parent_user_id, t.user_id)",
    "funcoes": "(SELECT e.user_id FROM empresas e WHERE e.id = t.empresa_id)",
    "funcionarios": "(SELECT e.user_id FROM empresas e WHERE e.id = t.empresa_id)",
    "funcao_permissoes": "(SELECT e.user_id FROM empresas e JOIN funcoes f ON e.id = f.empresa_id"
    " WHERE f.id = t.funcao_id)",
    "login_funcionarios": "(SELECT e.user_id FROM empresas e JOIN funcionarios f"
    " ON e.id = f.empresa_id WHERE f.id = t.funcionario_id)",
    "movimentacoes_caixa": "(SELECT c.user_id FROM caixa c WHERE c.id = t.caixa_id)",
    # Um gatilho lança aqui, sem dono, o que devolve de um item antigo, também sem dono.
    "movimentacoes_estoque": "coalesce(t.user_id,"
    " (SELECT p.user_id FROM produtos p WHERE p.id = t.produto_id))",
    "vendas_itens": "coalesce(t.user_id, (SELECT v.user_id FROM vendas v WHERE v.id = t.venda_id))",
    "vendas_pagamentos": "(SELECT v.user_id FROM vendas v WHERE v.id = t.venda_id)",
    "recibos": "(SELECT v.user_id FROM vendas v WHERE v.id = t.venda_id)",
}

REESCRITAS: Final = frozenset(
    {
        *(
            (tabela, "updated_at")
            for tabela in (
                "user_approvals empresas funcionarios configuracoes clientes produtos vendas"
                " ordens_servico"
            ).split()
        ),
        ("empresas", "endereco_completo"),
        ("clientes", "endereco"),
        ("caixa", "diferenca"),
    }
)
"""As colunas da loja que gatilhos reescrevem a cada mudança: pela API, não há como repô-las."""

Impressoes = dict[tuple[str, str], str]
"""(tabela, dono) → a soma de todas as linhas dele nela, com quantas são."""
Linha = dict[str, Any]


def impressoes(projeto: SupabaseLocal) -> Impressoes:
    """De cada tabela e dono do banco, auth.users inclusive."""
    # Os dois resumos de cada linha somam-se: pô-las por ordem, e em JSON, custava o dobro.
    modelo = sql.SQL(
        "SELECT {nome}::text, coalesce(dono, ''), concat_ws(' ', count(*),"
        " sum(hashtextextended(linha, 0)), sum(hashtextextended(linha, 1)))"
        " FROM (SELECT ({dono})::text AS dono, (t.*)::text AS linha FROM {tabela} t"
        " OFFSET 0) AS linhas GROUP BY 2"  # OFFSET 0: cada linha vira texto uma vez só
    )
    with conexao_de(projeto) as banco:
        partes = [
            modelo.format(nome=sql.Literal(tabela), dono=sql.SQL(dono), tabela=_nome(tabela))
            for tabela, dono in tabelas_e_donos(banco)
        ]
        linhas: list[tuple[str, str, str]] = _de_todas(banco, partes)
        return {(tabela, de_quem): soma for tabela, de_quem, soma in linhas}


def alheias(todas: Impressoes, dono: str) -> Impressoes:
    """As que não são deste dono: as outras empresas e o que é global."""
    return {(tabela, quem): soma for (tabela, quem), soma in todas.items() if quem != dono}


def proprias(todas: Impressoes, dono: str) -> dict[str, str]:
    """As deste dono, por tabela."""
    return {tabela: soma for (tabela, quem), soma in todas.items() if quem == dono}


def estado(
    projeto: SupabaseLocal,
    dono: str,
    sem: frozenset[tuple[str, str]] = REESCRITAS,
) -> dict[str, list[Linha]]:
    """As linhas deste dono em cada tabela, ordenadas, sem as colunas `sem` (tabela, coluna).
    Números ficam em texto: nenhum dígito se perde na comparação."""
    modelo = sql.SQL(
        "SELECT {nome}::text, row_to_json(t.*)::text FROM {tabela} t"
        " WHERE ({de_quem})::text = {dono}"
    )
    achado: dict[str, list[Linha]] = {}
    with conexao_de(projeto) as banco:
        partes = []
        for tabela, de_quem in tabelas_e_donos(banco):
            achado[tabela] = []
            partes.append(
                modelo.format(
                    nome=sql.Literal(tabela),
                    tabela=_nome(tabela),
                    de_quem=sql.SQL(de_quem),
                    dono=sql.Literal(dono),  # à parte, um % no nome seria tomado por um valor
                )
            )
        fora: dict[str, list[str]] = {}
        for tabela, coluna in sem:
            fora.setdefault(tabela, []).append(coluna)
        for tabela, bruta in sorted(_de_todas(banco, partes)):
            linha = _ler(bruta)
            for coluna in fora.get(tabela, ()):
                linha.pop(coluna, None)
            achado[tabela].append(linha)
    for tabela in fora.keys() & achado.keys():
        achado[tabela].sort(key=json.dumps)
    return achado


def sequencias_atras(projeto: SupabaseLocal) -> list[str]:
    """As sequências de colunas de identidade ou serial que dariam um valor já usado."""
    with conexao_de(projeto) as banco:
        donas: list[tuple[str, str, str]] = banco.execute(
            """
            SELECT t.relname, a.attname, s.relname FROM pg_depend d
            JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
            JOIN pg_class t ON t.oid = d.refobjid
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
            WHERE d.deptype IN ('a', 'i') AND a.atttypid IN (20, 21, 23)
              AND t.relnamespace = 'public'::regnamespace
            """
        ).fetchall()
        modelo = sql.SQL(
            "SELECT {nome}::text WHERE (SELECT s.last_value FROM {s} s)"
            " < coalesce((SELECT max({c}) FROM {t}), 0)"
        )
        partes = [
            modelo.format(nome=sql.Literal(f"{tabela}.{coluna}"), c=sql.Identifier(coluna),
                          t=sql.Identifier(tabela), s=sql.Identifier(sequencia))
            for tabela, coluna, sequencia in donas
        ]  # fmt: skip
        return [nome for (nome,) in _de_todas(banco, partes)]


def executar_sql(projeto: SupabaseLocal, *comandos: str, sem_gatilhos: bool = False) -> None:
    """Executa os comandos numa transação, como um acidente de verdade: com os gatilhos, a não
    ser que se peça o contrário."""
    with numa_transacao(projeto) as banco:
        if sem_gatilhos:
            banco.execute("SET LOCAL session_replication_role = replica")
        for comando in comandos:
            banco.execute(comando.encode())


def valor(projeto: SupabaseLocal, consulta: str) -> Any:
    """O primeiro valor da primeira linha."""
    with conexao_de(projeto) as banco:
        linha = banco.execute(consulta.encode()).fetchone()
        return linha[0] if linha else None


def diferencas(
    agora: Mapping[str, list[Linha]], queria: Mapping[str, list[Linha]]
) -> dict[str, tuple[list[Linha], list[Linha]]]:
    """De cada tabela que difere: (linhas que só há agora, linhas que só havia no pedido)."""
    achadas = {}
    for tabela in queria:
        if agora[tabela] == queria[tabela]:
            continue
        tem, pedidas = _contadas(agora[tabela]), _contadas(queria[tabela])
        if tem != pedidas:
            so_agora, so_antes = tem - pedidas, pedidas - tem
            achadas[tabela] = (_abertas(so_agora), _abertas(so_antes))
    return achadas


def _contadas(linhas: list[Linha]) -> Counter[str]:
    return Counter(json.dumps(linha) for linha in linhas)


def _abertas(contadas: Counter[str]) -> list[Linha]:
    return [json.loads(texto) for texto in sorted(contadas.elements())]


_guardadas: dict[str, psycopg.Connection[Any]] = {}
"""As conexões em que se olhou por último, pelo endereço: CABEM. Quem acaba de nascer não conhece
tabela nenhuma, e conhecê-las custa mais do que ler o que têm."""
CABEM: Final = 2
"""Há testes que olham ora para um projeto, ora para outro."""


@contextlib.contextmanager
def conexao_de(projeto: SupabaseLocal) -> Iterator[psycopg.Connection[Any]]:
    """Do administrador, em autocommit: a guardada deste projeto, se há e ainda serve; num fio à
    parte, uma só dele."""
    if threading.current_thread() is not threading.main_thread():
        with _nova(projeto.uri_admin) as banco:
            yield banco
        return
    guardada = _guardadas.pop(projeto.uri_admin, None)
    if guardada is None or not _serve(guardada):
        while len(_guardadas) >= CABEM:  # a que há mais tempo não serve a ninguém
            _guardadas.pop(next(iter(_guardadas))).close()
        guardada = _nova(projeto.uri_admin)
    _guardadas[projeto.uri_admin] = guardada
    yield guardada


@contextlib.contextmanager
def numa_transacao(projeto: SupabaseLocal) -> Iterator[psycopg.Connection[Any]]:
    """A mesma, numa transação que se grava ao sair; do que é só da sessão, nada fica."""
    with conexao_de(projeto) as banco:
        try:
            with banco.transaction():
                yield banco
        finally:
            if banco.info.transaction_status == TransactionStatus.IDLE:
                banco.execute("DISCARD ALL")


@contextlib.contextmanager
def em_dicionarios(projeto: SupabaseLocal) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A mesma transação, e cada linha é um dicionário."""
    with numa_transacao(projeto) as banco:
        banco.row_factory = dict_row
        try:
            yield banco
        finally:
            banco.row_factory = tuple_row


def _nova(uri: str) -> psycopg.Connection[Any]:
    # Sem preparar nada: o esquema pode mudar de uma vez para a outra.
    ajustes = "-c timezone=UTC -c jit=off"
    return psycopg.connect(uri, autocommit=True, prepare_threshold=None, options=ajustes)


def _serve(banco: psycopg.Connection[Any]) -> bool:
    """Se não acabaram com ela."""
    with contextlib.suppress(psycopg.Error):
        banco.execute("SELECT 1")
        return True
    return False


def soltar() -> None:
    """Fecha as guardadas: um banco com alguém dentro não se copia nem se apaga em paz."""
    while _guardadas:
        _guardadas.popitem()[1].close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Antes de se desmontar o que um teste usou."""
    soltar()


def _nome(tabela: str) -> sql.Identifier:
    return sql.Identifier(*tabela.split("."))


def _de_todas(banco: psycopg.Connection[Any], partes: list[sql.Composed]) -> list[tuple[Any, ...]]:
    """As linhas de todas estas consultas, numa ida só."""
    return banco.execute(sql.SQL(" UNION ALL ").join(partes)).fetchall() if partes else []


def tabelas_e_donos(banco: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    """(tabela, expressão do dono) de todas, particionadas uma vez só."""
    colunas: list[tuple[str, list[str]]] = banco.execute(
        """
        SELECT c.relname, array_agg(a.attname::text) FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND NOT c.relispartition
        GROUP BY 1 ORDER BY 1
        """
    ).fetchall()
    for tabela, suas in colunas:
        yield tabela, DONOS.get(tabela, "t.user_id" if "user_id" in suas else "NULL")
    (ha_login,) = banco.execute("SELECT to_regclass('auth.users') IS NOT NULL").fetchone() or (0,)
    if ha_login:
        yield "auth.users", "NULL"


def _ler(bruta: str) -> Linha:
    lida = json.loads(bruta, parse_float=str, parse_int=str)
    assert isinstance(lida, dict)
    return lida
