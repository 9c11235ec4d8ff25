"""O que os inventores de linhas compartilham: o perfil da empresa e o feitio das linhas."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

Linha = dict[str, object]
Linhas = dict[str, list[Linha]]


@dataclass(frozen=True, slots=True)
class Perfil:
    """O tamanho de uma empresa. Sem `com_empresa`, o dono só existe em user_approvals."""

    user_id: UUID
    nome: str
    produtos: int
    clientes: int
    vendas: int
    funcionarios: int = 5
    com_empresa: bool = True
