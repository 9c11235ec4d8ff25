"""Um valor único já tomado: por qual linha, e com que se troca para liberá-lo."""

from __future__ import annotations

import re
import uuid

from cofre.campos import texto
from cofre.modelo import Tabela
from cofre.plano import ALTERAR, REMOVER, Acao, Chave, Plano, abrir_linha


def coluna_e_valor(detalhes: str, tabela: Tabela) -> tuple[str, str] | None:
    """«Key (numero_os)=(12) already exists.» → (numero_os, 12); de uma chave composta ou de uma
    expressão, a última coluna da tabela que aparece e o último valor."""
    casa = re.match(r"Key \((.*)\)=\((.*)\) already exists", detalhes, re.DOTALL)
    if not casa:
        return None
    nomes = [c.nome for c in tabela.colunas if re.search(rf"\b{re.escape(c.nome)}\b", casa[1])]
    nomes = [n for n in nomes if n not in tabela.chave and n != "user_id"]
    return (nomes[-1], casa[2].rpartition(", ")[2]) if nomes else None


def quem_tem(plano: Plano, tabela: str, chave: Chave, coluna: str, valor: str) -> Acao | None:
    """A primeira linha que o plano altera ou remove, fora a desta chave, com o valor na coluna."""
    for tipo in (ALTERAR, REMOVER):
        for acao in plano.acoes(tabela, tipo):
            atual = abrir_linha(acao.atual or b"{}")
            tem = texto(bytes(atual[coluna])) if coluna in atual else None
            if acao.chave != chave and tem is not None and tem.casefold() == valor.casefold():
                return acao
    return None


def valor_provisorio(tabela: Tabela, coluna: str) -> str | int | None:
    """Um valor que ninguém tem, do tipo da coluna: nulo, se ela pode ser nula."""
    achada = tabela.coluna(coluna)
    if achada is None or achada.anulavel:
        return None
    if achada.tipo in ("integer", "bigint", "smallint", "numeric"):
        return -(uuid.uuid4().int % 30_000) - 1
    return f"cofre-{uuid.uuid4()}"
