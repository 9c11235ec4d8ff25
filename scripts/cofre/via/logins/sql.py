"""Os logins por SQL: lê-se e escreve-se só o que esta versão do Auth tem, coluna a coluna.

Fontes: as migrações do Auth (auth.users tem três colunas NOT NULL no banco e treze que o servidor
não lê nulas: internal/models/user.go) e o papel `postgres` do serviço hospedado, que ali lê e
escreve e não é dono de nada.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import psycopg
from psycopg import sql

from cofre.via.contrato import DIRETA
from cofre.via.direta.erros import na_consulta
from cofre.via.logins import contrato, insercao
from cofre.via.logins.comparacao import ja_existia
from cofre.via.logins.contrato import Criado, Lugar, SemAcesso, SemAuth
from cofre.via.logins.login import COLUNAS, DO_FATOR, FATORES, IDENTIDADES, SENHA, Login

Abrir = Callable[[], contextlib.AbstractContextManager[psycopg.Connection]]
"""Uma conexão numa transação; o que se faz nela só vale se quem a abriu o quiser."""

USUARIOS, DE_IDENTIDADES, DE_FATORES = "users", "identities", "mfa_factors"
NUNCA_DO_FATOR = frozenset({"user_id", "last_challenged_at"})
DA_IDENTIDADE = (
    "id",
    "provider_id",
    "provider",
    "identity_data",
    "last_sign_in_at",
    "created_at",
    "updated_at",
)
_VIRGULA = sql.SQL(", ")

_COLUNAS = """
    SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum),
        pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname = 'auth' AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.oid, c.relname, n.oid
"""
_GATILHOS = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_trigger g
        JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'auth' AND c.relname = ANY(%s) AND NOT g.tgisinternal
          AND g.tgenabled = ANY(CASE pg_catalog.current_setting('session_replication_role')
                                WHEN 'replica' THEN '{R,A}'::"char"[] ELSE '{O,A}'::"char"[] END)
    )
"""


def num_ponto(conexao: psycopg.Connection) -> Abrir:
    """Numa transação já aberta: o que falhar volta ao ponto de antes."""

    @contextlib.contextmanager
    def abrir() -> Iterator[psycopg.Connection]:
        with conexao.transaction():
            yield conexao

    return abrir


Colunas = Mapping[str, Sequence[str]]
"""As que se podem escrever, por tabela do schema auth."""


@dataclass(frozen=True, slots=True)
class LoginsPorSql:
    """Os `contrato.Logins` do projeto, nas transações que `abrir` dá."""

    abrir: Abrir

    @property
    def modo(self) -> str:
        """«direta»."""
        return DIRETA

    def ler(
        self, ids: Sequence[str], *, senhas: bool = False, fatores: bool = False
    ) -> dict[str, Login]:
        """De um instante só. Levanta SemAuth, SemAcesso e FalhaDoServidor."""
        with self._consultando() as conexao:
            return _ler(conexao, _colunas(conexao), ids, senhas=senhas, fatores=fatores)

    def lugares(self, guardados: Sequence[Login]) -> dict[str, Lugar]:
        """Pelo id, pelo e-mail (o do login e o das identidades, que o Auth também olha:
        models/user.go) e pelo telefone. Levanta SemAuth, SemAcesso e FalhaDoServidor."""
        with self._consultando() as conexao:
            colunas = _colunas(conexao)
            hoje = _ler(conexao, colunas, [g.id for g in guardados])
            return {g.id: _lugar(conexao, colunas, g, hoje.get(g.id)) for g in guardados}

    def gatilhos(self) -> bool:
        """Se algum dispara, com os gatilhos como estão nesta transação."""
        with self._consultando() as conexao:
            tabelas = [USUARIOS, DE_IDENTIDADES, DE_FATORES]
            linha = conexao.execute(_GATILHOS.encode(), [tabelas]).fetchone()
            return bool(linha and linha[0])

    def criar(self, guardado: Login) -> Criado:
        """Insere-o, com as identidades e os fatores que se guardaram, e relê-o. O que o banco
        recusa volta ao ponto de antes. Levanta FalhaDoServidor."""
        with self._consultando() as conexao:
            colunas = _colunas(conexao)
            existe = _ler(conexao, colunas, [guardado.id], senhas=True).get(guardado.id)
            if existe is not None:
                return ja_existia(guardado, existe, com_datas=True)
            return insercao.criar(conexao, colunas, guardado, self.ler)

    @contextlib.contextmanager
    def _consultando(self) -> Iterator[psycopg.Connection]:
        try:
            with self.abrir() as conexao:
                yield conexao
        except psycopg.errors.InsufficientPrivilege as e:
            raise _sem_acesso() from e
        except psycopg.Error as e:
            raise na_consulta(e, "auth.users") from e


