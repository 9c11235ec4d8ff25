"""As perguntas que o escopo faz aos dados, pela API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cofre.base.erros import (
    ConsultaDemorada,
    PedidoRecusado,
    PermissaoNegada,
    TabelaInexistente,
)
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import APELIDO, citar, nulas, pendurar


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

    def relaciona(self, tabela: str, outra: str, coluna: str) -> bool:
        """Se a linha-mãe em `outra` é uma só (o sentido contrário traria uma lista)."""
        selecao = pendurar(tabela, outra, coluna, "*")
        try:
            pagina = self.conexao.ler(tabela, selecao, limite=1)
        except ConsultaDemorada:
            return True  # uma relação que não existe é recusada antes de consultar
        except (TabelaInexistente, PermissaoNegada, PedidoRecusado):
            return False  # entre as recusas, PGRST201: mais de um caminho
        if not pagina.linhas:
            return True
        mae = msgspec.json.decode(pagina.linhas[0], type=dict[str, msgspec.Raw])[APELIDO]
        return bytes(mae).startswith(b"{")
