"""As perguntas que o escopo faz aos dados, pela API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cofre.base.erros import (
    ConsultaDemorada,
    PedidoRecusado,
    PermissaoNegada,
    TabelaInexistente,
)
from cofre.base.linha import abrir_linha
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import APELIDO, citar, nulas, pendurar, valor_citado
from cofre.via.contrato import Entre

AMOSTRA = 100
"""Linhas em que se vê por quais colunas uma tabela aponta para outra."""

Campos = Mapping[str, msgspec.Raw]
Par = tuple[Campos, Campos]
"""As colunas de uma linha e as da linha-mãe dela."""


@dataclass(frozen=True, slots=True)
class SondasDaApi:
    """As perguntas que o escopo faz aos dados, pela API."""

    conexao: Conexao

    def ha_linhas(self, tabela: str, nulas_: Sequence[str]) -> bool:
        """Se há linhas com todas estas colunas nulas; na dúvida (sem tempo, sem permissão), sim."""
        try:
            pagina = self.conexao.ler(tabela, citar(nulas_[0]), nulas(nulas_), limite=1)
        except (ConsultaDemorada, PermissaoNegada, TabelaInexistente, PedidoRecusado):
            return True
        return bool(pagina.linhas)

    def ha_recentes(
        self, tabela: str, dono: str, fora: Sequence[str], datas: Sequence[str], entre: Entre
    ) -> bool:
        """Ver `Via.ha_recentes`."""
        de, ate = (valor_citado(instante.isoformat()) for instante in entre)
        casos = (f"and({citar(d)}.gte.{de},{citar(d)}.lte.{ate})" for d in datas)
        outros = ",".join(map(valor_citado, fora))
        filtro = ((citar(dono), f"not.in.({outros})"), ("or", f"({','.join(casos)})"))
        try:
            return bool(self.conexao.ler(tabela, citar(dono), filtro, limite=1).linhas)
        except (ConsultaDemorada, PermissaoNegada, TabelaInexistente, PedidoRecusado):
            return True

    def relaciona(self, tabela: str, outra: str, coluna: str) -> bool:
        """Se a linha-mãe em `outra` é uma só (o sentido contrário traria uma lista)."""
        selecao = pendurar(tabela, outra, coluna, "*")
        try:
            pagina = self.conexao.ler(tabela, selecao, limite=1)
        except ConsultaDemorada:
            return True  # uma relação que não existe é recusada antes de consultar
        except (TabelaInexistente, PermissaoNegada, PedidoRecusado):
            return False  # entre as recusas, PGRST201: mais de um caminho
        return all(mae is not None for _, mae in map(_aberta, pagina.linhas))

    def pares(
        self, tabela: str, outra: str, colunas: Sequence[str], referencias: Sequence[str]
    ) -> list[Par] | None:
        """Algumas linhas de `tabela`, cada uma com a linha-mãe em `outra`, só com estas colunas de
        uma e de outra; None se `tabela` não aponta para ela, ou não se sabe por qual caminho."""
        dentro = ",".join(citar(c) for c in referencias)
        selecao = ",".join([*map(citar, colunas), pendurar(tabela, outra, "", dentro)])
        try:
            pagina = self.conexao.ler(tabela, selecao, limite=AMOSTRA)
        except (ConsultaDemorada, TabelaInexistente, PermissaoNegada, PedidoRecusado):
            return None
        pares = [(filha, mae) for filha, mae in map(_aberta, pagina.linhas) if mae is not None]
        return pares if len(pares) == len(pagina.linhas) else None


def _aberta(linha: msgspec.Raw) -> tuple[Campos, Campos | None]:
    """A linha, e a mãe pendurada nela, abertas; None se o que vem é uma lista de filhas."""
    campos = abrir_linha(linha)
    mae = bytes(campos.pop(APELIDO))
    return campos, abrir_linha(mae) if mae.startswith(b"{") else None
