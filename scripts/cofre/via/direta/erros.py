"""Os erros do PostgreSQL e da libpq traduzidos em erros do cofre, com causa e cura.

Do texto da libpq só se tiram conclusões: ele não é repetido. Códigos: documentação do PostgreSQL,
apêndice A. Antes de a conexão existir não há código, só o texto, que a libpq não traduz.
"""

from __future__ import annotations

import re

import psycopg
from psycopg import sql

from cofre.base.config.valores import ONDE_PEGAR_BANCO
from cofre.base.erros import (
    ConexaoRecusada,
    ConsultaDemorada,
    ErroCofre,
    EscritaRecusada,
    FalhaDoServidor,
    PedidoRecusado,
    PermissaoNegada,
    ProjetoFechado,
    ServidorSemResposta,
    TabelaBloqueada,
    TabelaInexistente,
)
from cofre.plano.escritor import DISPUTAS
from cofre.via.direta.endereco import PORTA_PADRAO, Endereco

POR_ENQUANTO = "\nEnquanto isso, pela API continua possível: --via api"
PELO_POOLER = (
    "O endereço db.SEU-PROJETO.supabase.co só existe em IPv6, e esta rede não o alcança. Use o\n"
    f"Session pooler, porta {PORTA_PADRAO}, que atende em IPv4.\n{ONDE_PEGAR_BANCO}"
)
BAIXAR_CA = (
    "Baixe o certificado no painel do Supabase (Project Settings → Database → SSL Configuration)\n"
    "e diga no .env onde ele está: SUPABASE_DB_CA=certificado.crt"
)
PASSAGEIROS = r"too many clients|too many connections|remaining connection slots|MaxClients"
SO_LEITURA = "25006"
ALGUMA = "uma tabela"
"""No lugar do nome, quando o comando era de várias."""

SEM_CONEXAO = frozenset({"57P01", "57P02", "57P03", "57P05"})


class SemConexao(ServidorSemResposta):
    """Uma conexão que não houve, ou que caiu: outra tentativa pode dar certo."""


_CAUSAS: tuple[tuple[str, type[FalhaDoServidor], str, str], ...] = (
    (
        r"password authentication failed|no password supplied|SASL|wrong password"
        r"|tenant or user not found",
        ConexaoRecusada,
        "O banco em {onde} recusou o usuário ou a senha (28P01).",
        "É a senha do banco, não a da conta nem a chave da API. Se não a sabe, crie outra em\n"
        "Project Settings → Database → Reset database password. No pooler, o usuário é\n"
        "postgres.SEU-PROJETO, e o servidor tem de ser o da região do projeto.",
    ),
    (
        r"does not support SSL",
        ConexaoRecusada,
        "O banco em {onde} não aceita conexão cifrada (TLS), e sem ela a senha e os dados"
        " viajariam abertos.",
        "Use o endereço que o painel do Supabase dá, ou ligue o TLS no servidor.",
    ),
    (
        r"certificate|verify|root\.crt|self-signed",
        ConexaoRecusada,
        "O certificado do banco em {onde} não foi confirmado: pode não ser ele.",
        f"{BAIXAR_CA}\nSe já o fez, o arquivo é de outro servidor, ou alguém está no meio.",
    ),
    (
        PASSAGEIROS,
        SemConexao,
        "O banco em {onde} já tem conexões demais (53300).",
        "Diminua --conexoes, feche outros programas ou tente mais tarde.",
    ),
    (
        r'database ".*" does not exist',
        ConexaoRecusada,
        "O servidor {onde} não tem o banco pedido (3D000).",
        f"No Supabase ele se chama postgres. {ONDE_PEGAR_BANCO}",
    ),
    (
        r"failed to resolve|could not translate|Name or service not known|getaddrinfo",
        ServidorSemResposta,
        "O nome {host} não existe na rede.",
        "{rede}\nUm projeto pausado ou apagado também some da rede.",
    ),
    (
        r"unreachable|no route|cannot assign|address family",
        ServidorSemResposta,
        "Esta rede não alcança {onde}.",
        "{rede}",
    ),
    (
        r"refused|timeout|timed out",
        SemConexao,
        "Ninguém respondeu em {onde}.",
        "{rede}",
    ),
    (
        r"closed the connection|invalid response|not permitted|is not permitted to log in",
        SemConexao,
        "O servidor em {onde} encerrou a conexão antes de ela começar.",
        "{rede}",
    ),
)
"""(o que a libpq diz, o erro, a causa, a cura), na ordem em que se procura."""


