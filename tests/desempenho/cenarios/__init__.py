"""O que se mede, um módulo por assunto: cada cenário entrega linhas do quadro."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from desempenho.cenarios.aproveitado import so_o_que_mudou
from desempenho.cenarios.backup import (
    backup_pela_api,
    backup_pela_direta,
    backup_pela_internet,
)
from desempenho.cenarios.cifra import cifrado
from desempenho.cenarios.comparacao import comparacao
from desempenho.cenarios.empresas import carga, muitas_empresas, pedidos_por_tabela
from desempenho.cenarios.frota import mais_trabalhadores, memoria_de_quem_comeca
from desempenho.cenarios.historico import historico
from desempenho.cenarios.partida import partida
from desempenho.cenarios.promessa import promessa
from desempenho.cenarios.quietas import quietas
from desempenho.cenarios.restauracao import (
    restauracao_pela_api,
    restauracao_pela_direta,
    uma_linha,
)
from desempenho.cenarios.tamanhos import tamanhos
from desempenho.cenarios.verificacao import verificacao
from desempenho.projeto import Banca
from desempenho.quadro import Linha

Cenario = Callable[[Banca], Iterator[Linha]]

CENARIOS: Final[Mapping[str, Cenario]] = {
    "partida": partida,
    "backup-api": backup_pela_api,
    "backup-internet": backup_pela_internet,
    "backup-direta": backup_pela_direta,
    "mudou": so_o_que_mudou,
    "cifrado": cifrado,
    "verificar": verificacao,
    "comparar": comparacao,
    "restaurar-api": restauracao_pela_api,
    "uma-linha": uma_linha,
    "restaurar-direta": restauracao_pela_direta,
    "tamanhos": tamanhos,
    "pedidos": pedidos_por_tabela,
    "muitas": muitas_empresas,
    "carga": carga,
    "frota": mais_trabalhadores,
    "frota-memoria": memoria_de_quem_comeca,
    "quietas": quietas,
    "historico": historico,
    "promessa": promessa,
}
"""O nome que `--so` recebe → o cenário."""


def descricoes(cenarios: Mapping[str, Cenario] = CENARIOS) -> dict[str, str]:
    """O nome de cada cenário e a primeira frase da sua docstring."""
    return {nome: (c.__doc__ or "").partition(".")[0] for nome, c in cenarios.items()}
