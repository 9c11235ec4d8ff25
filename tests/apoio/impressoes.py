"""As impressões digitais de um banco em SQL, por tabela e empresa, sem nada do cofre no meio."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

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
"""(tabela, dono) → md5 de todas as linhas dele nela."""
Linha = dict[str, Any]


def impressoes(projeto: SupabaseLocal) -> Impressoes:
    """De cada tabela e dono do banco, auth.users inclusive."""
    achadas: Impressoes = {}
    with _conexao(projeto) as banco:
        for tabela, dono in tabelas_e_donos(banco):
            consulta = sql.SQL(
                "SELECT coalesce(({dono})::text, ''),"
                " md5(string_agg(row_to_json(t.*)::text, E'\\n' ORDER BY row_to_json(t.*)::text"
                ' COLLATE "C")) FROM {tabela} t GROUP BY 1'
            ).format(dono=sql.SQL(dono), tabela=sql.Identifier(*tabela.split(".")))
            linhas: list[tuple[str, str]] = banco.execute(consulta).fetchall()
            achadas |= {(tabela, de_quem): md5 for de_quem, md5 in linhas}
    return achadas


def alheias(todas: Impressoes, dono: str) -> Impressoes:
    """As que não são deste dono: as outras empresas e o que é global."""
    return {(tabela, quem): md5 for (tabela, quem), md5 in todas.items() if quem != dono}


def proprias(todas: Impressoes, dono: str) -> dict[str, str]:
    """As deste dono, por tabela."""
    return {tabela: md5 for (tabela, quem), md5 in todas.items() if quem == dono}


def estado(
    projeto: SupabaseLocal,
    dono: str,
    sem: frozenset[tuple[str, str]] = REESCRITAS,
) -> dict[str, list[Linha]]:
    """As linhas deste dono em cada tabela, ordenadas, sem as colunas `sem` (tabela, coluna).
    Números ficam em texto: nenhum dígito se perde na comparação."""
    achado: dict[str, list[Linha]] = {}
    with _conexao(projeto) as banco:
        for tabela, de_quem in tabelas_e_donos(banco):
            consulta = sql.SQL(
                "SELECT row_to_json(t.*)::text FROM {tabela} t"
                " WHERE ({de_quem})::text = {dono} ORDER BY 1"
            ).format(
                de_quem=sql.SQL(de_quem),
                dono=sql.Literal(dono),  # à parte, um % no nome da tabela seria tomado por um valor
                tabela=sql.Identifier(*tabela.split(".")),
            )
            linhas: list[tuple[str]] = banco.execute(consulta).fetchall()
            fora = {coluna for t, coluna in sem if t == tabela}
            achado[tabela] = sorted(
                ({c: v for c, v in _ler(bruta).items() if c not in fora} for (bruta,) in linhas),
                key=json.dumps,
            )
    return achado


def sequencias_atras(projeto: SupabaseLocal) -> list[str]:
    """As sequências de colunas de identidade ou serial que dariam um valor já usado."""
    with _conexao(projeto) as banco:
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
        atrasadas = []
        for tabela, coluna, sequencia in donas:
            consulta = sql.SQL(
                "SELECT s.last_value < coalesce((SELECT max({c}) FROM {t}), 0) FROM {s} s"
            ).format(c=sql.Identifier(coluna), t=sql.Identifier(tabela),
                     s=sql.Identifier(sequencia))  # fmt: skip
            (atras,) = banco.execute(consulta).fetchone() or (True,)
            if atras:
                atrasadas.append(f"{tabela}.{coluna}")
        return atrasadas


def executar_sql(projeto: SupabaseLocal, *comandos: str, sem_gatilhos: bool = False) -> None:
    """Executa os comandos numa transação, como um acidente de verdade: com os gatilhos, a não
    ser que se peça o contrário."""
    with psycopg.connect(projeto.uri_admin) as banco:
        if sem_gatilhos:
            banco.execute("SET LOCAL session_replication_role = replica")
        for comando in comandos:
            banco.execute(comando.encode())


def valor(projeto: SupabaseLocal, consulta: str) -> Any:
    """O primeiro valor da primeira linha."""
    with _conexao(projeto) as banco:
        linha = banco.execute(consulta.encode()).fetchone()
        return linha[0] if linha else None


def diferencas(
    agora: Mapping[str, list[Linha]], queria: Mapping[str, list[Linha]]
) -> dict[str, tuple[list[Linha], list[Linha]]]:
    """De cada tabela que difere: (linhas que só há agora, linhas que só havia no pedido)."""
    achadas = {}
    for tabela in queria:
        tem, pedidas = _contadas(agora[tabela]), _contadas(queria[tabela])
        if tem != pedidas:
            so_agora, so_antes = tem - pedidas, pedidas - tem
            achadas[tabela] = (_abertas(so_agora), _abertas(so_antes))
    return achadas


def _contadas(linhas: list[Linha]) -> Counter[str]:
    return Counter(json.dumps(linha) for linha in linhas)


def _abertas(contadas: Counter[str]) -> list[Linha]:
    return [json.loads(texto) for texto in sorted(contadas.elements())]


def _conexao(projeto: SupabaseLocal) -> psycopg.Connection[Any]:
    banco = psycopg.connect(projeto.uri_admin, autocommit=True)
    banco.execute("SET timezone = 'UTC'")
    return banco


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
