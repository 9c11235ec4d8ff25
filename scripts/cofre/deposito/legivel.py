"""Os metadados que ficam legíveis de um backup cifrado: de quem, quando, quanto, e as somas do que
está no disco. O resto (colunas, chaves, donos, somas do conteúdo) só está nos detalhes cifrados.

O que fica é uma lista do que se deixa ver: uma chave nova dos metadados nasce escondida.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cofre.deposito.metadados import VERSAO_CIFRADA, em_bytes

A_VISTA = (
    "versao_ferramenta",
    "empresa_id",
    "user_id",
    "nome",
    "nomes",
    "data_backup",
    "inicio",
    "fim",
    "origem",
    "tipo",
    "execucao",
    "estado",
    "consistencia",
    "consistencia_como",
    "consistencia_passadas",
    "instante",
    "tabelas_backup",
    "tabelas_falha",
    "tabelas_nao_pedidas",
    "total_registros",
    "total_bytes",
    "encolhimentos",
    "restauracao_por_concluir",
    "alteradas",
    "mudancas",
    "deixadas_de_fora",
    "tabelas_ausentes",
    "clone_de",
)
DO_ARQUIVO = (
    "arquivo",
    "registros",
    "bytes",
    "compactado",
    "bytes_no_disco",
    "cifrado",
    "sha256_cifrado",
    "marca",
)
FECHADA = "a causa está nos detalhes cifrados"
"""Por que uma tabela falhou: o que o servidor disse pode citar um valor."""


def legivel(detalhes: Mapping[str, Any], arquivo: str, sha256: str, bytes_: int) -> bytes:
    """O conteúdo do `backup_metadata_<carimbo>.json` de um backup cifrado com estes detalhes (os
    metadados inteiros), que estão cifrados neste `arquivo`, com esta soma e este tamanho. Os mesmos
    detalhes dão sempre os mesmos bytes."""
    salvos = {"arquivo": arquivo, "sha256": sha256, "bytes": bytes_}
    visto = {
        "versao_formato": VERSAO_CIFRADA,
        **{chave: detalhes[chave] for chave in A_VISTA if chave in detalhes},
        "falhas": dict.fromkeys(detalhes.get("falhas", {}), FECHADA),
        "cifrado": {"para": list(detalhes["cifrado"]["para"]), "detalhes": salvos},
        "tabelas": {nome: _da_tabela(salva) for nome, salva in detalhes["tabelas"].items()},
    }
    return em_bytes(visto)


def _da_tabela(salva: Mapping[str, Any]) -> dict[str, Any]:
    textos, conteudos = salva.get("textos"), salva.get("conteudos")
    return {
        **_do_arquivo(salva),
        **({"textos": _do_arquivo(textos)} if textos else {}),
        # Em claro, mas só somas: sem a chave, é por ele que se sabe o que o backup cita.
        **({"conteudos": dict(conteudos)} if conteudos else {}),
    }


def _do_arquivo(salvo: Mapping[str, Any]) -> dict[str, Any]:
    return {chave: salvo[chave] for chave in DO_ARQUIVO if chave in salvo}
