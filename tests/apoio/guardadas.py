"""As linhas de um projeto, guardadas para se porem de volta: o módulo tem um projeto só, e cada
teste o acha como no começo. Restaurá-las pelo programa custaria uma restauração por teste."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from apoio.impressoes import conexao_de, numa_transacao
from supabase_local.servidores.servidor import SupabaseLocal

GRAVAVEIS = """
    SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = ''
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Guardadas:
    """As de todas as tabelas públicas, como o COPY as dá; as colunas geradas refazem-se."""

    projeto: SupabaseLocal
    linhas: list[tuple[sql.Identifier, sql.Composed, bytes]]
    """(a tabela, as colunas que se gravam, as linhas)"""

    @classmethod
    def de(cls, projeto: SupabaseLocal) -> Guardadas:
        guardadas = []
        with conexao_de(projeto) as banco:
            for tabela, colunas in banco.execute(GRAVAVEIS.encode()).fetchall():
                nome, suas = (
                    sql.Identifier(tabela),
                    sql.SQL(", ").join(map(sql.Identifier, colunas)),
                )
                ler = sql.SQL("COPY {} ({}) TO STDOUT").format(nome, suas)
                with banco.cursor().copy(ler) as vindas:
                    guardadas.append((nome, suas, b"".join(map(bytes, vindas))))
        return cls(projeto, guardadas)

    def repor(self) -> None:
        """Nada fica do que houve desde então: nem uma linha de tabela alguma, nem um gatilho
        dispara. Levanta psycopg.Error se o esquema já não as aceita."""
        with numa_transacao(self.projeto) as banco:
            banco.execute("SET LOCAL session_replication_role = replica")
            nomes = sql.SQL(", ").join(nome for nome, _, _ in self.linhas)
            banco.execute(sql.SQL("TRUNCATE {}").format(nomes))
            for nome, colunas, linhas in self.linhas:
                gravar = sql.SQL("COPY {} ({}) FROM STDIN").format(nome, colunas)
                with banco.cursor().copy(gravar) as indo:
                    indo.write(linhas)
