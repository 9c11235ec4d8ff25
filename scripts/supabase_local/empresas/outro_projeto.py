"""A cópia da demonstração: uma empresa levada, com outra gente, ao projeto de homologação. O resto
dele não muda, e o projeto de onde ela saiu também não."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from supabase_local.empresas.acidente import (
    mostrar_vizinhas,
    retrato_das_vizinhas,
    sem_o_que_falta,
)
from supabase_local.empresas.ao_vivo import rodar
from supabase_local.empresas.dados import DEMONSTRACAO
from supabase_local.homologacao import EMPRESAS, Homologacao
from supabase_local.servidores.postgres import Banco

LEVADA = DEMONSTRACAO[-1]
"""A menor."""
CONTADAS = ("produtos", "clientes", "vendas")


@dataclass(frozen=True, slots=True)
class _Estado:
    """Quantas linhas há da empresa, e o cliente que serve de exemplo."""

    contas: Mapping[str, int]
    cliente: tuple[str, str]

    @property
    def em_palavras(self) -> str:
        contas = ", ".join(f"{quantos} {tabela}" for tabela, quantos in self.contas.items())
        return f"{contas}; {' · '.join(self.cliente)}"


def levar(
    onde: Banco,
    la: Homologacao,
    script: Path,
    ambiente: Mapping[str, str],
    perguntar: bool,
) -> int | None:
    """Leva uma cópia anonimizada da menor das empresas com o script de verdade. Devolve o código
    dele; None se alguma empresa mudou, de cá ou de lá, ou se as linhas não chegaram, ou chegaram
    com quem eram, sem que alguém tenha respondido outra coisa."""
    de_ca = retrato_das_vizinhas(onde, DEMONSTRACAO)
    de_la = retrato_das_vizinhas(la.banco, EMPRESAS)
    queria = _como_esta(onde)
    print("\n🚚 OUTRO PROJETO, o de homologação: outra API, outro banco, outras duas empresas")
    print("   e o esquema de uma versão atrás: sem notas_fiscais, e sem a coluna produtos.foto")
    print(f"   «{LEVADA.nome}», aqui: {queria.em_palavras}")
    codigo = _clonar(script, ambiente, la, perguntar=perguntar)
    agora = _como_esta(la.banco)
    print(f"\n🔍 «{LEVADA.nome}», em homologação: {agora.em_palavras}")
    intactas = mostrar_vizinhas(la.banco, de_la, EMPRESAS)
    print("   e no projeto de onde saiu:")
    intactas = mostrar_vizinhas(onde, de_ca, DEMONSTRACAO) and intactas
    print(f"   (o banco de lá: {la.banco.uri})")
    chegou = agora.contas == queria.contas and agora.cliente != queria.cliente
    return sem_o_que_falta(codigo) if intactas and (perguntar or chegou) else None


def _clonar(script: Path, ambiente: Mapping[str, str], la: Homologacao, *, perguntar: bool) -> int:
    """Roda `clonar` de verdade: com as suas perguntas, ou já respondidas."""
    argumentos = ["clonar", "--para", str(la.env), "--anonimizar"]
    if not perguntar:
        argumentos += ["--empresa", str(LEVADA.user_id), "--logins", "todos"]
        argumentos += ["--aceitar", "colunas,tabelas", "--projeto", la.nome]
        argumentos += ["--confirmar", "RESTAURAR"]
    responda = (
        f"a empresa {LEVADA.nome}, 0 para tudo, o nome do projeto, s, 1-3 para\n   os logins, s e"
        " RESTAURAR"
    )
    return rodar(script, argumentos, ambiente, perguntar=perguntar, responda=responda)


def _como_esta(onde: Banco) -> _Estado:
    contas = {}
    with onde.conectar() as banco:
        for tabela in CONTADAS:
            contar = sql.SQL("SELECT count(*) FROM {} WHERE user_id = %s")
            linha = banco.execute(contar.format(sql.Identifier(tabela)), (LEVADA.user_id,))
            (contas[tabela],) = linha.fetchone() or (0,)
        cliente = banco.execute(
            "SELECT nome, telefone FROM clientes WHERE user_id = %s AND telefone IS NOT NULL"
            " ORDER BY id LIMIT 1",
            (LEVADA.user_id,),
        ).fetchone()
    return _Estado(contas, cliente or ("nenhum cliente", ""))
