"""As chaves estrangeiras, e os valores únicos que o banco deixa para conferir depois, conferidos
por consulta: com o papel de réplica, o banco não o faz.

Valem as de qualquer schema, compostas inclusive, entre uma tabela que se escreveu e outra qualquer.
As linhas-mãe achadas ficam seguras (FOR KEY SHARE) até a transação acabar, como o próprio banco
faria. As restrições NOT VALID, que o banco admite furadas, não se conferem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from cofre.base.erros import EscritaRecusada
from cofre.base.linha import valores_de_todas
from cofre.base.modelo import Tabela
from cofre.via.contrato import Dependente
from cofre.via.direta.catalogo import ACOES
from cofre.via.direta.texto import linhas_json, nome, objeto, propria, so_ela

ORFA = "23503"
REPETIDA = "23505"

_CHAVES = """
    SELECT k.conname::text AS nome, fn.nspname::text AS schema_filha, f.relname::text AS filha,
        mn.nspname::text AS schema_mae, m.relname::text AS mae, k.confdeltype::text AS ao_remover,
        frn.nspname::text || '.' || fr.relname AS raiz_filha,
        mrn.nspname::text || '.' || mr.relname AS raiz_mae,
        ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS x(n, i)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.i)
            AS colunas,
        ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS x(n, i)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.i)
            AS referencias,
        k.condeferrable AS adiavel, k.confmatchtype = 'f' AS inteira,
        f.relkind = 'p' AS filha_particionada, m.relkind = 'p' AS mae_particionada
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class f ON f.oid = k.conrelid
    JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
    JOIN pg_catalog.pg_class m ON m.oid = k.confrelid
    JOIN pg_catalog.pg_namespace mn ON mn.oid = m.relnamespace
    JOIN pg_catalog.pg_class fr ON fr.oid = coalesce(pg_catalog.pg_partition_root(f.oid), f.oid)
    JOIN pg_catalog.pg_namespace frn ON frn.oid = fr.relnamespace
    JOIN pg_catalog.pg_class mr ON mr.oid = coalesce(pg_catalog.pg_partition_root(m.oid), m.oid)
    JOIN pg_catalog.pg_namespace mrn ON mrn.oid = mr.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated
    ORDER BY k.conname
"""


_UNICAS = """
    SELECT k.conname::text AS nome, c.relname::text AS tabela,
        ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS x(n, i)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.i)
            AS colunas
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    WHERE k.contype IN ('p', 'u') AND k.condeferrable AND k.conparentid = 0
      AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
    ORDER BY k.conname
