"""Um projeto já usado, reposto como nasceu: o teste seguinte o aproveita, com a API no ar.

Subir a API de um projeto custa cinco vezes mais do que repor as linhas que um teste mudou, e as
conexões dela já conhecem as tabelas. Só volta à estante o projeto de que se prova que nada mudou
fora das linhas, das sequências e dos arquivos: qualquer dúvida (uma tabela nova, um papel com outra
configuração, uma conexão que ficou, um pedido por responder) faz um novo, como se ela não houvesse.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from supabase_local.servidores.auth.servico import Modos
from supabase_local.servidores.postgres import ADMINISTRADOR, ClusterPostgres
from supabase_local.servidores.postgrest import AVISO_DE_RECARGA
from supabase_local.servidores.processos import esperar
from supabase_local.servidores.servidor import SupabaseLocal

PACIENCIA: Final = 10.0
"""Segundos até desistir de que as conexões de um teste acabem: numa máquina cheia, custa-lhes."""
PACIENCIA_COM_UM_PEDIDO: Final = 0.3
"""O mesmo, de que se responda a quem já não está lá: uma falha de teste pode demorar uma hora."""
LOJA: Final = "modelo_loja"
LOJA_SEM_GATILHOS: Final = "modelo_sem_gatilhos"
LOJA_MENOR: Final = "modelo_loja_menor"
ESCRITORIO: Final = "modelo_escritorio"
VAZIO: Final = "template1"
"""Os bancos de que se copiam projetos."""
CABEM: Final = 4
"""Projetos parados ao mesmo tempo: cada um é um PostgREST e umas cinco conexões."""
AO_SUBIR: Final = re.compile(
    r"\d+/\w+/\d+:[\d:]+ [+-]\d+: |Starting PostgREST [\d.]+|Attempting to connect to the database"
    r"|Connection successful|(?:Admin server l|L)istening on port \d+|Config reloaded"
    rf"|Listening for notifications on the pgrst channel|{AVISO_DE_RECARGA}|[\s.]"
)
"""O que o PostgREST diz quando nada lhe acontece (às vezes, duas frases numa linha)."""
DERRUBADA: Final = b"terminating connection due to administrator command"
"""O que o PostgreSQL diz de uma conexão com que se acabou."""

CATALOGOS: Final = (
    "pg_attribute pg_attrdef pg_constraint pg_trigger pg_proc pg_policy pg_rewrite pg_type pg_enum"
    " pg_namespace pg_default_acl pg_index pg_inherits pg_partitioned_table pg_extension"
    " pg_sequence pg_description pg_event_trigger pg_publication pg_publication_rel pg_range"
    " pg_operator pg_cast pg_collation pg_statistic_ext pg_aggregate pg_opclass pg_foreign_server"
    " pg_foreign_table pg_largeobject_metadata"
).split()
"""O que muda com o esquema. Uma linha nova ou mudada tem uma versão maior que todas; uma apagada
faz falta na conta. Da `pg_class` e do banco, que mudam também sem isso, comparam-se as colunas."""
DO_ESQUEMA: Final = """
    SELECT 'pg_class', count(*), hashtextextended(string_agg(concat_ws('|', oid, relname,
        relnamespace, relowner, relam, relkind, relpersistence, relnatts, relchecks, relhasrules,
        relrowsecurity, relforcerowsecurity, relispartition, relreplident, relacl, reloptions),
        ';' ORDER BY oid), 0)
    FROM pg_class
    UNION ALL
    SELECT 'pg_database', datconnlimit,
        hashtextextended(concat_ws('|', datdba, datallowconn, datacl), 0)
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'pg_db_role_setting', count(*), 0
    FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase
    WHERE d.datname = current_database()
"""
TABELAS: Final = """
    SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
