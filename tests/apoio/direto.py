"""A conexão direta nos testes: como o script a recebe, e a comparação das duas vias."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apoio.execucao import Saida, conteudo, executar, metadados
from supabase_local.servidores.servidor import SupabaseLocal

SO_DA_VIA = ("origem", "consistencia", "consistencia_como", "consistencia_passadas")
"""O que os metadados dizem da via, além do momento."""
DA_TABELA = ("arquivo", "exata", "textos", "sem_prova", "sempre_com_texto")
"""De cada tabela: o nome, que leva o momento, e o que cada via prova do seu modo."""
DO_MOMENTO = ("inicio", "fim", "data_backup", "execucao", "pasta")


def copiar_direto(
    projeto: SupabaseLocal,
    destino: Path,
    *argumentos: str,
    url: str = "",
    mais: Mapping[str, str] | None = None,
) -> Saida:
    """O backup com SUPABASE_DB_URL: a do papel postgres deste projeto, ou outra."""
    direta = {"SUPABASE_DB_URL": url or projeto.uri_banco, **(mais or {})}
    return executar(projeto, destino, *argumentos, mais=direta)


def pelas_duas_vias(
    projeto: SupabaseLocal, pasta: Path, *argumentos: str, mais: Mapping[str, str] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Os metadados de um backup pela API e de outro direto, um por empresa."""
    pela_api = executar(projeto, pasta / "api", *argumentos, "--via", "api", mais=mais)
    assert pela_api.codigo == 0, pela_api.tudo
    direto = copiar_direto(projeto, pasta / "direta", *argumentos, mais=mais)
    assert direto.codigo == 0, direto.tudo
    return metadados(pasta / "api"), metadados(pasta / "direta")


def conferir_iguais(da_api: list[dict[str, Any]], diretos: list[dict[str, Any]]) -> None:
    """Cada arquivo de cada empresa é igual, byte a byte, e os metadados também, fora a via."""
    assert da_api
    for um, outro in zip(da_api, diretos, strict=True):
        assert conteudo(um) == conteudo(outro)
        assert sem_a_via(um) == sem_a_via(outro)


def sem_a_via(backup: Mapping[str, Any]) -> dict[str, Any]:
    fora = (*SO_DA_VIA, *DO_MOMENTO)
    tabelas = {
        nome: {c: v for c, v in tabela.items() if c not in DA_TABELA}
        for nome, tabela in backup["tabelas"].items()
    }
    return {**{c: v for c, v in backup.items() if c not in fora}, "tabelas": tabelas}
