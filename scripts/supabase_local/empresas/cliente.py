"""O outro acidente da demonstração: um cliente apagado, com tudo o que pendia dele, e só isso de
volta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from supabase_local.empresas.acidente import VITIMA, mostrar_vizinhas, retrato_das_vizinhas
from supabase_local.empresas.ao_vivo import rodar
from supabase_local.servidores.postgres import Banco


@dataclass(frozen=True, slots=True)
class Cliente:
    """O que se apaga no outro acidente: um cliente, e quanto pendia dele."""

    id: str
    nome: str
    vendas: int
    itens: int
    recibos: int
    ordens: int

    @property
    def em_palavras(self) -> str:
        """«Maria»: 7 vendas, 15 itens, 2 recibos, 3 ordens de serviço."""
        return (
            f"«{self.nome}»: {self.vendas} vendas, {self.itens} itens, {self.recibos} recibos,"
            f" {self.ordens} ordens de serviço"
        )


def _escolher(onde: Banco) -> Cliente:
    """Um da primeira empresa, de que pendem muitas vendas e muitas ordens."""
    with onde.conectar() as banco:
        linha = banco.execute(
            """
            SELECT c.id::text FROM clientes c,
                LATERAL (SELECT count(*) AS vendas FROM vendas WHERE cliente_id = c.id) AS v,
                LATERAL (SELECT count(*) AS ordens FROM ordens_servico WHERE cliente_id = c.id) AS o
            WHERE c.user_id = %s ORDER BY least(vendas, ordens) DESC, vendas + ordens DESC, c.id
            """,
            (VITIMA.user_id,),
        ).fetchone()
    assert linha is not None
    return _como_esta(onde, linha[0])


def _como_esta(onde: Banco, chave: str) -> Cliente:
    with onde.conectar() as banco:
        linha = banco.execute(
            """
            SELECT coalesce((SELECT nome FROM clientes WHERE id = %(id)s), '(não existe)'),
                (SELECT count(*) FROM vendas WHERE cliente_id = %(id)s),
                (SELECT count(*) FROM vendas_itens i JOIN vendas v ON v.id = i.venda_id
                    WHERE v.cliente_id = %(id)s),
                (SELECT count(*) FROM recibos r JOIN vendas v ON v.id = r.venda_id
                    WHERE v.cliente_id = %(id)s),
                (SELECT count(*) FROM ordens_servico WHERE cliente_id = %(id)s)
            """,
            {"id": chave},
        ).fetchone()
    assert linha is not None
    return Cliente(chave, *linha)


def _apagar(onde: Banco, cliente: Cliente) -> None:
    """Apaga-o com as vendas, o que é delas e as ordens dele, e mostra. Os gatilhos devolvem o
    estoque das vendas, e o tiram outra vez quando elas voltam."""
    with onde.conectar() as banco, banco.transaction():
        for tabela, coluna in (
            ("vendas", "cliente_id"),
            ("ordens_servico", "cliente_id"),
            ("clientes", "id"),
        ):
            apagar = sql.SQL("DELETE FROM {} WHERE {} = %s").format(
                sql.Identifier(tabela), sql.Identifier(coluna)
            )
            banco.execute(apagar, (cliente.id,))
    print(f"\n💥 O ACIDENTE, em «{VITIMA.nome}»: apagaram um cliente, e tudo o que pendia dele")
    print(f"   {cliente.em_palavras}")


def _trazer(script: Path, ambiente: Mapping[str, str], cliente: Cliente, *, perguntar: bool) -> int:
    """Roda `registro` de verdade: com as suas perguntas, pelo nome; ou já respondidas."""
    argumentos = ["registro", "--empresa", str(VITIMA.user_id)]
    if perguntar:
        argumentos += cliente.nome.split()
    else:
        argumentos += ["--tabela", "clientes", "--chave", cliente.id, "--com-ligados"]
        argumentos += ["--confirmar", "RESTAURAR"]
    responda = "Enter três vezes, e RESTAURAR"
    return rodar(script, argumentos, ambiente, perguntar=perguntar, responda=responda)


def perder_e_trazer(
    onde: Banco, script: Path, ambiente: Mapping[str, str], perguntar: bool
) -> int | None:
    """Apaga um cliente com tudo o que pende dele, e traz só isso de volta com o script de verdade.
    Devolve o código dele; None se uma vizinha mudou, ou se o cliente não voltou sem que alguém
    tenha respondido outra coisa."""
    antes, cliente = retrato_das_vizinhas(onde), _escolher(onde)
    _apagar(onde, cliente)
    codigo = _trazer(script, ambiente, cliente, perguntar=perguntar)
    agora = _como_esta(onde, cliente.id)
    print(f"\n🔍 {agora.em_palavras}")
    intactas = mostrar_vizinhas(onde, antes)
    return codigo if intactas and (perguntar or agora == cliente) else None
