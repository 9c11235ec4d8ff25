"""O acidente da demonstração: uma empresa perde os clientes e tem os preços estragados, a
restauração de verdade a traz de volta, e se mostra que as vizinhas não mudaram."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from supabase_local.empresas.ao_vivo import rodar
from supabase_local.empresas.dados import DEMONSTRACAO, Perfil
from supabase_local.servidores.postgres import Banco
from supabase_local.servidores.storage.conteudos import Conteudos

VITIMA, *VIZINHAS = DEMONSTRACAO
LOGINS_DE_FUNCIONARIOS = 2
"""Quantos funcionários de cada empresa entram no sistema."""
NEM_TUDO = 12
"""O código de quem restaurou tudo o que podia, mas não tudo o que se quis."""
TABELAS = ("produtos", "clientes", "vendas", "ordens_servico", "despesas", "categorias")
"""As que se comparam nas vizinhas, antes e depois."""


def sem_o_que_falta(codigo: int) -> int:
    """O código de uma restauração, sem o aviso de que nem tudo tinha como voltar: a tela o diz."""
    return 0 if codigo == NEM_TUDO else codigo


def provocar(onde: Banco) -> None:
    """Apaga os clientes da primeira empresa e estraga os preços dela, e mostra."""
    antes = _contas(onde)
    with onde.conectar() as banco:
        banco.execute("DELETE FROM clientes WHERE user_id = %s", (VITIMA.user_id,))
        banco.execute(
            "UPDATE produtos SET preco = 0.01 WHERE user_id = %s AND preco > 600",
            (VITIMA.user_id,),
        )
    depois = _contas(onde)
    print(f"\n💥 O ACIDENTE, em «{VITIMA.nome}»")
    print("   DELETE FROM clientes ...;  UPDATE produtos SET preco = 0.01 WHERE preco > 600 ...;")
    print(f"   clientes: {antes[0]} → {depois[0]}")
    print(f"   soma dos preços: {_reais(antes[1])} → {_reais(depois[1])}")


def ficou_por_consertar(onde: Banco) -> bool:
    """Se um acidente de uma vez anterior não foi restaurado: faltam os clientes, uma foto que um
    produto nomeia, ou o login de um funcionário."""
    with onde.conectar() as conexao:
        achado = conexao.execute(
            """
            SELECT NOT EXISTS (SELECT FROM clientes WHERE user_id = %(ela)s)
                OR EXISTS (SELECT FROM produtos p WHERE p.user_id = %(ela)s AND p.foto IS NOT NULL
                    AND NOT EXISTS (SELECT FROM storage.objects o WHERE o.name = p.foto))
                OR (SELECT count(f.user_id) FROM funcionarios f JOIN empresas e
                    ON e.id = f.empresa_id WHERE e.user_id = %(ela)s) < %(logins)s
            """,
            {"ela": VITIMA.user_id, "logins": LOGINS_DE_FUNCIONARIOS},
        ).fetchone()
    return achado is not None and bool(achado[0])


def retrato_das_vizinhas(onde: Banco, vizinhas: Sequence[Perfil] = VIZINHAS) -> dict[str, str]:
    """Um resumo (md5) de cada tabela de cada outra empresa, dos logins e dos arquivos dela, com o
    conteúdo."""
    retrato = {}
    with onde.conectar() as banco:
        for empresa in vizinhas:
            for tabela in TABELAS:
                consulta = sql.SQL(
                    "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY id), ''))"
                    " FROM {} t WHERE user_id = %s"
                ).format(sql.Identifier(tabela))
                (resumo,) = banco.execute(consulta, (empresa.user_id,)).fetchone() or ("",)
                retrato[f"{empresa.nome} · {tabela}"] = str(resumo)
            retrato[f"{empresa.nome} · logins"] = _dos_logins(banco, empresa)
            retrato[f"{empresa.nome} · arquivos"] = _dos_arquivos(onde, banco, empresa)
    return retrato


def _dos_logins(banco: psycopg.Connection[Any], empresa: Perfil) -> str:
    """As linhas de `auth`, com o hash da senha, de quem entra por ela."""
    consulta = """
        WITH dela AS (
            SELECT user_id FROM user_approvals WHERE %(dono)s IN (user_id, parent_user_id)
        )
        SELECT coalesce(string_agg(linha, '|' ORDER BY linha), '') FROM (
            SELECT u::text AS linha FROM auth.users u JOIN dela ON u.id = dela.user_id
            UNION ALL
            SELECT i::text FROM auth.identities i JOIN dela USING (user_id)
        ) AS linhas
    """
    (linhas,) = banco.execute(consulta, {"dono": empresa.user_id}).fetchone() or ("",)
    return hashlib.md5(str(linhas).encode(), usedforsecurity=False).hexdigest()


def _dos_arquivos(onde: Banco, banco: psycopg.Connection[Any], empresa: Perfil) -> str:
    soma = hashlib.md5(usedforsecurity=False)
    conteudos = Conteudos(onde.cluster.armazem(onde.nome))
    for balde, nome, versao, linha in banco.execute(
        "SELECT bucket_id, name, version, o::text FROM storage.objects o"
        " WHERE path_tokens[1] = %s ORDER BY bucket_id, name",
        (str(empresa.user_id),),
    ):
        soma.update(f"{linha}\n".encode() + conteudos.lugar(balde, nome, versao).read_bytes())
    return soma.hexdigest()


def restaurar(script: Path, ambiente: Mapping[str, str], *, perguntar: bool) -> int:
    """Roda a restauração de verdade: com o diálogo, ou já respondida."""
    argumentos = [] if perguntar else ["--empresa", str(VITIMA.user_id), "--confirmar", "RESTAURAR"]
    argumentos += [] if perguntar else ["--efeitos", "desfazer"]
    responda = f"a empresa {VITIMA.nome}, 0 para todas as tabelas, RESTAURAR"
    return rodar(script, argumentos, ambiente, perguntar=perguntar, responda=responda)


def desfazer(script: Path, ambiente: Mapping[str, str]) -> int:
    """Roda o desfazer de verdade, com a sua pergunta."""
    argumentos = ["desfazer", "--empresa", str(VITIMA.user_id)]
    return rodar(script, argumentos, ambiente, perguntar=True)


def mostrar_depois(onde: Banco, antes: Mapping[str, str]) -> bool:
    """A vítima de volta e as vizinhas como eram; diz se foi assim."""
    clientes, precos = _contas(onde)
    print(f"\n🔍 «{VITIMA.nome}»: {clientes} clientes, soma dos preços {_reais(precos)}")
    return mostrar_vizinhas(onde, antes)


def mostrar_vizinhas(
    onde: Banco, antes: Mapping[str, str], vizinhas: Sequence[Perfil] = VIZINHAS
) -> bool:
    """Se cada uma está como era; diz se estão todas."""
    agora = retrato_das_vizinhas(onde, vizinhas)
    mudadas = [nome for nome, resumo in agora.items() if antes[nome] != resumo]
    for empresa in vizinhas:
        suas = [n for n in mudadas if n.startswith(f"{empresa.nome} · ")]
        print(f"   {'❌ mudou' if suas else '✅ intacta'}: {empresa.nome}")
    return not mudadas


def _reais(valor: str) -> str:
    return "R$ " + f"{float(valor):,.2f}".translate(str.maketrans(",.", ".,"))


def _contas(onde: Banco) -> tuple[int, str]:
    with onde.conectar() as banco:
        clientes = banco.execute(
            "SELECT count(*) FROM clientes WHERE user_id = %s", (VITIMA.user_id,)
        ).fetchone()
        precos = banco.execute(
            "SELECT sum(preco)::text FROM produtos WHERE user_id = %s", (VITIMA.user_id,)
        ).fetchone()
    return int(clientes[0]) if clientes else 0, str(precos[0]) if precos else "0"