"""


class Unica(NamedTuple):
    """Uma chave primária ou UNIQUE que o banco confere por um gatilho (DEFERRABLE)."""

    nome: str
    tabela: str
    colunas: list[str]


class Ligacao(NamedTuple):
    """Uma chave estrangeira do banco, entre tabelas de quaisquer schemas. `adiavel`: DEFERRABLE;
    `inteira`: MATCH FULL, em que ou todas as colunas são nulas ou nenhuma é. Uma das pontas pode
    ser uma partição: a raiz é a tabela dela, ou a própria."""

    nome: str
    schema_filha: str
    filha: str
    schema_mae: str
    mae: str
    ao_remover: str
    raiz_filha: str
    raiz_mae: str
    colunas: list[str]
    referencias: list[str]
    adiavel: bool
    inteira: bool
    filha_particionada: bool
    mae_particionada: bool

    def das_filhas(self) -> sql.SQL:
        """A tabela que aponta, num FROM."""
        return so_ela(self.schema_filha, self.filha, particionada=self.filha_particionada)

    def das_maes(self) -> sql.SQL:
        """A apontada."""
        return so_ela(self.schema_mae, self.mae, particionada=self.mae_particionada)


@dataclass(frozen=True, slots=True)
class Ligacoes:
    """Todas as chaves estrangeiras, na transação aberta em `conexao`. psycopg.Error passa."""

    conexao: psycopg.Connection
    todas: tuple[Ligacao, ...]
    unicas: tuple[Unica, ...]

    @classmethod
    def do_banco(cls, conexao: psycopg.Connection) -> Ligacoes:
        """Lê o catálogo."""
        with conexao.cursor(row_factory=class_row(Ligacao)) as cursor:
            todas = tuple(cursor.execute(_CHAVES.encode()).fetchall())
        with conexao.cursor(row_factory=class_row(Unica)) as cursor:
            return cls(conexao, todas, tuple(cursor.execute(_UNICAS.encode()).fetchall()))

    def noutra(self, conexao: psycopg.Connection) -> Ligacoes:
        """As mesmas, sem reler o catálogo, numa transação de outra conexão."""
        return replace(self, conexao=conexao)

    def adiadas(self, tabela: str) -> bool:
        """Se algo nas linhas desta tabela só se confere no fim."""
        unicas = any(u.tabela == tabela for u in self.unicas)
        return unicas or any(k.adiavel for k in self._da_filha(tabela))

    def exigir_unicas(self, tabela: Tabela, linhas: Sequence[bytes]) -> None:
        """Os valores únicos destas linhas não se repetem em outra, seja de quem for. Levanta
        EscritaRecusada, nas palavras do banco."""
        for unica in self.unicas:
            if unica.tabela != tabela.nome:
                continue
            consulta = sql.SQL(
                "SELECT pg_catalog.concat_ws(', ', {valores}) FROM {linhas}"
                " WHERE (SELECT pg_catalog.count(*) FROM {t} AS m WHERE {iguais}) > 1 LIMIT 1"
            ).format(
                valores=_valores("r", unica.colunas),
                linhas=linhas_json(tabela, unica.colunas),
                t=propria(tabela),
                iguais=_iguais("m", unica.colunas, "r", unica.colunas),
            )
            achada = self.conexao.execute(consulta, [_so(unica.colunas, linhas)]).fetchone()
            if achada is not None:
                raise EscritaRecusada(
                    REPETIDA,
                    f'duplicate key value violates unique constraint "{unica.nome}"',
                    f"Key ({', '.join(unica.colunas)})=({achada[0]}) already exists.",
                )

    def exigir_maes(self, tabela: Tabela, linhas: Sequence[bytes], *, menos_adiadas: bool) -> None:
        """Segura as mães destas linhas. Levanta EscritaRecusada, nas palavras do banco, se alguma
        aponta para o que não existe."""
        for ligacao in self._da_filha(tabela.nome):
            if not (menos_adiadas and ligacao.adiavel):
                de_toda = f"{ligacao.schema_filha}.{ligacao.filha}" == ligacao.raiz_filha
                self._exigir_mae(ligacao, tabela, linhas, so_se_entrou=not de_toda)

    def exigir_maes_adiadas(self, tabela: Tabela, linhas: Sequence[bytes]) -> None:
        """O mesmo pelas chaves DEFERRABLE. Uma linha que não chegou a entrar não conta."""
        for ligacao in self._da_filha(tabela.nome):
            if ligacao.adiavel:
                self._exigir_mae(ligacao, tabela, linhas, so_se_entrou=True)

    def _exigir_mae(
        self, ligacao: Ligacao, tabela: Tabela, linhas: Sequence[bytes], *, so_se_entrou: bool
    ) -> None:
        """Que cada linha tenha a sua mãe, e esta não saia antes do fim. Levanta EscritaRecusada."""
        valores = _so(ligacao.colunas, linhas)
        segurando = _sem_mae(ligacao, tabela, so_se_entrou, "FOR KEY SHARE")
        try:
            with self.conexao.transaction():
                achada = self._primeira(segurando, valores)
        except psycopg.errors.InsufficientPrivilege:
            # Sem permissão de travar (auth.users), só se olha: apagar um usuário é raro.
            achada = self._primeira(_sem_mae(ligacao, tabela, so_se_entrou, ""), valores)
        if achada is not None:
            raise EscritaRecusada(
                ORFA,
                f'insert or update on table "{tabela.nome}" violates foreign key constraint'
                f' "{ligacao.nome}"',
                f"Key ({', '.join(ligacao.colunas)})=({achada}) is not present in table"
                f' "{ligacao.mae}".',
            )

    def exigir_sem_filhas(self, tabela: Tabela, linhas: Sequence[bytes]) -> None:
        """Nada, em tabela nenhuma, aponta para estas linhas, que saíram ou já não têm aqueles
        valores. Levanta EscritaRecusada, nas palavras do banco."""
        for ligacao in self._da_mae(tabela.nome):
            consulta = sql.SQL(
                "SELECT pg_catalog.concat_ws(', ', {valores}) FROM {linhas}"
                " WHERE EXISTS (SELECT FROM {filha} AS f WHERE {aponta})"
                " AND NOT EXISTS (SELECT FROM {mae} AS m WHERE {a_mesma}) LIMIT 1"
            ).format(
                valores=_valores("r", ligacao.referencias),
                linhas=linhas_json(tabela, ligacao.referencias),
                filha=ligacao.das_filhas(),
                aponta=_iguais("f", ligacao.colunas, "r", ligacao.referencias),
                mae=ligacao.das_maes(),
                a_mesma=_iguais("m", ligacao.referencias, "r", ligacao.referencias),
            )
            achada = self.conexao.execute(consulta, [_so(ligacao.referencias, linhas)]).fetchone()
            if achada is not None:
                raise EscritaRecusada(
                    ORFA,
                    f'update or delete on table "{tabela.nome}" violates foreign key constraint'
                    f' "{ligacao.nome}" on table "{ligacao.filha}"',
                    f"Key ({', '.join(ligacao.referencias)})=({achada[0]}) is still referenced"
                    f' from table "{ligacao.filha}".',
                )

    def dependentes(
        self, tabela: Tabela, linhas: Sequence[bytes], dentro: Collection[str]
    ) -> list[Dependente]:
        """As linhas que apontam para estas, em tabelas que não são as de `dentro`."""
        achados = []
        for ligacao in self._da_mae(tabela.nome):
            schema, _ponto, raiz = ligacao.raiz_filha.partition(".")
            if schema == "public" and raiz in dentro:
                continue
            consulta = sql.SQL(
                "SELECT pg_catalog.count(*) FROM {linhas} JOIN {filha} AS f ON {aponta}"
            ).format(
                linhas=linhas_json(tabela, ligacao.referencias),
                filha=ligacao.das_filhas(),
                aponta=_iguais("f", ligacao.colunas, "r", ligacao.referencias),
            )
            contadas = self.conexao.execute(
                consulta, [_todas(ligacao.referencias, linhas)]
            ).fetchone()
            quantas = int(contadas[0]) if contadas else 0
            if quantas:
                de_fora = "" if ligacao.schema_filha == "public" else f"{ligacao.schema_filha}."
                achados.append(
                    Dependente(f"{de_fora}{ligacao.filha}", ACOES[ligacao.ao_remover], quantas)
                )
        return achados

    def _primeira(self, consulta: sql.Composed, valores: list[str]) -> str | None:
        achada = self.conexao.execute(consulta, [valores]).fetchone()
        return str(achada[0]) if achada else None

    def _da_filha(self, tabela: str) -> Iterator[Ligacao]:
        return (k for k in self.todas if k.raiz_filha == f"public.{tabela}")

    def _da_mae(self, tabela: str) -> Iterator[Ligacao]:
        return (k for k in self.todas if k.raiz_mae == f"public.{tabela}")


def _so(colunas: Sequence[str], linhas: Sequence[bytes]) -> list[str]:
    """Só estas colunas de cada linha, em JSON, sem as repetidas: muitas filhas têm a mesma mãe, e o
    resto da linha é caro de mandar e de ler."""
    distintas = dict.fromkeys(valores_de_todas(linhas, colunas))
    return [objeto(colunas, valores) for valores in distintas]


def _todas(colunas: Sequence[str], linhas: Sequence[bytes]) -> list[str]:
    return [objeto(colunas, valores) for valores in valores_de_todas(linhas, colunas)]


def _sem_mae(ligacao: Ligacao, tabela: Tabela, so_se_entrou: bool, trava: str) -> sql.Composed:
    """O valor da primeira linha que aponta para o que não existe; as mães que existem ficam com
    esta `trava`."""
    return sql.SQL(
        "SELECT pg_catalog.concat_ws(', ', {valores}) FROM {linhas}"
        " WHERE ({preenchida}) AND {condicao}"
        " AND NOT EXISTS (SELECT FROM {mae} AS m WHERE {aponta} {trava}) LIMIT 1"
    ).format(
        valores=_valores("r", ligacao.colunas),
        linhas=linhas_json(tabela, ligacao.colunas),
        preenchida=sql.SQL(" OR " if ligacao.inteira else " AND ").join(
            sql.SQL("{} IS NOT NULL").format(nome("r", c)) for c in ligacao.colunas
        ),
        condicao=_entrou(ligacao) if so_se_entrou else sql.SQL("true"),
        mae=ligacao.das_maes(),
        aponta=_iguais("m", ligacao.referencias, "r", ligacao.colunas),
        trava=sql.SQL(trava),
    )


def _entrou(ligacao: Ligacao) -> sql.Composed:
    """Há na filha uma linha com os valores de `r`."""
    return sql.SQL("EXISTS (SELECT FROM {} AS f WHERE {})").format(
        ligacao.das_filhas(),
        _iguais("f", ligacao.colunas, "r", ligacao.colunas),
    )


def _iguais(um: str, colunas: Sequence[str], outro: str, outras: Sequence[str]) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(nome(um, a), nome(outro, b))
        for a, b in zip(colunas, outras, strict=True)
    )


def _valores(apelido: str, colunas: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(nome(apelido, c) for c in colunas)
