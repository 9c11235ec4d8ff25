"""O acidente da demonstração: uma empresa perde os clientes e tem os preços estragados, a
restauração de verdade a traz de volta, e se mostra que as vizinhas não mudaram."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from psycopg import sql

from supabase_local.empresas.dados import DEMONSTRACAO
from supabase_local.servidores.postgres import Banco

VITIMA = DEMONSTRACAO[0]
TABELAS = ("produtos", "clientes", "vendas", "ordens_servico", "despesas", "categorias")
"""As que se comparam nas vizinhas, antes e depois."""


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
    """Se o acidente de uma vez anterior não foi restaurado."""
    with onde.conectar() as conexao:
        linha = conexao.execute(
            "SELECT 1 FROM clientes WHERE user_id = %s LIMIT 1", (VITIMA.user_id,)
        ).fetchone()
    return linha is None


def retrato_das_vizinhas(onde: Banco) -> dict[str, str]:
    """Um resumo (md5) de cada tabela de cada outra empresa."""
    retrato = {}
    with onde.conectar() as banco:
        for empresa in DEMONSTRACAO[1:]:
            for tabela in TABELAS:
                consulta = sql.SQL(
                    "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY id), ''))"
                    " FROM {} t WHERE user_id = %s"
                ).format(sql.Identifier(tabela))
                (resumo,) = banco.execute(consulta, (empresa.user_id,)).fetchone() or ("",)
                retrato[f"{empresa.nome} · {tabela}"] = str(resumo)
    return retrato


def restaurar(script: Path, ambiente: Mapping[str, str], *, perguntar: bool) -> int:
    """Roda a restauração de verdade: com o diálogo, ou já respondida."""
    argumentos = [] if perguntar else ["--empresa", str(VITIMA.user_id), "--confirmar", "RESTAURAR"]
    argumentos += [] if perguntar else ["--efeitos", "desfazer"]
    print(f"\n▶️  python3 scripts/{script.name} {' '.join(argumentos)}\n", flush=True)
    if perguntar:
        print(f"   (responda: a empresa {VITIMA.nome}, 0 para todas as tabelas, RESTAURAR)\n")
    return subprocess.run(
        [sys.executable, str(script), *argumentos],
        env=dict(ambiente),
        stdin=None if perguntar else subprocess.DEVNULL,
        check=False,
    ).returncode


def desfazer(script: Path, ambiente: Mapping[str, str]) -> int:
    """Roda o desfazer de verdade, com a sua pergunta."""
    argumentos = ["desfazer", "--empresa", str(VITIMA.user_id)]
    print(f"\n▶️  python3 scripts/{script.name} {' '.join(argumentos)}\n", flush=True)
    return subprocess.run(
        [sys.executable, str(script), *argumentos], env=dict(ambiente), check=False
    ).returncode


def mostrar_depois(onde: Banco, antes: Mapping[str, str]) -> bool:
    """A vítima de volta e as vizinhas como eram; diz se foi assim."""
    clientes, precos = _contas(onde)
    print(f"\n🔍 «{VITIMA.nome}»: {clientes} clientes, soma dos preços {_reais(precos)}")
    return mostrar_vizinhas(onde, antes)


def mostrar_vizinhas(onde: Banco, antes: Mapping[str, str]) -> bool:
    """Se cada uma está como era; diz se estão todas."""
    mudadas = [nome for nome, resumo in retrato_das_vizinhas(onde).items() if antes[nome] != resumo]
    for empresa in DEMONSTRACAO[1:]:
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