def _sem_acesso() -> SemAcesso:
    return SemAcesso(
        "o papel da SUPABASE_DB_URL não pode ler auth.users",
        "Use o papel postgres, o que o painel dá; ou BACKUP_LOGINS=nao no .env.",
    )


def _colunas(conexao: psycopg.Connection) -> Colunas:
    """Levanta SemAuth e SemAcesso."""
    tabelas = [USUARIOS, DE_IDENTIDADES, DE_FATORES]
    achadas = conexao.execute(_COLUNAS.encode(), [tabelas]).fetchall()
    colunas = {nome: quais for nome, quais, pode in achadas if pode}
    if not any(nome == USUARIOS for nome, _quais, _pode in achadas):
        raise SemAuth("O banco não tem auth.users.", "")
    if USUARIOS not in colunas:
        raise _sem_acesso()
    return colunas


def _ler(
    conexao: psycopg.Connection,
    colunas: Colunas,
    ids: Sequence[str],
    *,
    senhas: bool = False,
    fatores: bool = False,
) -> dict[str, Login]:
    """Os logins destes ids que existem, cada um com as identidades e os fatores."""
    quais = [c for c in COLUNAS if c in colunas[USUARIOS] and (senhas or c != SENHA)]
    consulta = sql.SQL(
        "SELECT x.id::text, pg_catalog.row_to_json(x.*)::text FROM"
        " (SELECT {} FROM auth.users WHERE id = ANY(%s::uuid[]) ORDER BY id) AS x"
    ).format(_VIRGULA.join(map(sql.Identifier, quais)))
    lidos = conexao.execute(consulta, [list(ids)]).fetchall()
    da_identidade = [c for c in DA_IDENTIDADE if c in colunas.get(DE_IDENTIDADES, ())]
    do_fator = [
        c
        for c in colunas.get(DE_FATORES, ())
        if c not in NUNCA_DO_FATOR and (fatores or c in DO_FATOR)
    ]
    identidades = _de_cada(conexao, DE_IDENTIDADES, da_identidade, ids)
    dos_fatores = _de_cada(conexao, DE_FATORES, do_fator, ids)
    logins = {}
    for qual, texto in lidos:
        campos = dict(Login.de(texto.encode()).campos)
        campos[IDENTIDADES] = _vetor(identidades.get(qual, ()))
        campos[FATORES] = _vetor(dos_fatores.get(qual, ()))
        logins[str(qual)] = Login(campos)
    return logins


def _vetor(textos: Sequence[str]) -> msgspec.Raw:
    return msgspec.Raw(f"[{','.join(textos)}]".encode())


def _de_cada(
    conexao: psycopg.Connection, tabela: str, colunas: Sequence[str], ids: Sequence[str]
) -> dict[str, list[str]]:
    """As linhas desta tabela de cada login, em JSON."""
    if not colunas:
        return {}
    consulta = sql.SQL(
        "SELECT t.user_id::text, pg_catalog.row_to_json(x.*)::text FROM auth.{} AS t"
        " CROSS JOIN LATERAL (SELECT {}) AS x WHERE t.user_id = ANY(%s::uuid[])"
        " ORDER BY t.user_id, t.id::text"
    ).format(
        sql.Identifier(tabela), _VIRGULA.join(sql.Identifier("t", coluna) for coluna in colunas)
    )
    achadas: dict[str, list[str]] = {}
    for qual, texto in conexao.execute(consulta, [list(ids)]).fetchall():
        achadas.setdefault(str(qual), []).append(texto)
    return achadas


def _lugar(
    conexao: psycopg.Connection, colunas: Colunas, guardado: Login, hoje: Login | None
) -> Lugar:
    """O que há hoje no lugar do `guardado`; `hoje` é o que tem o id dele, se há."""
    if hoje is not None:
        return Lugar(contrato.APAGADO if hoje.tem("deleted_at") else contrato.EXISTE)
    email, fone = str(guardado.valor("email") or "").lower(), guardado.valor("phone")
    perguntas = []
    if email and "email" in colunas[USUARIOS]:
        perguntas.append(("e-mail", "SELECT id FROM auth.users WHERE lower(email) = %s", email))
    if email and "identity_data" in colunas.get(DE_IDENTIDADES, ()):
        da_identidade = (
            "SELECT user_id FROM auth.identities WHERE lower(identity_data ->> 'email') = %s"
            " AND provider NOT LIKE 'sso:%%'"
        )
        perguntas.append(("e-mail", da_identidade, email))
    if fone and "phone" in colunas[USUARIOS]:
        perguntas.append(("telefone", "SELECT id FROM auth.users WHERE phone = %s", fone))
    for o_que, pergunta, valor in perguntas:
        linha = conexao.execute(f"{pergunta} LIMIT 1".encode(), [valor]).fetchone()
        if linha is not None:
            return Lugar(contrato.TOMADO, o_que, str(linha[0]))
    return Lugar(contrato.LIVRE)