SEQUENCIAS: Final = (
    "SELECT seqrelid::regclass::text, pg_sequence_last_value(seqrelid), seqstart FROM pg_sequence"
)
AINDA_HA: Final = """
    SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            AND (usename <> 'authenticator' OR state <> 'idle'))
        OR EXISTS (SELECT 1 FROM pg_prepared_xacts WHERE database = current_database())
        OR EXISTS (SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE locktype = 'advisory' AND datname = current_database())
"""
"""Conexões que não são as da API à espera, transações preparadas, travas de aplicativo."""
NAO_SE_COPIA: Final = """
    SELECT datacl IS NOT NULL OR EXISTS (SELECT 1 FROM pg_db_role_setting WHERE setdatabase = d.oid)
    FROM pg_database d WHERE datname = current_database()
"""
"""O que um banco tem e as cópias dele não: permissões e configurações do próprio banco."""
SEMPRE_DISPARAM: Final = "SELECT 1 FROM pg_trigger WHERE tgenabled IN ('A', 'R')"
DEPENDEM: Final = "SELECT confrelid, conrelid FROM pg_constraint WHERE contype = 'f'"
POR_VALIDAR: Final = """
    SELECT conrelid, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'c' AND NOT convalidated
"""
"""As regras que as linhas de hoje podem furar: recopiadas, seriam recusadas."""
GRAVAVEIS: Final = """
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""

Banco = psycopg.Connection[Any]
Tabela = tuple[str, str]
"""(esquema, nome)"""
Linhas = dict[int, tuple[int, int | None]]
"""O oid de cada tabela → quantas linhas, e a versão da mais nova."""
Copia = tuple[sql.Composed, bytes]
"""As colunas que se gravam, e as linhas, como o COPY as dá e as recebe."""


@dataclass(slots=True)
class Estado:
    """De um banco: o esquema, as linhas de cada tabela (quantas, e a versão da mais nova), as
    sequências e os arquivos do Storage."""

    esquema: frozenset[tuple[Any, ...]]
    linhas: Linhas
    sequencias: dict[str, tuple[int | None, int]]
    arquivos: frozenset[tuple[str, int, int]]
    nomes: dict[int, Tabela] = field(default_factory=dict)

    @classmethod
    def de(cls, banco: Banco, armazem: Path) -> Estado:
        nomes = {oid: (esquema, nome) for oid, esquema, nome in banco.execute(TABELAS).fetchall()}
        sequencias = {n: (agora, zero) for n, agora, zero in banco.execute(SEQUENCIAS).fetchall()}
        return cls(_esquema(banco), _linhas(banco, nomes), sequencias, _arquivos(armazem), nomes)


def _esquema(banco: Banco) -> frozenset[tuple[Any, ...]]:
    partes = [f"SELECT '{c}', count(*), max(xmin::text::bigint) FROM {c}" for c in CATALOGOS]
    return frozenset(banco.execute(" UNION ALL ".join([*partes, DO_ESQUEMA]).encode()).fetchall())


def _linhas(banco: Banco, nomes: Mapping[int, Tabela]) -> Linhas:
    modelo = sql.SQL("SELECT {oid}, count(*), max(xmin::text::bigint) FROM ONLY {tabela}")
    partes = [
        modelo.format(oid=sql.Literal(oid), tabela=sql.Identifier(*tabela))
        for oid, tabela in nomes.items()
    ]
    if not partes:
        return {}
    achadas = banco.execute(sql.SQL(" UNION ALL ").join(partes)).fetchall()
    return {oid: (quantas, versao) for oid, quantas, versao in achadas}


def _arquivos(armazem: Path) -> frozenset[tuple[str, int, int]]:
    achados = ((a, a.stat()) for a in armazem.rglob("*") if a.is_file())
    return frozenset(
        (a.relative_to(armazem).as_posix(), d.st_size, d.st_mtime_ns) for a, d in achados
    )


@dataclass(frozen=True, slots=True)
class Molde:
    """O banco de que se copiam os projetos de uma espécie, e como ele é; das tabelas que algum
    teste já mudou, as colunas e as linhas, que são sempre as mesmas."""

    banco: str
    estado: Estado
    copias: dict[int, Copia] = field(default_factory=dict, compare=False)


_numeros = itertools.count(1)
"""Os dos moldes deste cluster, de quem quer que sejam as estantes."""


class Estante:
    """Os projetos parados, por espécie (o que os distingue ao nascer)."""

    def __init__(self, cluster: ClusterPostgres) -> None:
        self._cluster = cluster
        self._registro = cluster.registro
        self._moldes: dict[str, Molde | None] = {}
        self._fixos = {LOJA, LOJA_SEM_GATILHOS, LOJA_MENOR, ESCRITORIO, VAZIO}
        self._de_textos: dict[tuple[str, tuple[str, ...]], str | None] = {}
        """Cada modelo com os seus textos → o banco feito deles; None, ainda não; vazio, não dá."""
        self._estados: dict[str, Estado] = {}
        """O de cada projeto que já foi reposto: as linhas recopiadas têm outra versão."""
        self._parados: list[tuple[object, SupabaseLocal]] = []

    def molde(self, modelo: str, textos: tuple[str, ...]) -> str | None:
        """O banco de que se copiam os projetos que nascem do `modelo` com estes textos em SQL: ele
        mesmo, se não há textos. None se só agora se pedem pela primeira vez, que outra pode não
        haver, ou se do que fazem alguma coisa não passa para as cópias."""
        if not textos:
            self._molde(modelo)
            return modelo
        if modelo not in self._fixos:
            return None
        qual = (modelo, textos)
        if qual not in self._de_textos:
            self._de_textos[qual] = None
            return None
        if self._de_textos[qual] is None:
            nome = f"molde_{next(_numeros)}"
            self._cluster.criar_banco(nome, modelo=modelo, sql=textos)
            self._fixos.add(nome)
            with self._cluster.conectar(nome, ADMINISTRADOR) as banco:
                self._de_textos[qual] = "" if _um(banco, NAO_SE_COPIA) else nome
        return self._de_textos[qual] or None

    def tirar(self, especie: object, molde: str) -> SupabaseLocal | None:
        """Um projeto desta espécie, como acabado de nascer de uma cópia do `molde`, se há."""
        for n, (qual, projeto) in enumerate(self._parados):
            if qual == especie:
                del self._parados[n]
                if self._ainda_e_o_mesmo(molde):
                    return projeto
                self._acabar_com(projeto)
        return None

    def _ainda_e_o_mesmo(self, molde: str) -> bool:
        """Se o molde é como era: o que é de um teste, ele pode mudar. O que não é, nunca muda."""
        conhecido = self._moldes.pop(molde, None)
        if molde in self._fixos:
            self._moldes[molde] = conhecido
            return True
        agora = self._molde(molde)
        return agora is not None and agora == conhecido

    def agora(self) -> int:
        """Um ponto no registro do PostgreSQL."""
        return self._registro.stat().st_size

    def receber(self, especie: object, projeto: SupabaseLocal, molde: str, desde: int) -> None:
        """Um projeto que um teste deixou, cópia do banco `molde`, e que começou a usar `desde` este
        ponto: repõe-no e guarda-o, ou acaba com ele."""
        derrubaram = self._derrubaram(desde)
        if not derrubaram and self._serve(projeto) and self._repor(projeto, molde):
            self._parados.append((especie, projeto))
        else:
            self._acabar_com(projeto)
        while len(self._parados) > CABEM:
            self._acabar_com(self._parados.pop(0)[1])

    def _derrubaram(self, desde: int) -> bool:
        """Se alguém acabou com conexões: as que a API guarda podem ser destas."""
        with self._registro.open("rb") as registro:
            registro.seek(desde)
            return DERRUBADA in registro.read()

    def fechar(self) -> None:
        for _, projeto in self._parados:
            self._acabar_com(projeto)
        self._parados.clear()

    def _acabar_com(self, projeto: SupabaseLocal) -> None:
        self._estados.pop(projeto.banco, None)
        projeto.parar()
        self._cluster.apagar_banco(projeto.banco)

    def _molde(self, banco: str) -> Molde | None:
        """O de um banco; None se as linhas dele não se podem recopiar em silêncio."""
        if banco not in self._moldes:
            with self._cluster.conectar(banco, ADMINISTRADOR) as conexao:
                disparam = conexao.execute(SEMPRE_DISPARAM).fetchone()
                estado = Estado.de(conexao, self._cluster.armazem(banco))
            self._moldes[banco] = None if disparam else Molde(banco, estado)
        return self._moldes[banco]

    @staticmethod
    def _serve(projeto: SupabaseLocal) -> bool:
        """Se a API está no ar e nada lhe aconteceu, e ninguém a espera."""
        if not projeto.no_ar:
            return False
        projeto.gateway.retirar_todas()
        if not esperar(lambda: projeto.gateway.em_curso == 0, PACIENCIA_COM_UM_PEDIDO):
            return False
        projeto.gateway.esquecer_pedidos()
        esperar(lambda: projeto.postgrest.recargas() > 0, PACIENCIA)
        como_novo = (projeto.storage.projeto.no_s3, projeto.auth.modos) == (False, Modos())
        calado = not AO_SUBIR.sub("", projeto.postgrest.ditos())
        return como_novo and calado and projeto.postgrest.recargas() == 1

    def _repor(self, projeto: SupabaseLocal, molde: str) -> bool:
        de_onde = self._molde(molde)
        if de_onde is None:
            return False
        era = self._estados.get(projeto.banco, de_onde.estado)
        projeto.soltar_conexoes()
        with (
            contextlib.suppress(psycopg.Error),
            self._cluster.conectar(projeto.banco, ADMINISTRADOR) as banco,
        ):
            if not esperar(lambda: not _um(banco, AINDA_HA), PACIENCIA):
                return False
            agora = Estado.de(banco, self._cluster.armazem(projeto.banco))
            if (agora.esquema, agora.arquivos) != (era.esquema, era.arquivos):
                return False
            mudadas = {oid for oid in era.linhas if agora.linhas[oid] != era.linhas[oid]}
            if mudadas:
                linhas, regras = self._recopiar(banco, de_onde, mudadas)
                agora.linhas |= linhas
                if regras:  # são outras, iguais
                    agora.esquema = _esquema(banco)
            for nome, (valor, zero) in era.sequencias.items():
                if agora.sequencias[nome][0] != valor:
                    ja = valor is not None
                    banco.execute("SELECT setval(%s, %s, %s)", (nome, valor if ja else zero, ja))
            agora.sequencias = era.sequencias
            self._estados[projeto.banco] = agora
            return True
        return False

    def _recopiar(self, banco: Banco, molde: Molde, mudadas: set[int]) -> tuple[Linhas, int]:
        """Põe as linhas destas tabelas, e das que apontam para elas, como no molde; devolve-as como
        ficaram, e quantas regras por validar se fizeram de novo. Levanta psycopg.Error se não
        dá."""
        todas = _com_as_que_dependem(mudadas, banco.execute(DEPENDEM).fetchall())
        nomes = {oid: sql.Identifier(*molde.estado.nomes[oid]) for oid in sorted(todas)}
        regras = [r for r in banco.execute(POR_VALIDAR).fetchall() if r[0] in todas]
        self._ler_do_molde(molde, {oid: n for oid, n in nomes.items() if oid not in molde.copias})
        with banco.transaction():
            banco.execute("SET LOCAL session_replication_role = replica")
            for oid, nome, _ in regras:
                _alterar(banco, nomes[oid], "DROP CONSTRAINT", nome)
            so_elas = sql.SQL(", ").join(sql.SQL("ONLY {}").format(n) for n in nomes.values())
            banco.execute(sql.SQL("TRUNCATE {}").format(so_elas))
            for oid, tabela in nomes.items():
                colunas, linhas = molde.copias[oid]
                gravar = sql.SQL("COPY {} ({}) FROM STDIN").format(tabela, colunas)
                with banco.cursor().copy(gravar) as indo:
                    indo.write(linhas)
            for oid, nome, regra in regras:
                _alterar(banco, nomes[oid], "ADD CONSTRAINT", nome, regra)
        return _linhas(banco, {oid: molde.estado.nomes[oid] for oid in todas}), len(regras)

    def _ler_do_molde(self, molde: Molde, faltam: Mapping[int, sql.Identifier]) -> None:
        if not faltam:
            return
        with self._cluster.conectar(molde.banco, ADMINISTRADOR) as de_la:
            for oid, tabela in faltam.items():
                nomes = [sql.Identifier(c) for (c,) in de_la.execute(GRAVAVEIS, [oid])]
                colunas = sql.SQL(", ").join(nomes)
                ler = sql.SQL("COPY (SELECT {} FROM ONLY {}) TO STDOUT").format(colunas, tabela)
                with de_la.cursor().copy(ler) as vindas:
                    molde.copias[oid] = colunas, b"".join(vindas)


def _com_as_que_dependem(tabelas: Iterable[int], pares: Iterable[tuple[int, int]]) -> set[int]:
    """Estas, e as que apontam para elas; `pares` é (mãe, filha)."""
    pares, todas, novas = list(pares), set[int](), set(tabelas)
    while novas:
        todas |= novas
        novas = {filha for mae, filha in pares if mae in novas} - todas
    return todas


def _alterar(banco: Banco, tabela: sql.Composable, *o_que: str) -> None:
    mudanca = sql.SQL(" ").join(sql.SQL(parte) for parte in o_que)
    banco.execute(sql.SQL("ALTER TABLE {} {}").format(tabela, mudanca))


def _um(banco: Banco, consulta: str) -> Any:
    linha = banco.execute(consulta.encode()).fetchone()
    return linha[0] if linha else None


@contextlib.contextmanager
def estante_de(cluster: ClusterPostgres) -> Iterator[Estante]:
    """Uma estante, que no fim acaba com o que guardou."""
    estante = Estante(cluster)
    try:
        yield estante
    finally:
        estante.fechar()
