"""Os tipos das colunas, como a API os descreve, e o que deles só se sabe perguntando."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cofre.base.equipe import Equipe
from cofre.base.erros import (
    ConsultaDemorada,
    PedidoRecusado,
    PermissaoNegada,
    TabelaInexistente,
)
from cofre.base.modelo import Forma, Tabela
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import citar
from cofre.via.api.formas import forma_de

Enums = Mapping[str, tuple[str, str]]
"""Por tipo: uma tabela e uma coluna que o têm."""

SEM_CONVERSAO = "42846"
"""cannot_coerce: «cannot cast type cor to json» (PostgreSQL, apêndice A)."""


def como_texto(conexao: Conexao, equipe: Equipe, enums: Enums) -> dict[str, bool]:
    """Se o JSON de cada um destes enums é o texto dele. O que tem uma conversão sua para json
    (CREATE CAST) vira JSON por ela (`json_categorize_type`, em jsonfuncs.c), e o que sai pode não
    ser o que ele lê: pergunta-se ao banco se a conversão existe, sem ler linha nenhuma."""
    respostas = equipe.cada(lambda onde: _sem_conversao(conexao, *onde), enums.values())
    return dict(zip(enums, respostas, strict=True))


def _sem_conversao(conexao: Conexao, tabela: str, coluna: str) -> bool:
    """Na dúvida, não: guardar o texto nunca faz mal."""
    try:
        conexao.ler(tabela, f"{citar(coluna)}::json", limite=0)
    except PedidoRecusado as e:
        return SEM_CONVERSAO in str(e)
    except (ConsultaDemorada, PermissaoNegada, TabelaInexistente):
        return False
    return False


def com_formas(tabelas: Iterable[Tabela], enums: Mapping[str, bool]) -> dict[str, Tabela]:
    """As tabelas, por nome, cada uma com o que o JSON das suas colunas pode não refazer."""
    return {t.nome: replace(t, formas=_formas(t, enums)) for t in tabelas}


def _formas(tabela: Tabela, enums: Mapping[str, bool]) -> tuple[tuple[str, Forma], ...]:
    achadas = ((c.nome, forma_de(c.tipo, enums)) for c in tabela.colunas)
    return tuple((nome, forma) for nome, forma in achadas if forma is not None)