def sem_conexao(erro: psycopg.Error, endereco: Endereco) -> FalhaDoServidor:
    """Por que não se conectou."""
    so_ipv6 = ":" in endereco.host or _SO_IPV6.fullmatch(endereco.host)
    rede = PELO_POOLER if so_ipv6 else f"Confira o endereço e a internet.\n{ONDE_PEGAR_BANCO}"
    campos = {"onde": endereco.onde, "host": endereco.host, "rede": rede}
    for padrao, tipo, causa, cura in _CAUSAS:
        if re.search(padrao, str(erro), re.IGNORECASE):
            return tipo(causa.format_map(campos), cura.format_map(campos) + POR_ENQUANTO)
    return SemConexao(
        f"Não consegui conectar com o banco em {endereco.onde}.",
        "Confira a URL, a internet e o painel do Supabase (status do projeto)." + POR_ENQUANTO,
    )


_SO_IPV6 = re.compile(r"db\.[a-z0-9]+\.supabase\.(co|in|net)")


def na_consulta(erro: psycopg.Error, tabela: str) -> FalhaDoServidor:
    """O erro de uma consulta já numa conexão aberta."""
    codigo = erro.sqlstate or ""
    if not codigo or codigo in SEM_CONEXAO or codigo.startswith("08"):
        return SemConexao(
            "A conexão com o banco caiu no meio.",
            "Verifique a internet e tente de novo." + POR_ENQUANTO,
        )
    if codigo == SO_LEITURA or "recovery" in (erro.diag.message_primary or ""):
        # Numa réplica, «cannot set transaction read-write mode during recovery» (0A000).
        return ProjetoFechado(
            f"O banco só aceita leitura ({codigo}).",
            "Ou o disco do projeto encheu (no painel: Database → Disk), ou a SUPABASE_DB_URL é a\n"
            f"de uma réplica, e deve ser a do banco principal.\n{ONDE_PEGAR_BANCO}",
        )
    if codigo == "42501" and erro.diag.source_function == "check_enable_rls":
        return PermissaoNegada(
            f"as regras de acesso (RLS) esconderiam linhas de {tabela} (42501)",
            "O papel da SUPABASE_DB_URL não passa por cima delas. Use o papel postgres, que o\n"
            "painel do Supabase dá em Connect." + POR_ENQUANTO,
        )
    if codigo == "42501":
        nome = citar(tabela)
        return PermissaoNegada(
            f"permission denied for table {tabela}",
            "O papel da SUPABASE_DB_URL não pode ler a tabela. No SQL Editor do Supabase:\n"
            f"  GRANT SELECT ON {nome} TO postgres;" + POR_ENQUANTO,
        )
    if codigo == "57014":
        return ConsultaDemorada(
            f"A consulta a {tabela} passou do limite de tempo (57014).",
            f"Crie um índice na coluna que diz a empresa em {tabela} e tente de novo.",
        )
    if codigo == "55P03":
        qual = "Uma das tabelas" if tabela == ALGUMA else f"A tabela {tabela}"
        return TabelaBloqueada(
            f"{qual} está bloqueada por outra operação (55P03).",
            "Outra transação está aberta há tempo demais. Espere-a acabar e tente de novo.",
        )
    if codigo in ("42P01", "42703", "3F000"):
        return TabelaInexistente(f"{tabela} mudou durante a leitura ou não existe ({codigo})")
    return PedidoRecusado(f"O banco recusou a leitura de {tabela} ({codigo}).", "")


def citar(tabela: str) -> str:
    """O nome da tabela como se escreve em SQL, com o schema."""
    return sql.Identifier("public", tabela).as_string(None)


def na_escrita(erro: psycopg.Error, tabela: str) -> ErroCofre:
    """O erro de uma escrita: o que o banco recusa da linha, ou o que impede a transação inteira."""
    codigo = erro.sqlstate or ""
    if codigo in DISPUTAS:
        return FalhaDoServidor(
            f"Outra transação mexeu em {tabela} ao mesmo tempo ({codigo}).", "Tente de novo."
        )
    if not codigo or codigo in SEM_CONEXAO or codigo[:2] in ("08", "53") or codigo in DE_LIMITE:
        return na_consulta(erro, tabela)
    return EscritaRecusada(
        codigo, erro.diag.message_primary or "recusada", erro.diag.message_detail or ""
    )


DE_LIMITE = frozenset({"57014", "55P03", SO_LEITURA})
