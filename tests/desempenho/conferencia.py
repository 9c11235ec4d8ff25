"""A prova de que o que se mediu funcionou: resumos do banco e dos arquivos, comparados."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from psycopg import sql

from apoio.execucao import metadados
from desempenho.corrida import MedicaoFalhou
from desempenho.projeto import Projeto

Resumos = dict[str, str]
"""De quem é (o user_id) → o resumo das suas linhas."""


def resumos_do_banco(projeto: Projeto, tabela: str) -> Resumos:
    """O md5 dos md5 das linhas de cada empresa, em ordem de chave, calculado pelo banco."""
    consulta = sql.SQL(
        "SELECT user_id::text, md5(string_agg(md5(row_to_json(t)::text), '' ORDER BY id))"
        " FROM {} t GROUP BY user_id"
    ).format(sql.Identifier(tabela))
    with projeto.cluster.conectar(projeto.banco) as conexao:
        return {str(dono): str(resumo) for dono, resumo in conexao.execute(consulta)}


def conferir_backup(projeto: Projeto, destino: Path, *tabelas: str) -> None:
    """Cada empresa com backup no destino tem lá o que o banco tem. Levanta MedicaoFalhou."""
    for tabela in tabelas:
        do_banco = resumos_do_banco(projeto, tabela)
        for backup in metadados(destino):
            arquivo = backup["pasta"] / backup["tabelas"][tabela]["arquivo"]
            esperado = do_banco.get(backup["user_id"], _resumo_de([]))
            if resumo_do_arquivo(arquivo) != esperado or backup["estado"] != "completo":
                raise MedicaoFalhou(f"{arquivo} não é igual ao que está no banco")


def conferir_banco(projeto: Projeto, antes: Resumos, tabela: str) -> None:
    """Todas as empresas estão como eram antes. Levanta MedicaoFalhou."""
    if resumos_do_banco(projeto, tabela) != antes:
        raise MedicaoFalhou(f"Depois da restauração, {tabela} não é o que era antes")


def conferir_leitura(projeto: Projeto, arquivo: Path, tabela: str, dono: str) -> None:
    """A referência leu o que o banco tem. Levanta MedicaoFalhou."""
    if resumo_do_arquivo(arquivo) != resumos_do_banco(projeto, tabela)[dono]:
        raise MedicaoFalhou(f"A referência não leu o que está em {tabela}")


def resumo_do_arquivo(arquivo: Path) -> str:
    """O mesmo resumo, de um arquivo com uma linha da tabela por linha; as vírgulas e os colchetes
    em volta não contam."""
    with arquivo.open("rb") as bruto:
        linhas = (linha.strip(b"[], \n") for linha in bruto)
        return _resumo_de(
            hashlib.md5(linha, usedforsecurity=False).hexdigest() for linha in linhas if linha
        )


def _resumo_de(linhas: Iterable[str]) -> str:
    resumo = hashlib.md5(usedforsecurity=False)
    for linha in linhas:
        resumo.update(linha.encode())
    return resumo.hexdigest()
